using System.Text.Json.Nodes;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary>A directory with files as they are installed below <c>/etc/prometheus</c>, and what promtool says about them.</summary>
internal sealed class PrometheusLayout : IDisposable
{
    private readonly DirectoryInfo root = Directory.CreateTempSubdirectory("nexus-backup-prometheus-layout-");

    public string Configuration => Of("/etc/prometheus/prometheus.yml");

    /// <summary>Puts a file where it is installed.</summary>
    public void Add(string file, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Of(to))!);
        File.Copy(file, Of(to));
    }

    public string Of(string path) => Path.Combine(root.FullName, path.TrimStart('/'));

    public async Task<ToolResult> CheckAsync()
    {
        Require.Tool("promtool", "prometheus");
        var check = await Tool.RunAsync("promtool", ["check", "config", Configuration]);
        Assert.True(check.ExitCode == 0, check.Text);
        return check;
    }

    /// <summary>The agents that Prometheus finds.</summary>
    public async Task<IReadOnlyList<JsonNode>> DiscoverAsync()
    {
        Require.Tool("promtool", "prometheus");
        var found = await Tool.RunAsync("promtool", ["check", "service-discovery", "--timeout=2s", Configuration, "nexus-backup"]);
        Assert.True(found.ExitCode == 0, found.Text);
        return [.. JsonNode.Parse(found.Output)!.AsArray().OfType<JsonNode>()];
    }

    public void Dispose() => root.Delete(recursive: true);
}
