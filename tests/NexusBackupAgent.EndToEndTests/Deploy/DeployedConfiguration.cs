using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary>
/// An <c>nexus-backup.yml</c> for a container, with directories of this machine where the container has its mounts, and the
/// sample database in place of the application's. Disposing deletes them.
/// </summary>
internal sealed class DeployedConfiguration : IDisposable
{
    private readonly DirectoryInfo home = Directory.CreateTempSubdirectory("nexus-backup-deployed-");

    /// <summary>Where the containers of all examples have their mounts.</summary>
    public static IReadOnlyList<string> Mounts { get; } = ["/data", "/backups", "/var/lib/nexus-backup"];

    /// <summary>Makes the directories and the sample database, as the Compose file's first service does.</summary>
    public static async Task<DeployedConfiguration> MakeAsync(string file)
    {
        var made = new DeployedConfiguration();
        var text = await File.ReadAllTextAsync(file);
        foreach (var mount in Mounts)
        {
            Assert.Contains($": {mount}", text, StringComparison.Ordinal);
            text = text.Replace($": {mount}", $": {made.Of(mount)}", StringComparison.Ordinal);
            if (mount != "/data")
                Directory.CreateDirectory(made.Of(mount), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        await File.WriteAllTextAsync(made.Of("nexus-backup.yml"), text);
        var demo = await Agent("demo", "--exit", "--directory", made.Of("/data"), "--size", "1");
        Assert.True(demo.ExitCode == 0, demo.Text);
        return made;
    }

    /// <summary>Runs a command of the agent with this configuration.</summary>
    public Task<ToolResult> RunAsync(params string[] arguments) => Agent([.. arguments, "--config", Of("nexus-backup.yml")]);

    public void Dispose() => home.Delete(recursive: true);

    private static Task<ToolResult> Agent(params string[] arguments) => Tool.RunAsync(AgentProgram.Path, arguments);

    private string Of(string path) => Path.Combine(home.FullName, path.TrimStart('/').Replace('/', '-'));
}
