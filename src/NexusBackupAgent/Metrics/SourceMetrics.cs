using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Metrics;

/// <summary>
/// The families with one series or more per source. Those that tell of its backups leave out a source whose store could not be read since the
/// agent began: 0 would say that there are none.
/// </summary>
internal static class SourceMetrics
{
    private static readonly (BackupState State, string Word)[] States = [.. Enum.GetValues<BackupState>().Select(state => (state, state.Word()))];
    private static readonly string[] Results = Words<RunResult>();
    private static readonly string[] Checks = Words<VerificationCheck>();

    public static IEnumerable<MetricFamily> Of(
        IReadOnlyList<SourceFigures> sources, JournalSnapshot log, IReadOnlyDictionary<(string Source, string Schedule), DateTimeOffset> nextRuns, DateTimeOffset now) =>
        [.. Backups([.. sources.Where(source => source.IsKnown)], now), .. Verifications(sources, log), .. Runs(sources, log, nextRuns), .. Settings(sources)];

    private static IEnumerable<MetricFamily> Backups(IReadOnlyList<SourceFigures> sources, DateTimeOffset now)
    {
        yield return Each("last_success_timestamp_seconds", "Capture time of the newest good backup; 0 when there is none.", sources, source => Metric.Seconds(source.NewestGood?.CapturedAt));
        yield return Each("last_success_age_seconds", "Age of the newest good backup; +Inf when there is none.", sources, source => source.NewestGood is { } good ? (now - good.CapturedAt).TotalSeconds : double.PositiveInfinity);
        yield return Metric.Gauge("backups", "Stored backups by schedule and state.", [.. sources.SelectMany(BackupCounts)]);
        yield return Each("stored_bytes", "Bytes of all stored artifacts.", sources, source => source.Backups.Sum(backup => backup.ActualLength));
        yield return Each("last_backup_size_bytes", "Stored bytes of the newest backup; 0 when there is none.", sources, source => source.Newest?.Manifest.Stored.Length ?? 0);
        yield return Each("last_backup_content_bytes", "Uncompressed bytes of the newest backup; 0 when there is none.", sources, source => source.Newest?.Manifest.Content.Length ?? 0);
        yield return Each("restore_chain_backups", "Backups that a restore of the newest good one reads; 1 when it stands alone, 0 when there is none.", sources, source => source.NewestGood?.Chain.Count() ?? 0);
        yield return Each("restore_chain_bytes", "Stored bytes of those backups; 0 when there is none.", sources, source => source.NewestGood?.LengthToRead ?? 0);
        yield return Each("overdue_backups", "Backups past their retention that are still there.", sources, source => source.Overdue);
        yield return Each("future_backups", "Backups that are dated in the future: a clock is or was wrong.", sources, source => source.Backups.Count(backup => backup.IsFromTheFuture(now)));
        yield return Metric.Gauge("missing_backups", "Occurrences of the schedule within its retention that have no backup.", [
            .. from source in sources
               from review in source.Missing
               select new MetricSample([("source", source.Name), ("schedule", review.Schedule)], review.Missing.Count)]);
    }

    private static IEnumerable<MetricFamily> Verifications(IReadOnlyList<SourceFigures> sources, JournalSnapshot log)
    {
        yield return Metric.Counter("checksum_failures_total", "Verifications in which size or SHA-256 were not what was stored.", [.. sources.Select(source => One(source, Count(source, "checksum", "failure")))]);
        yield return Metric.Counter("verifications_total", "Checks of stored backups by kind and result.", [
            .. from source in sources
               from check in Checks
               from result in (string[])["success", "failure"]
               select new MetricSample([("source", source.Name), ("check", check), ("result", result)], Count(source, check, result))]);
        yield return Each("last_verification_timestamp_seconds", "When a backup was last read back; 0 when none was.", [.. sources.Where(source => source.IsKnown)], source => Metric.Seconds(source.Backups.Select(backup => backup.Verification?.VerifiedAt).Max()));

        long Count(SourceFigures source, string check, string result) => log.Verifications.GetValueOrDefault((source.Name, check, result));
    }

