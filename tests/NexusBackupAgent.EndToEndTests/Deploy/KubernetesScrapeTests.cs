using System.Text.Json.Nodes;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary>Who reaches the agent in a cluster, and what it is called there.</summary>
public sealed class KubernetesScrapeTests : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("nexus-backup-scrape-");

    public void Dispose() => directory.Delete(recursive: true);

    /// <summary>The rules remember an agent for three days: see "What is known, although a scrape failed" there.</summary>
    [SkippableFact]
    public async Task A_new_pod_is_the_same_agent_to_the_rules()
    {
        Require.Tool("promtool", "prometheus");
        var endpoint = DeployedFile.Read("kubernetes", "servicemonitor.yaml")["spec"]!["endpoints"]![0]!;
        var configuration = new JsonObject
        {
            ["scrape_configs"] = new JsonArray(new JsonObject
            {
                ["job_name"] = "serviceMonitor/itsm/nexus-backup/0",
                ["file_sd_configs"] = new JsonArray(new JsonObject { ["files"] = new JsonArray("pods.json") }),
                ["relabel_configs"] = new JsonArray([.. endpoint["relabelings"]!.AsArray().Select(rule => Renamed(rule!.AsObject()))]),
            }),
        };
        await WriteAsync("prometheus.yml", configuration);
        await WriteAsync("pods.json", new JsonArray(Discovered("10.0.0.7", "nexus-backup-7d9f-aaaaa"), Discovered("10.0.0.8", "nexus-backup-7d9f-bbbbb")));

        var found = await Tool.RunAsync(
            "promtool", ["check", "service-discovery", "--timeout=2s", Path.Combine(directory.FullName, "prometheus.yml"), "serviceMonitor/itsm/nexus-backup/0"]);

        Assert.True(found.ExitCode == 0, found.Text);
        var agents = JsonNode.Parse(found.Output)!.AsArray();
        Assert.Equal(2, agents.Count);
        Assert.All(agents, agent => Assert.Equal(
            ["instance=itsm/nexus-backup", "job=nexus-backup", "namespace=itsm", "service=nexus-backup"],
            agent!["labels"]!.AsObject().Where(label => !label.Key.StartsWith("__", StringComparison.Ordinal)).Select(label => $"{label.Key}={label.Value.Text()}").Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void The_monitor_selects_the_service_and_its_port()
    {
        var monitor = DeployedFile.Read("kubernetes", "servicemonitor.yaml")["spec"]!;
        var service = DeployedFile.Read("kubernetes", "service.yaml");

        foreach (var (label, value) in monitor["selector"]!["matchLabels"]!.AsObject())
            Assert.Equal(value.Text(), service["metadata"]!["labels"]![label].Text());
        Assert.Equal(monitor["endpoints"]![0]!["port"].Text(), Assert.Single(service["spec"]!["ports"]!.AsArray())!["name"].Text());
        Assert.True(service["spec"]!["publishNotReadyAddresses"]!.GetValue<bool>()); // an agent that is unwell is scraped
    }

    [Fact]
    public void Prometheus_alone_reaches_the_agent_and_the_agent_reaches_nobody()
    {
        var policy = DeployedFile.Read("kubernetes", "networkpolicy.yaml")["spec"]!;
        var pod = DeployedFile.Read("kubernetes", "deployment.yaml")["spec"]!["template"]!;

        Assert.Equal(["Ingress", "Egress"], policy["policyTypes"].Texts());
        Assert.Empty(policy["egress"]!.AsArray());
        foreach (var (label, value) in policy["podSelector"]!["matchLabels"]!.AsObject())
            Assert.Equal(value.Text(), pod["metadata"]!["labels"]![label].Text());
        var rule = Assert.Single(policy["ingress"]!.AsArray())!;
        Assert.Equal(pod["spec"]!["containers"]![0]!["ports"]![0]!["name"].Text(), Assert.Single(rule["ports"]!.AsArray())!["port"].Text());
        var from = Assert.Single(rule["from"]!.AsArray())!.AsObject(); // one entry: both selectors together
        Assert.Equal(["namespaceSelector", "podSelector"], from.Select(selector => selector.Key).Order(StringComparer.Ordinal));
    }

    /// <summary>A pod behind the service, with the labels that the Operator's own rules give it first.</summary>
    private static JsonObject Discovered(string address, string pod) => new()
    {
        ["targets"] = new JsonArray($"{address}:9440"),
        ["labels"] = new JsonObject
        {
            ["__meta_kubernetes_namespace"] = "itsm",
            ["__meta_kubernetes_service_name"] = "nexus-backup",
            ["namespace"] = "itsm",
            ["service"] = "nexus-backup",
            ["pod"] = pod,
            ["container"] = "nexus-backup",
            ["endpoint"] = "http",
            ["job"] = "nexus-backup",
        },
    };

    /// <summary>A rule of a ServiceMonitor in Prometheus's own words.</summary>
    private static JsonObject Renamed(JsonObject rule) =>
        new(rule.Select(member => KeyValuePair.Create(
            member.Key switch { "sourceLabels" => "source_labels", "targetLabel" => "target_label", var same => same }, member.Value?.DeepClone())));

    private Task WriteAsync(string name, JsonNode content) => File.WriteAllTextAsync(Path.Combine(directory.FullName, name), content.ToJsonString());
}
