using NexusBackupAgent.EndToEndTests.Support;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>
/// A network disk that a pattern names hangs, and with it the scheduler, which looks for new databases there; the agent
/// goes on answering. Then the disk fails, and the scheduler goes on without it.
/// </summary>
internal sealed class SchedulerBlocked : Scenario
{
    private HungFileSystem? disk;

    public override string Sources => base.Sources + '\n' + """
          tenants:
            sqlite: tenants/*.db
        """;

    public override Task PrepareAsync(RunningAgent agent)
    {
        Directory.CreateDirectory(DiskOf(agent));
        return base.PrepareAsync(agent);
    }

    public override async Task PlayAsync(Stage stage)
    {
        disk = HungFileSystem.Mount(DiskOf(stage.Agent));
        await stage.ToldAsync("system-administrator", "NexusBackupSchedulerStuck L2");
        disk.Fail();
        await stage.ToldAsync("system-administrator", "NexusBackupSchedulerStuck L2 over");

        await stage.ReadsAsync("oncall@example.org", "【L2】バックアップ障害: その他（サービス停止） エージェント", "NexusBackupSchedulerStuck");
        await stage.ToldNothingElseAsync(administrator: ["NexusBackupSchedulerStuck L2"]);
    }

    public override Task CleanUpAsync()
    {
        disk?.Dispose();
        return base.CleanUpAsync();
    }

    private static string DiskOf(RunningAgent agent) => Path.Combine(agent.Home, "tenants");
}
