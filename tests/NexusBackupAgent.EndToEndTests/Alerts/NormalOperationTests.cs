using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>
/// No alert fires in a fortnight of either example installation, with the month's first, missed scrapes and restarts, where the
/// clock is never changed, where an hour is gained and where one is lost. Without <c>tests/run all</c> each fortnight is of one
/// example: where the clock is changed, of the one whose runs are at night.
/// </summary>
public sealed class NormalOperationTests
{
    private static readonly (string Name, string Zone, string From)[] Fortnights =
    [
        ("tokyo", "Asia/Tokyo", "2026-10-20T06:30:00Z"),
        ("autumn", "Europe/Berlin", "2026-10-20T06:30:00Z"),
        ("spring", "Europe/Berlin", "2026-03-20T06:30:00Z"),
    ];

    [SkippableFact]
    public async Task Both_examples_are_silent_for_a_fortnight_and_an_installation_whose_runs_stop_is_not()
    {
        Require.Tool("promtool", "prometheus");
        Assert.All(Fortnights, fortnight => Assert.Contains(1, Enumerable.Range(0, 14).Select(day => DateTimeOffset.Parse(fortnight.From, null).AddDays(day).Day)));

        var result = await Promtool.TestWithoutTextsAsync(Document(Agents()));

        Assert.True(result.ExitCode == 0, result.Text);
    }

    /// <summary>Silence proves something only of what was there to be heard.</summary>
    [Fact]
    public void Every_series_that_an_alert_looks_at_is_there()
    {
        var exported = Agents().SelectMany(agent => agent.Series()).Select(series => series.Series.Split('{')[0]);
        var records = RuleFile.Rules.Select(rule => rule.Record).OfType<string>();

        Assert.Empty(RuleFile.Rules.SelectMany(rule => Metrics.NamesIn(rule.Expr)).Except(exported).Except(records).Except(Metrics.FromPrometheus));
    }

    private static IEnumerable<SimulatedAgent> Agents()
    {
        foreach (var (index, (name, zone, from)) in Fortnights.Index())
        {
            if (TestScope.IsWhole || zone != "Asia/Tokyo")
                yield return Agent("itsm-nexus.yml", $"itsm-{name}", zone, from, 5 + index, TimeSpan.FromMinutes(45), ["itsm"]);
            if (TestScope.IsWhole || zone == "Asia/Tokyo")
                yield return Agent("tenants.yml", $"tenants-{name}", zone, from, 17 + index, TimeSpan.FromMinutes(2), ["acme"]);
        }

        yield return Agent("itsm-nexus.yml", "stopped", "Asia/Tokyo", Fortnights[0].From, 25, TimeSpan.FromMinutes(45), ["itsm"], runDays: 10);
    }

    private static SimulatedAgent Agent(string example, string instance, string zoneName, string start, int missesAt, TimeSpan run, string[] names, int? runDays = null)
    {
        var (zone, from) = (TimeZoneInfo.FindSystemTimeZoneById(zoneName), DateTimeOffset.Parse(start, null));
        var configured = Assert.Single(ConfigurationFile.Load(Repository.File("examples", example), zone).Configuration!.Sources);
        DateTimeOffset? lastRun = runDays is { } days ? from.AddDays(days) : null;
        return new SimulatedAgent(instance, from, missesAt, [.. names.Select(name => new SimulatedSource(name, configured, zone, from, run, lastRun))]);
    }

    private static string Document(IEnumerable<SimulatedAgent> agents) => $$"""
        rule_files: [nexus-backup.rules.yml]
        group_eval_order: {{RuleFile.EvaluationOrder}}
        evaluation_interval: {{SimulatedAgent.Step}}m
        tests:
        - interval: {{SimulatedAgent.Step}}m
          input_series:
          {{string.Join("\n  ", agents.SelectMany(agent => agent.Series()).Select(series => $"- {{series: '{series.Series}', values: '{series.Values}'}}"))}}
          promql_expr_test:
          - eval_time: 14d
            expr: count by (instance, alertname, level) (count_over_time(ALERTS{alertstate="firing",level!=""}[14d]))
            exp_samples:
            - {labels: '{instance="stopped",alertname="NexusBackupScheduleOverdue",level="L1"}', value: 3}
            - {labels: '{instance="stopped",alertname="NexusBackupStale",level="L1"}', value: 1}
            - {labels: '{instance="stopped",alertname="NexusBackupStale",level="L2"}', value: 1}
            - {labels: '{instance="stopped",alertname="NexusBackupStale",level="L3"}', value: 1}

        """;
}
