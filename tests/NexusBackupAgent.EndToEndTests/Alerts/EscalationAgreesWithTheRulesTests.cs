using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.EndToEndTests.Support;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>
/// The level that <c>status</c>, <c>diagnose</c> and <c>report</c> show is the one that the alerts page: both are asked about
/// the same conditions, the code directly and the rules through promtool.
/// </summary>
public sealed class EscalationAgreesWithTheRulesTests
{
    /// <summary>That it has nothing to ask, that a count grew since yesterday, that its clock is another.</summary>
    private static readonly string[] SeenByPrometheusAlone =
        ["NexusBackupNothingProtected", "NexusBackupMissing", "NexusBackupClockSkew", "NexusBackupWatchdog"];

    private static readonly EscalationCondition Healthy = new("healthy", Age: 1, Good: 3);

    private static readonly EscalationCondition[] Conditions =
    [
        Healthy,
        Healthy with { Name = "age below the warning", Age = 4.9 },
        Healthy with { Name = "age beyond the warning", Age = 7 },
        Healthy with { Name = "age beyond the critical", Age = 11 },
        Healthy with { Name = "age beyond the emergency", Age = 13 },
        Healthy with { Name = "nothing good", Age = null, Good = 0 },
        Healthy with { Name = "nothing good yet on its first day", Age = null, Good = 0, Added = 2 },
        Healthy with { Name = "nothing good any more on its first day", Age = null, Good = 0, Added = 2, HasSucceeded = true },
        Healthy with { Name = "one corrupt", Corrupt = 1 },
        Healthy with { Name = "all corrupt", Age = null, Good = 0, Corrupt = 2 },
        Healthy with { Name = "one set aside two hours ago", SetAside = 2 },
        Healthy with { Name = "one set aside two hours ago by hand", SetAside = 2, IsByHand = true },
        Healthy with { Name = "one set aside more than a day ago", SetAside = 26 },
        Healthy with { Name = "one set aside more than a day ago by hand", SetAside = 26, IsByHand = true },
        Healthy with { Name = "nothing but one that was set aside", Age = null, Good = 0, SetAside = 26 },
        Healthy with { Name = "one failed run", Failures = 1 },
        Healthy with { Name = "two failed runs", Failures = 2 },
        Healthy with { Name = "past retention", Overdue = 1 },
        Healthy with { Name = "disk at 79 %", Disk = 0.79 },
        Healthy with { Name = "disk at 80 %", Disk = 0.8 },
        Healthy with { Name = "disk at 89 %", Disk = 0.89 },
        Healthy with { Name = "disk at 90 %", Disk = 0.9 },
        Healthy with { Name = "a schedule that did not start", IsLate = true },
        Healthy with { Name = "a run of less than six hours", Run = 5.9 },
        Healthy with { Name = "a run of more than six hours", Run = 7 },
        Healthy with { Name = "a run of more than six hours that died with its agent", Run = 7, IsAgentUp = false },
        Healthy with { Name = "store gone", IsStoreUp = false },
        Healthy with { Name = "store gone, with backups that were stale", IsStoreUp = false, IsStoreKnown = false, Age = 11 },
        Healthy with { Name = "store gone, with nothing good and no memory", IsStoreUp = false, IsStoreKnown = false, Age = null, Good = 0, HasSucceeded = true },
        Healthy with { Name = "store gone, with corrupt backups and no memory", IsStoreUp = false, IsStoreKnown = false, Age = null, Good = 0, Corrupt = 2, Overdue = 1, IsFromFuture = true },
        Healthy with { Name = "store gone, a restore failed before the newest backup", IsStoreUp = false, Restore = 2 },
        Healthy with { Name = "store gone, a restore failed after the newest backup", IsStoreUp = false, Restore = 0.5 },
        Healthy with { Name = "a drill failed", HasDrillFailed = true },
        Healthy with { Name = "a self-test failed", HasSelfTestFailed = true },
        Healthy with { Name = "a restore failed before the newest backup", Restore = 2 },
        Healthy with { Name = "a restore failed after the newest backup", Restore = 0.5 },
        Healthy with { Name = "a restore failed where nothing good is left", Age = null, Good = 0, Restore = 2 },
        Healthy with { Name = "a backup from the future", IsFromFuture = true },
        Healthy with { Name = "changes are received", Late = 1, Kept = 0.1 },
        Healthy with { Name = "changes are received late", Late = 45 },
        Healthy with { Name = "changes are received so late that they are lost soon", Late = 90 },
        Healthy with { Name = "the source keeps many changes", Late = 1, Kept = 0.6 },
        Healthy with { Name = "the source keeps almost as many changes as it may", Late = 1, Kept = 0.9 },
        Healthy with { Name = "a gap was found", Late = 1, Gap = 5 },
        Healthy with { Name = "a gap was found long ago", Late = 1, Gap = 25 },
        Healthy with { Name = "all is copied", Copied = 1 },
        Healthy with { Name = "a backup waits to be copied", Copied = 3 },
        Healthy with { Name = "copies are late", Good = 12, Copied = 12 },
        Healthy with { Name = "agent gone", IsAgentUp = false },
        Healthy with { Name = "scheduler stuck", IsStuck = true },
    ];

