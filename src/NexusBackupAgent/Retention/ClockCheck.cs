using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Retention;

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
