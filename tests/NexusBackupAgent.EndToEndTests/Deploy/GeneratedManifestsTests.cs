using NexusBackupAgent.EndToEndTests.Alerts;
using System.Text.Json.Nodes;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary>Rules as an object of Kubernetes: the plain file, and nothing else.</summary>
public sealed class GeneratedManifestsTests : IDisposable
{
    private const string Generated = "prometheusrule.yaml";

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("nexus-backup-manifests-");

    private static string Rules => Repository.File("alerts", "nexus-backup.rules.yml");

    public void Dispose() => directory.Delete(recursive: true);

    [SkippableFact]
    public async Task The_shipped_manifest_is_what_the_plain_file_makes_today()
    {
        await KubernetesTools.GenerateAsync(directory.FullName);

        Assert.Equal(Generated, Assert.Single(directory.GetFiles()).Name);
        var isSame = await File.ReadAllTextAsync(DeployedFile.Path("kubernetes", Generated)) == await File.ReadAllTextAsync(Path.Combine(directory.FullName, Generated));
        Assert.True(isSame, $"deploy/kubernetes/{Generated} is out of date; run deploy/kubernetes/generate --to deploy/kubernetes");
    }

    [Fact]
    public void The_rule_object_holds_the_groups_of_the_rule_file()
    {
        var rule = DeployedFile.Read("kubernetes", "prometheusrule.yaml");

        Assert.NotEmpty(rule["spec"]!["groups"]!.AsArray());
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(RuleFile.Json()), rule["spec"]), "the rules differ");
        Assert.DoesNotMatch(@": [&*]\w|<<:", File.ReadAllText(DeployedFile.Path("kubernetes", "prometheusrule.yaml"))); // each text is written out
    }

    [SkippableFact]
    public async Task Prometheus_accepts_the_rules_that_the_operator_is_given()
    {
        Require.Tool("promtool", "prometheus");
        var rules = Path.Combine(directory.FullName, "rules.json");
        await File.WriteAllTextAsync(rules, DeployedFile.Read("kubernetes", "prometheusrule.yaml")["spec"]!.ToJsonString());

        var check = await Tool.RunAsync("promtool", ["check", "rules", rules]);

        Assert.True(check.ExitCode == 0, check.Text);
    }

    [SkippableFact]
    public async Task Links_lead_to_the_Grafana_that_is_named()
    {
        await KubernetesTools.GenerateAsync(directory.FullName, "--grafana", "https://grafana.your.domain/");

        var rules = await File.ReadAllTextAsync(Path.Combine(directory.FullName, "prometheusrule.yaml"));
        Assert.Contains("https://grafana.your.domain/d/nexus-backup-overview", rules, StringComparison.Ordinal);
        Assert.DoesNotContain("grafana.example.org", rules, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Rules_of_ones_own_and_a_runbook_elsewhere_are_taken()
    {
        var own = Path.Combine(directory.FullName, "own.rules.yml");
        await File.WriteAllTextAsync(own, (await File.ReadAllTextAsync(Rules)).Replace("interval: 4m", "interval: 3m", StringComparison.Ordinal));

        await KubernetesTools.GenerateAsync(directory.FullName, "--rules", own, "--runbook", "https://wiki.your.domain/runbook");

        var rules = await File.ReadAllTextAsync(Path.Combine(directory.FullName, "prometheusrule.yaml"));
        Assert.Contains("runbook_url: https://wiki.your.domain/runbook#nexusbackupstale", rules, StringComparison.Ordinal);
        Assert.DoesNotContain("interval: 4m", rules, StringComparison.Ordinal);
        Assert.Contains(own, rules, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData(2, "--to")] // no directory: it would have to be the repository's own
    [InlineData(1, "grafana.your.domain: no address", "--grafana", "grafana.your.domain")]
    [InlineData(1, "no link to https://grafana.example.org", "--rules", "/dev/null", "--grafana", "https://grafana.your.domain")]
    [InlineData(1, "/no/such.yml: No such file", "--rules", "/no/such.yml")]
    public async Task A_wrong_call_says_so_in_a_line_and_writes_nothing(int exitCode, string problem, params string[] options)
    {
        Require.Tool("python3");
        var to = Path.Combine(directory.FullName, "out");
        var shipped = File.GetLastWriteTimeUtc(DeployedFile.Path("kubernetes", "prometheusrule.yaml"));

        var result = await Tool.RunAsync(DeployedFile.Path("kubernetes", "generate"), options.Length == 0 ? [] : ["--to", to, .. options]);

        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(problem, result.Error.Trim().Split('\n')[^1], StringComparison.Ordinal);
        Assert.False(Directory.Exists(to));
        Assert.Equal(shipped, File.GetLastWriteTimeUtc(DeployedFile.Path("kubernetes", "prometheusrule.yaml")));
    }
}
