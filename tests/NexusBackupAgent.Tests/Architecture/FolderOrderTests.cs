using System.Runtime.CompilerServices;

namespace NexusBackupAgent.Tests.Architecture;

public class FolderOrderTests
{
    [Fact]
    public void A_folder_uses_only_folders_below_it()
    {
        var files = SourceFiles();

        Assert.Contains(files, file => file.Path == "Retention/RetentionRules.cs");
        Assert.Empty(FolderOrder.Violations(files));
    }

    [Theory]
    // what is allowed
    [InlineData("Operations/A.cs", "using NexusBackupAgent.Catalog;\nnamespace NexusBackupAgent.Operations;", null)]
    [InlineData("Sources/Sqlite/A.cs", "using NexusBackupAgent.Sources;\nnamespace NexusBackupAgent.Sources.Sqlite;", null)]
    [InlineData("AgentHost.cs", "using NexusBackupAgent.Cli;\nnamespace NexusBackupAgent;\nvar x = NexusBackupAgent.Operations.Y.Z;", null)]
    [InlineData("Operations/A.cs", "// see NexusBackupAgent.Cli.Main\n/* using NexusBackupAgent.Cli; */\nnamespace NexusBackupAgent.Operations;", null)]
    [InlineData("Catalog/A.cs", "namespace NexusBackupAgent.Catalog;\nvar x = Verification.Passed;", null)]
    [InlineData("Http/A.cs", "namespace NexusBackupAgent.Http;\nclass A(Agent agent);", null)]
    [InlineData("Agent.cs", "using NexusBackupAgent.Metrics;\nnamespace NexusBackupAgent;", null)]
    [InlineData("Metrics/A.cs", "namespace NexusBackupAgent.Metrics;\nrecord A(string Agent) { public bool B => Agent is \"Agent x\"; }", null)]
    // the root's own types
    [InlineData("Metrics/A.cs", "namespace NexusBackupAgent.Metrics;\nclass A(Agent agent);", "Metrics uses Agent of the agent")]
    [InlineData("Metrics/A.cs", "var x = new Agent();", "Metrics uses Agent of the agent")]
    [InlineData("Metrics/A.cs", "Func<Agent> x;", "Metrics uses Agent of the agent")]
    [InlineData("Metrics/A.cs", "using var x = Agent.Open();", "Metrics uses Agent of the agent")]
    [InlineData("Agent.cs", "using NexusBackupAgent.Http;\nnamespace NexusBackupAgent;", "Agent.cs: the agent uses Http")]
    [InlineData("Cli/A.cs", "AgentHost.RunAsync();", "Cli uses AgentHost of the host")]
    // a folder above, in every spelling of a using
    [InlineData("Catalog/A.cs", "using NexusBackupAgent.Operations;", "Catalog/A.cs: Catalog uses Operations, which is not below it")]
    [InlineData("Catalog/A.cs", "using static NexusBackupAgent.Operations.Y;", "Catalog uses Operations")]
    [InlineData("Catalog/A.cs", "using Y = NexusBackupAgent.Operations.Y;", "Catalog uses Operations")]
    [InlineData("Catalog/A.cs", "using global::NexusBackupAgent.Operations;", "Catalog uses Operations")]
    [InlineData("Sources/Sqlite/A.cs", "using NexusBackupAgent.Catalog;", "Sources uses Catalog")]
    [InlineData("Common/A.cs", "using NexusBackupAgent.Artifacts;", "Common uses Artifacts")]
    // uses that no using shows
    [InlineData("Catalog/A.cs", "var x = NexusBackupAgent.Operations.Y.Z;", "names NexusBackupAgent.Operations in full")]
    [InlineData("Catalog/A.cs", "var x = new Verification.BackupVerifier();", "names Verification.BackupVerifier through its folder")]
    [InlineData("Catalog/A.cs", "global using System.Text;", "has a global using")]
    [InlineData("Program.cs", "global using NexusBackupAgent.Operations;", "has a global using")]
    // a folder or namespace outside the order
    [InlineData("Helpers/A.cs", "namespace NexusBackupAgent.Helpers;", "folder Helpers has no place in the order")]
    [InlineData("Catalog/A.cs", "using NexusBackupAgent.Helpers;", "Catalog uses Helpers")]
    [InlineData("Operations/A.cs", "namespace NexusBackupAgent.Catalog;", "namespace NexusBackupAgent.Catalog is not its folder's, NexusBackupAgent.Operations")]
    public void A_violation_is_found_and_named(string path, string text, string? expected)
    {
        var verifier = new SourceFile("Verification/BackupVerifier.cs", "namespace NexusBackupAgent.Verification;");

        var agent = new SourceFile("Agent.cs", "namespace NexusBackupAgent;\ninternal sealed partial class Agent : IDisposable;");
        var host = new SourceFile("AgentHost.cs", "namespace NexusBackupAgent;\ninternal static class AgentHost;");

        var violations = FolderOrder.Violations([new SourceFile(path, text), verifier, agent, host]);

        if (expected is null)
            Assert.Empty(violations);
        else
            Assert.Contains(violations, violation => violation.Contains(expected, StringComparison.Ordinal));
    }

    internal static List<SourceFile> SourceFiles([CallerFilePath] string thisFile = "")
    {
        var root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "../../../src/NexusBackupAgent"));
        return [.. Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
            .Select(file => (File: file, Path: Path.GetRelativePath(root, file).Replace('\\', '/')))
            .Where(found => !found.Path.StartsWith("obj/", StringComparison.Ordinal) && !found.Path.StartsWith("bin/", StringComparison.Ordinal))
            .Select(found => new SourceFile(found.Path, File.ReadAllText(found.File)))];
    }
}
