using NexusBackupAgent.Access;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent;

/// <summary>Reads and checks <c>nexus-backup.yml</c>.</summary>
internal static class ConfigurationFile
{
    /// <summary>What the state directory holds that a run writes into.</summary>
    private static readonly string[] StateParts = ["locks", "scratch", "store-marks"];

    /// <summary>Reads and validates; all problems are reported at once. Looks at the file only, not at what it names.</summary>
    /// <param name="path">The file.</param>
    /// <param name="hostZone">The zone used when the file names none.</param>
    /// <param name="kinds">What sources and stores may be. Default: those that ship.</param>
    /// <returns>The configuration, or null when a problem is an error; and the problems in the file's order.</returns>
    public static (AgentConfiguration? Configuration, IReadOnlyList<ConfigurationProblem> Problems) Load(string path, TimeZoneInfo hostZone, AgentKinds? kinds = null)
    {
        var (draft, problems) = Read(path, hostZone, kinds ?? AgentKinds.Shipped);
        return (problems.Any(problem => problem.IsError) ? null : draft, problems);
    }

    /// <summary>All that can be told at once: of the file, and of what it names, also where the file itself has errors.</summary>
    /// <param name="now">The year after this instant is looked at.</param>
    public static async Task<IReadOnlyList<ConfigurationProblem>> CheckAsync(string path, TimeZoneInfo hostZone, AgentKinds kinds, DateTimeOffset now)
    {
        var (draft, problems) = Read(path, hostZone, kinds);
        if (draft is null)
            return problems;
        var errors = problems.Where(problem => problem.IsError).Select(problem => problem.Key).ToList();
        var sound = draft with { Sources = [.. draft.Sources.Where(source => !errors.Exists(key => key == "timeZone" || KeyPath.IsBelow(key, "sources", source.Name)))] };
        var around = new EnvironmentCheck(draft);
        return [.. problems, .. CheckHttp(draft, now), .. await around.RunAsync(), .. await around.AskAsync("where sources lie", SourcePlaces.Check), .. CheckCoverage(sound, now)];
    }

    /// <summary>What is wrong with the certificate, and what goes over the network in the clear.</summary>
    private static IEnumerable<ConfigurationProblem> CheckHttp(AgentConfiguration configuration, DateTimeOffset now)
    {
        if (configuration is { IsSecure: true, Certificate: { } certificate })
        {
            foreach (var problem in certificate.Check(now))
                yield return problem;
        }

        if (configuration is { IsSecure: false, Listen.IsLoopback: false, AllowInsecureHttp: true } && (!configuration.Access.IsEmpty || configuration.Access.Scrape is not null))
        {
            yield return new ConfigurationProblem(
                "allowInsecureHttp", Line: 0, "true", "passwords and tokens go over plain HTTP, and whoever is on the way reads them", "write https://… and a certificate, unless a proxy or the network itself protects it", IsError: false);
        }
    }

    /// <summary>
    /// What is wrong around the configuration: stores that take no backup now, sources that can't be read or that two entries
    /// name, commands that can't be run, secrets that are not there.
    /// Apart from <see cref="Load"/>, because the agent starts, and says so in its metrics, even when a store is not mounted yet.
    /// </summary>
    public static Task<IReadOnlyList<ConfigurationProblem>> CheckEnvironmentAsync(AgentConfiguration configuration) => new EnvironmentCheck(configuration).RunAsync();

    /// <summary>Warnings for sources whose schedules leave longer gaps than their RPO allows.</summary>
    /// <param name="configuration">A valid configuration.</param>
    /// <param name="now">The year after this instant is looked at.</param>
    public static IReadOnlyList<ConfigurationProblem> CheckCoverage(AgentConfiguration configuration, DateTimeOffset now) =>
        [.. configuration.Sources.SelectMany(source => ScheduleCoverage.Check(source, configuration.TimeZone, now))];

    /// <summary>Looks at everything that a configuration names. What does not answer is told as that, and everything else is looked at all the same.</summary>
    private sealed class EnvironmentCheck(AgentConfiguration configuration)
    {
        private readonly PatientLook looks = new(Patience.ToAnswer, TimeProvider.System);
        private AgentConfiguration? answering;

