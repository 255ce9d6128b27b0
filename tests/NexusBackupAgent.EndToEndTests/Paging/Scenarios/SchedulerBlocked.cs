using System.Globalization;
using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>
/// The scheduler stands still while the agent goes on answering. No fault that can be made from outside does that any more, so
/// what the agent says now is served again and again, with the heartbeat that it had and a clock that runs on; then it is asked
/// itself again.
/// </summary>
internal sealed partial class SchedulerBlocked : Scenario
{
    private MetricsTarget? standstill;

    public override async Task PlayAsync(Stage stage)
    {
        var said = await stage.Agent.GetUntilAsync("metrics", _ => true);
        Assert.Matches(Time(), said);
        standstill = await MetricsTarget.StartAsync(() => Time().Replace(said, string.Create(CultureInfo.InvariantCulture, $"nexus_backup_time_seconds {FileSystemClock.Now.ToUnixTimeSeconds()}")));
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

    [GeneratedRegex(@"^nexus_backup_time_seconds \S+$", RegexOptions.Multiline)]
    private static partial Regex Time();
}
