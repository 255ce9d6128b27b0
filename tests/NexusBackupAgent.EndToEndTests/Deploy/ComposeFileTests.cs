using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Configuration;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary><c>deploy/compose</c>, as far as it can be known without an engine: everything that it mounts is there and fits together.</summary>
public sealed partial class ComposeFileTests
{
    private static readonly string Home = DeployedFile.Path("compose");
    private static readonly JsonNode File = DeployedFile.Read("compose", "compose.yaml");
    private static readonly JsonObject Services = File["services"]!.AsObject();

    public static TheoryData<string> ServiceNames => [.. Services.Select(service => service.Key)];

    [SkippableFact]
    public async Task Compose_knows_every_key_and_value()
    {
        KubernetesTools.RequireSchemas();
        await SchemaValidator.RequireAsync();
        var text = await System.IO.File.ReadAllTextAsync(Path.Combine(Home, "compose.yaml"));

        Assert.Equal("", await SchemaValidator.ValidateAsync(KubernetesTools.ComposeSchema, text));
        var mistaken = text.Replace("read_only: true", "readonly: true", StringComparison.Ordinal);
        Assert.Contains("readonly", await SchemaValidator.ValidateAsync(KubernetesTools.ComposeSchema, mistaken), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(ServiceNames))]
    public void A_service_is_reached_from_this_host_only_and_has_no_rights_to_spare(string name)
    {
        var service = Services[name]!;

        Assert.All(service["ports"]?.Texts() ?? [], port => Assert.StartsWith("127.0.0.1:", port, StringComparison.Ordinal));
        Assert.Equal(["ALL"], service["cap_drop"].Texts());
        Assert.Equal(["no-new-privileges:true"], service["security_opt"].Texts());
        Assert.True(service["read_only"]!.GetValue<bool>());
        Assert.DoesNotContain("\"privileged\"", service.ToJsonString(), StringComparison.Ordinal);
        var user = service["user"] is { } given ? Default(given.Text()) : "9440:9440"; // the image's own
        Assert.Matches("^[1-9][0-9]*:[0-9]+$", user);
    }

    [Theory]
    [MemberData(nameof(ServiceNames))]
    public void An_image_is_built_here_or_pinned(string name)
    {
        var service = Services[name]!;

        if (service["build"] is { } build)
            Assert.True(System.IO.File.Exists(Path.Combine(Home, build["context"].Text(), build["dockerfile"].Text())));
        else
            Assert.Matches(@":v?\d+\.\d+\.\d+$", Default(service["image"].Text()));
    }

    [Theory]
    [MemberData(nameof(ServiceNames))]
    public void Every_file_that_is_mounted_is_there_and_everybody_may_read_it(string name)
    {
        foreach (var (from, _, mode) in Mounts(name))
        {
            if (!from.StartsWith('.'))
            {
                Assert.True(File["volumes"]!.AsObject().ContainsKey(from), from);
                continue;
            }

            var path = Path.Combine(Home, from);
            Assert.True(Path.Exists(path), from);
            Assert.Equal("ro", mode);
            Assert.True(System.IO.File.GetUnixFileMode(path).HasFlag(UnixFileMode.OtherRead), $"{from} cannot be read in the container");
        }
    }