        public async Task<IReadOnlyList<ConfigurationProblem>> RunAsync()
        {
            var stores = configuration.Stores.Values.Select(store => LookAsync($"store {store.Name}", store.Check, () => AskAsync(store), () => Silent(store))).ToList();
            var sources = configuration.Sources.Select(source => LookAsync($"source {source.Name}", source.Settings.Check, () => AskAsync(source), () => Silent(source))).ToList();
            var state = LookAsync("state", () => CheckState(configuration.StateDirectory), AskState, () => Silent("state", configuration.StateDirectory));
            await Task.WhenAll([.. stores, .. sources, state]); // at once: whoever waits does so for the slowest
            answering = configuration with
            {
                Stores = configuration.Stores.Values.Where((_, place) => stores[place].Result.Answers).ToDictionary(store => store.Name, StringComparer.Ordinal),
                Sources = [.. configuration.Sources.Where((_, place) => sources[place].Result.Answers)],
            };
            return
            [
                .. stores.SelectMany(store => store.Result.Problems),
                .. (await state).Answers ? await AskAsync("the marks of the stores", CheckMarks) : [],
                .. await AskAsync("the directories of the sources in the stores", draft => draft.Sources.SelectMany(source => source.Stores.SelectMany(store => CheckDirectories(source, draft.Stores.GetValueOrDefault(store))))),
                .. (await state).Problems,
                .. sources.SelectMany(source => source.Result.Problems).Select(problem => configuration.RestoresOnly ? problem with { IsError = false } : problem),
                .. await AskAsync("whether sources are the same", SourcePlaces.CheckShared),
                .. await AskAsync("who may read the sources", draft => draft.Sources.SelectMany(source => source.Stores.SelectMany(store => CheckReaders(source, draft.Stores.GetValueOrDefault(store))))),
                .. await AskAsync("the commands of sources", _ => configuration.Sources.SelectMany(source => RestoreBinder.Check(source.Name, source.Restore).Concat(HookBinder.Check(source.Name, source.Hooks)))),
                .. await AskAsync("whether stored backups are encrypted", CheckEncryption),
            ];
        }

        /// <summary>Looks at several things together: those that answered each for itself.</summary>
        /// <param name="what">In words.</param>
        public async Task<IReadOnlyList<ConfigurationProblem>> AskAsync(string what, Func<AgentConfiguration, IEnumerable<ConfigurationProblem>> check) => (await LookAsync(
            what,
            () => check(answering!),
            () => Task.WhenAll([.. answering!.Stores.Values.Select(AskAsync), .. answering.Sources.Select(AskAsync)]),
            () => new ConfigurationProblem("", Line: 0, Value: null, $"{what} could not be looked at, because a disk does not answer", "see which one (df; dmesg | tail), mount it again, and run this again"))).Problems;

        private Task<(bool Answers, IReadOnlyList<ConfigurationProblem> Problems)> LookAsync(
            string what, Func<IEnumerable<ConfigurationProblem>> check, Func<Task> question, Func<ConfigurationProblem> silent) =>
            looks.AskAsync<(bool, IReadOnlyList<ConfigurationProblem>)>(what, () => Task.FromResult<(bool, IReadOnlyList<ConfigurationProblem>)>((true, [.. check()])), question, () => (false, [silent()]));

        private static Task AskAsync(IStoreSettings store) => store.Open().GetHealthAsync(CancellationToken.None);

        private static Task AskAsync(SourceConfiguration source)
        {
            foreach (var member in source.Settings.Find(before: []).Found)
                source.Settings.LocalPaths(member.Place);
            return Task.CompletedTask;
        }

        private Task AskState()
        {
            Directory.Exists(configuration.StateDirectory);
            return Task.CompletedTask;
        }

        private static ConfigurationProblem Silent(IStoreSettings store)
        {
            var silent = store.Open().Silent();
            return new ConfigurationProblem(KeyPath.Join("stores", store.Name), Line: 0, Value: null, silent.Message, silent.Hint);
        }

        private static ConfigurationProblem Silent(SourceConfiguration source) => Silent(KeyPath.Join("sources", source.Name, source.Settings.Kind.Key), source.Settings.Shown);

        private static ConfigurationProblem Silent(string key, string value) => new(
            key, Line: 0, value, $"does not answer within {Patience.ToAnswer.TotalSeconds:0} s, probably because its disk hangs", "see which disk it is (findmnt; dmesg | tail), and mount it again");
    }

    /// <summary>A group that the configuration names reads nothing of a source that its own group may not read.</summary>
    private static IEnumerable<ConfigurationProblem> CheckReaders(SourceConfiguration source, IStoreSettings? store) =>
        from member in store is { IsShared: true } ? source.Settings.Find(before: []).Found : []
        where !source.Settings.IsReadableByGroup(member.Place)
        select new ConfigurationProblem(
            KeyPath.Join("sources", source.Name, source.Settings.Kind.Key), Line: 0, member.Place,
            $"its own group may not read it, so the group of store {store!.Name} may not read its backups", $"let its group read it (chmod g+r '{member.Place}'), or leave it so", IsError: false);

