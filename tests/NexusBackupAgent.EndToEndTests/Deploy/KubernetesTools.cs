using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary><c>deploy/kubernetes/generate</c>, and the check of manifests in <c>tests/deploy</c>.</summary>
internal static class KubernetesTools
{
    private static string Checks => Repository.File("tests", "deploy");

    /// <summary>Skips the test on a laptop without Node.js or the packages.</summary>
    public static void RequireSchemas() => Require.NodePackages("deploy", "the schemas of Kubernetes and Compose");

    /// <summary>The schema of Compose files.</summary>
    public static string ComposeSchema => Path.Combine(Checks, "node_modules", "dclint", "schemas", "compose.schema.json");

    /// <summary>Checks every object of the files as strictly as an API server would.</summary>
    public static Task<ToolResult> CheckAsync(params IEnumerable<string> files) =>
        Tool.RunAsync("node", [Path.Combine(Checks, "check-manifests.mjs"), .. files]);

    /// <summary>Writes the generated manifests into a directory.</summary>
    public static async Task GenerateAsync(string directory, params string[] options)
    {
        Require.Tool("python3");
        var result = await Tool.RunAsync(DeployedFile.Path("kubernetes", "generate"), ["--to", directory, .. options]);
        Assert.True(result.ExitCode == 0, result.Text);
        Assert.Equal("", result.Error);
    }
}
