namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>The database is overwritten with something else, and two runs in a row fail; it is put back, and the next succeeds.</summary>
internal sealed class TwoFailures : Scenario
{
    public override async Task PlayAsync(Stage stage)
    {
        var database = await File.ReadAllBytesAsync(stage.Agent.Database);
        await File.WriteAllTextAsync(stage.Agent.Database, new string('x', database.Length));
        Assert.Equal(3, (await stage.Agent.RunAsync("backup", "itsm")).ExitCode);
        await stage.ToldAsync("operations", "NexusBackupFailed L1");
        Assert.Equal(3, (await stage.Agent.RunAsync("backup", "itsm")).ExitCode);
        await stage.ToldAsync("system-administrator", "NexusBackupFailed L2");

        var form = await stage.FormAsync();
        await File.WriteAllBytesAsync(stage.Agent.Database, database);
        Assert.Equal(0, (await stage.Agent.RunAsync("backup", "itsm")).ExitCode);
        await stage.ToldAsync("system-administrator", "NexusBackupFailed L2 over");
        await stage.ToldAsync("operations", "NexusBackupFailed L1 over");

        await stage.ReadsAsync(
            "oncall@example.org", "【L2】バックアップ障害: 自動バックアップ未実行 itsm",
            ["【バックアップ障害報告】", "■ 障害種別: 自動バックアップ未実行（対象: itsm（TwoFailures））", .. form, "■ RPO影響: 範囲内", "■ 現在の状態: エスカレーション待ち（L2）"]);
        await stage.ReadsAsync("oncall@example.org", "【復旧 L2】バックアップ障害: 自動バックアップ未実行 itsm", "■ 最終正常バックアップ: 「nexus-backup report --lang ja」で確認", "■ 現在の状態: 復旧済（");
        await stage.ToldNothingElseAsync(
            operations: ["NexusBackupFailed L1"],
            administrator: ["NexusBackupFailed L2"]);
    }
}
