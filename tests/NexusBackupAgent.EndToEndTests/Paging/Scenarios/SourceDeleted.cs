namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>The database is deleted, and a run fails; it is put back, and the next succeeds.</summary>
internal sealed class SourceDeleted : Scenario
{
    public override async Task PlayAsync(Stage stage)
    {
        var database = await File.ReadAllBytesAsync(stage.Agent.Database);
        File.Delete(stage.Agent.Database);
        Assert.Equal(3, (await stage.Agent.RunAsync("backup", "itsm")).ExitCode);
        await stage.ToldAsync("operations", "NexusBackupFailed L1");

        await File.WriteAllBytesAsync(stage.Agent.Database, database);
        Assert.Equal(0, (await stage.Agent.RunAsync("backup", "itsm")).ExitCode);
        await stage.ToldAsync("operations", "NexusBackupFailed L1 over");

        await stage.ReadsAsync("operations", "【L1】バックアップ障害: 自動バックアップ未実行 itsm", "NexusBackupFailed", "/runbook.ja.md#nexusbackupfailed");
        await stage.ReadsAsync("operations", "【復旧 L1】バックアップ障害: 自動バックアップ未実行 itsm", "復旧（1件）");
        await stage.ToldNothingElseAsync(operations: ["NexusBackupFailed L1"]);
    }
}