    [Theory]
    [InlineData("prometheus")]
    [InlineData("alertmanager")]
    [InlineData("grafana")]
    public void A_server_is_asked_how_it_is_on_the_port_that_it_serves(string name)
    {
        var port = Services[name]!["ports"].Texts().Single().Split(':')[^1];

        Assert.Contains($"http://127.0.0.1:{port}/", Services[name]!["healthcheck"]!["test"].Texts()[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Grafana_finds_both_dashboards_where_its_provider_looks_and_begins_with_one()
    {
        var provider = Provisioned("grafana", "/etc/grafana/provisioning/dashboards/nexus-backup.yml")["providers"]![0]!["options"]!["path"].Text();

        var dashboards = Mounts("grafana").Where(mount => mount.To.StartsWith($"{provider}/", StringComparison.Ordinal)).ToList();
        Assert.Equal(Directory.GetFiles(Repository.File("dashboards"), "nexus-backup-*.json").Length, dashboards.Count);
        Assert.All(dashboards, mount => Assert.Equal(Path.GetFileName(mount.From), Path.GetFileName(mount.To)));
        Assert.Contains(Services["grafana"]!["environment"]!["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].Text(), dashboards.Select(mount => mount.To));
    }

    [Fact]
    public void Grafana_asks_the_Prometheus_of_this_file_under_the_usual_identifier()
    {
        var source = Provisioned("grafana", "/etc/grafana/provisioning/datasources/nexus-backup.yml")["datasources"]![0]!;
        var shipped = DeployedFile.ReadAll(Repository.File("dashboards", "provisioning", "datasources", "nexus-backup.yml"))[0]["datasources"]![0]!;

        Assert.Equal("http://prometheus:9090", source["url"].Text());
        Assert.True(source["isDefault"]!.GetValue<bool>());      // the only one here
        Assert.False(shipped["isDefault"]!.GetValue<bool>());    // two that are keep a Grafana from starting
        (source["url"], source["isDefault"]) = (shipped["url"].Text(), false);
        Assert.True(JsonNode.DeepEquals(shipped, source), source.ToJsonString());
    }

    [SkippableFact]
    public async Task Prometheus_finds_agent_Alertmanager_and_rules_where_they_are_mounted()
    {
        using var layout = new PrometheusLayout();
        foreach (var (from, to, _) in Mounts("prometheus").Where(mount => mount.From.StartsWith('.')))
            layout.Add(Path.Combine(Home, from), to);

        Assert.Contains("SUCCESS: 1 rule files found", (await layout.CheckAsync()).Output, StringComparison.Ordinal);
        var target = Assert.Single(await layout.DiscoverAsync());
        Assert.Equal(("nexus-backup", "agent:9440"), (target["labels"]!["job"].Text(), target["labels"]!["instance"].Text()));
        Assert.Equal("alertmanager:9093", DeployedFile.ReadAll(layout.Of("/etc/prometheus/alertmanagers/alertmanager.yml"))[0][0]!["targets"].Texts().Single());
    }

    [SkippableFact]
    public async Task Alertmanager_finds_its_templates_where_they_are_mounted()
    {
        Require.Tool("amtool", "prometheus-alertmanager");
        using var folder = new TempFolder();
        var directory = folder.Path;
        foreach (var (from, to, _) in Mounts("alertmanager").Where(mount => mount.From.StartsWith('.')))
            System.IO.File.CreateSymbolicLink(Path.Combine(directory, Path.GetFileName(to)), Path.GetFullPath(from, Home));

        var check = await Tool.RunAsync("amtool", ["check-config", Path.Combine(directory, "alertmanager.yml")]);

        // amtool counts patterns, and to Alertmanager one without a file is no error before it has a message to write.
        var templates = DeployedFile.ReadAll(Path.Combine(directory, "alertmanager.yml"))[0]["templates"].Texts();
        var missing = templates.Where(pattern => !Path.Exists(Path.Combine(directory, pattern))).ToList();
        Assert.True(check.ExitCode == 0, check.Text);
        Assert.NotEmpty(templates);
        Assert.Empty(missing);
    }

    [Fact]
    public async Task The_agent_backs_up_and_restores_the_sample_database_with_the_sample_configuration()
    {
        using var configuration = await DeployedConfiguration.MakeAsync(Path.Combine(Home, "nexus-backup.yml"));

        var check = await configuration.RunAsync("check-config");
        var backup = await configuration.RunAsync("backup");
        var drill = await configuration.RunAsync("drill");

        Assert.True(check.ExitCode == 0, check.Text);
        Assert.All(check.Text.Split('\n').Where(line => line.StartsWith("warning:", StringComparison.Ordinal)), line => Assert.Contains("on the same disk", line, StringComparison.Ordinal)); // here, where all volumes are
        Assert.True(backup.ExitCode == 0, backup.Text);
        Assert.True(drill.ExitCode == 0, drill.Text);
    }

    [Fact]
    public void The_agents_configuration_names_what_is_mounted_into_it()
    {
        Assert.Equal(DeployedConfiguration.Mounts.Order(StringComparer.Ordinal), Mounts("agent").Where(mount => mount.Mode == "").Select(mount => mount.To).Order(StringComparer.Ordinal));
        Assert.Contains(Mounts("sample").Single(), Mounts("agent"));
        var dockerfile = System.IO.File.ReadAllText(Repository.File("Dockerfile"));
        Assert.Contains("install -d -m 0700 -o \"${AGENT_UID}\" -g \"${AGENT_UID}\" /var/lib/nexus-backup ", dockerfile, StringComparison.Ordinal);
        Assert.Contains("install -d -m 0750 -o \"${AGENT_UID}\" -g \"${AGENT_UID}\" /backups /data", dockerfile, StringComparison.Ordinal);
    }

    private static JsonNode Provisioned(string service, string target) =>
        Assert.Single(DeployedFile.ReadAll(Path.Combine(Home, Mounts(service).Single(mount => mount.To == target).From)));

    private static IReadOnlyList<(string From, string To, string Mode)> Mounts(string service) =>
        [.. Services[service]!["volumes"].Texts().Select(volume => Default(volume).Split(':')).Select(parts => (parts[0], parts[1], parts.ElementAtOrDefault(2) ?? ""))];

    /// <summary>The text with each <c>${NAME:-default}</c> at its default.</summary>
    private static string Default(string text) => Setting().Replace(text, "$1");

    [GeneratedRegex(@"\$\{\w+:-([^}]*)\}")]
    private static partial Regex Setting();
}
