using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Runs;

/// <summary>
/// Decides whether a backup that was set aside is to be replaced at once (runbook §2 [D]). Derived from the store and the
/// journal alone, so that neither a restart nor a second process makes it happen twice. Pure.
/// </summary>
internal static class ReplacementBackup
{
    /// <param name="backups">Of one source.</param>
    /// <param name="lastStarts">When its last two runs started, newest first, UTC; fewer when there were fewer.</param>
    /// <param name="now">The instant to decide at.</param>
    /// <returns>The backup to replace; null when there is none, or when a new run would not help or was tried already.</returns>
    public static Backup? Due(IReadOnlyList<Backup> backups, IReadOnlyList<DateTimeOffset> lastStarts, DateTimeOffset now)
    {
        var corrupt = backups.Where(backup => IsDamaged(backup)).MaxBy(FoundAt);
        if (corrupt is null || FoundAt(corrupt) > now) // a clock was wrong: nothing could be told to have come after it
            return null;
        if (corrupt.ShowsCorruptSource || backups.Any(backup => backup.CapturedAt > FoundAt(corrupt)))
            return null;
        if (lastStarts is not [var last, ..])
            return corrupt;
        return last < FoundAt(corrupt) && !IsOwnReplacement(corrupt, backups, lastStarts) ? corrupt : null;
    }

    /// <summary>
    /// Whether the run that captured it was itself the replacement of an earlier one. Then the store ruins what is
    /// written to it, and one try a schedule is enough.
    /// </summary>
    private static bool IsOwnReplacement(Backup corrupt, IReadOnlyList<Backup> backups, IReadOnlyList<DateTimeOffset> lastStarts)
    {
        var last = lastStarts[0];
        return corrupt.CapturedAt >= last
            && backups.Any(other => IsDamaged(other) && FoundAt(other) <= last && (lastStarts.Count < 2 || lastStarts[1] <= FoundAt(other)));
    }

    // Without a failed reading nobody knows what is wrong with it: an operator set it aside, and goes on as the runbook says.
    private static bool IsDamaged(Backup backup) => backup is { State: BackupState.Quarantined, Verification.Passed: false };

    /// <summary>When it was found corrupt, to the millisecond, as the journal keeps the starts of runs.</summary>
    private static DateTimeOffset FoundAt(Backup corrupt) =>
        DateTimeOffset.FromUnixTimeMilliseconds(corrupt.Verification!.VerifiedAt.ToUnixTimeMilliseconds());
}
