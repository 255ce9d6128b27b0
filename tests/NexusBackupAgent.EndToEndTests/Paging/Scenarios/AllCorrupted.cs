namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>Every artifact is damaged, and a reading finds it; then a new backup is made.</summary>
internal sealed class AllCorrupted : Scenario
{
    // That there was no good backup was muted, and is over in the same second.
    private const string Over = "NexusBackupAllCorrupt L3 over + NexusBackupNone L3 over";

    public override async Task PlayAsync(Stage stage)
    {
        await stage.Agent.RunAsync("backup", "itsm");
        await stage.Agent.RestartAsync(); // it looks for what to replace when it starts, and then after a minute
        ByteFlipped.FlipEach(stage.Agent);
        await stage.Agent.RunAsync("verify", "itsm", "--all", "--no-replacement");
        await stage.ToldAsync("system-administrator", "NexusBackupAllCorrupt L3");
        await stage.ToldAsync("management", "NexusBackupAllCorrupt L3");

        await stage.IsQuietAsync("NexusBackupCorrupt"); // L3 mutes it, and what is set aside is news for a while longer
        await stage.Agent.RunAsync("backup", "itsm");
        await stage.ToldAsync("management", Over);
        await stage.ToldAsync("system-administrator", Over);

        foreach (var person in (string[])["oncall@example.org", "it-management@example.org"])
        {
            await stage.ReadsAsync(
                person, "【L3】バックアップ障害: ファイル破損 itsm",
                "■ 最終正常バックアップ: なし", "■ RPO影響: 超過（正常バックアップなし）", "■ 現在の状態: エスカレーション待ち（L3）");
            await stage.ReadsAsync(person, "【復旧 L3】バックアップ障害: ファイル破損 / その他（正常バックアップなし） 2件", "■ 現在の状態: 復旧済（");
        }

        await stage.ToldNothingElseAsync(
            administrator: ["NexusBackupAllCorrupt L3", Over],
            management: ["NexusBackupAllCorrupt L3", Over]);
    }
}
