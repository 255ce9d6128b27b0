using System.Text.Json.Nodes;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary>The commands of <c>deploy/prometheus/README.md</c>, as they are written there, with an <c>/etc/prometheus</c> of the test's own.</summary>
public sealed class PrometheusReadmeTests : IDisposable
{
    private readonly DirectoryInfo home = Directory.CreateTempSubdirectory("nexus-backup-prometheus-readme-");

    public PrometheusReadmeTests()
    {
        Directory.CreateDirectory(Etc);
        Directory.CreateDirectory(Programs);
        foreach (var program in new[] { "editor", "systemctl" }) // an operator, and a service manager that is not here
        {
            File.WriteAllText(Path.Combine(Programs, program), "#!/bin/sh\n");
            File.SetUnixFileMode(Path.Combine(Programs, program), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }
    }

    private string Etc => Path.Combine(home.FullName, "etc");

    private string Programs => Path.Combine(home.FullName, "bin");

    public void Dispose() => home.Delete(recursive: true);

    [SkippableFact]
    public async Task The_installation_ends_with_rules_that_are_found_and_keeps_the_file_that_was_there()
    {
        await File.WriteAllTextAsync(Path.Combine(Etc, "prometheus.yml"), "scrape_configs: []\n");

        var installed = await RunAsync(Block("## Install"));

        Assert.Contains("SUCCESS: 1 rule files found", installed.Output, StringComparison.Ordinal);
        Assert.Equal("scrape_configs: []\n", await File.ReadAllTextAsync(Path.Combine(Etc, "prometheus.yml~")));
        var rules = await File.ReadAllTextAsync(Path.Combine(Etc, "rules", "nexus-backup.rules.yml"));
        Assert.Contains("https://grafana.your.domain/d/", rules, StringComparison.Ordinal);
        Assert.DoesNotContain("grafana.example.org", rules, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_further_file_of_targets_is_found()
    {
        await RunAsync(Block("## Install"));

        var added = await RunAsync(Block("## Add or remove an agent"));

        var labels = JsonNode.Parse(added.Output)!.AsArray().OfType<JsonNode>().Select(target => target["labels"]!).ToList();
        Assert.Equal(["127.0.0.1:9440", "db2.example.org:9440", "db3.example.org:9440"], labels.Select(target => target["instance"].Text()).Order(StringComparer.Ordinal));
        Assert.Equal(2, labels.Count(target => target["site"]?.Text() == "osaka"));
        Assert.Equal(["nexus-backup.yml", "osaka.yml"], Directory.GetFiles(Path.Combine(Etc, "targets")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [SkippableFact]
    public async Task A_host_that_is_gone_is_silenced_for_as_long_as_the_rules_remember_it()
    {
        Require.Tool("prometheus-alertmanager");
        await using var alertmanager = await AlertmanagerServer.StartAsync("{route: {receiver: nobody}, receivers: [{name: nobody}]}");
        var command = Block("## Add or remove an agent", 1).Replace("http://127.0.0.1:9093", alertmanager.Address.ToString().TrimEnd('/'), StringComparison.Ordinal);

        await RunAsync(command);
        await alertmanager.FireAsync(
            new Dictionary<string, string>(StringComparer.Ordinal) { ["alertname"] = "NexusBackupStale", ["instance"] = "db3.example.org:9440" },
            new Dictionary<string, string>(StringComparer.Ordinal) { ["alertname"] = "NexusBackupStale", ["instance"] = "db2.example.org:9440" });

        var isSilent = await Eventually.IsAsync(
            async () => (await alertmanager.AlertsAsync()).Count(alert => alert.GetProperty("status").GetProperty("silencedBy").GetArrayLength() == 1) == 1,
            TimeSpan.FromMinutes(3));
        Assert.True(isSilent, alertmanager.Log);
        Assert.Contains("--duration=3d", command, StringComparison.Ordinal);
    }

    /// <summary>A block of commands of the README.</summary>
    private static string Block(string heading, int index = 0)
    {
        var section = File.ReadAllText(DeployedFile.Path("prometheus", "README.md")).Split($"{heading}\n")[1].Split("\n## ")[0];
        return section.Split("```bash\n")[index + 1].Split("```")[0];
    }

    private async Task<ToolResult> RunAsync(string script)
    {
        Require.Tool("promtool", "prometheus"); // its package brings the directory below which the mount is made
        Require.Tool("bwrap", "bubblewrap");
        Require.That(Environment.IsPrivilegedProcess, "a mount over /etc/prometheus needs root; run the tests as root");
        var result = await Tool.RunAsync(
            "bwrap",
            ["--dev-bind", "/", "/", "--bind", Etc, "/etc/prometheus", "--setenv", "USER", "operator",
             "--setenv", "PATH", $"{Programs}:{AgentProgram.Directory}:{Environment.GetEnvironmentVariable("PATH")}", "bash", "-euc", script],
            Repository.Root);
        Assert.True(result.ExitCode == 0, result.Text);
        return result;
    }
}
