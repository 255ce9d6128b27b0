using System.Text.Json;
using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

/// <summary><c>dashboards/ja.sed</c>: one dashboard in two languages.</summary>
public sealed partial class JapaneseEditionTests
{
    /// <summary>What a person reads; everything else is for Grafana.</summary>
    private static readonly string[] Texts = ["title", "description", "label", "tooltip", "legendFormat", "noValue", "text"];

    /// <summary>One word in every language.</summary>
    private static readonly string[] Everywhere = ["NEW", "Runbook", "OK", "All"];

    [Theory]
    [MemberData(nameof(Dashboard.English), MemberType = typeof(Dashboard))]
    public void Every_text_is_Japanese_and_nothing_else_differs(string name)
    {
        var pairs = Leaves(new Dashboard(name).Json, "").Zip(Leaves(new Dashboard($"ja/{name}").Json, "")).ToList();

        Assert.All(pairs, pair =>
        {
            var ((place, english), (_, japanese)) = pair;
            if (IsText(place)) Assert.True(!HasWords(english) || Everywhere.Contains(english) || japanese.Any(letter => letter > '\u2e80'), $"{place}: ja.sed lacks \"{english}\"");
            else if (!place.EndsWith("/options", StringComparison.Ordinal) && !place.EndsWith("/displayName", StringComparison.Ordinal) && !place.EndsWith("/url", StringComparison.Ordinal))
                Assert.Equal((place, english), (place, japanese));
        });
    }

    [Theory]
    [MemberData(nameof(Dashboard.English), MemberType = typeof(Dashboard))]
    public void Overrides_find_the_same_series_and_tables_the_same_column_in_both(string name)
    {
        Assert.Equal(Found(new Dashboard(name)), Found(new Dashboard($"ja/{name}")));

        // Which of a panel's legends and columns its overrides and its order name, by their place.
        static IEnumerable<string> Found(Dashboard dashboard) =>
            from panel in dashboard.Panels
            let legends = panel.GetProperty("targets").EnumerateArray().Select(target => target.TryGetProperty("legendFormat", out var legend) ? legend.GetString() : null).ToList()
            let columns = Dashboard.OverridesOf(panel).Select(one => one.GetProperty("properties").EnumerateArray()
                .Where(property => property.GetProperty("id").GetString() == "displayName").Select(property => property.GetProperty("value").GetString()).FirstOrDefault()).ToList()
            from named in Dashboard.OverridesOf(panel).Select(one => one.GetProperty("matcher").GetProperty("options").GetString())
                .Concat(panel.TryGetProperty("options", out var options) && options.TryGetProperty("sortBy", out var sorted) ? sorted.EnumerateArray().Select(one => one.GetProperty("displayName").GetString()) : [])
            select $"{panel.GetProperty("id")}: {legends.IndexOf(named)} {columns.IndexOf(named)}";
    }

    /// <summary>A line that no dashboard needs any more would stay for ever.</summary>
    [SkippableFact]
    public async Task Each_line_of_the_script_changes_something()
    {
        Require.Tool("sed");
        var english = string.Concat(Dashboard.Shipped.Select(dashboard => dashboard.Text));
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder["all.json"], english);

        foreach (var line in File.ReadLines(Repository.File("dashboards", "ja.sed")).Where(line => !line.StartsWith('#') && line.Length > 0))
        {
            var changed = await Tool.RunAsync("sed", ["-e", line, folder["all.json"]]);
            Assert.True(changed.ExitCode == 0 && changed.Output != english, $"{line}\n{changed.Error}");
        }
    }

    [Fact]
    public void The_runbook_that_is_linked_to_is_the_Japanese_one() =>
        Assert.All(Dashboard.Shipped, dashboard => Assert.Contains("/docs/runbook.ja.md\"", new Dashboard($"ja/{dashboard.Name}").Text, StringComparison.Ordinal));

    private static bool IsText(string place)
    {
        var name = place[(place.LastIndexOf('/') + 1)..];
        return Texts.Contains(name) || name is "value:displayName" or "value:noValue";
    }

    /// <summary>Whether anything remains of a text beside templates, levels and signs. "value" is the legend of what has none.</summary>
    private static bool HasWords(string text) => text != "value" && Word().IsMatch(Template().Replace(text, ""));

    /// <summary>Every value with its place; the value of an override's property with what it is of.</summary>
    private static IEnumerable<(string Place, string Value)> Leaves(JsonElement element, string place) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(member =>
            Leaves(member.Value, $"{place}/{member.Name}{(member.Name == "value" && element.TryGetProperty("id", out var id) ? $":{id}" : "")}")),
        JsonValueKind.Array => element.EnumerateArray().SelectMany((item, number) => Leaves(item, $"{place}/{number}")),
        JsonValueKind.String => [(place, element.GetString()!)],
        _ => [($"{place}=", element.GetRawText())], // no text, whatever its name
    };

    [GeneratedRegex(@"\{\{.*?\}\}|\$\{.*?\}")]
    private static partial Regex Template();

    [GeneratedRegex("[A-Za-z]{2}")]
    private static partial Regex Word();
}
