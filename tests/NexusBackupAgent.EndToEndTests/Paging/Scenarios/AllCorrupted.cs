using NexusBackupAgent.Platform;

namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>Every artifact is damaged, and a reading finds it; then a new backup is made.</summary>
internal sealed class AllCorrupted : Scenario
{
    private static readonly string[] Receivers = ["system-administrator", "management"];

    public override async Task PlayAsync(Stage stage)
    {
        await stage.Agent.RunAsync("backup", "itsm");
        await stage.Agent.RestartAsync(); // it looks for what to replace when it starts, and then after a minute
        ByteFlipped.Flip(stage.Agent, "*.db.gz");
        await stage.Agent.RunAsync("verify", "itsm", "--all", "--no-replacement");
        var form = await FormOfNothingGoodAsync(stage);
        await stage.Agent.RunAsync("backup", "itsm");
        foreach (var receiver in Receivers)
        {
            await stage.ToldAsync(receiver, "NexusBackupNone L3 over");
            await stage.ToldAsync(receiver, "NexusBackupAllCorrupt L3 over");
            stage.ToldOnce(receiver, "NexusBackupAllCorrupt L3", "NexusBackupNone L3");
        }

        foreach (var person in (string[])["oncall@example.org", "it-management@example.org"])
        {
            await stage.ReadsAsync(
                person, "【L3】バックアップ障害: ファイル破損 / その他（正常バックアップなし） 2件",
                [.. form, "■ 最終正常バックアップ: なし", "■ RPO影響: 超過（正常バックアップなし）", "■ 現在の状態: エスカレーション待ち（L3）"]);
            await stage.ReadsAsync(person, "【復旧 L3】バックアップ障害: ", "■ 現在の状態: 復旧済（");
        }
    }

    /// <summary>Waits until everybody was told. Meanwhile the source is busy: the agent replaces nothing, however long that takes.</summary>
    private static async Task<string[]> FormOfNothingGoodAsync(Stage stage)
    {
        using var turn = RunLock.TryAcquire(Path.Combine(stage.Agent.Home, "state"), "itsm");
        Assert.NotNull(turn);
        foreach (var receiver in Receivers)
            await stage.ToldAsync(receiver, "NexusBackupAllCorrupt L3");

        // L1 may have been told before; while L3 lasts, not even that it is over is.
        var heard = stage.PagesTo("operations").Count;
        await stage.IsQuietAsync("NexusBackupCorrupt");
        Assert.Equal(heard, stage.PagesTo("operations").Count);
        return await stage.FormAsync();
    }
}
