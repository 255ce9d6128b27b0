using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;
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
        Stores = configuration.Stores.Values.ToDictionary(store => store.Name, IBackupStore (store) => new LocalDirectoryStore(store.Name, store.Path), StringComparer.Ordinal);

        var journal = OpenJournal(evenWithoutJournal);
        Journal = new RunJournal(journal);
        Operations = new OperationJournal(journal);

        scratch = new ScratchDirectory(configuration.ScratchDirectory);
        scratch.RemoveLeftovers(timeProvider.GetUtcNow());
        var verifier = new BackupVerifier(scratch, timeProvider);
        var examiner = new BackupExaminer(new Quarantine(verifier, timeProvider), Journal, Operations, timeProvider, loggers.CreateLogger<BackupExaminer>());
        var capture = new BackupCapture(new SpaceGuard(scratch), new PageIndexes(scratch, loggers.CreateLogger<PageIndexes>()), examiner, timeProvider);
        var runner = new BackupRunner(capture, examiner, timeProvider);
        Turns = new SourceTurns(configuration.StateDirectory, timeProvider);
        Hooks = new HookRunner(Journal, Operations, timeProvider, loggers.CreateLogger<HookRunner>());
        Dispatcher = new RunDispatcher(runner, Turns, Journal, Hooks, timeProvider, loggers.CreateLogger<RunDispatcher>());
        Verifications = new VerificationDispatcher(examiner, Turns, Operations, Hooks, timeProvider, loggers.CreateLogger<VerificationDispatcher>());
        Replacements = new ReplacementDispatcher(Dispatcher, Journal, timeProvider, loggers.CreateLogger<ReplacementDispatcher>());
        RestoreHistory = new RestoreHistory(Operations, configuration.StateDirectory, timeProvider, loggers.CreateLogger<RestoreHistory>());
        Restores = new RestoreDispatcher(new Restorer(verifier, timeProvider) { Forbidden = OwnPlaces(configuration) }, Turns, Journal, Operations, RestoreHistory, Hooks, timeProvider, loggers.CreateLogger<RestoreDispatcher>());
        Drills = new DrillDispatcher(new RestoreDrill(verifier, scratch, timeProvider), Turns, Journal, Operations, Hooks, timeProvider, loggers.CreateLogger<DrillDispatcher>());
        SelfTests = new SelfTestDispatcher(new SelfTest(verifier.VerifyAsync, scratch, timeProvider), Operations, timeProvider, loggers.CreateLogger<SelfTestDispatcher>());
        States = new StateReader(Journal, Operations, RestoreHistory, Stores, configuration.StateDirectory, timeProvider);
        Observer = new Observer(Verifications, Turns, configuration.ScratchDirectory, timeProvider);
        LogSearch = new LogSearch(States, configuration.Log.File, timeProvider);
        var discovery = new SourceDiscovery(configuration, Stores, scratch, timeProvider, loggers.CreateLogger<SourceDiscovery>());
        Roster = new SourceRoster(_ => discovery.Find());
        var upkeep = new SourceUpkeep(Dispatcher, Verifications, Replacements, timeProvider, loggers.CreateLogger<SourceUpkeep>());
        var rounds = new VerificationRounds(Verifications, Replacements, Operations, configuration.TimeZone, timeProvider, loggers.CreateLogger<VerificationRounds>());
        var rota = new ChoreRota(Chore.All(rounds, Drills), Operations, configuration.TimeZone, loggers.CreateLogger<ChoreRota>());
        Scheduler = new JobScheduler(Roster, Dispatcher, upkeep, rota, Journal, configuration.TimeZone, timeProvider, loggers.CreateLogger<JobScheduler>());
    }

    public AgentConfiguration Configuration { get; }

    public TimeProvider TimeProvider { get; }

    /// <summary>By name.</summary>
    public IReadOnlyDictionary<string, IBackupStore> Stores { get; }

    public RunJournal Journal { get; }

    public OperationJournal Operations { get; }

    public SourceTurns Turns { get; }

    public RunDispatcher Dispatcher { get; }

    public VerificationDispatcher Verifications { get; }

    public ReplacementDispatcher Replacements { get; }

    public RestoreHistory RestoreHistory { get; }

    public RestoreDispatcher Restores { get; }

    public DrillDispatcher Drills { get; }

    public SelfTestDispatcher SelfTests { get; }

    /// <summary>How the agent and its sources are.</summary>
    public StateReader States { get; }

    /// <summary>Looks at a source as the runbook does.</summary>
    public Observer Observer { get; }

    public LogSearch LogSearch { get; }

    /// <summary>Told by every dispatcher how its work ended.</summary>
    public HookRunner Hooks { get; }

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

    private static IReadOnlyList<string> OwnPlaces(AgentConfiguration configuration) =>
        [configuration.File, configuration.StateDirectory, configuration.ScratchDirectory, .. configuration.Stores.Values.Select(store => store.Path)];

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
