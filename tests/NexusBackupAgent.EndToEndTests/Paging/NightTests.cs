using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>The shipped example by day and by night, with alerts as Prometheus sends them.</summary>
public sealed class NightTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [SkippableTheory]
    [InlineData(Daytime.Day, "operations: NexusBackupFailed L1")]
    [InlineData(Daytime.Night)]
    public async Task L1_wakes_nobody_and_the_others_come_at_any_time(Daytime daytime, params string[] ofTheDay)
    {
        Require.Tool("prometheus-alertmanager");
        await using var inbox = await Inbox.StartAsync();
        await using var mail = new MailServer();
        await using var alertmanager = await AlertmanagerServer.StartAsync(FastAlertmanager.Configuration(inbox.Address, mail.Address, daytime));

        await alertmanager.FireAsync(Alert("NexusBackupFailed", "L1"), Alert("NexusBackupAgentDown", "L2"), Alert("NexusBackupNone", "L3"), Alert("NexusBackupWatchdog", "none"));

        // Groups are looked at each second, and the heartbeat comes as often: after its third all were looked at.
        Assert.True(await Eventually.IsAsync(() => Task.FromResult(inbox.Pages.Count(page => page.Receiver == "heartbeat") >= 3), Patience));
        string[] always = ["management: NexusBackupNone L3", "system-administrator: NexusBackupAgentDown L2", "system-administrator: NexusBackupNone L3"];
        Assert.Equal(
            always.Concat(ofTheDay).Order(StringComparer.Ordinal),
            inbox.Pages.Where(page => page.Receiver != "heartbeat").Select(page => $"{page.Receiver}: {page}").Order(StringComparer.Ordinal));
    }

    private static Dictionary<string, string> Alert(string name, string level) => new(StringComparer.Ordinal)
    {
        ["alertname"] = name,
        ["level"] = level,
        ["service"] = "nexus-backup",
        ["job"] = "nexus-backup",
        ["instance"] = "db1",
    };
}
