using System.Globalization;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.EndToEndTests.Support;
using NexusBackupAgent.Runs;
using NexusBackupAgent.Storage;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>
/// The level that <c>status</c>, <c>diagnose</c> and <c>report</c> show is the one that the alerts page: both are asked about
/// the same conditions, the code directly and the rules through promtool.
/// </summary>
public sealed class EscalationAgreesWithTheRulesTests
{
    // Later than every "for" of the rules; and the thresholds of age are data, so that a day and a bit is enough.
    private const int Hours = 28;
    private const double Warning = 5;
    private const double Critical = 10;

    /// <summary>That it has nothing to ask, that a count grew since yesterday, that its clock is another; and what the agent does not do yet.</summary>
    private static readonly string[] SeenByPrometheusAlone =
        ["NexusBackupAgentAbsent", "NexusBackupNothingProtected", "NexusBackupMissing", "NexusBackupClockSkew", "NexusBackupWatchdog", "NexusBackupCopyLate"];

    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddHours(Hours);

    private static readonly Condition Healthy = new("healthy", Age: 1, Good: 3);

    private static readonly Condition[] Conditions =
    [
        Healthy,
        Healthy with { Name = "age below the warning", Age = 4.9 },
        Healthy with { Name = "age beyond the warning", Age = 7 },
        Healthy with { Name = "age beyond the critical", Age = 11 },
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
        Healthy with { Name = "a drill failed", HasDrillFailed = true },
        Healthy with { Name = "a self-test failed", HasSelfTestFailed = true },
        Healthy with { Name = "a restore failed before the newest backup", Restore = 2 },
        Healthy with { Name = "a restore failed after the newest backup", Restore = 0.5 },
        Healthy with { Name = "a restore failed where nothing good is left", Age = null, Good = 0, Restore = 2 },
        Healthy with { Name = "a backup from the future", IsFromFuture = true },
        Healthy with { Name = "agent gone", IsAgentUp = false },
        Healthy with { Name = "scheduler stuck", IsStuck = true },
    ];

