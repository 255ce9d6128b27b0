using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using NexusBackupAgent.Common;
using NexusBackupAgent.EndToEndTests.Support;
using NexusBackupAgent.Runbook;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>
/// What an alert carries for the escalation form means what <c>nexus-backup report</c> prints: both are asked about the same
/// conditions, at and around the thresholds and full hours.
/// </summary>
public sealed partial class FormAgreesWithTheReportTests
{
    private const double Second = 1 / 3600.0;

    private static readonly EscalationCondition Failing = new("failing", Age: 1, Good: 3, Failures: 1);

    private static readonly EscalationCondition[] Conditions =
    [
        Failing,
        Failing with { Name = "a second below the threshold", Age = EscalationCondition.Warning - Second },
        Failing with { Name = "at the threshold", Age = EscalationCondition.Warning },
        Failing with { Name = "a second below the next hour", Age = EscalationCondition.Warning + 1 - Second },
        Failing with { Name = "critical", Age = 10.5 },
        Failing with { Name = "a second below the emergency", Age = EscalationCondition.Critical + 2 - Second },
        Failing with { Name = "emergency", Age = EscalationCondition.Critical + 2 },
        Failing with { Name = "nothing good", Age = null, Good = 0 },
        Failing with { Name = "nothing good yet on its first day", Age = null, Good = 0, Added = 2 },
        Failing with { Name = "nothing ever seen in a store that is gone", Age = null, Good = 0, IsStoreUp = false },
        Failing with { Name = "disk just below 80 %", Disk = 0.7999 },
        Failing with { Name = "disk at 29 %, which no double is", Disk = 0.29 },
        Failing with { Name = "disk full", Disk = 1 },
    ];

    [SkippableFact]
    public async Task Each_condition_has_the_same_last_good_backup_RPO_and_disk_in_the_report_and_in_the_alert()
    {
        Require.Tool("promtool", "prometheus");
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder["rules.yml"], Rules());
        await File.WriteAllTextAsync(folder["test.yml"], $"rule_files: [rules.yml]\nevaluation_interval: 4m\ntests:\n{string.Concat(Conditions.Select(TestOf))}");

        var result = await Promtool.TestAsync(folder["test.yml"]);

        Assert.True(result.ExitCode == 0, result.Text);
    }

    /// <summary>The records, and of the alerts the one that all the conditions raise, with nothing but the form.</summary>
    private static string Rules()
    {
        var alert = RuleFile.Alerts.Single(rule => rule.Title == "NexusBackupFailed/L1");
        var annotations = ((string[])["last_good", "rpo", "disk_used"]).ToDictionary(name => name, name => alert.Annotations[name], StringComparer.Ordinal);
        object[] rules =
        [
            .. RuleFile.Rules.Where(rule => rule.Record is not null).Select(rule => new { record = rule.Record, expr = rule.Expr }),
            new { alert = alert.Alert, expr = alert.Expr, labels = alert.Labels, annotations },
        ];
        return JsonSerializer.Serialize(new { groups = new[] { new { name = "form", rules } } });
    }

    private static string TestOf(EscalationCondition condition)
    {
        var report = new IncidentReport(TimeZoneInfo.FindSystemTimeZoneById("Asia/Tokyo"), "").Text(IncidentOf(condition), Language.English);
        return $$"""
            - name: {{condition.Name}}
              interval: 4m
              input_series:
              {{string.Join("\n  ", condition.Series().Select(series => $"- {{series: 'nexus_backup_{series.Name}', values: {series.Values}}}"))}}
              - {series: 'up{job="nexus-backup",instance="a"}', values: 1x430}
              alert_rule_test:
              - eval_time: {{EscalationCondition.Hours}}h
                alertname: NexusBackupFailed
                exp_alerts:
                - exp_labels: {job: nexus-backup, instance: a, source: itsm, severity: warning, level: L1, service: nexus-backup}
                  exp_annotations: {last_good: "{{LastGood(Line(report, "Last good backup"))}}", rpo: "{{Rpo(Line(report, "RPO"))}}", disk_used: "{{Line(report, "Disk used")}} (local)"}

            """;
    }

    /// <summary>As <see cref="IncidentReader"/> gathers it.</summary>
    private static Incident IncidentOf(EscalationCondition condition) => new(
        EscalationAgreesWithTheRulesTests.StateOf(condition), new Trouble(IncidentKind.Other, EscalationCondition.Now, IsCurrent: true), [], [], []);

    private static string Line(string report, string name) =>
        report.Split('\n').Single(line => line.StartsWith($"■ {name}: ", StringComparison.Ordinal))[(name.Length + 4)..];

    private static string LastGood(string line) => line switch
    {
        _ when line.StartsWith("unknown", StringComparison.Ordinal) => "unknown",
        "none" => "none (itsm)",
        "none yet (NEW)" => "new (itsm)",
        _ => $"{line} JST (itsm)",
    };

    private static string Rpo(string line) => line switch
    {
        "unknown" => line,
        "within" => "within (itsm)",
        "NEW (no good backup yet)" => "new (itsm)",
        "exceeded (no good backup)" => "exceeded (itsm)",
        _ => Hours().Match(line) is var hours ? $"{hours.Groups["what"].Value} {int.Parse(hours.Groups["hours"].Value, CultureInfo.InvariantCulture)}h (itsm)" : "",
    };

    [GeneratedRegex(@"^(?:past the )?(?<what>warning|critical|exceeded)(?: threshold)? \((?<hours>\d+) hours\)$")]
    private static partial Regex Hours();
}
