using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Retention;

/// <summary>
/// Whether the host's clock can be believed when it says that a backup is old. A clock that jumped years ahead would
/// otherwise expire everything at once.
/// </summary>
internal sealed class ClockCheck
{
    /// <summary>How far two hosts' clocks may differ without suspicion.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(5);

    /// <summary>A yearly schedule and a month of trouble.</summary>
    private static readonly TimeSpan LongestPlausibleGap = TimeSpan.FromDays(400);

    private readonly string? future;
    private readonly string? gap;
    private readonly DateTimeOffset gapStart = DateTimeOffset.MinValue;

    /// <param name="newestFirst">All backups of one source.</param>
    /// <param name="now">What the clock says.</param>
    /// <param name="zone">The zone of the times in the reasons.</param>
    public ClockCheck(IReadOnlyList<Backup> newestFirst, DateTimeOffset now, TimeZoneInfo zone)
    {
        if (newestFirst.Count > 0 && newestFirst[0].CapturedAt - now > Tolerance)
            future = $"{newestFirst[0].File} was captured at {Instants.InZone(newestFirst[0].CapturedAt, zone)}, after now ({Instants.InZone(now, zone)}): "
                + "nothing is removed until the clock is right, or that backup is deleted by hand";

        // By hand there is no rhythm to miss.
        var later = now;
        foreach (var captured in newestFirst.Where(IsScheduled).Select(backup => backup.CapturedAt))
        {
            if (later - captured > LongestPlausibleGap)
            {
                gapStart = captured;
                gap = $"no scheduled backup between {Instants.InZone(captured, zone)} and {Instants.InZone(later, zone)}"
                    + $"{(later == now ? " (now)" : "")}: the clock may have jumped; delete by hand";
                break; // The newest gap protects everything before it.
            }

            later = captured;
        }
    }

    public IEnumerable<string> ReasonsToKeep(Backup backup)
    {
        if (future is not null)
            yield return future;
        if (gap is not null && backup.CapturedAt <= gapStart)
            yield return gap;
    }

    private static bool IsScheduled(Backup backup) =>
        !backup.Manifest.Adopted && backup.Schedule != BackupManifest.ManualSchedule;
}