    /// <summary>Where backups lie already, this user has to do more than to make new ones.</summary>
    private static IEnumerable<ConfigurationProblem> CheckDirectories(SourceConfiguration source, IStoreSettings? store) =>
        from member in store is null ? [] : source.Settings.Find(before: []).Found
        from problem in store!.CheckDirectory(source.DirectoryOf(source.Settings.IsGroup ? member.Name : null), source.Settings.IsReadableByGroup(member.Place), BackupFiles.IsLikeOne)
        select problem;

    /// <summary>What stands in the way of encryption, and encryption that a new configuration forgot: of all sources whose stores answer.</summary>
    private static IEnumerable<ConfigurationProblem> CheckEncryption(AgentConfiguration configuration)
    {
        var within = configuration with { Sources = [.. configuration.Sources.Where(source => source.Stores.All(configuration.Stores.ContainsKey))] };
        var found = Agent.Find(within, TimeProvider.System);
        return within.Sources.SelectMany(source => EncryptionBinder.Check(
            source, [.. found.Where(member => member.Name == source.Name || source.Settings.CanName(member.Name)).SelectMany(member => member.Source.Copies.Select(copy => copy.Catalog).Prepend(member.Source.Catalog))]));
    }

    /// <returns>What was read, with defaults in the place of what is wrong; null when the text could not be read at all.</returns>
    private static (AgentConfiguration? Draft, IReadOnlyList<ConfigurationProblem> Problems) Read(string path, TimeZoneInfo hostZone, AgentKinds kinds)
    {
        var problems = new ProblemList(AgentBinder.LevelsOf(kinds));
        var file = KernelPath.Absolute(path, Environment.CurrentDirectory);
        var draft = ConfigurationText.Read(file, problems) is { } root ? new AgentBinder(file, hostZone, kinds, problems).Bind(root) : null;
        return (draft, problems.InFileOrder());
    }

    /// <summary>A mount point without its disk takes files as well: the mark tells.</summary>
    private static IEnumerable<ConfigurationProblem> CheckMarks(AgentConfiguration configuration)
    {
        var marks = new StoreMarks(configuration.StateDirectory, TimeProvider.System);
        return from store in configuration.Stores.Values
               let another = marks.WhyNotAsync(store.Open(), CancellationToken.None).GetAwaiter().GetResult()
               where another is not null
               select new ConfigurationProblem(KeyPath.Join("stores", store.Name), Line: 0, Value: null, another.Message, another.Hint);
    }

    /// <summary>The agent makes the state directory when it is missing, so then its parent has to be writable.</summary>
    private static IEnumerable<ConfigurationProblem> CheckState(string path)
    {
        var existing = path;
        while (!Directory.Exists(existing) && Path.GetDirectoryName(existing) is { } parent)
            existing = parent;
        // What an earlier user made in it has to be this user's as well.
        string[] parts = existing == path ? [path, .. StateParts.Select(part => Path.Combine(path, part)).Where(Directory.Exists)] : [existing];
        if (parts.Select(part => DirectoryCheck.Find(part, "the state directory")).FirstOrDefault(found => found is not null) is var (problem, mend))
            yield return new ConfigurationProblem("state", Line: 0, path, problem, mend);
        if (existing == path && FileStatus.Of(path) is { OpenToOthers: not UnixFileMode.None } open)
            yield return new ConfigurationProblem("state", Line: 0, path, "other users may look into the state directory, and who may read a lock in it can hold it and stop every run", Close(path, open), IsError: false);
    }

    /// <summary>The command that closes the state directory to others, and not to the agent.</summary>
    private static string Close(string path, FileStatus directory) => directory.Entry switch
    {
        DirectoryEntry.Owner => new SystemUser(directory.User).Close(path),
        DirectoryEntry.Group => $"sudo chmod o= '{path}'",
        _ => $"sudo chown {(SystemUser.Current.IsRoot ? "USER" : SystemUser.Current.Name)} '{path}' && sudo chmod go= '{path}'",
    };
}

/// <summary>Reads the top level of the file.</summary>
internal sealed class AgentBinder(string file, TimeZoneInfo hostZone, AgentKinds kinds, ProblemList problems)
{
    private static readonly LevelKeys RootKeys = new("", "timeZone", "agent", "listen", "certificate", "allowInsecureHttp", "users", "tokens", "metrics", "state", "scratch", "log", "stores", "sources", "purpose");

