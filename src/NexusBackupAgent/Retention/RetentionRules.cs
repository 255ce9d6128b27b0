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
    private readonly Dictionary<string, Backup> covers = new(StringComparer.Ordinal);

    /// <summary>Of each schedule the newest that can be restored and was not expanded: it may take the place of others once it was.</summary>
    private readonly Dictionary<string, Backup> newestUnexpanded = new(StringComparer.Ordinal);

    /// <summary>The newest good backups of each schedule that can be restored, as many as its period holds.</summary>
    private readonly HashSet<Backup> held = new(ReferenceEqualityComparer.Instance);

    public RetentionRules(IReadOnlyList<Backup> newestFirst, IReadOnlyDictionary<string, RetentionPeriod> periods, DateTimeOffset now, TimeZoneInfo zone)
    {
        this.periods = periods;
        this.now = now;
        this.zone = zone;
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var backup in newestFirst.Where(backup => backup.State == BackupState.Good))
        {
            var isRestorable = backup.Bases.All(link => link.State == BackupState.Good);
            newestGood ??= backup.Id;
            newestRestorable ??= isRestorable ? backup.Id : null;
            if (IsByHand(backup))
                continue; // It may vanish by hand as it came, so it covers nothing.
            newestGoodOfSchedule.TryAdd(backup.Schedule, backup);
            if (!isRestorable)
                continue;
            if (backup.IsCheckedInside)
                covers.TryAdd(backup.Schedule, backup);
            else
                newestUnexpanded.TryAdd(backup.Schedule, backup);
            if ((counts[backup.Schedule] = counts.GetValueOrDefault(backup.Schedule) + 1) <= periods.GetValueOrDefault(backup.Schedule).Holds)
                held.Add(backup);
        }
    }

    /// <summary>Every rule that asks to keep <paramref name="backup"/>, in words; none: it may be removed.</summary>
    public IEnumerable<string> ReasonsToKeep(Backup backup) =>
        ReasonsOfSchedule(backup).Concat(ReasonsOfState(backup)).Concat(ReasonsOfCover(backup));

    /// <summary>Why a backup that no rule keeps may go.</summary>
    public string ReasonToRemove(Backup backup) =>
        $"past its {periods[backup.Schedule]} since {Instants.InZone(ExpiresAt(backup)!.Value, zone)}; "
        + $"{covers[backup.Schedule].File} is newer and good";

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
        else if (held.Contains(backup))
            yield return $"past its {period} since {Instants.InZone(expiresAt, zone)}, but one of the {period.Holds} newest good backups of schedule {backup.Schedule}, as many as {period} holds: kept until new ones have taken their place";
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
            yield return newestUnexpanded.TryGetValue(backup.Schedule, out var unexpanded) && unexpanded.CapturedAt > backup.CapturedAt
                ? $"what is newer of schedule {backup.Schedule} covers it only once its whole chain was expanded ({unexpanded.File})"
                : $"no newer good backup of schedule {backup.Schedule} covers it";
    }

    private static bool IsByHand(Backup backup) =>
        backup.Manifest.Adopted || backup.Schedule == BackupManifest.ManualSchedule;

    /// <summary>Whether the same schedule has a newer backup that is good with everything it builds on, and was expanded with it.</summary>
    private bool IsCovered(Backup backup) =>
        covers.TryGetValue(backup.Schedule, out var cover) && cover.CapturedAt > backup.CapturedAt;

    private DateTimeOffset? ExpiresAt(Backup backup) => periods[backup.Schedule].ExpiresAt(backup.CapturedAt, zone);
}

/// <summary>Keep or remove one backup, and why.</summary>
/// <param name="Backup">The backup decided on.</param>
/// <param name="Keep">False: it may be removed.</param>
/// <param name="Reasons">At least one, in words for an operator; every rule that asks to keep it is named.</param>
internal sealed record RetentionDecision(Backup Backup, bool Keep, IReadOnlyList<string> Reasons);

/// <summary>
/// Whether the host's clock can be believed when it says that a backup is old. A clock that jumped ahead would otherwise
/// expire everything at once. A jump shows as a gap that is out of proportion to the schedule's own rhythm.
/// </summary>
internal sealed class ClockCheck
{
    /// <summary>How far two hosts' clocks may differ without suspicion.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(5);

    /// <summary>A gap up to this long is never suspicious: a month, and a few days of trouble.</summary>
    private static readonly TimeSpan AlwaysPlausible = TimeSpan.FromDays(35);

    /// <summary>Two missed runs in a row are trouble, not a jump.</summary>
    private const int PlausibleIntervals = 3;

    private readonly string? future;
    private readonly Dictionary<string, (DateTimeOffset Start, string Reason)> gaps = new(StringComparer.Ordinal);

    /// <param name="newestFirst">All backups of one source.</param>
    /// <param name="now">What the clock says.</param>
    /// <param name="zone">The zone of the times in the reasons.</param>
    public ClockCheck(IReadOnlyList<Backup> newestFirst, DateTimeOffset now, TimeZoneInfo zone)
    {
        if (newestFirst.Count > 0 && newestFirst[0].CapturedAt - now > Tolerance)
            future = $"{newestFirst[0].File} was captured at {Instants.InZone(newestFirst[0].CapturedAt, zone)}, after now ({Instants.InZone(now, zone)}): "
                + "nothing is removed until the clock is right, or that backup is deleted by hand";

        foreach (var schedule in newestFirst.Where(IsScheduled).GroupBy(backup => backup.Schedule, StringComparer.Ordinal))
        {
            if (NewestGap([now, .. schedule.Select(backup => backup.CapturedAt)]) is var (start, end))
                gaps[schedule.Key] = (start, $"no backup of schedule {schedule.Key} between {Instants.InZone(start, zone)} and {Instants.InZone(end, zone)}"
                    + $"{(end == now ? " (now)" : "")}: the clock may have jumped; delete by hand");
        }
    }

    public IEnumerable<string> ReasonsToKeep(Backup backup)
    {
        if (future is not null)
            yield return future;
        if (IsScheduled(backup) && gaps.TryGetValue(backup.Schedule, out var gap) && backup.CapturedAt <= gap.Start)
            yield return gap.Reason;
    }

    /// <summary>By hand there is no rhythm to miss.</summary>
    private static bool IsScheduled(Backup backup) =>
        !backup.Manifest.Adopted && backup.Schedule != BackupManifest.ManualSchedule;

    /// <param name="instants">Now and the captures of one schedule, newest first.</param>
    /// <returns>The newest gap that is too long for the schedule; it protects everything before it. Null: there is none.</returns>
    private static (DateTimeOffset Start, DateTimeOffset End)? NewestGap(DateTimeOffset[] instants)
    {
        var intervals = instants.Zip(instants.Skip(1), (end, start) => (Start: start, End: end)).ToArray();
        var limit = Limit([.. intervals.Skip(1).Select(gap => gap.End - gap.Start).Order()]); // the one to now is not complete yet
        return intervals.Where(gap => gap.End - gap.Start > limit).Select(gap => ((DateTimeOffset, DateTimeOffset)?)gap).FirstOrDefault();
    }

    /// <param name="lengths">Of the intervals between consecutive backups, in ascending order.</param>
    private static TimeSpan Limit(TimeSpan[] lengths)
    {
        if (lengths.Length < 2)
            return AlwaysPlausible; // one interval may be the jump itself
        var usual = lengths[(lengths.Length - 1) / 2]; // the lower of two middle ones: of a jump and an interval, the interval
        return TimeSpan.FromTicks(Math.Max(usual.Ticks * PlausibleIntervals, AlwaysPlausible.Ticks));
    }
}
