using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Alerts;

public sealed partial class MonitoringPageTests
{
    [Fact]
    public void The_monitoring_page_lists_every_metric_and_no_other()
    {
        var page = File.ReadAllText(Repository.File("docs", "monitoring.md"));

        var listed = Row().Matches(page).Select(match => match.Groups[1].Value);

        Assert.Equal(Metrics.Exported.Order(), listed.Order());
    }

    [SkippableFact]
    public async Task The_scrape_configuration_on_the_monitoring_page_is_valid()
    {
        Require.Tool("promtool", "prometheus");
        var page = await File.ReadAllTextAsync(Repository.File("docs", "monitoring.md"));
        using var folder = new TempFolder();
        var configuration = folder["prometheus.yml"];
        await File.WriteAllTextAsync(configuration, ScrapeExample().Match(page).Value);

        // Syntax only: the rule file that it names is not installed here.
        var result = await Tool.RunAsync("promtool", ["check", "config", "--syntax-only", configuration]);

        Assert.True(result.ExitCode == 0, result.Text);
    }

    [GeneratedRegex(@"^\| `((nexus_backup|process)_\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"(?<=```yaml\n)# prometheus\.yml\n[^`]*")]
    private static partial Regex ScrapeExample();
}