    private static readonly LevelKeys LogKeys = new("log", "file", "level");

    private const string DefaultListen = "http://127.0.0.1:9440";

    private static readonly string[] LogLevels = ["Verbose", "Debug", "Information", "Warning", "Error"];

    private readonly string baseDirectory = Path.GetDirectoryName(file)!;

    /// <summary>Every level of the file.</summary>
    public static IReadOnlyList<LevelKeys> LevelsOf(AgentKinds kinds) => [RootKeys, LogKeys, CertificateFiles.Keys, .. AccessBinder.Levels, .. kinds.Stores.Levels, .. SourceBinder.LevelsOf(kinds.Sources)];

    /// <returns>What the file says, with defaults in the place of what is wrong: of use only if no error was reported.</returns>
    public AgentConfiguration Bind(Section root)
    {
        RootKeys.ReportOthers(root);
        var state = Directory(root, "state", "state", baseDirectory);
        var restoresOnly = root.Find("purpose")?.Parse(RestoresOnly, fallback: false, "restore", "write restore where the file is there to restore with; leave the key out where the sources are to be backed up") ?? false;
        var stores = StoreSet.Bind(root, kinds.Stores, baseDirectory);
        var configuration = new AgentConfiguration(
            file,
            root.Find("timeZone")?.Parse(ZoneText.Parse, hostZone, "Asia/Tokyo", ZoneText.Teaching) ?? hostZone,
            root.Find("listen")?.Parse(ListenText.Parse, new Uri(DefaultListen), DefaultListen) ?? new Uri(DefaultListen),
            state,
            Directory(root, "scratch", "scratch", state),
            stores.Usable,
            BindSources(root, stores),
            BindLog(root))
        {
            HasAgent = (root.Find("agent")?.Parse(HasAgent, fallback: true, "none", "write none where cron or a timer starts the backups; leave the key out where nexus-backup run does") ?? true) && !restoresOnly,
            RestoresOnly = restoresOnly,
            Certificate = CertificateFiles.Bind(root, baseDirectory),
            AllowInsecureHttp = root.Flag("allowInsecureHttp"),
            Access = AccessBinder.Bind(root),
            Kinds = kinds,
        };
        CheckListen(root, configuration);
        if (configuration is { RestoresOnly: true } && configuration.Sources.FirstOrDefault(source => source.Schedules.Count > 0) is { } scheduled)
            root.Find("purpose")!.Error($"is restore, and source {scheduled.Name} has schedules", "take purpose: restore out, now that it is backed up again");
        DirectoryConflicts.Report(root, configuration, problems);
        return configuration;
    }

    private static bool HasAgent(string text) => text == "none" ? false : throw new FormatException("is not a word for the agent");

    private static bool RestoresOnly(string text) => text == "restore" ? true : throw new FormatException("is not a purpose");

    /// <summary>A password or a token that goes over a network in the clear is nobody's secret any more.</summary>
    private static void CheckListen(Section root, AgentConfiguration configuration)
    {
        if (root.Find("listen") is not { } listen)
            return;
        if (configuration.IsSecure)
        {
            if (root.Find("certificate") is null)
                listen.Error("is https, and there is no certificate", "write certificate: {certificate: cert.pem, key: key.pem}; nexus-backup certificate makes a self-signed pair");
        }
        else if (!configuration.Listen.IsLoopback && !configuration.AllowInsecureHttp)
        {
            listen.Error("is plain HTTP for other hosts: whoever is on the way reads passwords, tokens and backups", "write https://… and a certificate (nexus-backup certificate makes one), or allowInsecureHttp: true where a proxy or the network itself protects it");
        }
    }

    private List<SourceConfiguration> BindSources(Section root, StoreSet stores)
    {
        var example = $"sources: {{itsm: {{{kinds.Sources.Example}, schedules: {{daily: {{cron: \"0 2 * * *\", retention: 7d}}}}}}}}";
        if (root.Find("sources") is not { IsEmpty: false } field)
        {
            root.Error("nothing to back up: there are no sources", $"write for example {example}");
            return [];
        }

        var section = field.Section(example);
        if (section is { Fields.Count: 0 })
            section.Error("nothing to back up: there are no sources", $"write for example {example}");
        var binder = new SourceBinder(kinds.Sources, stores, baseDirectory);
        return [.. (section?.Fields ?? []).Select(binder.Bind).OfType<SourceConfiguration>()];
    }

