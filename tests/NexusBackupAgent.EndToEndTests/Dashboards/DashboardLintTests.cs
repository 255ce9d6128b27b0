using System.Text.Json;
using System.Text.RegularExpressions;
using AgentMetrics = NexusBackupAgent.EndToEndTests.Alerts.Metrics;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

/// <summary>
/// The rules of Grafana's dashboard-linter that apply to us. Where a dashboard departs from one, the exception stands here
/// with its reason.
/// </summary>
public sealed partial class DashboardLintTests
{
    private static readonly string[] MatchedWithTheChosen = ["nexus_backup:age_seconds", "nexus_backup:rpo_level", "nexus_backup_runs_total{result=\"success\"}"];

    [Theory]
    [MemberData(nameof(Dashboard.All), MemberType = typeof(Dashboard))]
    public void Its_data_source_is_a_variable_and_every_query_uses_it(string name)
    {
        var dashboard = new Dashboard(name);

        var variable = Assert.Single(dashboard.Variables, variable => variable.GetProperty("type").GetString() == "datasource");
        Assert.Equal(("datasource", "prometheus"), (variable.GetProperty("name").GetString(), variable.GetProperty("query").GetString()));
        Assert.All(dashboard.Panels, panel => Assert.True(panel.TryGetProperty("datasource", out _), Dashboard.TitleOf(panel))); // its queries have it from there
        Assert.All(DataSourcesIn(dashboard.Json), source => Assert.Equal(("prometheus", "${datasource}"), (source.GetProperty("type").GetString(), source.GetProperty("uid").GetString())));
    }

    /// <summary>Exception: the page of one source has one job, agent and source; two of the same name must not be added up.</summary>
    [Theory]
    [InlineData("nexus-backup-overview.json", true)]
    [InlineData("nexus-backup-source.json", false)]
    public void Job_agent_and_source_can_be_chosen_and_follow_the_shown_time(string name, bool several)
    {
        var variables = new Dashboard(name).Variables.Where(variable => variable.GetProperty("type").GetString() == "query").ToList();

        Assert.Equal(["job", "instance", "source"], variables.Select(variable => variable.GetProperty("name").GetString()));
        Assert.All(variables, variable =>
        {
            Assert.Equal(2, variable.GetProperty("refresh").GetInt32()); // when the time range changes
            Assert.Equal((several, several), (variable.GetProperty("multi").GetBoolean(), variable.GetProperty("includeAll").GetBoolean()));
            Assert.Equal(several ? ".+" : null, variable.TryGetProperty("allValue", out var all) ? all.GetString() : null);
        });
    }

    [Theory]
    [MemberData(nameof(Dashboard.All), MemberType = typeof(Dashboard))]
    public void It_is_not_edited_in_place(string name) => Assert.False(new Dashboard(name).Json.GetProperty("editable").GetBoolean());

    [Theory]
    [MemberData(nameof(Dashboard.All), MemberType = typeof(Dashboard))]
    public void Each_panel_has_a_title_a_description_and_a_unit(string name)
    {
        Assert.All(new Dashboard(name).Panels, panel =>
        {
            Assert.NotEmpty(Dashboard.TitleOf(panel));
            Assert.NotEmpty(panel.GetProperty("description").GetString()!);
            Assert.NotEmpty(panel.GetProperty("fieldConfig").GetProperty("defaults").GetProperty("unit").GetString()!);
        });
    }

    [Theory]
    [MemberData(nameof(Dashboard.All), MemberType = typeof(Dashboard))]
    public void Each_panel_asks_something(string name) =>
        Assert.All(new Dashboard(name).Panels.Where(panel => panel.GetProperty("type").GetString() != "text"), panel =>
        {
            Assert.NotEmpty(panel.GetProperty("targets").EnumerateArray());
            Assert.All(panel.GetProperty("targets").EnumerateArray(), target => Assert.False(string.IsNullOrWhiteSpace(Dashboard.ExpressionOf(target)), Dashboard.TitleOf(panel)));
        });

