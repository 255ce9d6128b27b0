using NexusBackupAgent.Common;
using NexusBackupAgent.Tests.Configuration;

namespace NexusBackupAgent.Tests.Cli;

/// <summary><c>nexus-backup rules</c>: the shipped rules, for an installation. The end-to-end tests show them to Prometheus.</summary>
public sealed class RulesCommandTests : IDisposable
{
    private readonly Workplace place = new();

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task Without_options_it_prints_the_shipped_file_byte_for_byte()
    {
        var shipped = await File.ReadAllTextAsync(RepositoryFile.Find("alerts/nexus-backup.rules.yml"));

        Assert.Equal((0, shipped), await RunAsync());
        Assert.Equal((0, shipped), await RunAsync("--job", "nexus-backup", "--time-zone", "Asia/Tokyo", "--dashboard-url", "https://grafana.example.org/"));
    }

    [Theory]
    [InlineData("node", "job=\"node\"")]
    [InlineData("it's \"ours\" \\ {{ $x }} #1: a", "job=\"it's \\\"ours\\\" \\\\ {{ $x }} #1: a\"")]
    public async Task Each_selector_names_the_job_whatever_it_is_called(string job, string selector)
    {
        var shipped = (await RunAsync()).Output;

        var rules = (await RunAsync("--job", job)).Output;

        Assert.DoesNotContain("job=\"nexus-backup\"", rules, StringComparison.Ordinal);
        Assert.Equal(shipped, rules.Replace(selector, "job=\"nexus-backup\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Asia/Kolkata", ".Add 19800000000000).Format \"2006-01-02 15:04\" }} +05:30")]
    [InlineData("America/Phoenix", ".Add -25200000000000).Format \"2006-01-02 15:04\" }} -07:00")]
    [InlineData("UTC", ".UTC).Format \"2006-01-02 15:04\" }} UTC")]
    [InlineData("Europe/Berlin", ".UTC).Format \"2006-01-02 15:04\" }} UTC")]
    public async Task Times_are_those_of_the_zone_and_UTC_where_clocks_change(string zone, string expected)
    {
        var rules = (await RunAsync("--time-zone", zone)).Output;

        Assert.Contains(expected, rules, StringComparison.Ordinal);
        Assert.DoesNotContain("JST", rules, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Links_lead_to_ones_own_runbook_and_dashboards()
    {
        var rules = (await RunAsync("--runbook-url", "https://wiki.example.com/ops runbook", "--dashboard-url", "http://grafana:3000/grafana/")).Output;

        Assert.Contains("runbook_url: https://wiki.example.com/ops%20runbook#nexusbackupstale\n", rules, StringComparison.Ordinal);
        Assert.Contains("dashboard_url: http://grafana:3000/grafana/d/nexus-backup-source?var-job=", rules, StringComparison.Ordinal);
        Assert.DoesNotContain("grafana.example.org", rules, StringComparison.Ordinal);
        Assert.DoesNotContain("github.com", rules, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--time-zone", "Asia/Tokio", "did you mean Asia/Tokyo?")]
    [InlineData("--time-zone", "", "is not a time zone")]
    [InlineData("--job", "", "is no name of a scrape job")]
    [InlineData("--job", "a\nb", "is no name of a scrape job")]
    [InlineData("--runbook-url", "docs/runbook.md", "is no address")]
    [InlineData("--runbook-url", "https://wiki.example.com/a#b", "without ? and #")]
    [InlineData("--dashboard-url", "file:///etc/passwd", "is no address")]
    [InlineData("--dashboard-url", "https://grafana.example.com/?orgId=2", "without ? and #")]
    public async Task What_no_rule_can_hold_is_a_usage_error(string option, string value, string said)
    {
        var (code, output, error) = await place.RunAsync("rules", option, value);

        Assert.Equal(((int)ExitCode.Usage, ""), (code, output));
        Assert.Contains(said, error, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Output)> RunAsync(params string[] options)
    {
        var (code, output, _) = await place.RunAsync(["rules", .. options]);
        return (code, output);
    }
}
