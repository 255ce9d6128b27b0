using System.Globalization;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Status;

/// <summary>
/// How a store's disk fills if all goes on as it does: each schedule stores as often as it is planned, what it stores grows as
/// it grew, and retention removes what is past its period. What else is written to the disk is not known and not counted.
/// </summary>
/// <param name="Days">Until it is <see cref="Escalation.DiskCritical"/> full; 0: it is; null: not within <see cref="Horizon"/>.</param>
/// <param name="BytesPerDay">By which the store grows, on average of the next month. Negative: it shrinks.</param>
internal sealed record StoreForecast(int? Days, double BytesPerDay)
{
    /// <summary>Days.</summary>
    public const int Horizon = 365;

    /// <summary>Days: manual backups come as they came in so many, and the growth is told for as many.</summary>
    private const int Month = 30;

    // A line through fewer, or through an hour, is no growth.
    private const int FewestForTrend = 3;
    private const double ShortestForTrend = 2;

    // Of irregular crons; a yearly one has its next run within these days.
    private const int MostOccurrences = 100;
    private const int DaysOfOccurrences = 400;

    /// <param name="space">Of the store; null: it does not tell.</param>
    /// <param name="sources">All that are kept in the store.</param>
    /// <returns>Null when nobody can tell: no backup is there yet, or not all are known.</returns>
    public static StoreForecast? Of(StoreSpace? space, IReadOnlyList<SourceState> sources)
    {
        if (space is not { } room || sources.Any(source => !source.IsKnown) || sources.All(source => source.Backups.Count == 0))
            return null;
        var (change, paces) = (new double[Horizon + 1], new Dictionary<(string, string), double>());
        foreach (var source in sources)
        {
            var kept = source.Backups.ToLookup(backup => backup.Schedule, StringComparer.Ordinal);
            foreach (var name in source.Schedules)
                Project(source, name, [.. kept[name]], change, paces);
        }

        for (var day = 1; day <= Horizon; day++)
            change[day] += change[day - 1];
        var used = room.Size - room.Free;
        var left = (Escalation.DiskCritical * (used + room.Available)) - used;
        var reached = Array.FindIndex(change, grown => grown >= left);
        return new StoreForecast(reached < 0 ? null : reached, change[Month] / Month);
    }

    /// <summary>Adds what a schedule stores and what retention removes on each day.</summary>
    /// <param name="kept">Its backups, newest first.</param>
    private static void Project(SourceState source, string name, IReadOnlyList<Backup> kept, double[] change, Dictionary<(string, string), double> paces)
    {
        var (now, zone) = (source.Now, source.Source.Source.Zone);
        var period = source.Source.Source.Retention.GetValueOrDefault(name, RetentionPeriod.Forever);
        foreach (var backup in kept.Where(backup => backup.State is not (BackupState.Corrupt or BackupState.Quarantined))) // those stay
        {
            if (DayOf(period.ExpiresAt(backup.CapturedAt, zone)) is { } day)
                change[day] -= backup.StoredLength;
        }

        var (stored, growth) = name == BackupManifest.ManualSchedule
            ? (kept.Where(backup => now - backup.CapturedAt < TimeSpan.FromDays(Month)).Sum(backup => backup.StoredLength) / (double)Month, 0)
            : source.Source.Schedules.FirstOrDefault(schedule => schedule.Name == name) is { } schedule ? Daily(schedule, kept, source.Newest, PaceOf(schedule, zone, paces, now)) : (0, 0);
        var life = DayOf(period.ExpiresAt(now, zone));
        for (var day = 1; stored > 0 && day <= Horizon; day++)
        {
            change[day] += stored + (growth * day);
            if (day > life)
                change[day] -= stored + (growth * (day - life.Value));
        }

        int? DayOf(DateTimeOffset? at) => at is { } instant && (instant - now).TotalDays is <= Horizon and var days ? Math.Max(1, (int)Math.Ceiling(days)) : null;
    }

    /// <summary>What is stored each day, and by how much more each day. What did not grow is taken for what stays as it is.</summary>
    /// <param name="sample">Of another schedule, for one that has stored nothing yet.</param>
    private static (double Stored, double Growth) Daily(Schedule schedule, IReadOnlyList<Backup> kept, Backup? sample, double pace)
    {
        if (kept.Count == 0)
            return (schedule.Type == BackupType.Full && sample?.Manifest.Type == BackupType.Full ? pace * sample.StoredLength : 0, 0);
        var newest = kept[0];
        if (newest.Manifest.Type != BackupType.Full)
            return (pace * kept.Average(backup => backup.StoredLength), 0);
        var points = kept.Where(backup => backup.Manifest.Type == BackupType.Full).Select(backup => (Day: (backup.CapturedAt - newest.CapturedAt).TotalDays, Size: (double)backup.StoredLength)).ToList();
        if (points.Count < FewestForTrend || -points[^1].Day < ShortestForTrend)
            return (pace * newest.StoredLength, 0);
        var (day, size) = (points.Average(point => point.Day), points.Average(point => point.Size));
        var slope = points.Sum(point => (point.Day - day) * (point.Size - size)) / points.Sum(point => (point.Day - day) * (point.Day - day));
        return (pace * newest.StoredLength, pace * Math.Max(0, slope));
    }

    /// <summary>How often it is planned a day. Many sources have the same cron.</summary>
    private static double PaceOf(Schedule schedule, TimeZoneInfo zone, Dictionary<(string, string), double> paces, DateTimeOffset now)
    {
        var key = (string.Create(CultureInfo.InvariantCulture, $"{schedule.Cron}"), zone.Id);
        if (paces.TryGetValue(key, out var known))
            return known;
        var (count, first, last) = (0, now, now);
        while (count < MostOccurrences && schedule.Cron.GetNextOccurrence(last, zone) is { } next && next - now <= TimeSpan.FromDays(DaysOfOccurrences))
            (count, first, last) = (count + 1, count == 0 ? next : first, next);
        return paces[key] = count switch { 0 => 0, 1 => 1.0 / DaysOfOccurrences, _ => (count - 1) / (last - first).TotalDays };
    }
}
