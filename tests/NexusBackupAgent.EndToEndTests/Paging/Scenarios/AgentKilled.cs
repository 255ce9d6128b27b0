namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>The agent is killed, and started again.</summary>
internal sealed class AgentKilled : Scenario
{
    public override async Task PlayAsync(Stage stage)
    {
        await stage.Agent.KillAsync();
        var form = await stage.FormAsync(); // from the stores; what the alert carries was remembered
        await stage.ToldAsync("system-administrator", "NexusBackupAgentDown L2");
        await stage.Agent.StartAgainAsync();
        await stage.ToldAsync("system-administrator", "NexusBackupAgentDown L2 over");

        await stage.ReadsAsync("oncall@example.org", "【L2】バックアップ障害: その他（サービス停止） エージェント", $"{form[0]}（最古: itsm）", form[1], $"{form[2]}（格納先 local）", "NexusBackupAgentDown");
        await stage.ToldNothingElseAsync(administrator: ["NexusBackupAgentDown L2"]);
    }
}
