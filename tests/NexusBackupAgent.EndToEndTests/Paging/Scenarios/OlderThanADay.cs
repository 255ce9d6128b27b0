namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>The newest good backup is 26 hours old, and nothing but a person makes the next.</summary>
internal sealed class OlderThanADay() : AgedBackup(hours: 26)
{
    public override async Task PlayAsync(Stage stage)
    {
        await stage.ToldAsync("operations", "NexusBackupStale L1");
        await stage.Agent.RunAsync("backup", "itsm");
        await stage.ToldAsync("operations", "NexusBackupStale L1 over");

        await stage.ReadsAsync("operations", "【L1】バックアップ障害: 自動バックアップ未実行 itsm", "NexusBackupStale", "1日2時間");
        await stage.ToldNothingElseAsync(operations: ["NexusBackupStale L1"]);
    }
}
