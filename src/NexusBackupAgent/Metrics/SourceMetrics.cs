using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Metrics;

/// <summary>
/// The families with one series or more per source. Those that tell of its backups leave out a source whose store could not be read since the
/// agent began: 0 would say that there are none.
/// </summary>
internal static class SourceMetrics
{
    private static readonly string[] OfSource = ["source"];
    private static readonly (BackupState State, string Word)[] States = [.. Enum.GetValues<BackupState>().Select(state => (state, state.Word()))];
    private static readonly string[] RunResults = [.. Enum.GetValues<RunResult>().Select(result => result.Word())];
    private static readonly VerificationCheck[] Checks = Enum.GetValues<VerificationCheck>();

    /// <param name="isScrape">Whether an agent answers Prometheus now. A file may be read much later: it has no age, and nobody who wrote it knows what runs next.</param>
    public static void Add(Exposition exposition, IReadOnlyList<SourceState> sources, bool isScrape)
    {
        IReadOnlyList<SourceState> known = [.. sources.Where(source => source.IsKnown)];
        AddBackups(exposition, known);
        AddVerifications(exposition, sources);
        AddRuns(exposition, sources);
        if (isScrape)
            AddFleeting(exposition, known, sources);
        AddSettings(exposition, sources);
    }

    private static void AddBackups(Exposition exposition, IReadOnlyList<SourceState> sources)
    {
        Each("last_success_timestamp_seconds", "Capture time of the newest good backup; 0 when there is none.", source => Exposition.Seconds(source.NewestGood?.CapturedAt));
        Each("last_whole_success_timestamp_seconds", "Capture time of the newest good backup that was expanded with all that it builds on; 0 when there is none.", source => Exposition.Seconds(source.NewestProvenWhole?.CapturedAt));
        exposition.Gauge("schedule_last_success_timestamp_seconds", "Capture time of the schedule's newest good backup; 0 when there is none.", ["source", "schedule"],
            from source in sources
            from schedule in source.Schedules
            select new Sample(Exposition.Seconds(source.NewestGoodOf(schedule)?.CapturedAt), source.Name, schedule));
        exposition.Gauge("backups", "Stored backups by schedule and state.", ["source", "schedule", "state"], sources.SelectMany(Counts));
        Each("stored_bytes", "Bytes of all stored artifacts.", source => source.Backups.Sum(backup => backup.StoredLength));
        Each("last_backup_size_bytes", "Stored bytes of the newest backup; 0 when there is none.", source => source.Newest?.Manifest.StoredLength ?? 0);
        Each("last_backup_content_bytes", "Uncompressed bytes of the newest backup; 0 when there is none.", source => source.Newest?.Manifest.Content.Length ?? 0);
        Each("restore_chain_backups", "Backups that a restore of the newest good one reads; 1 when it stands alone, 0 when there is none.", source => source.NewestGood?.Chain.Count() ?? 0);
        Each("restore_chain_bytes", "Stored bytes of those backups; 0 when there is none.", source => source.NewestGood?.LengthToRead ?? 0);
        EndOfWindow("start", "First", window => window.First);
        EndOfWindow("end", "Last", window => window.Last);
        Each("overdue_backups", "Backups past their retention that are still there.", source => source.Overdue);
        Each("future_backups", "Backups that are dated in the future: a clock is or was wrong.", source => source.FromFuture);
        exposition.Gauge("missing_backups", "Occurrences of the schedule within its retention that have no backup.", ["source", "schedule"],
            from source in sources
            from review in source.Reviews
            select new Sample(review.Missing.Count, source.Name, review.Schedule));
        Each("last_verification_timestamp_seconds", "When a backup was last read back; 0 when none was.", source => Exposition.Seconds(source.Backups.Select(backup => backup.Verification?.VerifiedAt).Max()));

        void EndOfWindow(string end, string which, Func<RecoveryWindow, DateTimeOffset> instant) => exposition.Gauge(
            $"recovery_window_{end}_timestamp_seconds", $"{which} instant of the newest window within which the source can be restored to any instant; absent where only the states of its backups can be restored.", OfSource,
            from source in sources
            where source.Windows is { Count: > 0 }
            select new Sample(Exposition.Seconds(instant(source.Windows![0])), source.Name));

        void Each(string name, string help, Func<SourceState, double> value) => exposition.Gauge(name, help, OfSource, sources.Select(source => new Sample(value(source), source.Name)));
    }

    private static IEnumerable<Sample> Counts(SourceState source)
    {
        var counts = source.Backups.CountBy(backup => (backup.Schedule, backup.State)).ToDictionary();
        return from schedule in source.Schedules
               from state in States
               select new Sample(counts.GetValueOrDefault((schedule, state.State)), source.Name, schedule, state.Word);
    }

    private static void AddVerifications(Exposition exposition, IReadOnlyList<SourceState> sources)
    {
        exposition.Counter("checksum_failures_total", "Verifications in which size or SHA-256 were not what was stored.", OfSource,
            from source in sources
            select new Sample(source.Counts.Verifications(VerificationCheck.Checksum, RunResult.Failure.Word()), source.Name));
        exposition.Counter("verifications_total", "Checks of stored backups by kind and result.", ["source", "check", "result"],
            from source in sources
            from check in Checks
            from result in Results.All
            select new Sample(source.Counts.Verifications(check, result), source.Name, check.Word(), result));
    }

