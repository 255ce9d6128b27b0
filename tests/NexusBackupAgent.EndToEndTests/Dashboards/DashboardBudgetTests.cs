using System.Text.Json;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

/// <summary>A dashboard answers in five seconds, to a person and from Prometheus.</summary>
public sealed class DashboardBudgetTests
{
    private const int OpenPanels = 12;
    private const int LongestQuery = 300;
    private const int LinesOfBoth = 1_800;

    /// <summary>Of panels, variables and annotations. That what is closed asks nothing is seen where the page is drawn.</summary>
    internal const int QueriesAtFirst = 25;

    private static readonly (string Level, string Colour)[] Colours = [("0", "green"), ("1", "yellow"), ("2", "orange"), ("3", "red")];

    [Theory]
    [MemberData(nameof(Dashboard.English), MemberType = typeof(Dashboard))]
    public void The_first_row_says_whether_the_data_is_safe_since_when_how_fast_it_is_back_and_what_is_next(string name) =>
        Assert.Equal(
            ["Is the data safe?", "Newest good backup", "Recovery time", "Next run"],
            new Dashboard(name).OpenPanels.Where(panel => panel.GetProperty("gridPos").GetProperty("y").GetInt32() == 0).OrderBy(panel => panel.GetProperty("gridPos").GetProperty("x").GetInt32()).Select(Dashboard.TitleOf));

    [Theory]
    [MemberData(nameof(Dashboard.English), MemberType = typeof(Dashboard))]
    public void Little_is_open_and_asked_at_the_first_look_and_every_row_is_closed(string name)
    {
        var dashboard = new Dashboard(name);

        Assert.All(dashboard.Rows, row => Assert.True(row.GetProperty("collapsed").GetBoolean(), Dashboard.TitleOf(row)));
        Assert.InRange(dashboard.OpenPanels.Count(), 1, OpenPanels);
        var variables = dashboard.Variables.Count(variable => variable.GetProperty("type").GetString() == "query");
        var marks = dashboard.Json.TryGetProperty("annotations", out var annotations) ? annotations.GetProperty("list").GetArrayLength() : 0;
        Assert.InRange(dashboard.OpenPanels.Sum(panel => panel.GetProperty("targets").GetArrayLength()) + variables + marks, 1, QueriesAtFirst);
    }

    [Theory]
    [MemberData(nameof(Dashboard.English), MemberType = typeof(Dashboard))]
    public void A_query_that_is_too_long_to_read_is_a_record(string name) =>
        Assert.All(new Dashboard(name).Targets, query => Assert.True(Dashboard.ExpressionOf(query.Target).Length <= LongestQuery, $"{Dashboard.TitleOf(query.Panel)}: {Dashboard.ExpressionOf(query.Target)}"));

    [Fact]
    public void Both_files_stay_short() => Assert.InRange(Dashboard.Shipped.Sum(dashboard => File.ReadLines(dashboard.Path).Count()), 1, LinesOfBoth);

    [Theory]
    [MemberData(nameof(Dashboard.English), MemberType = typeof(Dashboard))]
    public void The_calendar_has_a_cell_for_each_day_and_the_restore_points_are_a_timeline(string name)
    {
        var panels = new Dashboard(name).OpenPanels.ToDictionary(Dashboard.TitleOf);

        Assert.Equal(("status-history", "1d"), (panels["Runs by day"].GetProperty("type").GetString(), panels["Runs by day"].GetProperty("interval").GetString()));
        Assert.Equal("state-timeline", panels["Restore points"].GetProperty("type").GetString());
    }

    /// <summary>A tile that shows something else than the level has it in its legend, by which its colour is chosen.</summary>
    [Theory]
    [InlineData("nexus-backup-overview.json", "Newest good backup 0123", "Failing 12", "Corrupt, past 7 days 13")]
    [InlineData("nexus-backup-source.json", "Newest good backup 0123", "Corrupt, past 7 days 13")]
    public void A_tile_has_the_colour_of_its_level(string name, params string[] tiles)
    {
        var levelled = new Dashboard(name).Targets.Where(query => query.Target.TryGetProperty("legendFormat", out var legend) && legend.GetString() == "{{level}}").Select(query => query.Panel).ToList();

        Assert.Equal(tiles, levelled.Select(panel => $"{Dashboard.TitleOf(panel)} {string.Concat(Dashboard.OverridesOf(panel).Select(LevelOf))}"));
        Assert.All(levelled.SelectMany(Dashboard.OverridesOf), one => Assert.Contains((LevelOf(one), ColourOf(one)), Colours));

        static string LevelOf(JsonElement one) => one.GetProperty("matcher").GetProperty("options").GetString()!;
        static string ColourOf(JsonElement one) => Assert.Single(one.GetProperty("properties").EnumerateArray()).GetProperty("value").GetProperty("fixedColor").GetString()!;
    }

    [Theory]
    [MemberData(nameof(Dashboard.All), MemberType = typeof(Dashboard))]
    public void New_is_a_state_of_its_own_and_no_level(string name)
    {
        var mapping = Dashboard.DefaultOf(new Dashboard(name).OpenPanels.First(), "mappings")[0].GetProperty("options");

        Assert.Equal(["NEW", "L1", "L2", "L3"], new[] { "-1", "1", "2", "3" }.Select(value => mapping.GetProperty(value).GetProperty("text").GetString()));
        Assert.Equal(["blue", .. Colours.Skip(1).Select(one => one.Colour)], new[] { "-1", "1", "2", "3" }.Select(value => mapping.GetProperty(value).GetProperty("color").GetString()));
    }

    /// <summary>What was found within the week is told apart from what is merely kept.</summary>
    [Fact]
    public void Files_that_are_kept_are_no_alarm()
    {
        var columns = new Dashboard("nexus-backup-overview.json").OpenPanels.Single(panel => Dashboard.TitleOf(panel) == "Each source");

        Assert.StartsWith("max by (job, instance, source) (nexus_backup:corrupt_backups:7d{", Query("Corrupt"), StringComparison.Ordinal);
        Assert.Contains("state=\"quarantined\"", Query("Set aside"), StringComparison.Ordinal);
        Assert.DoesNotContain(Column("Set aside").GetProperty("properties").EnumerateArray(), property => property.GetProperty("id").GetString() == "thresholds");

        JsonElement Column(string title) => Dashboard.OverridesOf(columns).Single(one => one.GetProperty("properties")[0].GetProperty("value").ToString() == title);
        string Query(string title) => Dashboard.ExpressionOf(columns.GetProperty("targets").EnumerateArray().Single(target =>
            $"Value #{target.GetProperty("refId").GetString()}" == Column(title).GetProperty("matcher").GetProperty("options").GetString()));
    }
}
