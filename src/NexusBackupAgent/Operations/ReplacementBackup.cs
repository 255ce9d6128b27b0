using NexusBackupAgent.Catalog;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Operations;

/// <summary>Whether a backup is to be replaced now.</summary>
/// <param name="Corrupt">Which; null when none is.</param>
/// <param name="WhyNot">In words for an operator; empty when one is.</param>
internal sealed record ReplacementDecision(Backup? Corrupt, string WhyNot = "");

/// <summary>
/// Decides whether a backup that was set aside is to be replaced at once (runbook §2 [D]). Derived from the store and the
/// journal alone, so that neither a restart nor a second process makes it happen twice. Pure.
/// </summary>
internal static class ReplacementBackup
{
    public static readonly ReplacementDecision NothingLost = new(Corrupt: null, "none was set aside after a reading that found it corrupt");

    /// <param name="noun">What the source is: <c>database</c>.</param>
    /// <param name="backups">Of the source.</param>
    /// <param name="retention">How long each of its schedules' backups are kept.</param>
    /// <param name="zone">The calendar of months and years.</param>
    /// <param name="lastStarts">When its last two runs for a full backup started, newest first, UTC, and whether they succeeded; fewer when there were fewer.</param>
    /// <param name="now">The instant to decide at. What is later was dated by a wrong clock, and nothing follows from it.</param>
    /// <param name="diskCheck">The command that tells whether the store's disk fails; null where there is none.</param>
    /// <param name="encrypts">Whether a new one would be encrypted. One that was is replaced by no other: nobody asked for that.</param>
    /// <returns>
    /// The backup to replace, of several the one whose schedule keeps longest; none when there is none, or when a new run
    /// would not help or was tried already: then why not, of the one that was found last.
    /// </returns>
    public static ReplacementDecision Decide(
        string noun, IReadOnlyList<Backup> backups, IReadOnlyDictionary<string, RetentionPeriod> retention, TimeZoneInfo zone, IReadOnlyList<(DateTimeOffset At, bool Succeeded)> lastStarts, DateTimeOffset now, string? diskCheck, bool encrypts)
    {
        var starts = lastStarts.Where(start => start.At <= now).ToList();
        var damaged = backups.Where(backup => IsDamaged(backup, backups) && FoundAt(backup) <= now && !backups.Any(other => other.Id == backup.Id && other.State == BackupState.Good)).OrderByDescending(FoundAt).ToList();
        if (damaged is not [var newest, ..])
            return NothingLost;
        if (newest.ShowsCorruptSource)
            return new ReplacementDecision(Corrupt: null, $"the {noun} was already damaged when {BackupFiles.Original(newest.File)} was captured, and would be captured damaged again");
        if (newest.IsEncrypted && !encrypts)
            return new ReplacementDecision(Corrupt: null, $"{BackupFiles.Original(newest.File)} was encrypted, and a new one would not be: write encryption: as it was, or back up in plain on purpose");
        var due = damaged
            .Where(corrupt => !corrupt.ShowsCorruptSource && (encrypts || !corrupt.IsEncrypted)
                && !backups.Any(backup => IsLaterFull(backup, corrupt))
                && (starts.Count == 0 || (starts[0].At < FoundAt(corrupt) && !IsOwnReplacement(corrupt, damaged, starts))))
            .MaxBy(KeptUntil); // of equals the first, which was found last
        return due is null ? new ReplacementDecision(Corrupt: null, WhyNot(newest)) : new ReplacementDecision(due);

        string WhyNot(Backup corrupt)
        {
            if (backups.FirstOrDefault(backup => IsLaterFull(backup, corrupt)) is { } later)
                return $"{later.File} was captured after the damage was found";
            return starts[0].At >= FoundAt(corrupt)
                ? "another run for a full backup started after the damage was found"
                : $"{BackupFiles.Original(corrupt.File)} was itself made in the place of a corrupt one, so the store ruins what is written to it{(diskCheck is null ? "" : $" ({diskCheck})")}";
        }

        // An increment that was made meanwhile builds on what is left below the damage, and replaces nothing of it.
        bool IsLaterFull(Backup backup, Backup corrupt) =>
            backup.Manifest.Type == BackupType.Full && backup.CapturedAt > FoundAt(corrupt) && backup.CapturedAt <= now;

        // What no schedule made comes last: its replacement covers no schedule.
        DateTimeOffset KeptUntil(Backup corrupt) =>
            retention.TryGetValue(corrupt.Schedule, out var period) ? period.ExpiresAt(now, zone) ?? DateTimeOffset.MaxValue : DateTimeOffset.MinValue;
    }

    /// <summary>
    /// Whether the run that captured it was itself the replacement of an earlier one. Then the store ruins what is
    /// written to it, and one try a schedule is enough. One that was good when it was made, and was damaged later, is no such sign.
    /// </summary>
    private static bool IsOwnReplacement(Backup corrupt, IReadOnlyList<Backup> damaged, IReadOnlyList<(DateTimeOffset At, bool Succeeded)> lastStarts)
    {
        var (last, wasGood) = lastStarts[0];
        return !wasGood
            && corrupt.CapturedAt >= last
            && damaged.Any(other => FoundAt(other) <= last && (lastStarts.Count < 2 || lastStarts[1].At <= FoundAt(other)));
    }

    // Without a failed reading nobody knows what is wrong with it: an operator set it aside, and goes on as the runbook says.
    // What only builds on a damaged one is replaced with that. One that bears its name is about to be set aside, unless the
    // other name is taken: that waits for a person, and the backup does not.
    private static bool IsDamaged(Backup backup, IReadOnlyList<Backup> backups) =>
        backup is { IsSetAside: true, Verification.Passed: false }
        || (backup is { State: BackupState.Corrupt, Verification: { Passed: false, DoubtsOnlyChecksumFile: false } } && backups.Any(other => other.File == BackupFiles.SetAside(backup.File)));

    /// <summary>
    /// When it was found corrupt, to the millisecond, as the journal keeps the starts of runs. One that could not be set aside
    /// is found again each hour: it counts from its capture on, so that any later run for a full backup has replaced it.
    /// </summary>
    private static DateTimeOffset FoundAt(Backup corrupt) => corrupt.IsSetAside
        ? DateTimeOffset.FromUnixTimeMilliseconds(corrupt.Verification!.VerifiedAt.ToUnixTimeMilliseconds())
        : DateTimeOffset.FromUnixTimeMilliseconds(corrupt.CapturedAt.ToUnixTimeMilliseconds() + 1);
}
