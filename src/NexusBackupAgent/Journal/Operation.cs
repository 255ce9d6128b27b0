using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Journal;

/// <summary>What can be done, as the journal keeps it.</summary>
internal enum OperationKind
{
    /// <summary>A source was backed up, by a schedule or by hand.</summary>
    Backup,

    /// <summary>A stored backup was read back, by a schedule or by hand.</summary>
    Verification,

    /// <summary>The verification that a schedule asks for ended; its single readings are kept as well.</summary>
    VerificationRound,

    /// <summary>A corrupt backup was set aside.</summary>
    Quarantine,

    /// <summary>A restore, of a live source or elsewhere.</summary>
    Restore,

    /// <summary>A restore was practised.</summary>
    Drill,

    /// <summary>Expired backups were removed by hand.</summary>
    Prune,

    /// <summary>The checks were proved on corrupted copies. Belongs to no source.</summary>
    SelfTest,

    /// <summary>Somebody was told how an operation ended.</summary>
    Hook,

    /// <summary>A person said that a backup which is gone from the store was deleted on purpose.</summary>
    Acceptance,

    /// <summary>Backups were copied from one store to another, and what is expired there was removed.</summary>
    Copy,
}

/// <summary>How an operation ended (metric label <c>result</c>).</summary>
internal enum RunResult
{
    /// <summary>It did what it is for; of a backup: a new one was stored and read back.</summary>
    Success,

    /// <summary>It did not.</summary>
    Failure,

    /// <summary>A backup that was due did not start, because the source was busy.</summary>
    Skipped,
}

/// <summary>Why something failed, as it is kept in the journal.</summary>
internal sealed record RunFailure(FailureKind Kind, string Message, string Hint)
{
    /// <summary>The message for a line among others, where it tells of many files; null: as it is.</summary>
    public string? Brief { get; init; }

    public static RunFailure Of(BackupException exception) => new(exception.Kind, exception.Message, exception.Hint) { Brief = exception.Brief };
}

/// <summary>Who asked for an operation. Nobody did for what a schedule began.</summary>
/// <param name="User">Who signed in, the name of a token, or the system's user of a command.</param>
/// <param name="Address">Where the request came from; null for a command on this host.</param>
internal sealed record Asker(string User, string? Address)
{
    /// <summary>Told the journal's number of what was begun.</summary>
    public Action<long>? Noted { get; init; }
}

/// <summary>One thing that was done to a source or its backups.</summary>
/// <param name="Id">The journal's number of it; 0 while the journal does not have it.</param>
/// <param name="Source">The source's name; empty for what concerns the agent as a whole.</param>
/// <param name="Kind">What.</param>
/// <param name="StartedAt">UTC.</param>
/// <param name="EndedAt">UTC; null while it is under way, or when its process died.</param>
/// <param name="Backup">The backup that it made or was done with; null when there was none.</param>
/// <param name="Detail">In words for an operator: the file, the target, the result. Code asks the other properties.</param>
/// <param name="Failure">Why it failed or was skipped; null when it was not, or has not ended.</param>
internal sealed record Operation(
    long Id, string Source, OperationKind Kind, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, BackupId? Backup, string Detail, RunFailure? Failure)
{
    /// <summary>Of a backup: its schedule, or <c>manual</c>. Null of all else, as are those of its properties that follow.</summary>
    public string? Schedule { get; init; }

    /// <summary>What was asked for; once it succeeded, what it made: full where an increment was not possible.</summary>
    public BackupType? Type { get; init; }

    /// <summary>Why a full backup was made though something else was asked for.</summary>
    public string? FullBecause { get; init; }

    /// <summary>Of the artifact; of a verification: those that are as they were stored, when it read nothing else. Null of one that looked inside.</summary>
    public long? StoredBytes { get; init; }

    /// <summary>Of the artifact, expanded.</summary>
    public long? ContentBytes { get; init; }

    /// <summary>Whether it did not start because the source was busy.</summary>
    public bool IsSkipped { get; init; }

    /// <summary>Of what was done in another store than the source's first: which; of a copy the store that was written. Null: in the first.</summary>
    public string? Store { get; init; }

    /// <summary>Of a restore: whether it began over the source's own place. One that was refused never began.</summary>
    public bool IsOverLive { get; init; }

    /// <summary>Who asked for it; null when a schedule or the agent itself began it, and in journals of earlier versions.</summary>
    public Asker? Asker { get; init; }

    /// <summary>Null while it is under way, or when its process died.</summary>
    public RunResult? Result => EndedAt is null ? null : IsSkipped ? RunResult.Skipped : Failure is null ? RunResult.Success : RunResult.Failure;

    public bool Succeeded => Result == RunResult.Success;

    /// <summary>How long it took; zero while it is under way.</summary>
    public TimeSpan Took => EndedAt is { } ended ? ended - StartedAt : TimeSpan.Zero;

    /// <summary>One that begins.</summary>
    public static Operation Begun(string source, OperationKind kind, DateTimeOffset startedAt, string detail) =>
        new(0, source, kind, startedAt, EndedAt: null, Backup: null, detail, Failure: null);

    /// <summary>A backup that begins.</summary>
    public static Operation BegunBackup(string source, string schedule, BackupType type, DateTimeOffset startedAt) =>
        Begun(source, OperationKind.Backup, startedAt, "") with { Schedule = schedule, Type = type };

    /// <summary>
    /// This operation as failed: its process died before it wrote the end. A backup ends when the agent finds that, everything
    /// else when it began.
    /// </summary>
    /// <param name="foundAt">UTC.</param>
    public Operation Died(DateTimeOffset foundAt) => Kind == OperationKind.Backup
        ? this with
        {
            EndedAt = foundAt,
            Failure = new RunFailure(
                FailureKind.Died,
                $"the run of source '{Source}' ended with its process (killed, crashed or power lost)",
                "nothing of it counts; the next run starts afresh. Look for the cause with: journalctl -u nexus-backup; dmesg | grep -i oom"),
        }
        : this with
        {
            EndedAt = StartedAt,
            Failure = new RunFailure(
                FailureKind.Died,
                $"the {Kind.Word()} of '{Source}' ended with its process (killed, crashed or power lost), or the journal could not be written at its end",
                "look at its state (nexus-backup status), then run it again"),
        };
}

/// <summary>One try of a backup.</summary>
/// <param name="Number">1 for the first.</param>
/// <param name="StartedAt">UTC.</param>
/// <param name="EndedAt">UTC.</param>
/// <param name="Failure">Null when it succeeded.</param>
internal sealed record Attempt(int Number, DateTimeOffset StartedAt, DateTimeOffset EndedAt, RunFailure? Failure);

/// <summary>How long the parts of a backup took, in seconds.</summary>
internal sealed record StageSeconds(double Capture, double Verify, double Prune);
