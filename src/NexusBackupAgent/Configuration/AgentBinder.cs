namespace NexusBackupAgent.Configuration;

/// <summary>The top level of the file.</summary>
internal sealed class AgentBinder(string file, TimeZoneInfo hostZone, ProblemList problems)
{
    private const string DefaultListen = "http://127.0.0.1:9440";

    private readonly string baseDirectory = Path.GetDirectoryName(file)!;

    /// <returns>What the file says, with defaults in the place of what is wrong: of use only if no error was reported.</returns>
    public AgentConfiguration Bind(Section root)
    {
        UnknownKeys.Report(root, ConfigurationKeys.Root);
        var state = Directory(root, "state", "state", baseDirectory);
        var stores = StoreSet.Bind(root, baseDirectory);
        var configuration = new AgentConfiguration(
            file,
            root.Find("timeZone")?.Parse(ZoneText.Parse, hostZone, "Asia/Tokyo", ZoneText.Teaching) ?? hostZone,
            root.Find("listen")?.Parse(ListenText.Parse, new Uri(DefaultListen), DefaultListen) ?? new Uri(DefaultListen),
            state,
            Directory(root, "scratch", "scratch", state),
            stores.Usable,
            BindSources(root, stores),
            BindLog(root));
        stores.ReportUnsupported();
        DirectoryConflicts.Report(root, configuration, problems);
        return configuration;
    }

    private List<SourceConfiguration> BindSources(Section root, StoreSet stores)
    {
        const string Example = "sources: {itsm: {sqlite: itsm.db, schedules: {daily: {cron: \"0 2 * * *\", retention: 7d}}}}";
        if (root.Find("sources") is not { IsEmpty: false } field)
        {
            root.Error("nothing to back up: there are no sources", $"write for example {Example}");
            return [];
        }

        var section = field.Section(Example);
        if (section is { Fields.Count: 0 })
            section.Error("nothing to back up: there are no sources", $"write for example {Example}");
        var binder = new SourceBinder(baseDirectory, stores);
        return [.. (section?.Fields ?? []).Select(binder.Bind).OfType<SourceConfiguration>()];
    }

    private LogConfiguration BindLog(Section root)
    {
        const string DefaultLevel = "Information";
        var log = root.FindSection("log", "log: {level: Information}");
        if (log is null)
            return new LogConfiguration(File: null, DefaultLevel);
        UnknownKeys.Report(log, ConfigurationKeys.Log);
        return new LogConfiguration(
            log.Find("file")?.Parse(text => PathText.Parse(text, baseDirectory), fallback: null!, "nexus-backup.log"),
            log.Find("level")?.Parse(LogLevelText.Parse, DefaultLevel, DefaultLevel, LogLevelText.Teaching) ?? DefaultLevel);
    }

    private string Directory(Section root, string name, string fallback, string below) =>
        root.Find(name)?.Parse(text => PathText.Parse(text, baseDirectory), fallback, fallback) ?? Path.Combine(below, fallback);
}
