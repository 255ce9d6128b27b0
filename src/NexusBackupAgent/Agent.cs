using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
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

/// <summary>
/// The parts of an agent, put together as its configuration says. The service and every command start here, and each part is
/// made when somebody asks for it first: a backup by hand needs no scheduler. The service makes what requests share before it serves.
/// </summary>
internal sealed partial class Agent : IDisposable
{
    private readonly ILoggerFactory loggers;
    private readonly ILogger<Agent> logger;
    private readonly ScratchDirectory scratch;
    private readonly SourceDiscovery discovery;
    private readonly OperationRunner runner;
    private readonly BackupVerifier verifier;
    private readonly BackupExaminer examiner;
    private readonly StoreMarks marks;
    private JobScheduler? scheduler;

    private Agent(AgentConfiguration configuration, TimeProvider timeProvider, ILoggerFactory loggers, bool evenWithoutJournal)
    {
        this.loggers = loggers;
        logger = loggers.CreateLogger<Agent>();
        Configuration = configuration;
        TimeProvider = timeProvider;
        marks = new StoreMarks(configuration.StateDirectory, timeProvider);
        var around = new StoreSurroundings(timeProvider, configuration.TimeZone, silence => StoreSilent(silence.Store, silence.Attempt, silence.Failure.Message));
        Stores = configuration.Stores.ToDictionary(entry => entry.Key, entry => entry.Value.Open(around), StringComparer.Ordinal);
        Journal = new OperationJournal(OpenJournal(evenWithoutJournal));
        scratch = new ScratchDirectory(configuration.ScratchDirectory) { Lasting = Path.Combine(configuration.StateDirectory, "streams") };
        scratch.RemoveLeftovers(timeProvider.GetUtcNow());
        Turns = new SourceTurns(configuration.StateDirectory, timeProvider);
        runner = new OperationRunner(Turns, Journal, new HookRunner(Journal, timeProvider, loggers.CreateLogger<HookRunner>()), timeProvider);
        verifier = new BackupVerifier(scratch, timeProvider);
        examiner = new BackupExaminer(new Quarantine(verifier, timeProvider), Journal, timeProvider, loggers.CreateLogger<BackupExaminer>());
        Looks = new PatientLook(Patience.ToAnswer, timeProvider);
        discovery = new SourceDiscovery(configuration.Sources, configuration.TimeZone, Stores, configuration.Stores, scratch, Looks, timeProvider, loggers) { Marks = marks, MachineKey = configuration.MachineKey, Identity = configuration.Identity };
        Roster = new SourceRoster(_ => discovery.FindAsync());
    }

    public AgentConfiguration Configuration { get; }

    public TimeProvider TimeProvider { get; }

    /// <summary>How the next command is written.</summary>
    public Commands Commands => new(Configuration.File);

    /// <summary>By name.</summary>
    public IReadOnlyDictionary<string, IBackupStore> Stores { get; }

    /// <summary>Why stores are not those that they were, or do not answer, for a command that looks into them.</summary>
    public async Task<IReadOnlyList<BackupException>> OtherStoresAsync(CancellationToken cancellationToken) =>
        [.. (await Task.WhenAll(Stores.Values.Select(store => Looks.AskAsync(store.Describe(""), () => marks.WhyNotAsync(store, cancellationToken), store.Silent)))).OfType<BackupException>()];

    public OperationJournal Journal { get; }

    public SourceTurns Turns { get; }

    public SourceRoster Roster { get; }

    /// <summary>At stores and at what sources name: neither may ever answer.</summary>
    public PatientLook Looks { get; }

    /// <summary>The patterns that did not answer the last time: what is new there is not seen.</summary>
    public IReadOnlyList<BackupException> SilentPatterns => discovery.Silent;

    /// <summary>How far an operation is that this process has under way; null when it has not.</summary>
    public RunMeter? MeterOf(long operation) => runner.MeterOf(operation);

    public BackupOperation Backups => field ??= new BackupOperation(
        runner, new BackupRunner(new BackupCapture(new SpaceGuard(scratch), examiner, TimeProvider), examiner, TimeProvider), marks, Journal, loggers.CreateLogger<BackupOperation>())
    {
        SourcesIn = store => Roster.Current.Where(source => source.Source.Catalog.Store.Name == store).Select(source => source.Name),
    };

    /// <summary>Where an agent is to run, its scheduler enters the sources.</summary>
    public SourceRegister? Register => Configuration.HasAgent ? null : field ??= new SourceRegister(Backups, Journal, Configuration.TimeZone);

    public ReplacementOperation Replacements => field ??= new ReplacementOperation(Backups, Journal, TimeProvider, loggers.CreateLogger<ReplacementOperation>()) { Copies = Copies };

    public CopyOperation Copies => field ??= new CopyOperation(runner, examiner, marks, Journal, TimeProvider, loggers.CreateLogger<CopyOperation>());

    public VerifyOperation Verifications => field ??= new VerifyOperation(runner, examiner, Journal, TimeProvider, loggers.CreateLogger<VerifyOperation>());

    public RestoreHistory RestoreHistory => field ??= new RestoreHistory(Journal, Configuration.StateDirectory, TimeProvider, loggers.CreateLogger<RestoreHistory>());

