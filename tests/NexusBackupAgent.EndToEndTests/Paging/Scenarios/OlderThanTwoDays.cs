namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>The newest good backup is 49 hours old, and nothing but a person makes the next.</summary>
internal sealed class OlderThanTwoDays() : AgedBackup(hours: 49)
{
    public override async Task PlayAsync(Stage stage)
    {
        await stage.ToldAsync("system-administrator", "NexusBackupStale L2");
        var form = await stage.FormAsync();
        await stage.Agent.RunAsync("backup", "itsm");
        await stage.ToldAsync("system-administrator", "NexusBackupStale L2 over");

        await stage.ReadsAsync("oncall@example.org", "【L2】バックアップ障害: 自動バックアップ未実行 itsm", [.. form, "■ RPO影響: 危機しきい値超過（49時間）", "2日1時間"]);
        await stage.ToldNothingElseAsync(administrator: ["NexusBackupStale L2"]); // L1 holds as well, and is muted
    }
}
