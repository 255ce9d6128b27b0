namespace NexusBackupAgent.Scheduling;

/// <summary>When each schedule of each source runs next. Read by scrapes while the scheduler moves it on.</summary>
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

    /// <returns>UTC; null when the schedule never runs again.</returns>
    public DateTimeOffset? Next(ScheduledSource source, Schedule schedule)
    {
        lock (gate)
            return next.TryGetValue((source.Name, schedule.Name), out var at) ? at : null;
    }

    /// <summary>Moves a schedule on to its first occurrence after <paramref name="now"/>.</summary>
    public void Advance(ScheduledSource source, Schedule schedule, DateTimeOffset now)
    {
        var occurrence = schedule.Cron.GetNextOccurrence(now, zone);
        lock (gate)
        {
            if (occurrence is { } at)
                next[(source.Name, schedule.Name)] = at;
            else
                next.Remove((source.Name, schedule.Name));
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
