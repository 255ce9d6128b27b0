using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>What an agent would export of one source whose runs begin when its schedules say, from the day it was added.</summary>
/// <param name="name">Metric label.</param>
/// <param name="configured">Its schedules and thresholds, as an example has them.</param>
/// <param name="zone">Of its schedules.</param>
/// <param name="from">When it is added.</param>
/// <param name="run">How long a run takes; every fifth takes four times as long.</param>
/// <param name="lastRun">After it no run starts; null: all start.</param>
internal sealed class SimulatedSource(string name, SourceConfiguration configured, TimeZoneInfo zone, DateTimeOffset from, TimeSpan run, DateTimeOffset? lastRun)
{
    private readonly IReadOnlyList<(DateTimeOffset Start, DateTimeOffset End)> runs = [.. RunsOf(configured, zone, from, run, lastRun)];

    /// <summary>Somebody needed an older state, and restored it.</summary>
    private readonly DateTimeOffset restored = from.AddDays(5);

    /// <summary>Each series: name, labels beside the target's, and its value at an instant as seconds of the simulation; null while there is none.</summary>
    public IEnumerable<(string Name, string Labels, Func<DateTimeOffset, double?> Value)> Series()
    {
        yield return Of("source_info", _ => 1, $",kind=\"sqlite\",store=\"{configured.Store}\"");
        yield return Of("source_added_timestamp_seconds", _ => 1);
        yield return Of("rpo_seconds", _ => configured.Rpo.Warning.TotalSeconds, ",threshold=\"warning\"");
        yield return Of("rpo_seconds", _ => configured.Rpo.Critical.TotalSeconds, ",threshold=\"critical\"");
        yield return Of("rpo_seconds", _ => configured.Rpo.Emergency.TotalSeconds, ",threshold=\"emergency\"");
        yield return Of("last_success_timestamp_seconds", at => Seconds(Last(at)?.Start));
        yield return Of("run_start_timestamp_seconds", at => Seconds(Running(at)?.Start));
        yield return Of("runs_total", at => runs.Count(one => one.End <= at), ",schedule=\"daily\",result=\"success\"");
        yield return Of("consecutive_failures", _ => 0);
        yield return Of("backups", at => Last(at) is null ? 0 : 7, ",schedule=\"daily\",state=\"good\"");
        yield return Of("backups", at => Running(at) is null ? 0 : 1, ",schedule=\"daily\",state=\"unverified\"");
        yield return Of("backups", _ => 0, ",schedule=\"daily\",state=\"corrupt\"");
        yield return Of("backups", _ => 1, ",schedule=\"daily\",state=\"quarantined\"");
        yield return Of("overdue_backups", at => Running(at) is not null && at > from.AddDays(7) ? 1 : 0); // removed when the run ends
        yield return Of("missing_backups", _ => 0, ",schedule=\"daily\"");
        yield return Of("future_backups", _ => 0);
        yield return Of("stream_last_received_timestamp_seconds", at => Seconds(at));
        yield return Of("stream_lag_bytes", _ => 1 << 20);
        yield return Of("stream_limit_bytes", _ => 1L << 34);
        yield return Of("stream_last_gap_timestamp_seconds", _ => -200_000); // the clock of these begins at 0, and 0 would be today
        yield return Of("store_owed_since_timestamp_seconds", at => Seconds(at), ",store=\"offsite\""); // copies are made at once
        yield return Of("last_drill_timestamp_seconds", at => Seconds(LastDrill(at)));
        yield return Of("last_drill_success", at => LastDrill(at) is null ? null : 1);
        yield return Of("last_restore_timestamp_seconds", at => at < restored ? 0 : Seconds(restored));
        yield return Of("last_restore_success", at => at < restored ? null : 1);
        foreach (var schedule in configured.Schedules)
            yield return Of("next_run_timestamp_seconds", at => Seconds(NextRun(schedule.Cron, at)), $",schedule=\"{schedule.Name}\"");
    }

    private static IEnumerable<(DateTimeOffset Start, DateTimeOffset End)> RunsOf(
        SourceConfiguration configured, TimeZoneInfo zone, DateTimeOffset from, TimeSpan run, DateTimeOffset? lastRun)
    {
        var busyUntil = from.AddMinutes(1); // a source without a backup is backed up at once
        var due = configured.Schedules.SelectMany(schedule => Occurrences(schedule.Cron, zone, from)).Append(busyUntil).Order();
        foreach (var (at, count) in due.TakeWhile(at => !(at > lastRun)).Select((at, count) => (at, count)))
        {
            var start = at > busyUntil ? at.AddSeconds(2) : busyUntil;
            busyUntil = start + (count % 5 == 4 ? run * 4 : run);
            yield return (start, busyUntil);
        }
    }

    private static IEnumerable<DateTimeOffset> Occurrences(CronSchedule cron, TimeZoneInfo zone, DateTimeOffset from)
    {
        for (var at = cron.GetNextOccurrence(from, zone); at is { } due && due < from.AddDays(15); at = cron.GetNextOccurrence(due, zone))
            yield return due;
    }

    private (DateTimeOffset Start, DateTimeOffset End)? Last(DateTimeOffset at) => runs.Where(one => one.End <= at).Cast<(DateTimeOffset, DateTimeOffset)?>().LastOrDefault();

    private (DateTimeOffset Start, DateTimeOffset End)? Running(DateTimeOffset at) => runs.Where(one => one.Start <= at && at < one.End).Cast<(DateTimeOffset, DateTimeOffset)?>().FirstOrDefault();

    private DateTimeOffset? LastDrill(DateTimeOffset at) => configured.Drill.Cron.GetPreviousOccurrence(at, zone) is { } drill && drill > from ? drill : null;

    /// <summary>What is due stays due while nothing starts it.</summary>
    private DateTimeOffset? NextRun(CronSchedule cron, DateTimeOffset at) => cron.GetNextOccurrence(at > lastRun ? lastRun.Value : at, zone);

    private double Seconds(DateTimeOffset? at) => at is { } instant ? (instant - from).TotalSeconds : 0;

    private (string Name, string Labels, Func<DateTimeOffset, double?> Value) Of(string metric, Func<DateTimeOffset, double?> value, string labels = "") =>
        ($"nexus_backup_{metric}", $",source=\"{name}\"{labels}", value);
}