    [SkippableFact]
    public async Task Each_condition_has_the_same_causes_and_levels_in_the_code_and_in_the_rules()
    {
        Require.Tool("promtool", "prometheus");

        var results = await Task.WhenAll(Conditions.GroupBy(EvaluationMinutes).Select(conditions => Promtool.TestWithoutTextsAsync(
            $"rule_files: [nexus-backup.rules.yml]\ngroup_eval_order: {RuleFile.EvaluationOrder}\nevaluation_interval: {conditions.Key}m\ntests:\n{string.Concat(conditions.Select(TestOf))}")));

        Assert.All(results, result => Assert.True(result.ExitCode == 0, result.Text));
    }

    /// <summary>But what only people who look are told, and what only a Prometheus can see.</summary>
    [Fact]
    public void Each_alert_has_a_cause_of_its_name_and_each_cause_an_alert()
    {
        var alerts = RuleFile.Alerts.Select(rule => rule.Alert!).Distinct(StringComparer.Ordinal).Except(SeenByPrometheusAlone, StringComparer.Ordinal);
        var causes = Enum.GetValues<EscalationCause>().Except([EscalationCause.Unknown]).Select(cause => $"NexusBackup{cause}");

        Assert.Equal(causes.Order(StringComparer.Ordinal), alerts.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Each_cause_that_has_an_alert_is_asked_about() => Assert.Equal(
        Enum.GetValues<EscalationCause>().Except([EscalationCause.Unknown, EscalationCause.DrillOverdue]),
        Conditions.SelectMany(Decide).Select(reason => reason.Cause).Distinct().Order());

    /// <summary>More than promtool's hours can hold here; nexus-backup.months.test.yml sees it fire.</summary>
    [Fact]
    public void A_drill_is_overdue_after_the_same_time()
    {
        var rule = RuleFile.Alerts.Single(rule => rule.Alert == "NexusBackupDrillOverdue");

        Assert.Contains($"> {Escalation.DrillOverdueAfter.Days} * 86400", rule.Expr, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("NexusBackupSchedulerStuck", 600)]
    [InlineData("NexusBackupRunStuck", 6 * 3600)]
    public void Something_is_stuck_after_the_same_time(string alert, int seconds)
    {
        Assert.Equal(seconds, (alert == "NexusBackupRunStuck" ? Escalation.RunStuckAfter : AgentState.StuckAfter).TotalSeconds);
        Assert.Contains(seconds == 600 ? "> 600" : "> 6 * 3600 + 900", RuleFile.Alerts.Single(rule => rule.Alert == alert).Expr, StringComparison.Ordinal);
    }

    /// <summary>Rules that have to remember what is not scraped any more are evaluated within Prometheus's look-back of five minutes; others may be seldom.</summary>
    private static int EvaluationMinutes(EscalationCondition condition) => TestScope.IsWhole || condition is not { IsStoreUp: true, IsAgentUp: true } ? 4 : 20;

    private static string TestOf(EscalationCondition condition) => $$"""
        - name: {{condition.Name}}
          interval: 4m
          input_series:
          {{string.Join("\n  ", condition.Series().Select(series => $"- {{series: 'nexus_backup_{series.Name}', values: {series.Values}}}"))}}
          - {series: 'up{job="nexus-backup",instance="a"}', values: {{(condition.IsAgentUp ? 1 : 0)}}x430}
          promql_expr_test:
          - eval_time: {{EscalationCondition.Hours}}h
            expr: count by (alertname, level) (ALERTS{alertstate="firing",level!=""})
            exp_samples: [{{string.Join(", ", Expected(condition).Select(alert => $"{{labels: '{{alertname=\"NexusBackup{alert.Cause}\",level=\"{alert.Level}\"}}', value: 1}}"))}}]

        """;

    /// <summary>What the code decides. A rule of a lower level of the same name fires as well, and Alertmanager mutes it.</summary>
    private static IEnumerable<(EscalationCause Cause, EscalationLevel Level)> Expected(EscalationCondition condition) =>
        Decide(condition).SelectMany(reason => reason switch
        {
            { Cause: EscalationCause.AllCorrupt } => condition.Corrupt == 0 ? [(reason.Cause, reason.Level)] : [(reason.Cause, reason.Level), (EscalationCause.Corrupt, EscalationLevel.L1)],
            { Level: EscalationLevel.L3, Cause: EscalationCause.Stale } => [(reason.Cause, EscalationLevel.L1), (reason.Cause, EscalationLevel.L2), (reason.Cause, reason.Level)],
            { Level: EscalationLevel.L2, Cause: EscalationCause.Stale or EscalationCause.Failed or EscalationCause.StorageFull or EscalationCause.StreamBehind } => [(reason.Cause, EscalationLevel.L1), (reason.Cause, reason.Level)],
            _ => (IEnumerable<(EscalationCause, EscalationLevel)>)[(reason.Cause, reason.Level)],
        });

    /// <summary>What the code says of a condition.</summary>
    internal static IEnumerable<EscalationReason> Decide(EscalationCondition condition)
    {
        var agent = new AgentState(EscalationCondition.Now, condition.IsAgentUp, condition.IsStuck || !condition.IsAgentUp ? EscalationCondition.Now.AddHours(-2) : EscalationCondition.Now)
        {
            SelfTest = condition.HasSelfTestFailed ? Ended(OperationKind.SelfTest, hoursAgo: 2, new RunFailure(FailureKind.Verification, "", "")) : null,
        };
        return StateOf(condition).Reasons.Concat(agent.Reasons);
    }

    /// <summary>What the agent would have read of a source in a condition.</summary>
    internal static SourceState StateOf(EscalationCondition condition)
    {
        const string Past = "past"; // a schedule whose backups are kept for a day; its newest one stays
        var good = condition.Age is { } age ? Enumerable.Range(0, condition.Good).Select(index => BackupOf(age + index, passed: true)) : [];
        var past = condition.Overdue == 0 ? [] : Enumerable.Range(300, condition.Overdue + 1).Select(hours => BackupOf(hours, passed: true)).Select(backup => backup with { Manifest = backup.Manifest with { Schedule = Past } });
        var source = new ProtectedSource(
            "itsm", Source: null!, Catalog: null!, new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal) { [Past] = RetentionPeriod.Parse("1d") }, TimeZoneInfo.Utc, Compression: 6, TimeLimit: TimeSpan.FromHours(6), Attempts: 1, RetryDelay: TimeSpan.Zero);
        var available = (long)Math.Round(10_000 * (1 - condition.Disk));
        return new SourceState(
            new ScheduledSource(
                source,
                condition.IsLate ? [new Schedule("daily", CronSchedule.Parse("0 2 * * *"), BackupType.Full)] : [],
                TimeSpan.FromHours(EscalationCondition.Warning),
                TimeSpan.FromHours(EscalationCondition.Critical)),
            condition.IsStoreUp
                ? new SourceListing([.. good, .. past, .. condition.IsFromFuture ? [BackupOf(-24, passed: true)] : Array.Empty<Backup>(), .. Enumerable.Range(1, condition.Corrupt).Select(index => BackupOf(index, passed: false)), .. SetAsideOf(condition)])
                : new SourceListing(Backups: null, new BackupException(FailureKind.StoreUnavailable, "", "")),
            new SourceRecords
            {
                Activity = new SourceActivity(condition.AddedAt, LastRunAt: null, LastRunSucceeded: false, condition.Failures, condition.Run is { } hours ? EscalationCondition.Now.AddHours(-hours) : null, 0, 0, 0),
                SuccessfulRuns = new(condition.HasSucceeded ? 1L : 0L),
                LastDrill = Ended(OperationKind.Drill, hoursAgo: 2, condition.HasDrillFailed ? new RunFailure(FailureKind.Restore, "", "") : null),
                LastLiveRestore = condition.Restore is { } ago ? Ended(OperationKind.Restore, ago, new RunFailure(FailureKind.Restore, "", "")) : null,
                History = new(new SourceHistory { LastGoodRunAt = condition.Age is { } run ? EscalationCondition.Now.AddHours(-run) : null }),
            },
            new StoreStatus("local", "/b", new StoreSpace(10_000, available, available), Failure: null),
            EscalationCondition.Now)
        {
            IsAgentRunning = condition.IsAgentUp,
            Copies = condition.Copied is { } copied ? [CopiesOf(source, copied, [.. good])] : [],
            Stream = condition.Late is { } minutes && condition.IsAgentUp
                ? new StreamState(IsUp: true, EscalationCondition.Now.AddMinutes(-minutes), (long)(condition.Kept * 1000), Limit: 1000, condition.Gap is { } since ? EscalationCondition.Now.AddHours(-since) : null)
                : null,
        };
    }

    private static CopyState CopiesOf(ProtectedSource source, double copied, IReadOnlyList<Backup> good) =>
        new(source, new CopyTarget(Catalog: null!, new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal)), new SourceListing(good), EscalationCondition.Now)
        {
            Store = new StoreStatus("offsite", "/o", Space: null, Failure: null),
            Listing = new SourceListing([.. good.Where(backup => backup.CapturedAt <= EscalationCondition.Now.AddHours(-copied))]),
            Last = Ended(OperationKind.Copy, hoursAgo: 1, failure: null),
        };

    private static Operation Ended(OperationKind kind, double hoursAgo, RunFailure? failure)
    {
        var at = EscalationCondition.Now.AddHours(-hoursAgo);
        return new Operation(0, "itsm", kind, at, at, Backup: null, "", failure);
    }

    private static IEnumerable<Backup> SetAsideOf(EscalationCondition condition)
    {
        if (condition.SetAside is not { } ago)
            yield break;
        var backup = BackupOf(ago, passed: false);
        var artifact = backup.Artifact with { Name = backup.File + ".bad", ChangedAt = EscalationCondition.Now.AddHours(-ago) };
        yield return backup with { Artifact = artifact, Verification = condition.IsByHand ? null : backup.Verification };
    }

    private static Backup BackupOf(double ageHours, bool passed)
    {
        var at = EscalationCondition.Now.AddSeconds(-Math.Round(ageHours * 3600));
        var id = BackupId.New(at);
        var digest = new ArtifactDigest(100, "00");
        var manifest = new BackupManifest(
            1, id, "itsm", "sqlite", "daily", BackupType.Full, Base: null, at, $"daily_{ageHours}.db.gz", digest, digest, Adopted: false, new Dictionary<string, string>(StringComparer.Ordinal));
        return new Backup(manifest, "", new StoredFile(manifest.File, 100, at), new VerificationResult(id, at, 100, passed, []));
    }
}
