namespace NexusBackupAgent.Scheduling;

/// <summary>When each schedule of each source, or each chore, is due next. Read by scrapes while the scheduler moves it on.</summary>
/// <param name="zone">The zone of the cron expressions.</param>
internal sealed class Timetable(TimeZoneInfo zone)
{
    private readonly Lock gate = new();
    private readonly Dictionary<(string Source, string Schedule), DateTimeOffset> next = [];

    /// <summary>The next occurrences, UTC, by source and schedule, as they are now.</summary>
    public IReadOnlyDictionary<(string Source, string Schedule), DateTimeOffset> NextRuns
    {
        get
        {
            lock (gate)
                return new Dictionary<(string, string), DateTimeOffset>(next);
        }
    }

    /// <summary>The earliest of all, UTC; null when nothing is scheduled.</summary>
    public DateTimeOffset? Earliest
    {
        get
        {
            lock (gate)
                return next.Count == 0 ? null : next.Values.Min();
        }
    }

    /// <param name="source">The source's name.</param>
    /// <param name="schedule">The name of its schedule or chore.</param>
    /// <returns>UTC; null when it is never due again.</returns>
    public DateTimeOffset? Next(string source, string schedule)
    {
        lock (gate)
            return next.TryGetValue((source, schedule), out var at) ? at : null;
    }

    /// <summary>Moves a schedule on to its first occurrence after <paramref name="now"/>.</summary>
    public void Advance(string source, string schedule, CronSchedule cron, DateTimeOffset now)
    {
        var occurrence = cron.GetNextOccurrence(now, zone);
        lock (gate)
        {
            if (occurrence is { } at)
                next[(source, schedule)] = at;
            else
                next.Remove((source, schedule));
        }
    }

    /// <summary>Forgets the sources that are not among these.</summary>
    public void KeepOnly(IEnumerable<ScheduledSource> sources)
    {
        var names = sources.Select(source => source.Name).ToHashSet(StringComparer.Ordinal);
        lock (gate)
        {
            foreach (var key in next.Keys.Where(key => !names.Contains(key.Source)).ToList())
                next.Remove(key);
        }
    }
}
