using NexusBackupAgent.EndToEndTests.Paging.Scenarios;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>
/// From a real fault to what people read, with the built agent, Prometheus, Alertmanager and the files that the product
/// ships: the right person is told the right level once, in words that say what to do, and again when it is over.
/// </summary>
public sealed class PagingTests(PagingDesk desk) : IClassFixture<PagingDesk>
{
    [SkippableFact]
    public Task A_deleted_source_is_told_to_the_chat() => desk.EndOfAsync<SourceDeleted>();

    [SkippableFact]
    public Task A_second_failure_in_a_row_calls_the_administrator() => desk.EndOfAsync<TwoFailures>();

    [SkippableFact]
    public Task A_flipped_byte_is_told_to_the_chat() => desk.EndOfAsync<ByteFlipped>();

    [SkippableFact]
    public Task With_every_backup_corrupt_management_is_told_and_the_administrator_called() => desk.EndOfAsync<AllCorrupted>();

    [SkippableFact]
    public Task A_store_past_80_percent_is_told_to_the_chat_and_past_90_calls_the_administrator() => desk.EndOfAsync<StoreFilled>();

    [SkippableFact]
    public Task A_killed_agent_calls_the_administrator() => desk.EndOfAsync<AgentKilled>();

    [SkippableFact]
    public Task A_blocked_scheduler_calls_the_administrator() => desk.EndOfAsync<SchedulerBlocked>();

    [SkippableFact]
    public Task A_host_that_comes_up_without_its_store_calls_the_administrator_and_not_management() => desk.EndOfAsync<StoreAway>();

    [SkippableFact]
    public Task A_newest_backup_of_26_hours_is_told_to_the_chat() => desk.EndOfAsync<OlderThanADay>();

    [SkippableFact]
    public Task A_newest_backup_of_49_hours_calls_the_administrator_and_nobody_else() => desk.EndOfAsync<OlderThanTwoDays>();

    [SkippableFact]
    public async Task The_dead_mans_switch_is_held_down_all_the_time()
    {
        PagingDesk.RequireTools();

        Assert.True(await Eventually.IsAsync(() => Task.FromResult(Heartbeats().Count() >= 3), TimeSpan.FromMinutes(3)));
        Assert.All(Heartbeats(), page => Assert.Equal("NexusBackupWatchdog", Assert.Single(page.Alerts).Name));
    }

    private IEnumerable<Page> Heartbeats() => desk.Pages.Where(page => page.Receiver == "heartbeat");
}
