using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Hooks;

/// <summary>What somebody can be told of.</summary>
internal enum HookOccasion
{
    Backup,
    Verification,
    Drill,
    Restore,
}

/// <summary>Something that ended and that somebody may want to know.</summary>
/// <param name="Occasion">What.</param>
/// <param name="StartedAt">UTC.</param>
/// <param name="EndedAt">UTC.</param>
/// <param name="Failure">Why it failed; null when it succeeded.</param>
internal sealed record HookEvent(HookOccasion Occasion, DateTimeOffset StartedAt, DateTimeOffset EndedAt, RunFailure? Failure)
{
    /// <summary>The backup that it was done with, or made; null when there was none.</summary>
    public Backup? Backup { get; init; }

    /// <summary>The schedule of a run; otherwise the backup's counts.</summary>
    public string? Schedule { get; init; }

    /// <summary>The type of a run; otherwise the backup's counts.</summary>
    public BackupType? Type { get; init; }

    /// <summary>Why a run made a full backup though something else was asked for; null when it did not.</summary>
    public string? FullBecause { get; init; }

    /// <summary>How many attempts a run took; null for what is not tried again.</summary>
    public int? Attempts { get; init; }

    /// <summary>What did not start because the source was busy, and what was stopped on purpose, is nobody's news.</summary>
    public bool IsNews => Failure?.Kind is not (FailureKind.Locked or FailureKind.Interrupted);

    /// <summary>How a run ended.</summary>
    public static HookEvent Of(RunRecord run) => new(HookOccasion.Backup, run.StartedAt, run.EndedAt, run.Failure)
    {
        Backup = run.Outcome?.Backup,
        Schedule = run.Schedule,
        Type = run.TypeMade,
        FullBecause = run.Outcome?.FullBecause,
        Attempts = run.Attempts,
    };

    /// <summary>How an operation ended.</summary>
    /// <param name="backup">The backup that it was done with; null when there was none.</param>
    public static HookEvent Of(HookOccasion occasion, Operation operation, Backup? backup) =>
        new(occasion, operation.StartedAt, operation.EndedAt ?? operation.StartedAt, operation.Failure) { Backup = backup };
}
