using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Dashboards;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary>The steps of <c>deploy/kubernetes/README.md</c>, as they are written there, up to what a cluster would be given.</summary>
public sealed partial class KubernetesReadmeTests : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("nexus-backup-cluster-");

    public void Dispose() => directory.Delete(recursive: true);

    [SkippableFact]
    public async Task A_copy_with_links_of_ones_own_is_what_kubectl_applies()
    {
        var objects = await FollowAsync();

        Assert.Equal(
            ["ConfigMap", "ConfigMap", "ConfigMap", "Deployment", "NetworkPolicy", "PersistentVolumeClaim", "PersistentVolumeClaim", "PrometheusRule", "Service", "ServiceMonitor"],
            objects.Select(item => item["kind"].Text()).Order(StringComparer.Ordinal));
        Assert.All(objects, item => Assert.Equal("itsm", item["metadata"]!["namespace"].Text()));
        var rule = objects.Single(item => item["kind"].Text() == "PrometheusRule").ToJsonString();
        Assert.Contains("https://grafana.your.domain/d/", rule, StringComparison.Ordinal);
        Assert.DoesNotContain("grafana.example.org", rule, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task The_label_that_an_Operator_selects_by_is_added_to_rules_and_monitor_and_to_no_selector()
    {
        var labels = Sentence().Match(await File.ReadAllTextAsync(DeployedFile.Path("kubernetes", "README.md"))).Value;
        Assert.NotEmpty(labels);

        var objects = await FollowAsync(kustomization => $"{kustomization}\n{labels}\n");

        foreach (var kind in new[] { "PrometheusRule", "ServiceMonitor" })
            Assert.Equal("kube-prometheus-stack", objects.Single(item => item["kind"].Text() == kind)["metadata"]!["labels"]!["release"].Text());
        Assert.Null(objects.Single(item => item["kind"].Text() == "Deployment")["spec"]!["selector"]!["matchLabels"]!["release"]);
    }

    [SkippableFact]
    public async Task The_dashboards_become_Japanese_by_the_command_that_the_page_gives()
    {
        var command = Japanese().Match(await File.ReadAllTextAsync(DeployedFile.Path("kubernetes", "README.md"))).Groups[1].Value;
        Assert.NotEmpty(command);

        var objects = await FollowAsync(fit: null, command);

        var text = objects.Single(item => item["metadata"]!["name"].Text() == "dashboard-nexus-backup-overview")["data"]!["nexus-backup-overview.json"].Text();
        Assert.Equal(new Dashboard("ja/nexus-backup-overview.json").Text, text);
    }

    [SkippableFact]
    public async Task The_sidecar_takes_the_place_of_the_agents_own_pod()
    {
        var objects = await FollowAsync(kustomization => kustomization
            .Replace("- deployment.yaml", "- sidecar.example.yaml", StringComparison.Ordinal).Replace("- networkpolicy.yaml\n", "", StringComparison.Ordinal));

        var pod = objects.Single(item => item["kind"].Text() == "Deployment")["spec"]!["template"]!;
        var service = objects.Single(item => item["kind"].Text() == "Service")["spec"]!;
        Assert.Equal(["itsm-nexus", "nexus-backup"], pod["spec"]!["containers"]!.AsArray().Select(container => container!["name"].Text()));
        Assert.Equal("registry.example.org/nexus-backup:0.1.0", pod["spec"]!["containers"]![1]!["image"].Text());
        var (label, value) = Assert.Single(service["selector"]!.AsObject());
        Assert.Equal(value.Text(), pod["metadata"]!["labels"]![label].Text());
    }

    [Fact]
    public void The_job_that_restores_has_the_image_and_the_user_of_the_agent()
    {
        var image = DeployedFile.Read("kubernetes", "kustomization.yaml")["images"]![0]!;
        var agent = DeployedFile.Read("kubernetes", "deployment.yaml")["spec"]!["template"]!["spec"]!;
        var job = DeployedFile.Read("kubernetes", "restore.example.yaml")["spec"]!["template"]!["spec"]!;

        Assert.Equal($"{image["newName"].Text()}:{image["newTag"].Text()}", job["containers"]![0]!["image"].Text());
        Assert.True(JsonNode.DeepEquals(agent["securityContext"], job["securityContext"]));
        Assert.True(JsonNode.DeepEquals(agent["volumes"], job["volumes"]));
    }

    [Fact]
    public void The_readme_lists_every_file()
    {
        var table = File.ReadAllText(DeployedFile.Path("kubernetes", "README.md")).Split("\n## ")[0];

        Assert.All(Directory.GetFiles(DeployedFile.Path("kubernetes"), "*.y*ml").Select(Path.GetFileName), name => Assert.Contains($"`{name}`", table, StringComparison.Ordinal));
    }

    /// <summary>Runs the commands before <c>kubectl</c> in a place of their own, and lets kubectl put the result together.</summary>
    /// <param name="fit">What the operator changes in <c>kustomization.yaml</c>.</param>
    /// <param name="more">Commands that come last.</param>
    private async Task<IReadOnlyList<JsonNode>> FollowAsync(Func<string, string>? fit = null, params string[] more)
    {
        Require.Tool("kubectl", "kubernetes-client");
        Require.Tool("python3");
        Directory.CreateSymbolicLink(Path.Combine(directory.FullName, "deploy"), Repository.File("deploy"));
        Directory.CreateDirectory(Path.Combine(directory.FullName, "dashboards"));
        foreach (var source in Directory.GetFiles(Repository.File("dashboards"))) File.Copy(source, Path.Combine(directory.FullName, "dashboards", Path.GetFileName(source)));
        var apply = (await File.ReadAllTextAsync(DeployedFile.Path("kubernetes", "README.md"))).Split("## Apply")[1].Split("\n### ")[0];
        var commands = Command().Matches(apply).Select(match => match.Groups["line"].Value).Where(line => !line.StartsWith("kubectl", StringComparison.Ordinal)).ToList();
        Assert.Equal(3, commands.Count);

        var steps = await Tool.RunAsync("bash", ["-euc", string.Join('\n', [.. commands, .. more])], directory.FullName);
        Assert.True(steps.ExitCode == 0, steps.Text);
        var copy = Path.Combine(directory.FullName, "nexus-backup");
        if (fit is not null)
        {
            var kustomization = Path.Combine(copy, "kustomization.yaml");
            await File.WriteAllTextAsync(kustomization, fit(await File.ReadAllTextAsync(kustomization)));
        }

        var built = await Tool.RunAsync("kubectl", ["kustomize", copy]);
        Assert.True(built.ExitCode == 0, built.Text);
        var file = Path.Combine(directory.FullName, "all.yaml");
        await File.WriteAllTextAsync(file, built.Output);
        return DeployedFile.ReadAll(file);
    }

    [GeneratedRegex(@"^   (?<line>(mkdir|cp|deploy\S*|kubectl) .*)$", RegexOptions.Multiline)]
    private static partial Regex Command();

    [GeneratedRegex("`(sed -i -f dashboards/ja.sed [^`]+)`")]
    private static partial Regex Japanese();

    [GeneratedRegex(@"labels: \[\{pairs: \{release: [a-z-]+\}\}\]")]
    private static partial Regex Sentence();
}
