using NexusBackupAgent.Restore;

namespace NexusBackupAgent.Configuration;

/// <summary>What stops and starts the service around a restore.</summary>
internal static class RestoreBinder
{
    private const string HealthExample = "https://localhost:6443/api/v1/health";
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    public static RestoreSettings Bind(Section source, string baseDirectory)
    {
        var standard = RestoreSettings.None;
        if (source.FindSection("restore", "restore: {before: [systemctl, stop, itsm], after: [systemctl, start, itsm]}") is not { } section)
            return standard;
        UnknownKeys.Report(section, ConfigurationKeys.Restore);
        var commands = new CommandBinder(baseDirectory);
        return new RestoreSettings(
            section.Find("before") is { } before ? commands.Several(before, "[systemctl, stop, itsm]") : [],
            section.Find("after") is { } after ? commands.Several(after, "[systemctl, start, itsm]") : [],
            section.Duration("commandTimeout", standard.CommandTimeout, Second, Hour),
            section.Find("health")?.Parse(Health, fallback: null!, HealthExample),
            section.Duration("healthTimeout", standard.HealthTimeout, Second, Hour),
            section.Flag("healthInsecure"));
    }

    /// <summary>User info in it would never be sent, and shown to whoever reads a message.</summary>
    private static Uri Health(string text) => WebAddress.Parse(text) is { UserInfo: "" } address
        ? address
        : throw new FormatException("holds a user or password, which is not sent; a health address needs none");
}
