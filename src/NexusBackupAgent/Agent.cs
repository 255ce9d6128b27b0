using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent;

/// <summary>The parts of an agent, put together as its configuration says. The service and every command start here.</summary>
internal sealed partial class Agent : IDisposable
{
    private readonly ILogger<Agent> logger;
    private readonly ScratchDirectory scratch;

    private Agent(AgentConfiguration configuration, TimeProvider timeProvider, ILoggerFactory loggers, bool evenWithoutJournal)
    {
        logger = loggers.CreateLogger<Agent>();
        Configuration = configuration;
        TimeProvider = timeProvider;
        Stores = configuration.Stores.ToDictionary(entry => entry.Key, entry => entry.Value.Open(), StringComparer.Ordinal);

        Journal = new OperationJournal(OpenJournal(evenWithoutJournal));

        scratch = new ScratchDirectory(configuration.ScratchDirectory);
        scratch.RemoveLeftovers(timeProvider.GetUtcNow());
        var verifier = new BackupVerifier(scratch, timeProvider);
        var examiner = new BackupExaminer(new Quarantine(verifier, timeProvider), Journal, timeProvider, loggers.CreateLogger<BackupExaminer>());
        var capture = new BackupCapture(new SpaceGuard(scratch), examiner, timeProvider);
        Turns = new SourceTurns(configuration.StateDirectory, timeProvider);
        var door = new OperationRunner(Turns, Journal, new HookRunner(Journal, timeProvider, loggers.CreateLogger<HookRunner>()), timeProvider);
        Backups = new BackupOperation(door, new BackupRunner(capture, examiner, timeProvider), Journal, loggers.CreateLogger<BackupOperation>());
        Replacements = new ReplacementOperation(Backups, Journal, timeProvider, loggers.CreateLogger<ReplacementOperation>());
        Verifications = new VerifyOperation(door, examiner, Journal, loggers.CreateLogger<VerifyOperation>());
        RestoreHistory = new RestoreHistory(Journal, configuration.StateDirectory, timeProvider, loggers.CreateLogger<RestoreHistory>());
        Restores = new RestoreOperation(door, new Restorer(verifier, timeProvider) { Forbidden = configuration.OwnPlaces }, Journal, RestoreHistory, loggers.CreateLogger<RestoreOperation>());
        Drills = new DrillOperation(door, new RestoreDrill(verifier, scratch, timeProvider), Journal, loggers.CreateLogger<DrillOperation>());
        Prunings = new PruneOperation(door, loggers.CreateLogger<PruneOperation>());
        SelfTests = new SelfTestOperation(door, new SelfTest(verifier.VerifyAsync, SelfTestPartsOf(configuration), scratch, timeProvider), timeProvider, loggers.CreateLogger<SelfTestOperation>());
        States = new StateReader(Journal, RestoreHistory, Stores, configuration.StateDirectory, timeProvider);
        Observer = new Observer(Verifications, Turns, configuration.ScratchDirectory, timeProvider);
        LogSearch = new LogSearch(States, configuration.Log.File, timeProvider);
        var discovery = new SourceDiscovery(configuration.Sources, configuration.TimeZone, Stores, configuration.Stores, scratch, timeProvider, loggers);
        Roster = new SourceRoster(_ => discovery.Find());
        var upkeep = new SourceUpkeep(Backups, Verifications, Replacements, timeProvider, loggers.CreateLogger<SourceUpkeep>());
        var rounds = new VerificationRounds(Verifications, Replacements, Journal, configuration.TimeZone, timeProvider, loggers.CreateLogger<VerificationRounds>());
        var rota = new ChoreRota(Chore.All(rounds, Drills), Journal, configuration.TimeZone, loggers.CreateLogger<ChoreRota>());
        Scheduler = new JobScheduler(Roster, Backups, upkeep, rota, Journal, configuration.TimeZone, timeProvider, loggers.CreateLogger<JobScheduler>());
    }

    public AgentConfiguration Configuration { get; }

    public TimeProvider TimeProvider { get; }

    /// <summary>By name.</summary>
    public IReadOnlyDictionary<string, IBackupStore> Stores { get; }

    public OperationJournal Journal { get; }

    public SourceTurns Turns { get; }

    public BackupOperation Backups { get; }

    public ReplacementOperation Replacements { get; }

    public VerifyOperation Verifications { get; }

    public RestoreHistory RestoreHistory { get; }

    public RestoreOperation Restores { get; }

    public DrillOperation Drills { get; }

    public PruneOperation Prunings { get; }

    public SelfTestOperation SelfTests { get; }

    /// <summary>How the agent and its sources are.</summary>
    public StateReader States { get; }

    /// <summary>Looks at a source as the runbook does.</summary>
    public Observer Observer { get; }

    public LogSearch LogSearch { get; }

    public SourceRoster Roster { get; }

    public JobScheduler Scheduler { get; }

    /// <summary>Opens the journal and finds the sources.</summary>
    /// <param name="evenWithoutJournal">Whether a journal that can't be used is only warned of: a command that restores or looks needs none, and whatever writes to it fails then.</param>
    /// <exception cref="BackupException">The journal can't be used.</exception>
    public static Agent Open(AgentConfiguration configuration, TimeProvider timeProvider, ILoggerFactory loggers, bool evenWithoutJournal = false) =>
        new(configuration, timeProvider, loggers, evenWithoutJournal);

    public void Dispose()
    {
        Scheduler.Dispose();
        Turns.Dispose();
        Journal.Dispose();
        scratch.Dispose();
    }

    /// <summary>The self-test is made with a specimen of each kind that is protected.</summary>
    private SelfTestParts SelfTestPartsOf(AgentConfiguration configuration) => new(
        [.. configuration.Sources.Select(source => source.Settings.Kind).Distinct().Select<ISourceKind, Func<string, ISpecimen>>(kind => directory => kind.NewSpecimen(directory, scratch, TimeProvider))],
        directory => new LocalDirectoryStore("self-test", directory));

    private JournalDatabase OpenJournal(bool evenWithoutJournal)
    {
        try
        {
            var journal = JournalDatabase.Open(Configuration.StateDirectory, TimeProvider.GetUtcNow(), out var setAside);
            if (setAside is not null)
                JournalSetAside(setAside);
            return journal;
        }
        catch (BackupException failure) when (evenWithoutJournal && failure.Kind != FailureKind.Configuration)
        {
            JournalUnusable(failure.Message, failure.Hint);
            return JournalDatabase.StandIn(Configuration.StateDirectory, failure);
        }
    }

    [LoggerMessage(EventId = 3004, EventName = "journal_unusable", Level = LogLevel.Warning, Message = "{Reason}; nothing will be recorded, and what is known of the past may be missing. Next: {Hint}")]
    private partial void JournalUnusable(string reason, string hint);

    [LoggerMessage(EventId = 3001, EventName = "journal_set_aside", Level = LogLevel.Error, Message = "the run journal was damaged and is kept as {File}; a new one is begun. No backup is lost by that; counters start at 0")]
    private partial void JournalSetAside(string file);
}
