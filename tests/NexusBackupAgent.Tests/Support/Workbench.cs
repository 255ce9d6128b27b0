using Microsoft.Extensions.Logging.Abstractions;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Sources.Sqlite.Pages;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Tests.Support;

/// <summary>One source with all that a run needs: real database, real store, real journal, in a directory of its own.</summary>
internal sealed class Workbench : IDisposable
{
    private readonly TempDirectory? own;

    /// <param name="clock">The clock of everything.</param>
    /// <param name="root">A directory to work in; one of its own when null.</param>
    /// <param name="store">Where backups go; a directory under the root when null.</param>
    /// <param name="source">What is backed up; the database <c>app.db</c> under the root when null.</param>
    public Workbench(TimeProvider clock, string? root = null, IBackupStore? store = null, IBackupSource? source = null)
    {
        own = root is null ? new TempDirectory() : null;
        Root = root ?? own!.Path;
        Clock = clock;
        Directory.CreateDirectory(Path.Combine(Root, "store"));
        Store = store ?? new LocalDirectoryStore("local", Path.Combine(Root, "store"));
        Scratch = new ScratchDirectory(Path.Combine(Root, "scratch"));
        Journal = new OperationJournal(JournalDatabase.Open(State, clock.GetUtcNow(), out var setAside));
        SetAside = setAside;
        Verifier = new BackupVerifier(Scratch, clock);
        Turns = new SourceTurns(State, clock);
        History = new RestoreHistory(Journal, State, clock, RestoresLog);
        Examiner = new BackupExaminer(new Quarantine(Verifier, clock), Journal, clock, NullLogger<BackupExaminer>.Instance);
        Capture = new BackupCapture(new SpaceGuard(Scratch), Examiner, clock);
        Hooks = new HookRunner(Journal, clock, NullLogger<HookRunner>.Instance);
        Door = new OperationRunner(Turns, Journal, Hooks, clock);
        Backups = new BackupOperation(Door, new BackupRunner(Capture, Examiner, clock), marks: null, Journal, BackupsLog);
        Verifications = new VerifyOperation(Door, Examiner, Journal, Clock, NullLogger<VerifyOperation>.Instance);
        Replacements = new ReplacementOperation(Backups, Journal, clock, NullLogger<ReplacementOperation>.Instance);
        Copies = new CopyOperation(Door, Examiner, marks: null, Journal, clock, CopiesLog);
        Restores = new RestoreOperation(Door, new Restorer(Verifier, clock), Journal, History, NullLogger<RestoreOperation>.Instance);
        Prunings = new PruneOperation(Door, Examiner, NullLogger<PruneOperation>.Instance);
        Drills = new DrillOperation(Door, new RestoreDrill(Verifier, Scratch, clock), Journal, NullLogger<DrillOperation>.Instance);
        Source = new ProtectedSource(
            "itsm",
            source ?? new SqliteSource(Database, Scratch, TimeSpan.FromSeconds(1), clock, PagesLog),
            CatalogUse.CatalogOf(Store, directory: ""),
            new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal) { ["daily"] = RetentionPeriod.Parse("7d") },
            TimeZoneInfo.Utc,
            Compression: 1,
            TimeLimit: TimeSpan.FromHours(1),
            Attempts: 3,
            RetryDelay: TimeSpan.FromMinutes(1));
    }

    public string Root { get; }

    public TimeProvider Clock { get; }

    public string State => Path.Combine(Root, "state");

    public string Database => Path.Combine(Root, "app.db");

    public string StorePath => Path.Combine(Root, "store");

    public IBackupStore Store { get; }

    public ScratchDirectory Scratch { get; }

    public OperationJournal Journal { get; }

    public string? SetAside { get; }

    public BackupVerifier Verifier { get; }

    public BackupExaminer Examiner { get; }

    public BackupCapture Capture { get; }

    /// <summary>What was said of page indexes.</summary>
    public CollectedLog<PageIndexes> PagesLog { get; } = new();

    /// <summary>What was said of restores whose state nobody can tell.</summary>
    public CollectedLog<RestoreHistory> RestoresLog { get; } = new();

    public RestoreHistory History { get; }

    public SourceTurns Turns { get; }

    public OperationRunner Door { get; }

    public BackupOperation Backups { get; }

    /// <summary>What was said of backups.</summary>
    public CollectedLog<BackupOperation> BackupsLog { get; } = new();

    public VerifyOperation Verifications { get; }

    public HookRunner Hooks { get; }

    public PruneOperation Prunings { get; }

    public CopyOperation Copies { get; }

    /// <summary>What was said of copies.</summary>
    public CollectedLog<CopyOperation> CopiesLog { get; } = new();

    public DrillOperation Drills { get; }

    public RestoreOperation Restores { get; }

    public ReplacementOperation Replacements { get; }

    public ProtectedSource Source { get; init; }

    /// <summary>The source without schedules.</summary>
    public ScheduledSource Scheduled => new(Source, [], TimeSpan.FromHours(24), TimeSpan.FromHours(48));

    public StateReader States => field ??= new StateReader(Journal, History, new Dictionary<string, IBackupStore>(StringComparer.Ordinal) { [Store.Name] = Store }, new StoreMarks(State, Clock), State, Clock);

    public Task<RunRecord> RunAsync(string schedule = "daily", CancellationToken cancellationToken = default) => RunAsync(BackupType.Full, schedule, cancellationToken);

    public Task<RunRecord> RunAsync(BackupType type, string schedule = "daily", CancellationToken cancellationToken = default) =>
        Backups.RunAsync(Source, schedule, type, TimeSpan.Zero, progress: null, cancellationToken);

    public Task<IReadOnlyList<Backup>> BackupsAsync() => Source.Catalog.AllAsync();

    public Task<Backup> VerifyAsync(Backup backup) => Verifier.VerifyAsync(Source.Source, Source.Catalog, backup, progress: null, CancellationToken.None);

    /// <summary>What the journal holds, through another connection.</summary>
    public Task<string> JournalAsync(string sql) => SqliteSamples.SqlAsync(Path.Combine(State, "journal.db"), sql);

    public void Dispose()
    {
        Journal.Dispose();
        Turns.Dispose();
        if (Directory.Exists(Scratch.Path))
            Assert.Empty(Directory.EnumerateFiles(Scratch.Path, "*.scratch*", SearchOption.AllDirectories));
        Scratch.Dispose();
        own?.Dispose();
    }
}
