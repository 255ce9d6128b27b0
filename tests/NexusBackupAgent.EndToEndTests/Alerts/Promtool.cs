using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>Runs unit tests of rules.</summary>
internal static class Promtool
{
    // Much of its work is on garbage; memory is cheaper.
    private static readonly Dictionary<string, string> Environment = new(StringComparer.Ordinal) { ["GOGC"] = "400" };

    // It only computes: the other tests, which watch programs by the clock, go first; within a session by "nice", between sessions by what Linux calls autogroup.
    private const string Patiently = "{ echo 5 > /proc/self/autogroup; } 2> /dev/null; exec nice -n 10 promtool test rules \"$1\"";

    public static Task<ToolResult> TestAsync(string file) => Tool.RunAsync("setsid", ["--wait", "sh", "-c", Patiently, "sh", file], environment: Environment);

    /// <summary>
    /// Runs a test that asks which alerts fire, not what they say: the rules come without annotations, whose rendering at
    /// every step takes most of the time.
    /// </summary>
    /// <param name="test">As YAML; it names the rules <c>nexus-backup.rules.yml</c>.</param>
    public static async Task<ToolResult> TestWithoutTextsAsync(string test)
    {
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder["nexus-backup.rules.yml"], RuleFile.WithoutAnnotations());
        await File.WriteAllTextAsync(folder["test.yml"], test);
        return await TestAsync(folder["test.yml"]);
    }
}
