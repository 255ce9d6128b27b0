using System.Text.Json;
using NexusBackupAgent.EndToEndTests.Paging;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Service;

/// <summary>A host where no agent runs: cron's commands write metrics, a real node_exporter serves them, a real Prometheus evaluates the shipped rules on them.</summary>
public sealed class TextfileTests : IDisposable
{
    private readonly TempFolder home = new();

    private string Collected => Directory.CreateDirectory(home["textfile"]).FullName;

    private string Textfile => Path.Combine(Collected, "nexus-backup.prom");

    public void Dispose() => home.Dispose();

    [SkippableFact]
    public async Task The_file_passes_promtool_without_a_word()
    {
        Require.Tool("promtool", "prometheus");
        await PrepareAsync();
        await RunAsync(0, "backup", "--schedule", "daily", "--textfile", Textfile);

        var check = await Tool.RunAsync("sh", ["-c", "promtool check metrics < \"$1\"", "sh", Textfile]);

        Assert.Equal((0, ""), (check.ExitCode, check.Output + check.Error));
    }

    [SkippableFact]
    public async Task Node_exporter_serves_it_and_a_failed_backup_reaches_the_rules()
    {
        Require.Tool("prometheus-node-exporter");
        Require.Tool("prometheus");
        await PrepareAsync();
        await RunAsync(0, "backup", "--schedule", "daily", "--textfile", Textfile);
        var address = $"127.0.0.1:{ServerProcess.FreePort()}";
        await using var exporter = ServerProcess.Start(
            "prometheus-node-exporter", Directory.CreateTempSubdirectory("nexus-backup-exporter-").FullName,
            "--collector.disable-defaults", "--collector.textfile", $"--collector.textfile.directory={Collected}", $"--web.listen-address={address}");
        await using var prometheus = await PrometheusServer.StartConfiguredAsync(
            $$"""
            global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
            rule_files: [{{JsonSerializer.Serialize(await RulesForNodeAsync())}}]
            scrape_configs:
            - job_name: node
              static_configs: [{targets: [{{JsonSerializer.Serialize(address)}}]}]
            """,
            readyWhen: "node_textfile_scrape_error{job=\"node\"} == 0 and on () nexus_backup_backups{state=\"good\", schedule=\"daily\"} == 1");
        Assert.Empty(await prometheus.QueryAsync("ALERTS{alertname!=\"NexusBackupWatchdog\"}"));

        File.Delete(home["itsm.db"]);
        await RunAsync(3, "backup", "--schedule", "daily", "--textfile", Textfile);
        await RunAsync(3, "backup", "--schedule", "daily", "--textfile", Textfile);

        await prometheus.WaitForAsync("ALERTS{alertname=\"NexusBackupFailed\", level=\"L2\", source=\"itsm\", job=\"node\"}");
        Assert.Empty(await prometheus.QueryAsync("node_textfile_scrape_error > 0"));
        Assert.Empty(await prometheus.QueryAsync("ALERTS{alertname=~\"NexusBackup(Agent.*|Scheduler.*|ClockSkew|NothingProtected)\"}"));
    }

    /// <summary>What the agent prints for the job that scrapes node_exporter, in a hurry.</summary>
    private async Task<string> RulesForNodeAsync()
    {
        var printed = await Tool.RunAsync(AgentProgram.Path, ["rules", "--job", "node"]);
        Assert.True(printed.ExitCode == 0, printed.Text);
        var rules = home["node.rules.yml"];
        await File.WriteAllTextAsync(rules, FastRules.Hurry(printed.Output));
        return rules;
    }

    private async Task PrepareAsync()
    {
        Directory.CreateDirectory(home["backups"]);
        await File.WriteAllTextAsync(home["nexus-backup.yml"], """
            timeZone: Asia/Tokyo
            agent: none
            stores:
              local: {path: backups}
            sources:
              itsm:
                sqlite: itsm.db
                retry: {attempts: 1}
                schedules:
                  daily: {cron: "0 2 29 2 *", retention: 7d}
            """);
        var made = await Tool.RunAsync("sqlite3", [home["itsm.db"], "CREATE TABLE incidents (title TEXT); INSERT INTO incidents VALUES ('disk full');"]);
        Assert.True(made.ExitCode == 0, made.Text);
    }

    private async Task RunAsync(int code, params string[] arguments)
    {
        var result = await Tool.RunAsync(AgentProgram.Path, [.. arguments, "--config", home["nexus-backup.yml"]]);
        Assert.True(result.ExitCode == code, result.Text);
    }
}
