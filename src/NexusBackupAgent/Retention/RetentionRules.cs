using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Retention;

/// <summary>The rules that look at one backup among the others of its source, at one instant.</summary>
internal sealed class RetentionRules
{
    private readonly IReadOnlyDictionary<string, RetentionPeriod> periods;
    private readonly DateTimeOffset now;
    private readonly TimeZoneInfo zone;
    private readonly BackupId? newestGood;
    private readonly BackupId? newestRestorable;
    private readonly Dictionary<string, Backup> newestGoodOfSchedule = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Backup> newestRestorableOfSchedule = new(StringComparer.Ordinal);

    public RetentionRules(IReadOnlyList<Backup> newestFirst, IReadOnlyDictionary<string, RetentionPeriod> periods, DateTimeOffset now, TimeZoneInfo zone)
    {
        this.periods = periods;
        this.now = now;
        this.zone = zone;
        foreach (var backup in newestFirst.Where(backup => backup.State == BackupState.Good))
        {
            var isRestorable = backup.Bases.All(link => link.State == BackupState.Good);
            newestGood ??= backup.Id;
            newestRestorable ??= isRestorable ? backup.Id : null;
            if (IsByHand(backup))
                continue; // It may vanish by hand as it came, so it covers nothing.
            newestGoodOfSchedule.TryAdd(backup.Schedule, backup);
            if (isRestorable)
                newestRestorableOfSchedule.TryAdd(backup.Schedule, backup);
        }
    }

    /// <summary>Every rule that asks to keep <paramref name="backup"/>, in words; none: it may be removed.</summary>
    public IEnumerable<string> ReasonsToKeep(Backup backup) =>
        ReasonsOfSchedule(backup).Concat(ReasonsOfState(backup)).Concat(ReasonsOfCover(backup));

    /// <summary>Why a backup that no rule keeps may go.</summary>
    public string ReasonToRemove(Backup backup) =>
        $"past its {periods[backup.Schedule]} since {Instants.InZone(ExpiresAt(backup)!.Value, zone)}; "
        + $"{newestRestorableOfSchedule[backup.Schedule].File} is newer and good";

    private IEnumerable<string> ReasonsOfSchedule(Backup backup)
    {
        if (backup.Manifest.Adopted)
            yield return "adopted: kept until deleted by hand";
        else if (backup.Schedule == BackupManifest.ManualSchedule)
            yield return "manual: kept until deleted by hand";
        else if (!periods.TryGetValue(backup.Schedule, out var period))
            yield return $"schedule {backup.Schedule} is no longer configured: kept until deleted by hand";
        else if (ExpiresAt(backup) is not { } expiresAt)
            yield return $"retention of {backup.Schedule} is {period}: kept until deleted by hand";
        else if (now < expiresAt)
            yield return $"within its {period} until {Instants.InZone(expiresAt, zone)}";
    }

    private static IEnumerable<string> ReasonsOfState(Backup backup)
    {
        if (backup.HasBrokenChain)
            yield break; // nothing can be learned from what holds only changes; it is kept for its period, and until others cover it
        if (backup.Unreadable is { } unreadable)
            yield return unreadable.Message;
        else if (backup.State == BackupState.Unverified)
            yield return "not verified yet";
        else if (backup.State is BackupState.Corrupt or BackupState.Quarantined)
            yield return $"{backup.State.ToString().ToLowerInvariant()}: preserved for analysis; delete by hand";
    }

    private IEnumerable<string> ReasonsOfCover(Backup backup)
    {
        if (backup.Id == newestGood)
            yield return "the newest good backup of the source";
        else if (backup.Id == newestRestorable)
            yield return "the newest backup of the source that can be restored with all that it builds on";

        if (IsByHand(backup) || !periods.ContainsKey(backup.Schedule))
            yield break;
        if (newestGoodOfSchedule.TryGetValue(backup.Schedule, out var good) && good.Id == backup.Id)
            yield return $"the newest good backup of schedule {backup.Schedule}";
        else if (!IsCovered(backup))
            yield return $"no newer good backup of schedule {backup.Schedule} covers it";
    }

    private static bool IsByHand(Backup backup) =>
        backup.Manifest.Adopted || backup.Schedule == BackupManifest.ManualSchedule;

    /// <summary>Whether the same schedule has a newer backup that is good with everything it builds on.</summary>
    private bool IsCovered(Backup backup) =>
        newestRestorableOfSchedule.TryGetValue(backup.Schedule, out var cover) && cover.CapturedAt > backup.CapturedAt;

    private DateTimeOffset? ExpiresAt(Backup backup) => periods[backup.Schedule].ExpiresAt(backup.CapturedAt, zone);
}
