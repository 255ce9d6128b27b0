namespace NexusBackupAgent.Configuration;

/// <summary>The keys of one level of the file. The JSON schema has the same ones; a test compares them.</summary>
/// <param name="Place">Where the level is, as a pattern: <c>sources.&lt;name&gt;</c>.</param>
/// <param name="Used">What this version acts on.</param>
/// <param name="Ignored">Understood and without effect in this version: a warning.</param>
/// <param name="Unsupported">Would change what is protected, so that ignoring it would deceive: an error.</param>
internal sealed record LevelKeys(string Place, string[] Used, string[] Ignored, string[] Unsupported)
{
    public LevelKeys(string place, params string[] used)
        : this(place, used, [], [])
    {
    }

    /// <summary>What a reader may suggest.</summary>
    public IEnumerable<string> Known => Used.Concat(Ignored);
}

/// <summary>Every key of <c>nexus-backup.yml</c>.</summary>
internal static class ConfigurationKeys
{
    public static readonly LevelKeys Root = new(
        "",
        ["timeZone", "listen", "state", "scratch", "log", "stores", "sources"],
        Ignored: ["users"],
        Unsupported: []);

    public static readonly LevelKeys Log = new("log", "file", "level");

    public static readonly LevelKeys Store = new("stores.<name>", ["path"], Ignored: [], Unsupported: []);

    public static readonly LevelKeys Source = new(
        "sources.<name>",
        ["sqlite", "store", "directory", "schedules", "rpo", "busyTimeout", "timeLimit", "retry", "compression", "verify", "drill", "restore", "hooks"],
        Ignored: [],
        Unsupported: ["postgres", "s3"]);

    public static readonly LevelKeys Schedule = new("sources.<name>.schedules.<name>", "cron", "type", "retention");

    public static readonly LevelKeys Rpo = new("sources.<name>.rpo", "warning", "critical", "emergency");

    public static readonly LevelKeys Retry = new("sources.<name>.retry", "attempts", "delay");

    public static readonly LevelKeys Compression = new("sources.<name>.compression", "level");

    public static readonly LevelKeys Verify = new("sources.<name>.verify", "cron", "spread");

    public static readonly LevelKeys Drill = new("sources.<name>.drill", "cron", "probe");

    public static readonly LevelKeys Probe = new("sources.<name>.drill.probe", "sql", "expect", "maxAge");

    public static readonly LevelKeys Restore = new("sources.<name>.restore", "before", "after", "commandTimeout", "health", "healthTimeout", "healthInsecure");

    public static readonly LevelKeys Hooks = new("sources.<name>.hooks", "onFailure", "onSuccess", "timeout");

    public static readonly LevelKeys Hook = new("sources.<name>.hooks.onFailure", "command", "url", "urlFile", "urlEnv");

    public static readonly IReadOnlyList<LevelKeys> All =
        [Root, Log, Store, Source, Schedule, Rpo, Retry, Compression, Verify, Drill, Probe, Restore, Hooks, Hook];
}
