using System.Text;
using System.Text.Json.Nodes;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary>The manifests of <c>deploy/kubernetes</c>, against Kubernetes' own definitions and against each other.</summary>
public sealed class KubernetesManifestsTests(WrongManifests wrongOnes) : IClassFixture<WrongManifests>, IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("nexus-backup-kubernetes-");

    /// <summary>Bytes of all annotations of an object, one of which is the whole object where kubectl applies it without --server-side.</summary>
    private const int AnnotationLimit = 262_144;

    public static TheoryData<string> Workloads => ["deployment.yaml", "sidecar.example.yaml", "restore.example.yaml"];

    public void Dispose() => directory.Delete(recursive: true);

    [SkippableFact]
    public async Task Kubernetes_and_the_operator_know_every_field_and_value()
    {
        KubernetesTools.RequireSchemas();

        var check = await KubernetesTools.CheckAsync(Manifests());

        Assert.True(check.ExitCode == 0, check.Text);
    }

    [SkippableTheory]
    [MemberData(nameof(WrongManifests.Mistakes), MemberType = typeof(WrongManifests))]
    public async Task The_same_check_finds_a_mistake(string manifest, string right, string wrong)
    {
        KubernetesTools.RequireSchemas();
        Assert.Contains(right, await File.ReadAllTextAsync(DeployedFile.Path("kubernetes", manifest)), StringComparison.Ordinal);

        var check = await wrongOnes.CheckAsync();

        Assert.True(check.ExitCode == 1, check.Text);
        Assert.Contains(wrongOnes.FileOf(manifest, right, wrong), check.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task The_config_map_holds_the_configuration_byte_for_byte()
    {
        Require.Tool("kubectl", "kubernetes-client");

        var built = await Tool.RunAsync("kubectl", ["kustomize", DeployedFile.Path("kubernetes")]);

        Assert.True(built.ExitCode == 0, built.Text);
        var file = Path.Combine(directory.FullName, "all.yaml");
        await File.WriteAllTextAsync(file, built.Output);
        var configuration = DeployedFile.ReadAll(file).Single(item => item["kind"].Text() == "ConfigMap" && item["metadata"]!["name"].Text() == "nexus-backup");
        Assert.Equal(await File.ReadAllTextAsync(DeployedFile.Path("kubernetes", "nexus-backup.yml")), configuration["data"]!["nexus-backup.yml"].Text());
    }

    /// <summary>They are not copied anywhere: <c>deploy/kubernetes/dashboards</c> is a link to the directory, which is a kustomization of its own.</summary>
    [SkippableTheory]
    [InlineData("nexus-backup-overview")]
    [InlineData("nexus-backup-source")]
    public async Task A_dashboard_arrives_byte_for_byte_and_Grafana_finds_it(string dashboard)
    {
        Require.Tool("kubectl", "kubernetes-client");

        var built = await Tool.RunAsync("kubectl", ["kustomize", DeployedFile.Path("kubernetes")]);

        Assert.True(built.ExitCode == 0, built.Text);
        var file = Path.Combine(directory.FullName, "all.yaml");
        await File.WriteAllTextAsync(file, built.Output);
        var map = DeployedFile.ReadAll(file).Single(item => item["kind"].Text() == "ConfigMap" && item["metadata"]!["name"].Text() == $"dashboard-{dashboard}");
        var (name, text) = Assert.Single(map["data"]!.AsObject());
        Assert.Equal($"{dashboard}.json", name);
        Assert.Equal(await File.ReadAllTextAsync(Repository.File("dashboards", name)), text.Text());
        Assert.Equal("1", map["metadata"]!["labels"]!["grafana_dashboard"]!.GetValue<string>());
        Assert.InRange(Encoding.UTF8.GetByteCount(map.ToJsonString()), 1, AnnotationLimit);
    }

    [Theory]
    [MemberData(nameof(Workloads))]
    public void The_agent_runs_without_rights_that_it_does_not_need(string manifest)
    {
        var pod = Pod(manifest);
        var context = Agent(pod)["securityContext"]!;

        Assert.True(pod["securityContext"]!["runAsNonRoot"]!.GetValue<bool>());
        Assert.Equal("RuntimeDefault", pod["securityContext"]!["seccompProfile"]!["type"].Text());
        Assert.False(pod["automountServiceAccountToken"]!.GetValue<bool>());
        Assert.False(context["allowPrivilegeEscalation"]!.GetValue<bool>());
        Assert.True(context["readOnlyRootFilesystem"]!.GetValue<bool>());
        Assert.Equal(["ALL"], context["capabilities"]!["drop"].Texts());
    }

    [Theory]
    [MemberData(nameof(Workloads))]
    public void Every_path_of_the_configuration_is_mounted_writable_from_a_claim(string manifest)
    {
        var pod = Pod(manifest);
        var mounts = Agent(pod)["volumeMounts"]!.AsArray();
        var volumes = pod["volumes"]!.AsArray().ToDictionary(volume => volume!["name"].Text(), volume => volume!);

        Assert.Equal(volumes.Keys.Order(StringComparer.Ordinal), mounts.Select(mount => mount!["name"].Text()).Order(StringComparer.Ordinal));
        Assert.All(DeployedConfiguration.Mounts, path =>
        {
            var mount = Assert.Single(mounts, mount => mount!["mountPath"].Text() == path)!;
            Assert.Null(mount["readOnly"]);
            Assert.NotNull(volumes[mount["name"].Text()]["persistentVolumeClaim"]);
        });
    }

    [Fact]
    public void Two_agents_never_share_a_store()
    {
        var agent = DeployedFile.Read("kubernetes", "deployment.yaml")["spec"]!;

        Assert.Equal(1, agent["replicas"]!.GetValue<int>());
        Assert.Equal("Recreate", agent["strategy"]!["type"].Text());
    }

    [Theory]
    [InlineData("deployment.yaml")]
    [InlineData("sidecar.example.yaml")]
    public void The_service_leads_to_the_port_on_which_the_agent_listens(string manifest)
    {
        var service = DeployedFile.Read("kubernetes", "service.yaml")["spec"]!;
        var pod = DeployedFile.Read("kubernetes", manifest)["spec"]!["template"]!;
        var port = Assert.Single(Agent(pod["spec"]!)["ports"]!.AsArray())!;

        var (label, value) = Assert.Single(service["selector"]!.AsObject());
        Assert.Equal(value.Text(), pod["metadata"]!["labels"]![label].Text());
        Assert.Equal(port["name"].Text(), service["ports"]![0]!["targetPort"].Text());
        Assert.Equal($"http://0.0.0.0:{port["containerPort"].Text()}", DeployedFile.Read("kubernetes", "nexus-backup.yml")["listen"].Text());
    }

    [Fact]
    public async Task A_running_agent_answers_the_probes()
    {
        var probes = new[] { "deployment.yaml", "sidecar.example.yaml" }
            .Select(manifest => Agent(Pod(manifest)))
            .SelectMany(agent => new[] { agent["startupProbe"], agent["readinessProbe"], agent["livenessProbe"] })
            .OfType<JsonNode>().Select(probe => probe["httpGet"]!["path"].Text()).ToList();
        await using var agent = await RunningAgent.StartAsync();

        Assert.Equal(5, probes.Count);
        foreach (var path in probes.Distinct(StringComparer.Ordinal))
            await agent.GetUntilAsync(path, _ => true);
    }

    /// <summary>A restart makes no room on a full disk; it would only take the metrics away that tell of it.</summary>
    [SkippableFact]
    public async Task An_agent_that_cannot_write_its_journal_is_not_ready_and_stays_alive()
    {
        Require.Tool("sqlite3");
        await using var agent = await RunningAgent.StartAsync();

        var broken = await Tool.RunAsync("sqlite3", [Path.Combine(agent.Home, "state", "journal.db"), ".timeout 5000", "ALTER TABLE heartbeat RENAME TO gone"]);
        Assert.True(broken.ExitCode == 0, broken.Text);
        using var http = new HttpClient { BaseAddress = agent.Address };
        Assert.True(await Eventually.IsAsync(async () => (int)(await http.GetAsync("api/v1/health")).StatusCode == 503, TimeSpan.FromMinutes(3)));

        Assert.Equal(200, await AnswerAsync("deployment.yaml", "livenessProbe"));
        Assert.Equal(503, await AnswerAsync("deployment.yaml", "readinessProbe"));
        Assert.Equal(200, await AnswerAsync("sidecar.example.yaml", "livenessProbe"));
        Assert.Null(Agent(Pod("sidecar.example.yaml"))["readinessProbe"]); // the application would be taken out of its service

        async Task<int> AnswerAsync(string manifest, string probe)
        {
            using var answer = await http.GetAsync(Agent(Pod(manifest))[probe]!["httpGet"]!["path"].Text());
            return (int)answer.StatusCode;
        }
    }

    [Fact]
    public async Task The_agent_accepts_the_configuration()
    {
        using var configuration = await DeployedConfiguration.MakeAsync(DeployedFile.Path("kubernetes", "nexus-backup.yml"));

        var check = await configuration.RunAsync("check-config");

        Assert.True(check.ExitCode == 0, check.Text);
        Assert.All(check.Text.Split('\n').Where(line => line.StartsWith("warning:", StringComparison.Ordinal)), line => Assert.Contains("on the same disk", line, StringComparison.Ordinal)); // here, where all volumes are
    }

    [Fact]
    public void The_lock_file_of_the_schemas_names_no_registry() =>
        Assert.DoesNotContain("\"resolved\"", File.ReadAllText(Repository.File("tests", "deploy", "package-lock.json")), StringComparison.Ordinal);

    private static IEnumerable<string> Manifests() =>
        Directory.GetFiles(DeployedFile.Path("kubernetes"), "*.yaml").Where(file => Path.GetFileName(file) != "kustomization.yaml");

    private static JsonNode Pod(string manifest) => DeployedFile.Read("kubernetes", manifest)["spec"]!["template"]!["spec"]!;

    private static JsonNode Agent(JsonNode pod) => pod["containers"]!.AsArray().Single(container => container!["name"].Text() == "nexus-backup")!;
}
