namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>Something else fills the store's disk past 80 and past 90 percent, and is removed.</summary>
internal sealed class StoreFilled : Scenario
{
    private const int Mebibyte = 1 << 20;

    public override async Task PlayAsync(Stage stage)
    {
        RequireOwnDisk();
        Fill(stage, percent: 83);
        await stage.ToldAsync("operations", "NexusBackupStorageFull L1");
        Fill(stage, percent: 93);
        await stage.ToldAsync("system-administrator", "NexusBackupStorageFull L2");

        Fill(stage, percent: 0);
        await stage.ToldAsync("system-administrator", "NexusBackupStorageFull L2 over");
        await stage.ToldAsync("operations", "NexusBackupStorageFull L1 over");

        await stage.ReadsAsync("operations", "【L1】バックアップ障害: ディスク容量不足 格納先 local", "83");
        await stage.ReadsAsync("oncall@example.org", "【L2】バックアップ障害: ディスク容量不足 格納先 local", "■ ディスク使用率: 93%（格納先 local）", "93");
        await stage.ToldNothingElseAsync(
            operations: ["NexusBackupStorageFull L1"],
            administrator: ["NexusBackupStorageFull L2"]);
    }

    private static void Fill(Stage stage, int percent)
    {
        using var file = new FileStream(Path.Combine(stage.Agent.Store, "something-else"), FileMode.Create);
        file.Write(new byte[StoreMebibytes * Mebibyte / 100 * percent]);
    }
}
