using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

/// <summary>The dashboards against the types of @grafana/schema, panel options and overrides included.</summary>
public sealed class DashboardSchemaTests
{
    [SkippableFact]
    public async Task Grafana_knows_every_property_and_value_of_the_dashboards()
    {
        NodeTools.RequireThem();

        var result = await NodeTools.RunAsync("check-types.mjs", Dashboard.Shipped.Select(dashboard => dashboard.Path));

        Assert.True(result.ExitCode == 0, result.Text);
    }

    /// <summary>Each line of the result names the mistake's place; together they show what the check is able to find.</summary>
    [SkippableFact]
    public async Task Mistakes_are_found_in_options_fields_overrides_variables_and_values()
    {
        NodeTools.RequireThem();
        (string Right, string Wrong)[] mistakes =
        [
            ("\"graphMode\": \"none\"", "\"graphMode\": \"nothing\""),
            ("\"colWidth\"", "\"columnWidth\""),
            ("\"showPoints\": \"never\"", "\"showPoints\": \"no\""),
            ("\"textMode\": \"value_and_name\"", "\"textMode\": \"all\""),
            ("\"collapsed\": true", "\"collapsed\": \"yes\""),
            ("\"id\": \"custom.width\"", "\"id\": \"custom.breadth\""),
            ("\"displayMode\": \"list\"", "\"displayMode\": \"lists\""),
            ("\"instant\": true", "\"instantly\": true"),
            ("\"refresh\": 2", "\"refresh\": 20"),
            ("\"gridPos\"", "\"gridPosition\""),
            ("\"schemaVersion\": 42", "\"schemaVersion\": \"42\""),
            ("\"unit\": \"bytes\"", "\"unit\": 1024"),
        ];
        using var folder = new TempFolder();
        var right = new Dashboard("nexus-backup-overview.json").Text;
        var files = mistakes.Select((mistake, number) =>
        {
            var at = right.IndexOf(mistake.Right, StringComparison.Ordinal);
            Assert.True(at > 0, mistake.Right);
            var file = folder[$"{number}.json"];
            File.WriteAllText(file, right[..at] + mistake.Wrong + right[(at + mistake.Right.Length)..]);
            return file;
        }).ToList();

        var result = await NodeTools.RunAsync("check-types.mjs", files);

        Assert.Equal(1, result.ExitCode);
        Assert.All(files, file => Assert.Contains(file, result.Output, StringComparison.Ordinal));
    }

    [Fact]
    public void The_lock_file_names_no_registry() =>
        Assert.DoesNotContain("\"resolved\"", File.ReadAllText(Path.Combine(NodeTools.Directory, "package-lock.json")), StringComparison.Ordinal);
}