    /// <summary>A text of its own where Grafana would say "No data": an empty panel can be good news.</summary>
    [Theory]
    [MemberData(nameof(Dashboard.All), MemberType = typeof(Dashboard))]
    public void Each_panel_says_what_it_means_when_it_is_empty(string name) =>
        Assert.All(new Dashboard(name).Panels, panel => Assert.NotEmpty(panel.GetProperty("fieldConfig").GetProperty("defaults").GetProperty("noValue").GetString()!));

    /// <summary>
    /// An alert about the agent or a store has no source, one about a missing agent no instance. Exception: in a query that would be
    /// too long, what is matched one by one with a series of what is chosen.
    /// </summary>
    [Theory]
    [MemberData(nameof(Dashboard.English), MemberType = typeof(Dashboard))]
    public void Each_selector_respects_the_chosen_job_and_agent(string name)
    {
        var selectors = new Dashboard(name).Targets.SelectMany(query => AgentMetrics.SelectorsIn(Dashboard.ExpressionOf(query.Target))).ToList();

        Assert.NotEmpty(selectors);
        Assert.All(selectors.Except(MatchedWithTheChosen), selector => Assert.Matches(@"job=~""\$job"", instance=~""\$instance\|?""", selector));
    }

    /// <summary>Exception: a day, in the calendar of days. Backups are daily; the rate of a graph's step is nearly always zero.</summary>
    [Theory]
    [MemberData(nameof(Dashboard.English), MemberType = typeof(Dashboard))]
    public void Counters_are_read_over_the_shown_range_or_by_day(string name)
    {
        Assert.All(new Dashboard(name).Targets, query =>
        {
            var counters = CounterRange().Matches(Dashboard.ExpressionOf(query.Target)).Select(match => match.Groups[1].Value).Distinct();
            var allowed = Dashboard.TitleOf(query.Panel) == "Runs by day" ? "1d" : "$__range";
            Assert.All(counters, range => Assert.Equal(allowed, range));
        });
    }

    [Theory]
    [MemberData(nameof(Dashboard.English), MemberType = typeof(Dashboard))]
    public void A_counter_is_never_shown_as_it_stands(string name)
    {
        var bare = from query in new Dashboard(name).Targets
                   let expression = Dashboard.ExpressionOf(query.Target)
                   where BareCounter().IsMatch(expression) && Dashboard.TitleOf(query.Panel) != "Drills made" // the count since the beginning is what it shows
                   select expression;

        Assert.Empty(bare);
    }

    /// <summary>Blue to purple would say how much, and a legend has to say which.</summary>
    [Theory]
    [MemberData(nameof(Dashboard.English), MemberType = typeof(Dashboard))]
    public void A_graph_tells_its_series_apart_by_colour(string name) =>
        Assert.All(
            new Dashboard(name).Panels.Where(panel => panel.GetProperty("type").GetString() == "timeseries"),
            panel => Assert.Equal("palette-classic", Dashboard.DefaultOf(panel, "color").GetProperty("mode").GetString()));

    /// <summary>Tables name their columns by overrides instead.</summary>
    [Theory]
    [MemberData(nameof(Dashboard.All), MemberType = typeof(Dashboard))]
    public void Each_query_but_those_of_tables_has_a_legend(string name) =>
        Assert.All(
            new Dashboard(name).Targets.Where(query => query.Panel.GetProperty("type").GetString() != "table"),
            query => Assert.DoesNotContain(query.Target.GetProperty("legendFormat").GetString(), (string?[])[null, "", "__auto"]));

    private static IEnumerable<JsonElement> DataSourcesIn(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(member => member.Name == "datasource" ? [member.Value] : DataSourcesIn(member.Value)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(DataSourcesIn),
        _ => [],
    };

    [GeneratedRegex(@"\b(?:rate|irate|increase)\(\w+\{[^}]*\}\[([^\]]+)\]")]
    private static partial Regex CounterRange();

    [GeneratedRegex(@"(?<!(?:rate|irate|increase)\()\bnexus_backup_\w+_total\{")]
    private static partial Regex BareCounter();
}
