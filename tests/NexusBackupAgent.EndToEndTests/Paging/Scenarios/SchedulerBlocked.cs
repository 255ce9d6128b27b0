using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>
/// The scheduler stands still while the agent goes on answering. No fault that can be made from outside does that any more, so
/// what the agent says now is served again and again, as its last heartbeat would be; then it is asked itself again.
/// </summary>
internal sealed class SchedulerBlocked : Scenario
{
    private MetricsTarget? standstill;

    public override async Task PlayAsync(Stage stage)
    {
        standstill = await MetricsTarget.StartAsync(await stage.Agent.GetUntilAsync("metrics", _ => true));
        stage.ScrapeInstead(standstill.Address);
        await stage.ToldAsync("system-administrator", "NexusBackupSchedulerStuck L2");
        stage.ScrapeInstead(stage.Agent.Address.Authority);
        await stage.ToldAsync("system-administrator", "NexusBackupSchedulerStuck L2 over");

        await stage.ReadsAsync("oncall@example.org", "【L2】バックアップ障害: その他（サービス停止） エージェント", "NexusBackupSchedulerStuck");
        await stage.ToldNothingElseAsync(administrator: ["NexusBackupSchedulerStuck L2"]);
    }

    public override async Task CleanUpAsync()
    {
        if (standstill is not null)
            await standstill.DisposeAsync();
        await base.CleanUpAsync();
    }
}
