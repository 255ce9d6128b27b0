using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Runs;

namespace NexusBackupAgent.Scheduling;

/// <summary>
/// Starts each schedule's runs when they are due, and looks after what nobody scheduled: sources that appear, runs whose
/// process died, files that somebody put into a store. One line of work per source, so that its runs never overlap.
/// </summary>
/// <param name="zone">The zone of the cron expressions.</param>
internal sealed partial class JobScheduler(
    SourceRoster roster, RunDispatcher dispatcher, RunJournal journal, TimeZoneInfo zone, TimeProvider timeProvider, ILogger<JobScheduler> logger) : IDisposable
{
    // Short enough to notice soon that the clock was set.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan UpkeepInterval = TimeSpan.FromMinutes(1);

    // A clock may be slewed; a jump back further than this is somebody setting it.
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(1);

    // A file that grows is still being written.
    private static readonly TimeSpan HandMadeSettles = TimeSpan.FromMinutes(1);

    private readonly Dictionary<(string Source, string Schedule), DateTimeOffset> next = [];
    private readonly WorkLines work = new(maximumParallel: 2);
    private DateTimeOffset lastBeat;
    private DateTimeOffset lastUpkeep;

    /// <summary>When the scheduler last looked at its schedules, UTC (metric <c>scheduler_heartbeat_timestamp_seconds</c>).</summary>
    public DateTimeOffset LastBeat => lastBeat;

    /// <summary>Why the journal can't be written; null while it can.</summary>
    public string? JournalFailure { get; private set; }

    /// <summary>The next occurrence of each schedule, UTC.</summary>
    public IReadOnlyDictionary<(string Source, string Schedule), DateTimeOffset> NextRuns
    {
        get
        {
            lock (next)
                return new Dictionary<(string, string), DateTimeOffset>(next);
        }
    }

    /// <summary>Works until cancelled; then stops what is running and waits for it to have stopped.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        lastBeat = lastUpkeep = timeProvider.GetUtcNow();
        try
        {
            Upkeep(lastBeat, cancellationToken);
            while (true)
            {
                var wait = Tick(cancellationToken);
                await Task.Delay(wait, timeProvider, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            SchedulerStopping();
        }

        await work.WhenIdleAsync();
    }

    public void Dispose() => work.Dispose();

    private TimeSpan Tick(CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        if (now < lastBeat - ClockTolerance)
            RecomputeAfterClockMovedBack(now);
        if (now - lastUpkeep >= UpkeepInterval || now < lastUpkeep)
            Upkeep(now, cancellationToken);

        foreach (var source in roster.Current)
        {
            foreach (var schedule in source.Schedules)
            {
                if (NextOf(source, schedule) is { } due && due <= now)
                {
                    Enqueue(source, schedule, cancellationToken);
                    SetNext(source, schedule, now);
                }
            }
        }

        Beat(now);
        lock (next)
            return next.Count == 0 ? LongestWait : TimeSpan.FromTicks(Math.Clamp((next.Values.Min() - now).Ticks, TimeSpan.TicksPerMillisecond, LongestWait.Ticks));
    }

    private void Upkeep(DateTimeOffset now, CancellationToken cancellationToken)
    {
        lastUpkeep = now;
        foreach (var source in roster.Refresh())
            Start(source, now, cancellationToken);
        ForgetGone();
        foreach (var source in roster.Current)
            work.Enqueue(source.Name, "upkeep", () => GuardAsync(source.Name, () => LookAfterAsync(source.Source, cancellationToken)));
    }

    /// <summary>Takes a source on: says when it runs next, and catches up on what was missed.</summary>
    private void Start(ScheduledSource source, DateTimeOffset now, CancellationToken cancellationToken)
    {
        foreach (var schedule in source.Schedules)
        {
            SetNext(source, schedule, now);
            TellNext(source, schedule);
        }

        work.Enqueue(source.Name, "start", () => GuardAsync(source.Name, async () =>
        {
            dispatcher.CloseAbandoned(source.Name);
            var backups = await source.Source.Catalog.ListAsync(cancellationToken);
            var addedAt = backups.Select(backup => backup.CapturedAt).Append(now).Min();
            journal.AddSources([(source.Name, addedAt)]);
            addedAt = journal.Read().Sources[source.Name].AddedAt;
            foreach (var schedule in CatchUp.Due(source.Schedules, backups, addedAt, schedule => journal.LastStarted(source.Name, schedule.Name), now, zone))
            {
                CatchingUp(source.Name, schedule.Name);
                Enqueue(source, schedule, cancellationToken);
            }
        }));
    }

    private void Enqueue(ScheduledSource source, Schedule schedule, CancellationToken cancellationToken)
    {
        if (work.Enqueue(source.Name, schedule.Name, () => GuardAsync(source.Name, () => RunAsync(source, schedule, cancellationToken))))
            return;
        _ = GuardAsync(source.Name, () =>
        {
            dispatcher.Skip(source.Source, schedule.Name, schedule.Type);
            return Task.CompletedTask;
        });
    }

    private async Task RunAsync(ScheduledSource source, Schedule schedule, CancellationToken cancellationToken)
    {
        // A manual run that holds the lock is waited for: skipping a night for it would cost a restore point.
        await dispatcher.RunAsync(source.Source, schedule.Name, schedule.Type, source.Source.TimeLimit, progress: null, cancellationToken);
        TellNext(source, schedule);
    }

    private async Task LookAfterAsync(ProtectedSource source, CancellationToken cancellationToken)
    {
        dispatcher.CloseAbandoned(source.Name);
        var now = timeProvider.GetUtcNow();
        foreach (var backup in await source.Catalog.ListAsync(cancellationToken))
        {
            if (backup.State == BackupState.Unverified && now - backup.Artifact.ModifiedAt >= HandMadeSettles)
                await dispatcher.VerifyAsync(source, backup, TimeSpan.Zero, progress: null, cancellationToken);
        }
    }

    /// <summary>What goes wrong around a run must not stop the others; it is logged with its next step and shows in the metrics.</summary>
    private async Task GuardAsync(string source, Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (BackupException failure) when (failure.Kind == FailureKind.Locked)
        {
            // Another process works on it; the next round comes in a minute.
        }
        catch (BackupException failure)
        {
            WorkFailed(source, failure.Message, failure.Hint);
        }
        catch (OperationCanceledException)
        {
            // The agent is stopping.
        }
        catch (Exception defect)
        {
            WorkBroke(defect, source);
        }
    }

    private void Beat(DateTimeOffset now)
    {
        try
        {
            journal.Beat(now);
            JournalFailure = null;
        }
        catch (BackupException failure)
        {
            if (JournalFailure is null)
                WorkFailed("(journal)", failure.Message, failure.Hint);
            JournalFailure = failure.Message;
        }

        lastBeat = now;
    }

    private void RecomputeAfterClockMovedBack(DateTimeOffset now)
    {
        ClockMovedBack(lastBeat, now);
        foreach (var source in roster.Current)
        {
            foreach (var schedule in source.Schedules)
            {
                SetNext(source, schedule, now);
                TellNext(source, schedule);
            }
        }
    }

    private DateTimeOffset? NextOf(ScheduledSource source, Schedule schedule)
    {
        lock (next)
            return next.TryGetValue((source.Name, schedule.Name), out var due) ? due : null;
    }

    private void SetNext(ScheduledSource source, Schedule schedule, DateTimeOffset now)
    {
        var occurrence = schedule.Cron.GetNextOccurrence(now, zone);
        lock (next)
        {
            if (occurrence is { } due)
                next[(source.Name, schedule.Name)] = due;
            else
                next.Remove((source.Name, schedule.Name));
        }

    }

    /// <summary>As the runbook looks for it in the log (§3.2 [B] step 4).</summary>
    private void TellNext(ScheduledSource source, Schedule schedule)
    {
        if (NextOf(source, schedule) is { } at)
            NextRun(source.Name, schedule.Name, TimeZoneInfo.ConvertTime(at, zone), schedule.Cron);
    }

    private void ForgetGone()
    {
        var names = roster.Current.Select(source => source.Name).ToHashSet(StringComparer.Ordinal);
        lock (next)
        {
            foreach (var key in next.Keys.Where(key => !names.Contains(key.Source)).ToList())
                next.Remove(key);
        }
    }

    [LoggerMessage(EventId = 2001, EventName = "next_run", Level = LogLevel.Information, Message = "backup schedule {Source}/{Schedule}: next run {At:yyyy-MM-dd HH:mm:ss zzz} (cron {Cron})")]
    private partial void NextRun(string source, string schedule, DateTimeOffset at, CronSchedule cron);

    [LoggerMessage(EventId = 2002, EventName = "catching_up", Level = LogLevel.Warning, Message = "backup schedule {Source}/{Schedule}: its last run was missed, or there is no good backup yet; running now")]
    private partial void CatchingUp(string source, string schedule);

    [LoggerMessage(EventId = 2003, EventName = "clock_moved_back", Level = LogLevel.Warning, Message = "the clock was set back from {Before:O} to {Now:O}; schedules are computed anew, and nothing is pruned while backups lie in the future. Check the time service (timedatectl)")]
    private partial void ClockMovedBack(DateTimeOffset before, DateTimeOffset now);

    [LoggerMessage(EventId = 2004, EventName = "work_failed", Level = LogLevel.Error, Message = "backup scheduler, {Source}: {Reason}. Next: {Hint}")]
    private partial void WorkFailed(string source, string reason, string hint);

    [LoggerMessage(EventId = 2005, EventName = "work_broke", Level = LogLevel.Error, Message = "backup scheduler, {Source}: unexpected error")]
    private partial void WorkBroke(Exception exception, string source);

    [LoggerMessage(EventId = 2006, EventName = "scheduler_stopping", Level = LogLevel.Information, Message = "backup scheduler stopping: no new runs start; a run under way is stopped and leaves nothing half")]
    private partial void SchedulerStopping();
}
