using System.Globalization;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

/// <summary>
/// A Prometheus with a fortnight of two agents in it: failed runs, a corrupt backup, a store that fills, an agent that did
/// not answer, and the alerts that the shipped rules gave. Filled once for all tests of a class.
/// </summary>
public sealed class DashboardHistory : IAsyncLifetime
{
    internal PrometheusServer Prometheus { get; private set; } = null!;

    /// <summary>The history's last second, Unix time.</summary>
    public long End { get; private set; }

    /// <summary>Whether the machine has what it takes; without, there is nothing to start and the tests skip.</summary>
    public static bool IsPossible => Require.Has("prometheus") && Require.Has("promtool") && Require.Has("python3");

    public async Task InitializeAsync()
    {
        if (!IsPossible) return;
        var home = Directory.CreateTempSubdirectory("nexus-backup-history-").FullName;
        var filled = await Tool.RunAsync("python3", [Repository.File("tests", "dashboards", "backfill.py"), home]);
        if (filled.ExitCode != 0)
        {
            Directory.Delete(home, recursive: true);
            throw new InvalidOperationException(filled.Text);
        }

        End = long.Parse(filled.Output, CultureInfo.InvariantCulture);
        Prometheus = await PrometheusServer.StartOnHistoryAsync(home);
    }

    public async Task DisposeAsync()
    {
        if (Prometheus is not null) await Prometheus.DisposeAsync();
    }
}
