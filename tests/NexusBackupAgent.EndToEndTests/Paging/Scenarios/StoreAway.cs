using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>
/// The host comes up without the disk of its backups, and gets it back later. An agent that never saw them can't know
/// whether any is left: management, which is called when none is, must not be.
/// </summary>
internal sealed class StoreAway : Scenario
{
    public override async Task PrepareAsync(RunningAgent agent)
    {
        Directory.Delete(agent.Store);
        await MountAsync(Directory.CreateDirectory(DiskOf(agent)).FullName);
        Attach(agent);
    }

    public override async Task PlayAsync(Stage stage)
    {
        await stage.Agent.StopAsync();
        Directory.Delete(stage.Agent.Store); // the link; the disk is as it was
        await stage.Agent.StartAgainAsync();
        await stage.ToldAsync("system-administrator", "NexusBackupStoreDown L2");

        Attach(stage.Agent);
        await stage.ToldAsync("system-administrator", "NexusBackupStoreDown L2 over");

        await stage.ReadsAsync("oncall@example.org", "【L2】バックアップ障害: その他 格納先 local", "NexusBackupStoreDown", "nexus-backup check-config");
        await stage.ToldNothingElseAsync(administrator: ["NexusBackupStoreDown L2"]);
    }

    private static void Attach(RunningAgent agent) => Directory.CreateSymbolicLink(agent.Store, DiskOf(agent));

    private static string DiskOf(RunningAgent agent) => Path.Combine(agent.Home, "disk");
}
