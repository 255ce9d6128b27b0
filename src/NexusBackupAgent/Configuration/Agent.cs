using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Runs;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Storage;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Configuration;

/// <summary>The parts of an agent, put together as its configuration says. The service and every command start here.</summary>
internal sealed partial class Agent : IDisposable
{
    private readonly ILogger<Agent> logger;
    private readonly ScratchDirectory scratch;

    private Agent(AgentConfiguration configuration, TimeProvider timeProvider, ILoggerFactory loggers)
    {
        logger = loggers.CreateLogger<Agent>();
        Configuration = configuration;
        TimeProvider = timeProvider;
        Stores = configuration.Stores.Values.ToDictionary(store => store.Name, IArtifactStore (store) => new LocalDirectoryStore(store.Name, store.Path), StringComparer.Ordinal);

        Journal = new RunJournal(JournalDatabase.Open(configuration.StateDirectory, timeProvider.GetUtcNow(), out var setAside));
        if (setAside is not null)
            JournalSetAside(setAside);

        scratch = new ScratchDirectory(configuration.ScratchDirectory);
        scratch.RemoveLeftovers(timeProvider.GetUtcNow());
        var verifier = new BackupVerifier(scratch, timeProvider);
        var runner = new BackupRunner(verifier, new SpaceGuard(scratch), Journal, timeProvider);
        Dispatcher = new RunDispatcher(runner, verifier, Journal, configuration.StateDirectory, timeProvider, loggers.CreateLogger<RunDispatcher>());
        Roster = new SourceRoster(Discover);
        Scheduler = new JobScheduler(Roster, Dispatcher, Journal, configuration.TimeZone, timeProvider, loggers.CreateLogger<JobScheduler>());
    }

    public AgentConfiguration Configuration { get; }

    public TimeProvider TimeProvider { get; }

    /// <summary>By name.</summary>
    public IReadOnlyDictionary<string, IArtifactStore> Stores { get; }

    public RunJournal Journal { get; }

    public RunDispatcher Dispatcher { get; }

    public SourceRoster Roster { get; }

    public JobScheduler Scheduler { get; }

    /// <summary>Opens the journal and finds the sources.</summary>
    /// <exception cref="BackupException">The journal can't be used.</exception>
    public static Agent Open(AgentConfiguration configuration, TimeProvider timeProvider, ILoggerFactory loggers) =>
        new(configuration, timeProvider, loggers);

    public void Dispose()
    {
        Scheduler.Dispose();
        Dispatcher.Dispose();
        Journal.Dispose();
        scratch.Dispose();
    }

    private IReadOnlyList<ScheduledSource> Discover(IReadOnlyList<ScheduledSource> current)
    {
        var known = current.ToDictionary(source => source.Name, StringComparer.Ordinal);
        var found = new Dictionary<string, ScheduledSource>(StringComparer.Ordinal);
        foreach (var configured in Configuration.Sources)
        {
            foreach (var (name, path, directory) in Matches(configured))
            {
                if (!found.TryAdd(name, known.GetValueOrDefault(name) ?? Compose(configured, name, path, directory)))
                    NameTaken(path, configured.Name, name);
            }
        }

        return [.. found.Values];
    }

    /// <summary>The databases of a configured source, and where in its store each one's backups are.</summary>
    private IEnumerable<(string Name, string Path, string Directory)> Matches(SourceConfiguration configured)
    {
        if (!configured.IsGlob)
            return [(configured.Name, configured.SqlitePath, configured.Directory ?? configured.Name)];

        var group = configured.Directory ?? configured.Name;
        var matches = SqliteGlob.Expand(configured.SqlitePath);
        // A database that was backed up and is gone is an error to report, not a source to forget.
        var gone = BackedUp(configured.Store, group)
            .Except(matches.Select(match => match.Name), StringComparer.Ordinal)
            .Select(name => (Name: name, Path: SqliteGlob.PathOf(configured.SqlitePath, name)));
        return matches.Concat(gone).Select(match => (match.Name, match.Path, group.Length == 0 ? match.Name : $"{group}/{match.Name}"));
    }

    private IReadOnlyList<string> BackedUp(string store, string group)
    {
        try
        {
            return Stores[store].ListDirectoriesAsync(group, CancellationToken.None).GetAwaiter().GetResult();
        }
        catch (BackupException)
        {
            return []; // a store that can't be listed fails each of its sources' runs, loudly
        }
    }

    private ScheduledSource Compose(SourceConfiguration configured, string name, string path, string directory)
    {
        var source = new SqliteSource(path, scratch, configured.BusyTimeout, TimeProvider);
        var catalog = new BackupCatalog(Stores[configured.Store], directory, name, source.Kind, source.Extension, Configuration.TimeZone);
        var protectedSource = new ProtectedSource(
            name,
            source,
            catalog,
            configured.Schedules.ToDictionary(schedule => schedule.Name, schedule => schedule.Retention, StringComparer.Ordinal),
            Configuration.TimeZone,
            configured.CompressionLevel,
            configured.TimeLimit,
            configured.Retry.Attempts,
            configured.Retry.Delay);
        return new ScheduledSource(
            protectedSource,
            [.. configured.Schedules.Select(schedule => new Schedule(schedule.Name, schedule.Cron, schedule.Type))],
            configured.Rpo.Warning,
            configured.Rpo.Critical);
    }

    [LoggerMessage(EventId = 3001, EventName = "journal_set_aside", Level = LogLevel.Error, Message = "the run journal was damaged and is kept as {File}; a new one is begun. No backup is lost by that; counters start at 0")]
    private partial void JournalSetAside(string file);

    [LoggerMessage(EventId = 3002, EventName = "name_taken", Level = LogLevel.Error, Message = "{Path} of {Group} is NOT protected: another source is named {Source} already. Next: rename one of them")]
    private partial void NameTaken(string path, string group, string source);
}
