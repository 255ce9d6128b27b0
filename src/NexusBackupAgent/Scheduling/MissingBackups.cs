using NexusBackupAgent.Catalog;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Scheduling;

/// <summary>The daily review of one schedule (runbook §7): what should be in the store and is not. Pure.</summary>
/// <param name="Schedule">The schedule's name.</param>
/// <param name="Expected">How many of its backups should be there.</param>
/// <param name="Missing">The occurrences that have none, newest first, UTC.</param>
internal sealed record MissingBackups(string Schedule, int Expected, IReadOnlyList<DateTimeOffset> Missing)
{
    /// <summary>As far back as anybody looks; a schedule by the minute that keeps for ever would have no end.</summary>
    private const int MostOccurrences = 1000;

    /// <summary>A run takes its time.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromHours(1);

    /// <summary>
    /// An occurrence has its backup when one of that schedule that is not corrupt was captured between it and the next.
    /// What is past retention may be gone already, and what was due before the schedule was known was never to be made.
    /// </summary>
    /// <param name="schedule">The schedule.</param>
    /// <param name="retention">How long its backups are kept.</param>
    /// <param name="backups">Of the source, of any schedule.</param>
    /// <param name="knownSince">Since when the schedule is what it is, UTC; null: unknown, so nothing is expected.</param>
    /// <param name="isRunning">Whether a run of the source is under way, which may be the newest occurrence's.</param>
    /// <param name="now">The instant to look at.</param>
    /// <param name="zone">The zone of cron and calendar periods.</param>
    public static MissingBackups Find(
        Schedule schedule, RetentionPeriod retention, IEnumerable<Backup> backups, DateTimeOffset? knownSince, bool isRunning, DateTimeOffset now, TimeZoneInfo zone)
    {
        var captures = backups
            .Where(backup => backup.Schedule == schedule.Name && backup.IsUsable)
            .Select(backup => backup.CapturedAt)
            .OrderDescending()
            .ToList();
        var expected = Occurrences(schedule.Cron, retention, knownSince ?? now, isRunning, now, zone);
        var missing = new List<DateTimeOffset>();
        var place = 0;
        foreach (var (at, next) in expected)
        {
            while (place < captures.Count && captures[place] >= next)
                place++;
            if (place == captures.Count || captures[place] < at)
                missing.Add(at);
        }

        return new MissingBackups(schedule.Name, expected.Count, missing);
    }

    /// <returns>The occurrences, newest first, each with the one after it.</returns>
    private static List<(DateTimeOffset At, DateTimeOffset Next)> Occurrences(
        CronSchedule cron, RetentionPeriod retention, DateTimeOffset knownSince, bool isRunning, DateTimeOffset now, TimeZoneInfo zone)
    {
        var expected = new List<(DateTimeOffset, DateTimeOffset)>();
        var next = cron.GetNextOccurrence(now, zone) ?? DateTimeOffset.MaxValue;
        var at = cron.GetPreviousOccurrence(now, zone);
        if (at is { } newest && (isRunning || now - newest < Min(Grace, next - newest)))
            (next, at) = (newest, Before(cron, newest, zone)); // it may still be under way
        for (var count = 0; count < MostOccurrences && at is { } occurrence && occurrence >= knownSince && !(retention.ExpiresAt(occurrence, zone) <= now); count++)
        {
            expected.Add((occurrence, next));
            (next, at) = (occurrence, Before(cron, occurrence, zone));
        }

        return expected;
    }

    private static DateTimeOffset? Before(CronSchedule cron, DateTimeOffset occurrence, TimeZoneInfo zone) =>
        cron.GetPreviousOccurrence(occurrence.AddTicks(-1), zone);

    private static TimeSpan Min(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
