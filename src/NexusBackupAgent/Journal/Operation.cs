using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Journal;

/// <summary>What was done besides backing up, as the journal keeps it.</summary>
internal enum OperationKind
{
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

    /// <summary>Somebody was told how a run ended.</summary>
    Hook,
}

/// <summary>One thing that was done to a source's backups.</summary>
/// <param name="Id">The journal's number of it.</param>
/// <param name="Source">The source's name; empty for what concerns the agent as a whole.</param>
/// <param name="Kind">What.</param>
/// <param name="StartedAt">UTC.</param>
/// <param name="EndedAt">UTC; null while it is under way, or when its process died.</param>
/// <param name="Backup">The backup it was done with; null when there was none.</param>
/// <param name="Detail">In words for an operator: the file, the target, the result.</param>
/// <param name="Failure">Why it failed; null when it did not, or has not ended.</param>
internal sealed record Operation(
    long Id, string Source, OperationKind Kind, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, BackupId? Backup, string Detail, RunFailure? Failure)
{
    /// <summary>How the detail of a restore names the source's own place; what was refused before it began never has it.</summary>
    private const string LiveMark = " over the live database ";

    /// <summary>Whether it is a restore over the source's own place that got past its refusals.</summary>
    public bool IsOverLive => Kind == OperationKind.Restore && Detail.StartsWith("restore of ", StringComparison.Ordinal) && Detail.Contains(LiveMark, StringComparison.Ordinal);

    /// <summary>The same for a <c>LIKE</c> of the journal.</summary>
    internal const string OverLivePattern = $"restore of %{LiveMark}%";

    /// <summary>The detail of a restore that began.</summary>
    public static string RestoreDetail(string file, string target, bool isLive) => $"restore of {file}{(isLive ? LiveMark : " to ")}{target}";

    /// <summary>The same as far as it is known once its process is gone without a word in the journal. When that was nobody knows: nothing of it is known after its start.</summary>
    public Operation Died() => this with
    {
        EndedAt = StartedAt,
        Failure = new RunFailure(FailureKind.Died, $"the {Kind.Word()} of '{Source}' ended with its process (killed, crashed or power lost), or the journal could not be written at its end", "look at its state (nexus-backup status), then run it again"),
    };

    public bool Succeeded => EndedAt is not null && Failure is null;

    /// <summary>How long it took; zero while it is under way.</summary>
    public TimeSpan Took => EndedAt is { } ended ? ended - StartedAt : TimeSpan.Zero;
}
