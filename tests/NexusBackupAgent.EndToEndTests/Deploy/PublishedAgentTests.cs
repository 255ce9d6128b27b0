using System.Text.Json.Nodes;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary>What <c>dotnet publish</c> makes, and that nothing else pays for it.</summary>
public sealed class PublishedAgentTests
{
    [SkippableFact]
    public void The_published_agent_is_one_executable_with_its_SQLite_beside_it()
    {
        Require.That(AgentProgram.IsNative, AgentProgram.NotNative);

        Assert.Equal(["libe_sqlite3.so", "nexus-backup"], Directory.GetFiles(AgentProgram.Directory).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [SkippableTheory]
    [InlineData("share/doc/nexus-backup/runbook.md", "docs/runbook.md")]
    [InlineData("share/doc/nexus-backup/runbook.ja.md", "docs/runbook.ja.md")]
    [InlineData("share/man/man1/nexus-backup.1", "deploy/man/nexus-backup.1")]
    public async Task The_pages_for_the_night_are_published_with_it(string published, string source)
    {
        Require.That(AgentProgram.IsNative, AgentProgram.NotNative);

        Assert.Equal(await File.ReadAllTextAsync(Repository.File(source)), await File.ReadAllTextAsync(Path.Combine(AgentProgram.Directory, published)));
    }

    [Theory]
    [InlineData("", "", "")]
    [InlineData("-p:_IsPublishing=true", "true", "gcc")]
    [InlineData("-p:_IsPublishing=true -p:PublishAot=false", "false", "")]
    public async Task Only_dotnet_publish_compiles_to_machine_code(string options, string native, string linker)
    {
        var evaluation = await Tool.RunAsync("dotnet", [
            "msbuild", Repository.File("src/NexusBackupAgent"), "-nologo", "-getProperty:PublishAot,CppCompilerAndLinker", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

        Assert.True(evaluation.ExitCode == 0, evaluation.Text);
        var properties = JsonNode.Parse(evaluation.Output)!["Properties"]!;
        Assert.Equal(native, (string?)properties["PublishAot"]);
        Assert.Equal(linker, (string?)properties["CppCompilerAndLinker"]);
    }
}
