using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Scheduling;

/// <summary>When each chore of each source is due, and which ones were missed while no agent ran.</summary>
/// <param name="zone">The zone of the cron expressions.</param>
internal sealed partial class ChoreRota(IReadOnlyList<Chore> chores, OperationJournal journal, TimeZoneInfo zone, ILogger<ChoreRota> logger)
{
    private readonly Timetable timetable = new(zone);

    /// <summary>The earliest of all, UTC; null when there is none.</summary>
    public DateTimeOffset? Earliest => timetable.Earliest;

    /// <summary>Computes anew when each chore of a source is due after <paramref name="now"/>.</summary>
    public void Announce(ScheduledSource source, DateTimeOffset now)
    {
        foreach (var chore in chores)
            Advance(source, chore, now);
    }

    /// <summary>Takes the chores of a source that are due, and moves each on to its next occurrence.</summary>
    public IReadOnlyList<Chore> TakeDue(ScheduledSource source, DateTimeOffset now)
    {
        var due = chores.Where(chore => timetable.Next(source.Name, chore.Name) <= now).ToList();
        foreach (var chore in due)
            Advance(source, chore, now);
        return due;
    }

    /// <summary>The chores of a source whose last occurrence found no agent.</summary>
    /// <param name="addedAt">When the agent first saw the source: what was due before that was not missed.</param>
    public IReadOnlyList<Chore> Missed(ScheduledSource source, DateTimeOffset addedAt, DateTimeOffset now) =>
        [.. chores.Where(chore => chore.Cron(source)?.GetPreviousOccurrence(now, zone) is { } expected && addedAt <= expected && !IsDone(journal.Last(source.Name, chore.Kind), expected, now))];

    /// <summary>Forgets the sources that are not among these.</summary>
    public void KeepOnly(IEnumerable<ScheduledSource> sources) => timetable.KeepOnly(sources);

    // One that was stopped or died was not done, and one from the future was noted by a wrong clock.
    private static bool IsDone(Operation? last, DateTimeOffset expected, DateTimeOffset now) =>
        last is { EndedAt: not null } && last.StartedAt >= expected && last.StartedAt <= now && last.Failure?.Kind is not (FailureKind.Interrupted or FailureKind.Died);

    private void Advance(ScheduledSource source, Chore chore, DateTimeOffset now)
    {
        if (chore.Cron(source) is not { } cron)
            return;
        timetable.Advance(source.Name, chore.Name, cron, now);
        if (timetable.Next(source.Name, chore.Name) is { } at)
            NextChore(chore.Name, source.Name, TimeZoneInfo.ConvertTime(at, zone), cron);
    }

    [LoggerMessage(EventId = 2008, EventName = "next_chore", Level = LogLevel.Information, Message = "backup {Chore} of {Source}: next {At:yyyy-MM-dd HH:mm:ss zzz} (cron {Cron})")]
    private partial void NextChore(string chore, string source, DateTimeOffset at, CronSchedule cron);
}
