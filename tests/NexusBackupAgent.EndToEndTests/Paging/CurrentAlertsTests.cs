using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>The commands of the monitoring page by which an operator sees the alerts of now in a template.</summary>
public sealed partial class CurrentAlertsTests
{
    [SkippableFact]
    public async Task The_commands_of_the_monitoring_page_render_what_fires()
    {
        Require.Tool("prometheus-alertmanager");
        Require.Tool("amtool", "prometheus-alertmanager");
        Require.Tool("jq");
        await using var alertmanager = await AlertmanagerServer.StartAsync(FastAlertmanager.Configuration(new Uri("http://127.0.0.1:9/"), "127.0.0.1:9"));
        var alert = Golden.Read("one")["alerts"]![0]!;
        await alertmanager.FireWithTextsAsync(Golden.Texts(alert["labels"]), Golden.Texts(alert["annotations"]));
        var page = await File.ReadAllTextAsync(Repository.File("docs", "monitoring.md"));
        var commands = Commands().Match(page).Value
            .Replace("http://127.0.0.1:9093", alertmanager.Address.ToString(), StringComparison.Ordinal)
            .Replace("/etc/prometheus/templates/nexus-backup.tmpl", ShippedFiles.Templates, StringComparison.Ordinal);
        using var folder = new TempFolder();

        var result = await Tool.RunAsync("bash", ["-euo", "pipefail", "-c", commands], folder.Path);

        Assert.True(result.ExitCode == 0, result.Text);
        var accepted = await File.ReadAllLinesAsync(Golden.Path("one.ja.report.txt"));
        Assert.Equal(accepted.Where(IsOfTheAlert), result.Output.Split('\n').Where(IsOfTheAlert));
        Assert.Contains(accepted, IsOfTheAlert);
    }

    /// <summary>It begins now here, and Alertmanager has another address.</summary>
    private static bool IsOfTheAlert(string line) => line.Length > 0 && !line.Contains("検知", StringComparison.Ordinal) && !line.StartsWith("Alertmanager:", StringComparison.Ordinal);

    [GeneratedRegex(@"(?<=```sh\n)amtool alert query [^`]*")]
    private static partial Regex Commands();
}