    public RestoreOperation Restores => field ??= new RestoreOperation(
        runner, new Restorer(verifier, TimeProvider) { Forbidden = Configuration.OwnPlaces }, Journal, RestoreHistory, loggers.CreateLogger<RestoreOperation>());

    public DrillOperation Drills => field ??= new DrillOperation(runner, new RestoreDrill(verifier, scratch, TimeProvider), Journal, loggers.CreateLogger<DrillOperation>());

    public PruneOperation Prunings => field ??= new PruneOperation(runner, examiner, loggers.CreateLogger<PruneOperation>());

    public SelfTestOperation SelfTests => field ??= new SelfTestOperation(
        runner, new SelfTest(verifier.VerifyAsync, SelfTestPartsOf(Configuration), scratch, TimeProvider), TimeProvider, loggers.CreateLogger<SelfTestOperation>());

    /// <summary>How the agent and its sources are.</summary>
    public StateReader States => field ??= new StateReader(Journal, RestoreHistory, Stores, marks, Configuration.StateDirectory, TimeProvider) { ExpectsAgent = Configuration.HasAgent, RestoresOnly = Configuration.RestoresOnly };

    /// <summary>Looks at a source as the runbook does.</summary>
    public Observer Observer => field ??= new Observer(Verifications, Turns, Configuration.ScratchDirectory, TimeProvider);

    public LogSearch LogSearch => field ??= new LogSearch(States, Configuration.Log.File, TimeProvider);

    public JobScheduler Scheduler => scheduler ??= NewScheduler();

    /// <summary>What runs beside the schedules.</summary>
    public SourceServices Services => field ??= new SourceServices(Roster, Backups, TimeProvider, loggers.CreateLogger<SourceServices>());

    /// <summary>Opens the journal and finds the sources.</summary>
    /// <param name="evenWithoutJournal">Whether a journal that can't be used is only warned of: a command that restores or looks needs none, and whatever writes to it fails then.</param>
    /// <exception cref="BackupException">The journal can't be used.</exception>
    public static Agent Open(AgentConfiguration configuration, TimeProvider timeProvider, ILoggerFactory loggers, bool evenWithoutJournal = false) =>
        new(configuration, timeProvider, loggers, evenWithoutJournal);

    /// <summary>The sources as they are now, for who only asks what there is: no journal is opened, and nothing is made.</summary>
    public static IReadOnlyList<ScheduledSource> Find(AgentConfiguration configuration, TimeProvider timeProvider)
    {
        var stores = configuration.Stores.ToDictionary(entry => entry.Key, entry => entry.Value.Open(), StringComparer.Ordinal);
        using var space = new ScratchDirectory(configuration.ScratchDirectory);
        var looks = new PatientLook(Patience.ToAnswer, timeProvider);
        return new SourceDiscovery(configuration.Sources, configuration.TimeZone, stores, configuration.Stores, space, looks, timeProvider, NullLoggerFactory.Instance) { MachineKey = configuration.MachineKey, Identity = configuration.Identity }.FindAsync().GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        scheduler?.Dispose();
        Turns.Dispose();
        Journal.Dispose();
        scratch.Dispose();
    }

    private JobScheduler NewScheduler()
    {
        var rounds = new VerificationRounds(Verifications, Replacements, Journal, Configuration.TimeZone, TimeProvider, loggers.CreateLogger<VerificationRounds>());
        return new JobScheduler(
            Roster,
            Backups,
            new SourceUpkeep(Backups, Verifications, Replacements, TimeProvider, loggers.CreateLogger<SourceUpkeep>()),
            new ChoreRota(Chore.All(rounds, Drills), Journal, Configuration.TimeZone, loggers.CreateLogger<ChoreRota>()),
            Journal,
            Configuration.TimeZone,
            TimeProvider,
            loggers.CreateLogger<JobScheduler>(),
            new CopyRounds(Copies, TimeProvider));
    }

    /// <summary>The self-test is made with a specimen of each kind that is protected, compressed by each method in use.</summary>
    private SelfTestParts SelfTestPartsOf(AgentConfiguration configuration) => new(
        [
            .. from kind in configuration.Sources.Select(source => source.Settings.Kind).Where(kind => kind.HasSpecimen).DefaultIfEmpty(SourceKinds.Shipped.WithSpecimen).Distinct()
               from method in configuration.Methods
               select new SelfTestSpecimen(directory => kind.NewSpecimen(directory, scratch, TimeProvider), method),
        ],
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

    [LoggerMessage(EventId = 3005, EventName = "store_silent", Level = LogLevel.Warning, Message = "store {Store}: attempt {Attempt} ended, and another one follows: {Reason}")]
    private partial void StoreSilent(string store, int attempt, string reason);

    [LoggerMessage(EventId = 3004, EventName = "journal_unusable", Level = LogLevel.Warning, Message = "{Reason}; nothing will be recorded, and what is known of the past may be missing. Next: {Hint}")]
    private partial void JournalUnusable(string reason, string hint);

    [LoggerMessage(EventId = 3001, EventName = "journal_set_aside", Level = LogLevel.Error, Message = "the run journal was damaged and is kept as {File}; a new one is begun. No backup is lost by that; counters start at 0")]
    private partial void JournalSetAside(string file);
}
