namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>The agent is killed, and started again.</summary>
internal sealed class AgentKilled : Scenario
{
    public override async Task PlayAsync(Stage stage)
    {
        await stage.Agent.KillAsync();
        await stage.ToldAsync("system-administrator", "NexusBackupAgentDown L2");
        await stage.Agent.StartAgainAsync();
        await stage.ToldAsync("system-administrator", "NexusBackupAgentDown L2 over");

        await stage.ReadsAsync("oncall@example.org", "【L2】バックアップ障害: その他（サービス停止） エージェント", "NexusBackupAgentDown");
        await stage.ToldNothingElseAsync(administrator: ["NexusBackupAgentDown L2"]);
    }
}
