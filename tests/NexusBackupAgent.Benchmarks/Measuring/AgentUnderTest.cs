using System.Diagnostics;

namespace NexusBackupAgent.Benchmarks.Measuring;

/// <summary>The real executable with a configuration of its own: one store, and one database if nothing else is said.</summary>
internal sealed class AgentUnderTest
{
    private readonly string directory;

    /// <param name="directory">Where configuration, state, scratch space and store go.</param>
    /// <param name="database">Absolute path.</param>
    /// <param name="listen">Where a running agent answers; null for its default.</param>
    public AgentUnderTest(string directory, string database, Uri? listen = null)
        : this(directory, listen ?? new Uri("http://127.0.0.1:9440"), $$$"""
              itsm:
                sqlite: "{{{database}}}"
                store: local
                directory: .
                schedules: {daily: {cron: "0 2 * * *", type: full, retention: 7d}}
            """)
    {
    }

    private AgentUnderTest(string directory, Uri listen, string sources)
    {
        this.directory = directory;
        Directory.CreateDirectory(Store);
        File.WriteAllText(Path.Combine(directory, "nexus-backup.yml"), $$$"""
            listen: {{{listen}}}
            state: state
            stores:
              local: {path: store}
            sources:
            {{{sources}}}
            """);
    }

    /// <param name="directory">Where configuration, state, scratch space and store go.</param>
    /// <param name="listen">Where a running agent answers.</param>
    /// <param name="sources">What stands below <c>sources:</c>, indented; the store is called <c>local</c>.</param>
    public static AgentUnderTest WithSources(string directory, Uri listen, string sources) => new(directory, listen, sources);

    public string Store => Path.Combine(directory, "store");

    /// <summary><c>$NEXUS_BACKUP</c>, for example a published one, or the one built with this program.</summary>
    private static string Executable => Environment.GetEnvironmentVariable("NEXUS_BACKUP") ?? Path.Combine(AppContext.BaseDirectory, "nexus-backup");

    /// <summary>Starts <c>nexus-backup backup</c>, verification included.</summary>
    public Process StartBackup() => Start(Executable, directory, "backup", "--config", "nexus-backup.yml");

    /// <summary>Starts the agent as a service.</summary>
    public Process StartService() => Start(Executable, directory, "run", "--config", "nexus-backup.yml");

    /// <summary>Starts any other command.</summary>
    public Process StartCommand(params string[] command) => Start(Executable, directory, [.. command, "--config", "nexus-backup.yml"]);

    /// <summary>Starts a backup with the priority that the systemd unit gives the agent.</summary>
    public Process StartNiceBackup() => Start("nice", directory, "-n", "10", Executable, "backup", "--config", "nexus-backup.yml");

    /// <summary>Removes what backups left, the journal with them, so that the next one finds the disk as this one did.</summary>
    public void Clear()
    {
        Directory.Delete(Store, recursive: true);
        Directory.Delete(Path.Combine(directory, "state"), recursive: true); // it knows the store by a mark that went with it
        Directory.CreateDirectory(Store);
    }

    public static Process Start(string program, string workingDirectory, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = workingDirectory, UseShellExecute = false, RedirectStandardOutput = true };
        return Process.Start(start)!;
    }

    /// <exception cref="InvalidOperationException">It did not end with exit code 0.</exception>
    public static async Task RequireSuccessAsync(Process process)
    {
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"'{process.StartInfo.FileName}' ended with exit code {process.ExitCode}: {output}");
    }
}
