using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>Something that goes wrong for real, is told, and is mended.</summary>
internal abstract class Scenario
{
    /// <summary>Size of the store's own disk, so that what fills this machine's is not told of every agent.</summary>
    protected const int StoreMebibytes = 20;

    private ToolResult? mount;
    private string disk = "";

    public static IReadOnlyList<Scenario> All =>
        [new SourceDeleted(), new TwoFailures(), new ByteFlipped(), new AllCorrupted(), new StoreFilled(), new AgentKilled(), new SchedulerBlocked(), new StoreAway(), new OlderThanADay(), new OlderThanTwoDays()];

    /// <summary>What the agent protects: YAML below <c>sources:</c>.</summary>
    public virtual string Sources => """
          itsm:
            sqlite: itsm.db
            directory: .
            schedules: {daily: {cron: "0 2 29 2 *", retention: 7d}}
        """;

    /// <summary>Before the agent starts.</summary>
    public virtual Task PrepareAsync(RunningAgent agent) => MountAsync(agent.Store);

    /// <summary>From a healthy agent that is scraped to one that is healthy again.</summary>
    public abstract Task PlayAsync(Stage stage);

    /// <summary>Takes away what lies in the agent's home and can't be deleted with it; also when the start failed.</summary>
    public virtual async Task CleanUpAsync()
    {
        if (mount is { ExitCode: 0 })
            await Tool.RunAsync("umount", ["-l", disk]);
    }

    /// <summary>Mounts a small disk over a directory, if this user may.</summary>
    protected async Task MountAsync(string directory)
    {
        mount = await Tool.RunAsync("mount", ["-t", "tmpfs", "-o", $"size={StoreMebibytes}m", "tmpfs", directory]);
        disk = directory;
    }

    /// <summary>The store has a disk of its own, if this user may mount one.</summary>
    protected void RequireOwnDisk() => Require.That(mount is { ExitCode: 0 }, "needs the right to mount a tmpfs: " + mount?.Error);
}