    private static void AddRuns(Exposition exposition, IReadOnlyList<SourceState> sources)
    {
        exposition.Counter("runs_total", "Ended runs by schedule and result.", ["source", "schedule", "result"],
            from source in sources
            from schedule in source.Schedules
            from result in RunResults
            select new Sample(source.Counts.Runs(schedule, result), source.Name, schedule, result));
        exposition.Gauge("last_run_timestamp_seconds", "When the last run ended, good or bad; 0 when none did.", OfSource,
            from source in sources
            select new Sample(Exposition.Seconds(source.Activity?.LastRunAt), source.Name));
        exposition.Gauge("last_run_success", "Whether the last run succeeded (1) or not (0); absent until one ended.", OfSource,
            from source in sources
            where source.Activity is { LastRunAt: not null }
            select new Sample(Exposition.Flag(source.Activity!.LastRunSucceeded), source.Name));
        exposition.Gauge("run_start_timestamp_seconds", "When the run that is under way started; 0 when idle.", OfSource,
            from source in sources
            select new Sample(Exposition.Seconds(source.Activity?.RunStartedAt), source.Name));
        exposition.Gauge("consecutive_failures", "Failed runs since the last success.", OfSource,
            from source in sources
            select new Sample(source.Activity?.ConsecutiveFailures ?? 0, source.Name));
        exposition.Gauge("last_run_stage_duration_seconds", "Duration of each stage of the last successful run; of copying to further stores, of the last that copied something.", ["source", "stage"],
            from source in sources
            from stage in Stages(source.Activity)
            select new Sample(stage.Seconds, source.Name, stage.Name));
    }

    private static void AddFleeting(Exposition exposition, IReadOnlyList<SourceState> known, IReadOnlyList<SourceState> sources)
    {
        exposition.Gauge("last_success_age_seconds", "Age of the newest good backup; +Inf when there is none.", OfSource,
            from source in known
            select new Sample(source.Age?.TotalSeconds ?? double.PositiveInfinity, source.Name));
        exposition.Gauge("next_run_timestamp_seconds", "When the schedule runs next; 0 when it never does.", ["source", "schedule"],
            from source in sources
            from schedule in source.Source.Schedules
            select new Sample(Exposition.Seconds(source.NextRunOf(schedule)), source.Name, schedule.Name));
        AddStreams(exposition, [.. sources.Where(source => source.Stream is not null).Select(source => (source.Name, source.Stream!))]);
    }

    /// <summary>Of the sources that have one.</summary>
    private static void AddStreams(Exposition exposition, IReadOnlyList<(string Source, StreamState State)> streams)
    {
        Each("stream_up", "Whether the source's changes are received as they are made.", state => Exposition.Flag(state.IsUp));
        Each("stream_last_received_timestamp_seconds", "What the source changed before that time was received.", state => Exposition.Seconds(state.ReceivedUntil));
        Each("stream_lag_bytes", "Bytes that the source keeps because they were not received yet.", state => state.Lag);
        Each("stream_limit_bytes", "Bytes beyond which the source keeps no more, and a gap begins.", state => state.Limit);
        Each("stream_last_gap_timestamp_seconds", "When changes were last found lost, which a full backup follows; 0: never.", state => Exposition.Seconds(state.LastGapAt));

        void Each(string name, string help, Func<StreamState, double> value) => exposition.Gauge(name, help, OfSource, streams.Select(stream => new Sample(value(stream.State), stream.Source)));
    }

    private static (string Name, double Seconds)[] Stages(SourceActivity? activity) =>
        [("capture", activity?.CaptureSeconds ?? 0), ("verify", activity?.VerifySeconds ?? 0), ("prune", activity?.PruneSeconds ?? 0), ("copy", activity?.CopySeconds ?? 0)];

    private static void AddSettings(Exposition exposition, IReadOnlyList<SourceState> sources)
    {
        exposition.Gauge("rpo_seconds", "Age of the newest good backup beyond which a level is reached: warning L1, critical L2, emergency L3.", ["source", "threshold"],
            from source in sources
            from threshold in ((string Name, TimeSpan Age)[])[("warning", source.Source.RpoWarning), ("critical", source.Source.RpoCritical), ("emergency", source.Source.RpoEmergency)]
            select new Sample(threshold.Age.TotalSeconds, source.Name, threshold.Name));
        exposition.Gauge("source_info", "The configured sources.", ["source", "kind", "store"],
            from source in sources
            select new Sample(1, source.Name, source.Source.Source.Source.Kind, source.Source.Source.Catalog.Store.Name));
        exposition.Gauge("source_added_timestamp_seconds", "When the agent first saw the source; 0 until then.", OfSource,
            from source in sources
            select new Sample(Exposition.Seconds(source.Activity?.AddedAt), source.Name));
    }
}
