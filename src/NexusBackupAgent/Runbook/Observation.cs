using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Runbook;

/// <summary>A source's state, and what an operator would try before the trouble is named (runbook §3.1).</summary>
/// <param name="State">Its backups, runs, schedules and store.</param>
/// <param name="Agent">The agent of this host.</param>
/// <param name="Inspection">The live source, as an operator finds it.</param>
/// <param name="Directory">Where its backups lie.</param>
/// <param name="ReadBack">The newest backup, read back now; null when there is none, or for a diagnosis none that is fresh.</param>
/// <param name="WriteFailure">Why nothing can be written where its backups lie; null when a trial succeeded.</param>
/// <param name="SourceFailure">Why no state of the live source can be captured; null when a trial succeeded.</param>
/// <param name="Scratch">Where backups are expanded.</param>
/// <param name="ScratchSpace">The room there; null when it can't be asked.</param>
/// <param name="User">Who looked. Another user may be allowed more, or less.</param>
internal sealed record Observation(
    SourceState State,
    AgentState Agent,
    ISourceInspection Inspection,
    string Directory,
    ReadBack? ReadBack,
    BackupException? WriteFailure,
    BackupException? SourceFailure,
    string Scratch,
    StoreSpace? ScratchSpace,
    string User)
{
    public string Source => State.Name;

    /// <summary>What the source is, for people.</summary>
    public Bilingual Noun => State.Source.Source.Source.Noun;

    public StoreStatus Store => State.Store;

    public DateTimeOffset Now => State.Now;

    /// <summary>The zone of the times that people read.</summary>
    public TimeZoneInfo Zone => State.Source.Source.Zone;

    /// <summary>What restores kept of the live source, newest first.</summary>
    public IReadOnlyList<string> SafetyCopies { get; init; } = [];

    /// <summary>What was deleted at its place and lives on in programs; null: nothing.</summary>
    public HeldDeleted? HeldDeleted { get; init; }

    /// <summary>Bytes of scratch space that the check of a backup needs, as the trial of a capture told; 0 when it streams, or when no trial succeeded.</summary>
    public long ScratchNeeded { get; init; }

    /// <summary>Whether it was restored since the last run ended.</summary>
    public bool IsRestored { get; init; }

    /// <summary>When the run began that the journal has under way and whose process is gone, UTC; null when there is none.</summary>
    public DateTimeOffset? DiedRun { get; init; }

    /// <summary>Why no backup can be encrypted that has to be: its program is missing, or its recipients can't be read. Null: nothing keeps it from it.</summary>
    public BackupException? EncryptionFailure { get; init; }

    /// <summary>Whether backups have to be encrypted.</summary>
    public bool IsEncrypting { get; init; }

    /// <summary>Whether nothing at all lies in the store, as on a mount point without its disk.</summary>
    public bool IsStoreBare { get; init; }

    /// <summary>Looks at the store for people.</summary>
    public IStoreInspection StoreInspection => State.Source.Source.Catalog.Store.Inspection;

    /// <summary><see cref="Directory"/> as the store calls it.</summary>
    public string PathInStore => State.Source.Source.Catalog.PathOf("");

    /// <summary>The user who has to own what the agent uses.</summary>
    public string AgentUser => Agent is { OtherOwner: { } owner } ? owner.Name : User;

    /// <summary>Whether this user may see less than the agent. Then a refusal says nothing about the agent.</summary>
    public bool IsBlind => Refusal is not null;

    /// <summary>The first thing that this user may not read or write, and the agent may; null when there is none.</summary>
    public BackupException? Refusal => RefusalBeside(Agent);

    /// <summary>Whether the next backup finds room, as far as its size and the room can be known.</summary>
    public bool HasRoom => WriteFailure is null && ReadBack?.Failure?.Kind != FailureKind.StoreFull && SourceFailure?.Kind != FailureKind.StoreFull
        && Store.Failure is null && (Store.Space is not { } space || space.Available >= SpaceGuard.Estimate(State.Backups, BackupType.Full))
        && (ScratchNeeded == 0 || ScratchSpace?.Available >= ScratchNeeded);

    /// <summary>Whether an earlier backup tells how large the next one is.</summary>
    public bool IsSizeKnown => State.Backups.Any(backup => backup.Manifest is { IsCommitted: true, Type: BackupType.Full });

    /// <summary>Whether a restore would find a backup to try. While the store can't be read, it is assumed that it would.</summary>
    public bool CanRestore => State.IsUnreadable || State.Copies.Select(copy => copy.Backups).Prepend(State.Backups).Any(backups => backups.Any(backup => backup.IsUsable));

    /// <summary>Whether a further store has good backups that the first one lost.</summary>
    public bool CanReturn => State.Copies.Any(copy => copy.Returnable.Count > 0);

    /// <summary>Why a run would fail now; null when the trials succeeded.</summary>
    public BackupException? WouldFail => WriteFailure ?? SourceFailure ?? EncryptionFailure;

    public bool IsFresh => State.NewestGood is { } good && Now - good.CapturedAt < State.Source.RpoWarning;

    /// <summary>The command that answers a question about the live source; none where its kind has no such command.</summary>
    public IEnumerable<string> Ask(SourceQuestion question) => Inspection.CommandFor(question) is { } command ? [command] : [];

    /// <summary>The command that answers a question about the store as a whole; none where its kind has no such command.</summary>
    public IEnumerable<string> AskStore(StoreQuestion question) => StoreInspection.CommandFor(question, "") is { } command ? [command] : [];

    /// <summary>The same, about one of its further stores; null where its kind has no such command.</summary>
    public string? AskFurther(string store, StoreQuestion question) => State.Copies.First(copy => copy.Name == store).Catalog.Store.Inspection.CommandFor(question, "");

    /// <summary>The same, about the place in the store where this source's backups lie.</summary>
    public IEnumerable<string> AskDirectory(StoreQuestion question) => StoreInspection.CommandFor(question, PathInStore) is { } command ? [command] : [];

    private BackupException? RefusalBeside(AgentState agent) => agent.Refusal(Store.Failure, State.ListFailure, WriteFailure, ReadBack?.Failure, SourceFailure);
}
