using System.Text.RegularExpressions;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>What is proven with the hurried Alertmanager is proven of the shipped example.</summary>
public sealed partial class FastAlertmanagerTests
{
    private static readonly string[] Shipped = File.ReadAllLines(ShippedFiles.Alertmanager);
    private static readonly string[] Fast = FastAlertmanager.Configuration(new Uri("http://127.0.0.1:1/"), "127.0.0.1:2").Split('\n');

    [Fact]
    public void Of_the_shipped_lines_only_addresses_and_waits_are_replaced() => Assert.All(
        Shipped.Except(Fast),
        line => Assert.Matches(@"(^- templates/nexus-backup.tmpl|\b(smtp_smarthost|api_url|url|group_wait|group_interval): \S+|repeat_interval: 50s)$", line));

    [Fact]
    public void Only_webhooks_are_added() => Assert.All(
        Fast.Except(Shipped).Where(line => !Replaced().IsMatch(line)),
        line => Assert.Contains(line.Trim(), (string[])["webhook_configs:", "smtp_require_tls: false"]));

    [Fact]
    public void Nothing_leaves_this_machine() =>
        Assert.DoesNotContain(Fast, line => line.Contains("://", StringComparison.Ordinal) && !line.Contains("http://127.0.0.1:1/", StringComparison.Ordinal));

    [GeneratedRegex(@"^- /|: 1s$|http://127.0.0.1:1/(api_)?url/[\w-]+$|smtp_smarthost: 127.0.0.1:2$")]
    private static partial Regex Replaced();
}
