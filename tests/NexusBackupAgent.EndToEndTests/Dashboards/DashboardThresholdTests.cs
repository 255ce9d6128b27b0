using System.Text.Json;
using System.Text.RegularExpressions;
using static NexusBackupAgent.EndToEndTests.Alerts.Thresholds;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

/// <summary>The dashboards change their colours at the runbook's <see cref="Alerts.Thresholds"/>, in every panel and every column.</summary>
public sealed partial class DashboardThresholdTests
{
    private static readonly string[] DiskSteps = [Ratio(DiskPercent.L1), Ratio(DiskPercent.L2)];
    private static readonly string[] FailureSteps = [$"{FailuresInARow.L1}", $"{FailuresInARow.L2}"];

    /// <summary>Listed, so that one that is lost, or shown in another unit, is missed.</summary>
    [Theory]
    [InlineData("nexus-backup-overview.json", "Fullest store", "Used share of each store", "Forecast: Used", "Forecast: In 7 days")]
    [InlineData("nexus-backup-source.json", "Used share of its store")]
    public void Each_used_share_changes_colour_at_the_disks_thresholds(string name, params string[] shown)
    {
        var values = ValuesOf(name, "disk_used_ratio").Where(value => value.Unit == "percentunit").ToList();

        Assert.Equal(shown, values.Select(value => value.Title));
        Assert.All(values, value => Assert.Equal(DiskSteps, value.Steps));
    }

    [Theory]
    [InlineData("nexus-backup-overview.json", "Each source: Failed in a row")]
    [InlineData("nexus-backup-source.json", "Failures")]
    public void Each_count_of_failures_in_a_row_changes_colour_at_their_thresholds(string name, params string[] shown)
    {
        var values = ValuesOf(name, "consecutive_failures").Where(value => value.Title != "Failing").ToList();

        Assert.Equal(shown, values.Select(value => value.Title));
        Assert.All(values, value => Assert.Equal(FailureSteps, value.Steps));
    }

    [Fact]
    public void A_source_is_failing_from_the_first_threshold_on() =>
        Assert.Contains(
            $"}} > bool {FailuresInARow.L1 - 1})", Assert.Single(ValuesOf("nexus-backup-overview.json", "consecutive_failures"), value => value.Title == "Failing").Expression, StringComparison.Ordinal);

    [Fact]
    public void The_forecast_counts_the_time_to_the_thresholds_that_its_columns_name()
    {
        var days = ValuesOf("nexus-backup-overview.json", "disk_used_ratio").Where(value => value.Title.StartsWith("Forecast", StringComparison.Ordinal) && value.Unit != "percentunit");

        Assert.Equal(
            [(In("Forecast: {0} % in"), DiskSteps[0]), (In("Forecast: {1} % in"), DiskSteps[1])],
            days.Select(value => (value.Title, string.Join(' ', Share().Matches(value.Expression)))));
    }

    [Theory]
    [MemberData(nameof(Dashboard.All), MemberType = typeof(Dashboard))]
    public void Each_text_about_disks_names_their_thresholds(string name)
    {
        var described = new Dashboard(name).Panels.Select(panel => Percents(panel.GetProperty("description").GetString()!)).Where(percents => percents.Length > 1).ToList();
        var columns = ValuesOf(name, "disk_used_ratio").Select(value => Percents(value.Title)).Where(percents => percents.Length > 0).ToList();

        Assert.NotEmpty(described);
        Assert.All(described, percents => Assert.Equal([$"{DiskPercent.L1}", $"{DiskPercent.L2}"], percents));
        Assert.Equal(name.EndsWith("overview.json", StringComparison.Ordinal) ? [[$"{DiskPercent.L1}"], [$"{DiskPercent.L2}"]] : [], columns);
    }

    /// <summary>An age has the thresholds of its source, which the agent exports.</summary>
    [Theory]
    [MemberData(nameof(Dashboard.English), MemberType = typeof(Dashboard))]
    public void No_colour_and_no_query_has_an_age_of_its_own(string name)
    {
        string[] ages = [$"{AgeHours.L1 * 3600}", $"{AgeHours.L2 * 3600}"];
        var values = ValuesOf(name, "").ToList();

        Assert.NotEmpty(values);
        Assert.All(values, value => Assert.Empty(value.Steps.Intersect(ages)));
        Assert.All(values.Where(value => value.Expression.Contains("age_seconds", StringComparison.Ordinal)), value => Assert.DoesNotMatch($@"\b({string.Join('|', ages)})\b", value.Expression));
    }

    /// <summary>What is shown of the queries that use the metric: a panel, or a column of a table.</summary>
    private static IEnumerable<Value> ValuesOf(string dashboard, string metric) =>
        from query in new Dashboard(dashboard).Targets
        let expression = Dashboard.ExpressionOf(query.Target)
        where expression.Contains(metric, StringComparison.Ordinal)
        select Shown(query.Panel, $"Value #{query.Target.GetProperty("refId").GetString()}", expression);

    private static Value Shown(JsonElement panel, string column, string expression)
    {
        var fields = panel.GetProperty("fieldConfig");
        var own = fields.GetProperty("overrides").EnumerateArray().Where(one => one.GetProperty("matcher").GetProperty("options").GetString() == column)
            .SelectMany(one => one.GetProperty("properties").EnumerateArray())
            .ToDictionary(property => property.GetProperty("id").GetString()!, property => property.GetProperty("value"));
        var all = fields.GetProperty("defaults");
        var title = Dashboard.TitleOf(panel);
        return new Value(
            own.TryGetValue("displayName", out var name) ? $"{title}: {name.GetString()}" : title,
            own.TryGetValue("unit", out var unit) ? unit.GetString()! : all.GetProperty("unit").GetString()!,
            expression,
            Steps(own.TryGetValue("thresholds", out var thresholds) ? thresholds : Dashboard.DefaultOf(panel, "thresholds")));
    }

    private static string[] Steps(JsonElement thresholds) => thresholds.ValueKind == JsonValueKind.Undefined ? [] : [.. thresholds.GetProperty("steps").EnumerateArray().Skip(1).Select(step => step.GetProperty("value").GetRawText())];

    private static string[] Percents(string text) => [.. Percent().Matches(text).Select(match => match.Groups[1].Value)];

    [GeneratedRegex(@"\b0\.[0-9]+")]
    private static partial Regex Share();

    [GeneratedRegex("([0-9]+) ?%")]
    private static partial Regex Percent();

    /// <param name="Title">Of the panel, and of the column where it is a table.</param>
    /// <param name="Unit">As Grafana calls it.</param>
    /// <param name="Steps">The values at which the colour changes, as the file writes them.</param>
    private sealed record Value(string Title, string Unit, string Expression, string[] Steps);
}
