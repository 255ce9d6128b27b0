using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Restore;

/// <summary>What happens around the restore of a live source (configuration <c>restore:</c>).</summary>
/// <param name="Before">Commands that stop its service, one argument list each, in order.</param>
/// <param name="After">Commands that start it again.</param>
/// <param name="CommandTimeout">For each command. Default 60 s.</param>
/// <param name="Health">What tells that the service works again; empty: nothing is asked.</param>
/// <param name="HealthTimeout">How long that is waited for. Default 60 s.</param>
/// <param name="HealthInsecure">Accept any certificate, as <c>curl -k</c> does for a service with a self-signed one (runbook §3.3).</param>
internal sealed record RestoreSettings(
    IReadOnlyList<IReadOnlyList<string>> Before,
    IReadOnlyList<IReadOnlyList<string>> After,
    TimeSpan CommandTimeout,
    IReadOnlyList<HealthCheck> Health,
    TimeSpan HealthTimeout,
    bool HealthInsecure)
{
    /// <summary>No service to stop or start.</summary>
    public static RestoreSettings None { get; } = new([], [], TimeSpan.FromSeconds(60), Health: [], TimeSpan.FromSeconds(60), HealthInsecure: false);

    /// <summary>What the restored one is asked before it takes the live one's place.</summary>
    public IReadOnlyList<Probe> Probes { get; init; } = [];
}

/// <summary>A question to what uses a live source: an address that answers with 2xx, or a command that ends with 0.</summary>
/// <param name="Address">Null: it is a command.</param>
internal sealed record HealthCheck(Uri? Address, IReadOnlyList<string> Command)
{
    public HealthCheck(Uri address)
        : this(address, [])
    {
    }

    /// <summary>For people: without what an address may hold that is secret.</summary>
    public string Shown => Address is null ? ToolProcess.Line(Command) : WebAddress.Shown(Address);
}

/// <summary>Reads and checks <c>restore:</c>.</summary>
internal static class RestoreBinder
{
    private const string HealthExample = "https://localhost:6443/api/v1/health";

    /// <summary>Its level of the file.</summary>
    public static readonly LevelKeys Keys = new("sources.<name>.restore", "before", "after", "commandTimeout", "health", "healthTimeout", "healthInsecure", "probe");

    /// <summary>The level of a question that is a mapping.</summary>
    public static readonly LevelKeys HealthKeys = new("sources.<name>.restore.health", "command");

    private const string HealthCommand = "[pg_isready, --dbname=shop]";

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
            [.. section.Find("health") is { } health ? health.OneOrMany().Select(question => Health(question, commands)).OfType<HealthCheck>() : []],
            section.Duration("healthTimeout", standard.HealthTimeout, Second, Hour),
            section.Flag("healthInsecure"))
        {
            Probes = ProbeBinder.Bind(section),
        };
    }

    /// <summary>Warnings for programs that are not there.</summary>
    public static IEnumerable<ConfigurationProblem> Check(string source, RestoreSettings restore) =>
    [
        .. CommandBinder.FindMissing(restore.Before, KeyPath.Join("sources", source, "restore", "before")),
        .. CommandBinder.FindMissing(restore.After, KeyPath.Join("sources", source, "restore", "after")),
        .. CommandBinder.FindMissing(restore.Health.Where(question => question.Address is null).Select(question => question.Command), KeyPath.Join("sources", source, "restore", "health")),
    ];

    /// <returns>Null after a report.</returns>
    private static HealthCheck? Health(Field question, CommandBinder commands)
    {
        if (question.Node is not MappingNode)
            return question.Parse<HealthCheck?>(text => new HealthCheck(HealthAddress(text)), fallback: null, HealthExample);
        if (question.Section($"health: {{command: {HealthCommand}}}") is not { } section)
            return null;
        HealthKeys.ReportOthers(section);
        if (section.Find("command") is { } command)
            return commands.One(command, HealthCommand) is { } words ? new HealthCheck(Address: null, words) : null;
        section.Error("it asks nothing: it has no command", $"write for example command: {HealthCommand}");
        return null;
    }

    /// <summary>The agent would never send a password in the address, but messages would show it.</summary>
    private static Uri HealthAddress(string text) => WebAddress.Parse(text) is { UserInfo: "" } address
        ? address
        : throw new FormatException("holds a user or password, which is not sent; a health address needs none");
}

/// <summary>Reads <c>probe:</c> of a drill or a restore, one question or a list of them.</summary>
internal static class ProbeBinder
{
    /// <summary>A whole probe, for the mend of a problem.</summary>
    public const string Example = $"probe: {{sql: {SqlExample}, expect: {ExpectExample}}}";

    private const string SqlExample = "\"SELECT count(*) FROM incidents\"";
    private const string ExpectExample = "\">= 1000\"";

    /// <summary>Its level of the file.</summary>
    public static readonly LevelKeys Keys = new("sources.<name>.drill.probe", "sql", "expect", "maxAge");

    public static IReadOnlyList<Probe> Bind(Section above) =>
        above.Find("probe") is { IsEmpty: false } field ? [.. field.OneOrMany().Select(Bind).OfType<Probe>()] : [];

    private static Probe? Bind(Field field)
    {
        if (field.Section(Example) is not { } section)
            return null;
        Keys.ReportOthers(section);
        if (section.Find("sql") is null)
            section.Error("the probe asks nothing: it has no sql", $"write for example sql: {SqlExample}");
        var sql = section.Find("sql")?.Text(SqlExample);
        var expect = section.Find("expect")?.Parse(text => Expectation.Parse(text).ToString(), fallback: null!, ExpectExample);
        TimeSpan? maxAge = section.Find("maxAge") is null
            ? null
            : section.Duration("maxAge", TimeSpan.FromHours(48), TimeSpan.FromMinutes(1), TimeSpan.FromDays(3650));
        return sql is null ? null : new Probe(sql, expect, maxAge);
    }
}
