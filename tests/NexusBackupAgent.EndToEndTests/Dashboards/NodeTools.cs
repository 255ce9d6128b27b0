using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

/// <summary>The programs in <c>tests/dashboards</c>, which use Grafana's own libraries from npm.</summary>
internal static class NodeTools
{
    /// <summary>Drawing six pages takes about 30 s on a machine with nothing else to do.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    public static string Directory => Repository.File("tests", "dashboards");

    /// <summary>Skips the test on a laptop without Node.js or the packages.</summary>
    public static void RequireThem() => Require.NodePackages("dashboards", "Grafana's libraries");

    public static Task<ToolResult> RunAsync(string program, params IEnumerable<string> arguments) =>
        Tool.RunAsync("node", [Path.Combine(Directory, program), .. arguments], timeout: Limit);
}