    private LogConfiguration BindLog(Section root)
    {
        const string DefaultLevel = "Information";
        var log = root.FindSection("log", "log: {level: Information}");
        if (log is null)
            return new LogConfiguration(File: null, DefaultLevel);
        LogKeys.ReportOthers(log);
        return new LogConfiguration(
            log.Find("file")?.Parse(text => PathText.Parse(text, baseDirectory), fallback: null!, "nexus-backup.log"),
            log.Find("level")?.Parse(LogLevel, DefaultLevel, DefaultLevel, "write Verbose, Debug, Information, Warning or Error") ?? DefaultLevel);
    }

    /// <returns>With its usual capitals; the text may have any.</returns>
    private static string LogLevel(string text) =>
        LogLevels.FirstOrDefault(level => level.Equals(text, StringComparison.OrdinalIgnoreCase)) ?? throw new FormatException("is not a log level");

    private string Directory(Section root, string name, string fallback, string below) =>
        root.Find(name)?.Parse(text => PathText.Parse(text, baseDirectory), fallback, fallback) ?? Path.Combine(below, fallback);
}

/// <summary>
/// <c>nexus-backup.yml</c>, read and validated. Every path is absolute: relative ones begin in the file's own directory.
/// </summary>
/// <param name="File">The configuration file's absolute path.</param>
/// <param name="TimeZone">The zone of every cron expression and file name. Default: the host's.</param>
/// <param name="Listen">Where HTTP listens. Default: http://127.0.0.1:9440. http or https, and an address or host name with a port.</param>
/// <param name="StateDirectory">The run journal's directory. Default: <c>state</c> beside the file.</param>
/// <param name="ScratchDirectory">Where verification expands backups. Default: <c>scratch</c> inside the state directory.</param>
/// <param name="Stores">By name.</param>
/// <param name="Sources">As configured, groups not yet looked into, in the file's order.</param>
/// <param name="Log">Logging.</param>
internal sealed record AgentConfiguration(
    string File,
    TimeZoneInfo TimeZone,
    Uri Listen,
    string StateDirectory,
    string ScratchDirectory,
    IReadOnlyDictionary<string, IStoreSettings> Stores,
    IReadOnlyList<SourceConfiguration> Sources,
    LogConfiguration Log)
{
    /// <summary>
    /// Whether <c>nexus-backup run</c> is to start the schedules; false (<c>agent: none</c>): cron or a timer does, with
    /// <c>backup --schedule</c>. False where it is there to restore with.
    /// </summary>
    public bool HasAgent { get; init; } = true;

    /// <summary>
    /// Whether it is there to restore with (<c>purpose: restore</c>, as <c>recover</c> writes it): that a source is not there is why, and
    /// that nothing is scheduled is meant.
    /// </summary>
    public bool RestoresOnly { get; init; }

    /// <summary>Of <c>https</c>.</summary>
    public CertificateFiles? Certificate { get; init; }

    /// <summary>Whether plain HTTP may be heard by other hosts.</summary>
    public bool AllowInsecureHttp { get; init; }

    /// <summary>Who may use the API.</summary>
    public AccessSettings Access { get; init; } = AccessSettings.None;

    /// <summary>What its sources and stores may be.</summary>
    public AgentKinds Kinds { get; init; } = AgentKinds.Shipped;

    /// <summary>The file with the key that a command was given; null: none.</summary>
    public string? Identity { get; init; }

    /// <summary>The file that holds the key of this machine, which opens small files beside encrypted artifacts, and no artifact.</summary>
    public string MachineKey => Path.Combine(StateDirectory, "keys", "small-files.key");

    /// <summary>The methods by which its sources compress.</summary>
    public IReadOnlyList<ArtifactEncoding> Methods => [.. Sources.Select(source => source.Compression.Method).DefaultIfEmpty(ArtifactEncoding.Gzip).Distinct()];

    public bool IsSecure => Listen.Scheme == Uri.UriSchemeHttps;

    /// <summary>Files and directories of this machine that are the agent's alone: no restore writes there.</summary>
    public IReadOnlyList<string> OwnPlaces => [File, .. Certificate is null ? (string[])[] : [Certificate.Certificate, Certificate.Key], StateDirectory, ScratchDirectory, .. Stores.Values.SelectMany(store => store.Places)];
}

/// <param name="File">A rolling log file (daily, 30 days kept), or null.</param>
/// <param name="Level">Verbose, Debug, Information, Warning or Error. Default Information.</param>
internal sealed record LogConfiguration(string? File, string Level);

/// <summary>What the sources and stores of an agent may be.</summary>
internal sealed record AgentKinds(SourceKinds Sources, StoreKinds Stores)
{
    public static AgentKinds Shipped { get; } = new(SourceKinds.Shipped, StoreKinds.Shipped);
}