    [SkippableFact]
    public async Task Each_condition_has_the_same_causes_and_levels_in_the_code_and_in_the_rules()
    {
        Require.Tool("promtool", "prometheus");
        var file = Path.Combine(RuleFile.Directory, $".agreement-{Guid.NewGuid():N}.yml"); // rule files are named relative to it
        try
        {
            await File.WriteAllTextAsync(file, $"rule_files: [nexus-backup.rules.yml]\nevaluation_interval: 4m\ntests:\n{string.Concat(Conditions.Select(TestOf))}");
            var result = await Tool.RunAsync("promtool", ["test", "rules", file]);
            Assert.True(result.ExitCode == 0, result.Text);
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>But what only people who look are told, what only a Prometheus can see, and copies, which the agent does not make yet.</summary>
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
        Assert.Equal(seconds, (alert == "NexusBackupRunStuck" ? Escalation.RunStuckAfter : AgentCondition.StuckAfter).TotalSeconds);
        Assert.Contains(seconds == 600 ? "> 600" : "> 6 * 3600", RuleFile.Alerts.Single(rule => rule.Alert == alert).Expr, StringComparison.Ordinal);
    }

    private static string TestOf(Condition condition) => $$"""
        - name: {{condition.Name}}
          interval: 4m
          input_series:
          {{string.Join("\n  ", SeriesOf(condition).Select(series => $"- {{series: 'nexus_backup_{series.Name}', values: {series.Values}}}"))}}
          - {series: 'up{job="nexus-backup",instance="a"}', values: {{(condition.IsAgentUp ? 1 : 0)}}x430}
          promql_expr_test:
          - eval_time: {{Hours}}h
            expr: count by (alertname, level) (ALERTS{alertstate="firing",level!=""})
            exp_samples: [{{string.Join(", ", Expected(condition).Select(alert => $"{{labels: '{{alertname=\"NexusBackup{alert.Cause}\",level=\"{alert.Level}\"}}', value: 1}}"))}}]

        """;

    /// <summary>What the code decides. A rule of a lower level of the same name fires as well, and Alertmanager mutes it.</summary>
    private static IEnumerable<(EscalationCause Cause, EscalationLevel Level)> Expected(Condition condition) =>
        Decide(condition).SelectMany(reason => reason switch
        {
            { Cause: EscalationCause.AllCorrupt } => condition.Corrupt == 0 ? [(reason.Cause, reason.Level)] : [(reason.Cause, reason.Level), (EscalationCause.Corrupt, EscalationLevel.L1)],
            { Level: EscalationLevel.L2, Cause: EscalationCause.Stale or EscalationCause.Failed or EscalationCause.StorageFull } => [(reason.Cause, EscalationLevel.L1), (reason.Cause, reason.Level)],
            _ => (IEnumerable<(EscalationCause, EscalationLevel)>)[(reason.Cause, reason.Level)],
        });

    private static IEnumerable<EscalationReason> Decide(Condition condition)
    {
        var good = condition.Age is { } age ? Enumerable.Range(0, condition.Good).Select(index => BackupOf(age + index, passed: true)) : [];
        var source = new SourceCondition(
            condition.IsStoreUp ? [.. good, .. condition.IsFromFuture ? [BackupOf(-24, passed: true)] : Array.Empty<Backup>(), .. Enumerable.Range(1, condition.Corrupt).Select(index => BackupOf(index, passed: false)), .. SetAsideOf(condition)] : null,
            AddedAt(condition),
            condition.Failures,
            condition.Overdue,
            condition.Disk,
            TimeSpan.FromHours(Warning),
            TimeSpan.FromHours(Critical))
        {
            HasSucceeded = condition.HasSucceeded,
            LateSchedule = condition.IsLate ? "daily" : null,
            RunStartedAt = condition.IsAgentUp && condition.Run is { } hours ? Now.AddHours(-hours) : null,
            LastDrillAt = Now.AddHours(-2),
            HasDrillFailed = condition.HasDrillFailed,
            RestoreFailedAt = condition.Restore is { } ago ? Now.AddHours(-ago) : null,
        };
        var agent = new AgentCondition(condition.IsAgentUp, condition.IsStuck || !condition.IsAgentUp ? Now.AddHours(-2) : Now) { SelfTestFailure = condition.HasSelfTestFailed ? new RunFailure(FailureKind.Verification, "", "") : null };
        return Escalation.Decide(source, Now).Concat(Escalation.OfAgent(agent, Now));
    }

    private static IEnumerable<(string Name, string Values)> SeriesOf(Condition condition)
    {
        foreach (var (name, value) in ConstantsOf(condition))
            yield return (name, $"{value.ToString(CultureInfo.InvariantCulture)}x430");

        yield return ("time_seconds{job=\"nexus-backup\",instance=\"a\"}", "0+240x430");

        // 15 samples an hour; 0 until it was set aside.
        const string Aside = "backups{job=\"nexus-backup\",instance=\"a\",source=\"itsm\",schedule=\"daily\",state=\"quarantined\"}";
        yield return (Aside, condition.SetAside is { } ago ? $"0x{((Hours - ago) * 15) - 1} 1x430" : "0x430");
    }

    private static IEnumerable<(string Name, double Value)> ConstantsOf(Condition condition)
    {
        const string Source = "job=\"nexus-backup\",instance=\"a\",source=\"itsm\"";
        var now = (double)Now.ToUnixTimeSeconds();
        yield return ($"source_info{{{Source},kind=\"sqlite\",store=\"local\"}}", 1);
        yield return ($"source_added_timestamp_seconds{{{Source}}}", AddedAt(condition).ToUnixTimeSeconds());
        yield return ($"runs_total{{{Source},schedule=\"daily\",result=\"success\"}}", condition.HasSucceeded ? 1 : 0);
        yield return ($"rpo_seconds{{{Source},level=\"warning\"}}", Warning * 3600);
        yield return ($"rpo_seconds{{{Source},level=\"critical\"}}", Critical * 3600);
        yield return ($"last_success_timestamp_seconds{{{Source}}}", condition.Age is { } age ? now - (age * 3600) : 0);
        yield return ($"consecutive_failures{{{Source}}}", condition.Failures);
        yield return ($"backups{{{Source},schedule=\"daily\",state=\"good\"}}", condition.Good);
        yield return ($"backups{{{Source},schedule=\"daily\",state=\"corrupt\"}}", condition.Corrupt);
        yield return ($"run_start_timestamp_seconds{{{Source}}}", condition is { IsAgentUp: true, Run: { } run } ? now - (run * 3600) : 0);
        yield return ($"overdue_backups{{{Source}}}", condition.Overdue);
        yield return ($"next_run_timestamp_seconds{{{Source},schedule=\"daily\"}}", condition.IsLate ? now - 7200 : now + 3600);
        yield return ($"last_drill_timestamp_seconds{{{Source}}}", now - 7200);
        yield return ($"last_drill_success{{{Source}}}", condition.HasDrillFailed ? 0 : 1);
        yield return ($"last_restore_timestamp_seconds{{{Source}}}", condition.Restore is { } restore ? now - (restore * 3600) : 0);
        yield return ($"last_restore_success{{{Source}}}", 0);
        yield return ($"future_backups{{{Source}}}", condition.IsFromFuture ? 1 : 0);
        yield return ("last_self_test_timestamp_seconds{job=\"nexus-backup\",instance=\"a\"}", now - 7200);
        yield return ("self_test_success{job=\"nexus-backup\",instance=\"a\"}", condition.HasSelfTestFailed ? 0 : 1);
        yield return ("disk_used_ratio{job=\"nexus-backup\",instance=\"a\",store=\"local\"}", condition.Disk);
        yield return ("store_up{job=\"nexus-backup\",instance=\"a\",store=\"local\"}", condition.IsStoreUp ? 1 : 0);
        yield return ("scheduler_heartbeat_timestamp_seconds{job=\"nexus-backup\",instance=\"a\"}", condition.IsStuck ? now - 7200 : now);
    }

    private static DateTimeOffset AddedAt(Condition condition) => condition.Added is { } ago ? Now.AddHours(-ago) : DateTimeOffset.UnixEpoch.AddMinutes(1);

    private static IEnumerable<Backup> SetAsideOf(Condition condition)
    {
        if (condition.SetAside is not { } ago)
            yield break;
        var backup = BackupOf(ago, passed: false);
        var artifact = backup.Artifact with { Name = backup.File + ".bad", ChangedAt = Now.AddHours(-ago) };
        yield return backup with { Artifact = artifact, Verification = condition.IsByHand ? null : backup.Verification };
    }

    private static Backup BackupOf(double ageHours, bool passed)
    {
        var at = Now.AddHours(-ageHours);
        var id = BackupId.New(at);
        var digest = new ArtifactDigest(100, "00");
        var manifest = new BackupManifest(
            1, id, "itsm", "sqlite", "daily", BackupType.Full, Base: null, at, $"daily_{ageHours}.db.gz", digest, digest, Adopted: false, new Dictionary<string, string>(StringComparer.Ordinal));
        return new Backup(manifest, "", new StoredFile(manifest.File, 100, at), new VerificationResult(id, at, 100, passed, []));
    }

    /// <param name="Age">Hours of the newest good backup; null: none.</param>
    /// <param name="Added">Hours since the source was added; null: long ago.</param>
    /// <param name="SetAside">Hours since a corrupt one was set aside; null: none.</param>
    /// <param name="IsByHand">Whether somebody did that without any check.</param>
    /// <param name="Restore">Hours since a restore over the live database failed; null: none did.</param>
    /// <param name="Run">Hours of the run in flight; null: none.</param>
    private sealed record Condition(
        string Name,
        double? Age,
        int Good,
        int Corrupt = 0,
        int? SetAside = null,
        bool IsByHand = false,
        double? Restore = null,
        bool IsFromFuture = false,
        double? Run = null,
        int Failures = 0,
        int Overdue = 0,
        double Disk = 0.1,
        bool IsLate = false,
        bool IsStoreUp = true,
        bool IsAgentUp = true,
        bool IsStuck = false,
        double? Added = null,
        bool HasSucceeded = false,
        bool HasDrillFailed = false,
        bool HasSelfTestFailed = false);
}
