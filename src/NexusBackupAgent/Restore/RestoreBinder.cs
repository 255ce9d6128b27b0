using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Restore;

/// <summary>Reads and checks <c>restore:</c>.</summary>
internal static class RestoreBinder
{
    private const string HealthExample = "https://localhost:6443/api/v1/health";

    /// <summary>Its level of the file.</summary>
    public static readonly LevelKeys Keys = new("sources.<name>.restore", "before", "after", "commandTimeout", "health", "healthTimeout", "healthInsecure");

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    public static RestoreSettings Bind(Section source, string baseDirectory)
    {
        var standard = RestoreSettings.None;
        if (source.FindSection("restore", "restore: {before: [systemctl, stop, itsm], after: [systemctl, start, itsm]}") is not { } section)
            return standard;
        Keys.ReportOthers(section);
        var commands = new CommandBinder(baseDirectory);
        return new RestoreSettings(
            section.Find("before") is { } before ? commands.Several(before, "[systemctl, stop, itsm]") : [],
            section.Find("after") is { } after ? commands.Several(after, "[systemctl, start, itsm]") : [],
            section.Duration("commandTimeout", standard.CommandTimeout, Second, Hour),
            section.Find("health")?.Parse(Health, fallback: null!, HealthExample),
            section.Duration("healthTimeout", standard.HealthTimeout, Second, Hour),
            section.Flag("healthInsecure"));
    }

    /// <summary>Warnings for programs that are not there.</summary>
    public static IEnumerable<ConfigurationProblem> Check(string source, RestoreSettings restore) =>
    [
        .. CommandBinder.FindMissing(restore.Before, KeyPath.Join("sources", source, "restore", "before")),
        .. CommandBinder.FindMissing(restore.After, KeyPath.Join("sources", source, "restore", "after")),
    ];

    /// <summary>The agent would never send a password in the address, but messages would show it.</summary>
    private static Uri Health(string text) => WebAddress.Parse(text) is { UserInfo: "" } address
        ? address
        : throw new FormatException("holds a user or password, which is not sent; a health address needs none");
}
