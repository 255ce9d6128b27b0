using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Scheduling;

/// <summary>
/// Starts each schedule's runs and each chore when they are due, takes on sources that appear, and has each one looked
/// after. One line of work per source, so that what is done to it never overlaps.
/// </summary>
/// <param name="zone">The zone of the cron expressions.</param>
internal sealed partial class JobScheduler(
    SourceRoster roster, BackupOperation backups, SourceUpkeep upkeep, ChoreRota chores, OperationJournal journal, TimeZoneInfo zone, TimeProvider timeProvider, ILogger<JobScheduler> logger, CopyRounds? copies = null) : IDisposable
{
    // Short enough to notice soon that the clock was set.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan UpkeepInterval = TimeSpan.FromMinutes(1);

    // More than a pattern has to answer. A look that takes longer goes on beside the loop, and the next upkeep sees what it found.
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(20);

    // A clock may be slewed; a jump back further than this is somebody setting it.
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(1);

    private readonly Timetable timetable = new(zone);
    private readonly Newcomers newcomers = new(roster, new SourceRegister(backups, journal, zone), chores, journal, zone);
    private readonly Heartbeat heartbeat = new(journal);
    private readonly GuardedWork work = new(timeProvider, logger);
    private readonly PatientLook looks = new(LongestLook, timeProvider);
    private DateTimeOffset lastUpkeep;

    /// <summary>When the scheduler last looked at its schedules, UTC (metric <c>scheduler_heartbeat_timestamp_seconds</c>).</summary>
    public DateTimeOffset LastBeat => heartbeat.Last;

    /// <summary>Why the journal can't be written; null while it can.</summary>
    public string? JournalFailure => heartbeat.JournalFailure;

    /// <summary>The next occurrence of each schedule, UTC.</summary>
    public IReadOnlyDictionary<(string Source, string Schedule), DateTimeOffset> NextRuns => timetable.NextRuns;

    /// <summary>Works until cancelled; then stops what is running and waits for it to have stopped.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        heartbeat.StartAt(timeProvider.GetUtcNow());
        try
        {
            await UpkeepAsync(heartbeat.Last, cancellationToken);
            while (true)
            {
                var wait = await TickAsync(cancellationToken);
                await Task.Delay(wait, timeProvider, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            SchedulerStopping();
        }

        await WhenIdleAsync();
    }

    /// <summary>Looks which sources there are now. What can't be listed, or never answers, must not stop the sources that are known.</summary>
    public async Task FindSourcesAsync()
    {
        try
        {
            await looks.AskAsync(
                "sources",
                async () =>
                {
                    await roster.RefreshAsync();
                    return true;
                },
                () => false);
        }
        catch (Exception failure) when (failure is BackupException || IoFailure.IsKnown(failure))
        {
            work.TellFailed("(sources)", $"cannot look for sources: {failure.Message}", "check owner and mode of the directories that the sources' patterns name; those found before go on");
        }
    }

    /// <summary>Completes when no work waits or is under way.</summary>
    public Task WhenIdleAsync() => work.WhenIdleAsync();

    public void Dispose() => work.Dispose();

    private async Task<TimeSpan> TickAsync(CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        if (now < heartbeat.Last - ClockTolerance)
            RecomputeAfterClockMovedBack(now);
        if (now - lastUpkeep >= UpkeepInterval || now < lastUpkeep)
            await UpkeepAsync(now, cancellationToken);

        foreach (var source in roster.Current)
        {
            foreach (var schedule in source.Schedules)
            {
                if (timetable.Next(source.Name, schedule.Name) <= now)
                {
                    Enqueue(source, schedule, cancellationToken);
                    timetable.Advance(source.Name, schedule.Name, schedule.Cron, now);
                }
            }

            foreach (var chore in chores.TakeDue(source, now))
                Enqueue(source, chore, cancellationToken);
        }

        if (heartbeat.Beat(now) is { } failure)
            work.TellFailed("(journal)", failure.Message, failure.Hint);
        return ((DateTimeOffset?[])[timetable.Earliest, chores.Earliest]).Min() is { } next ? TimeSpan.FromTicks(Math.Clamp((next - now).Ticks, TimeSpan.TicksPerMillisecond, LongestWait.Ticks)) : LongestWait;
    }

    private async Task UpkeepAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        lastUpkeep = now;
        await FindSourcesAsync().WaitAsync(cancellationToken);
        var found = newcomers.Find();
        NoteNew([.. found.Select(source => source.Name)], now);
        foreach (var source in found)
            Announce(source, now);

        timetable.KeepOnly(roster.Current);
        chores.KeepOnly(roster.Current);
        foreach (var source in roster.Current)
        {
            var isKnown = newcomers.IsTakenOn(source);
            if (!isKnown)
                work.Enqueue(source.Source, "start", () => StartAsync(source, now, cancellationToken));
            work.Enqueue(source.Source, "upkeep", () => LookAfterAsync(source, isKnown, cancellationToken));
        }
    }

    /// <summary>Notes sources before anything is known of their stores: how long they have been without a backup counts from here.</summary>
    private void NoteNew(IReadOnlyCollection<string> sources, DateTimeOffset now)
    {
        if (sources.Count == 0)
            return;
        try
        {
            journal.AddSources(sources, now);
        }
        catch (BackupException failure)
        {
            work.TellFailed("(journal)", failure.Message, failure.Hint); // taking each of them on tells the same again, by name
        }
    }

    private void Announce(ScheduledSource source, DateTimeOffset now)
    {
        foreach (var schedule in source.Schedules)
        {
            timetable.Advance(source.Name, schedule.Name, schedule.Cron, now);
            TellNext(source, schedule);
        }

        chores.Announce(source, now);
    }

    /// <summary>Takes a source on and catches up on what was missed. Tried at each upkeep until its store can be listed.</summary>
    private async Task StartAsync(ScheduledSource source, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var (schedules, missed) = await newcomers.TakeOnAsync(source, now, cancellationToken);
        foreach (var schedule in schedules)
        {
            CatchingUp(source.Name, schedule.Name);
            Enqueue(source, schedule, cancellationToken);
        }

        foreach (var chore in missed)
            Enqueue(source, chore, cancellationToken);
    }

    /// <param name="isKnown">Whether it was taken on before: what a start finds lost, the start makes up for.</param>
    private async Task LookAfterAsync(ScheduledSource source, bool isKnown, CancellationToken cancellationToken)
    {
        var listed = await upkeep.LookAfterAsync(source.Source, cancellationToken);
        foreach (var copy in copies?.Due(source.Source, listed) ?? [])
            Enqueue(source.Source, copy, listed, cancellationToken);
        if (isKnown && await newcomers.AfterLossAsync(source, listed, timeProvider.GetUtcNow(), cancellationToken) is { } schedule
            && work.Enqueue(source.Source, schedule.Name, () => RunAsync(source, schedule, cancellationToken)))
        {
            BackupsLost(source.Name, schedule.Name);
        }
    }

    private void Enqueue(ScheduledSource source, Schedule schedule, CancellationToken cancellationToken)
    {
        if (work.Enqueue(source.Source, schedule.Name, () => RunAsync(source, schedule, cancellationToken)))
            return;
        _ = work.DoAsync(source.Name, () =>
        {
            backups.Skip(source.Source, schedule.Name, schedule.Type);
            return Task.CompletedTask;
        });
    }

    // One that still waits or is under way when it is due again is not done twice. No schedule's name has a space.
    private void Enqueue(ScheduledSource source, Chore chore, CancellationToken cancellationToken) =>
        work.Enqueue(source.Source, "chore " + chore.Name, () => chore.DoAsync(source, cancellationToken));

    private async Task RunAsync(ScheduledSource source, Schedule schedule, CancellationToken cancellationToken)
    {
        // A manual run that holds the lock is waited for: skipping a night for it would cost a restore point.
        var run = await backups.RunAsync(source.Source, schedule.Name, schedule.Type, source.Source.TimeLimit, progress: null, cancellationToken);
        TellNext(source, schedule);
        foreach (var copy in run.Result == RunResult.Success ? source.Source.Copies : [])
            Enqueue(source.Source, copy, stored: null, cancellationToken);
    }

    /// <summary>In a line of its own: a slow store keeps no run of the source waiting.</summary>
    private void Enqueue(ProtectedSource source, CopyTarget copy, IReadOnlyList<Backup>? stored, CancellationToken cancellationToken)
    {
        if (copies is not null)
            work.Enqueue(source.In(copy), stored is null ? "copy after a run" : "copy", () => copies.RunAsync(source, copy, stored, cancellationToken));
    }

    private void RecomputeAfterClockMovedBack(DateTimeOffset now)
    {
        ClockMovedBack(heartbeat.Last, now);
        foreach (var source in roster.Current)
            Announce(source, now);
    }

    /// <summary>As the runbook looks for it in the log (§3.2 [B] step 4).</summary>
    private void TellNext(ScheduledSource source, Schedule schedule)
    {
        if (timetable.Next(source.Name, schedule.Name) is { } at)
            NextRun(source.Name, schedule.Name, TimeZoneInfo.ConvertTime(at, zone), schedule.Cron);
    }

    [LoggerMessage(EventId = 2001, EventName = "next_run", Level = LogLevel.Information, Message = "backup schedule {Source}/{Schedule}: next run {At:yyyy-MM-dd HH:mm:ss zzz} (cron {Cron})")]
    private partial void NextRun(string source, string schedule, DateTimeOffset at, CronSchedule cron);

    [LoggerMessage(EventId = 2002, EventName = "catching_up", Level = LogLevel.Warning, Message = "backup schedule {Source}/{Schedule}: its last run was missed, or there is no good backup yet; running now")]
    private partial void CatchingUp(string source, string schedule);

    [LoggerMessage(EventId = 2012, EventName = "backups_lost", Level = LogLevel.Error, Message = "backup schedule {Source}/{Schedule}: no backup is left although the last run succeeded; running now. Next: look who removed them, and whether the right disk is mounted (findmnt; nexus-backup list {Source})")]
    private partial void BackupsLost(string source, string schedule);

    [LoggerMessage(EventId = 2003, EventName = "clock_moved_back", Level = LogLevel.Warning, Message = "the clock was set back from {Before:O} to {Now:O}; schedules are computed anew, and nothing is pruned while backups lie in the future. Check the time service (timedatectl)")]
    private partial void ClockMovedBack(DateTimeOffset before, DateTimeOffset now);

    [LoggerMessage(EventId = 2006, EventName = "scheduler_stopping", Level = LogLevel.Information, Message = "backup scheduler stopping: no new runs start; a run under way is stopped and leaves nothing half")]
    private partial void SchedulerStopping();
}