    private static IEnumerable<MetricFamily> Runs(IReadOnlyList<SourceFigures> sources, JournalSnapshot log, IReadOnlyDictionary<(string Source, string Schedule), DateTimeOffset> nextRuns)
    {
        yield return Metric.Counter("runs_total", "Ended runs by schedule and result.", [
            .. from source in sources
               from schedule in source.Schedules
               from result in Results
               select new MetricSample(
                   [("source", source.Name), ("schedule", schedule), ("result", result)], log.Runs.GetValueOrDefault((source.Name, schedule, result)))]);
        yield return Each("last_run_timestamp_seconds", "When the last run ended, good or bad; 0 when none did.", sources, source => Metric.Seconds(source.Activity?.LastRunAt));
        yield return Each("last_run_success", "Whether the last run succeeded (1) or not (0).", sources, source => Metric.Flag(source.Activity is { LastRunSucceeded: true }));
        yield return Each("run_start_timestamp_seconds", "When the run that is under way started; 0 when idle.", sources, source => Metric.Seconds(source.Activity?.RunStartedAt));
        yield return Each("consecutive_failures", "Failed runs since the last success.", sources, source => source.Activity?.ConsecutiveFailures ?? 0);
        yield return Metric.Gauge("last_run_stage_duration_seconds", "Duration of each stage of the last successful run.", [.. sources.SelectMany(Stages)]);
        yield return Metric.Gauge("next_run_timestamp_seconds", "When the schedule runs next; 0 when it never does.", [
            .. from source in sources
               from schedule in source.Source.Schedules
               select new MetricSample(
                   [("source", source.Name), ("schedule", schedule.Name)],
                   nextRuns.TryGetValue((source.Name, schedule.Name), out var at) ? Metric.Seconds(at) : 0)]);
    }

    private static IEnumerable<MetricFamily> Settings(IReadOnlyList<SourceFigures> sources)
    {
        yield return Metric.Gauge("rpo_seconds", "Age of the newest good backup beyond which a level is reached.", [
            .. sources.SelectMany(source => (MetricSample[])[
                new MetricSample([("source", source.Name), ("level", "warning")], source.Source.RpoWarning.TotalSeconds),
                new MetricSample([("source", source.Name), ("level", "critical")], source.Source.RpoCritical.TotalSeconds)])]);
        yield return new MetricFamily("nexus_backup_source_info", MetricType.Info, "The configured sources.", [
            .. sources.Select(source => new MetricSample(
                [("source", source.Name), ("kind", source.Source.Source.Source.Kind), ("store", source.Source.Source.Catalog.Store.Name)], 1))]);
        yield return Each("source_added_timestamp_seconds", "When the agent first saw the source; 0 until then.", sources, source => Metric.Seconds(source.Activity?.AddedAt));
    }

    private static IEnumerable<MetricSample> BackupCounts(SourceFigures source)
    {
        var counts = source.Backups.CountBy(backup => (backup.Schedule, backup.State)).ToDictionary();
        return from schedule in source.Schedules
               from state in States
               select new MetricSample([("source", source.Name), ("schedule", schedule), ("state", state.Word)], counts.GetValueOrDefault((schedule, state.State)));
    }

    private static IEnumerable<MetricSample> Stages(SourceFigures source)
    {
        var activity = source.Activity;
        yield return new MetricSample([("source", source.Name), ("stage", "capture")], activity?.CaptureSeconds ?? 0);
        yield return new MetricSample([("source", source.Name), ("stage", "verify")], activity?.VerifySeconds ?? 0);
        yield return new MetricSample([("source", source.Name), ("stage", "prune")], activity?.PruneSeconds ?? 0);
    }

    private static MetricFamily Each(string name, string help, IReadOnlyList<SourceFigures> sources, Func<SourceFigures, double> value) =>
        Metric.Gauge(name, help, [.. sources.Select(source => One(source, value(source)))]);

    private static MetricSample One(SourceFigures source, double value) => new([("source", source.Name)], value);

    private static string[] Words<T>()
        where T : struct, Enum => [.. Enum.GetValues<T>().Select(value => value.Word())];
}
