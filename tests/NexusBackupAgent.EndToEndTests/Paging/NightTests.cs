using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>The shipped example with alerts as Prometheus sends them, at whatever hour these tests run.</summary>
public sealed class NightTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [SkippableFact]
    public async Task Each_level_comes_at_once_to_its_people_day_and_night()
    {
        Require.Tool("prometheus-alertmanager");
        await using var inbox = await Inbox.StartAsync();
        await using var mail = new MailServer();
        await using var alertmanager = await AlertmanagerServer.StartAsync(FastAlertmanager.Configuration(inbox.Address, mail.Address), isVerbose: true);

        await alertmanager.FireAsync(Alert("NexusBackupFailed", "L1"), Alert("NexusBackupAgentDown", "L2"), Alert("NexusBackupNone", "L3"), Alert("NexusBackupWatchdog", "none"));

        string[] expected = ["management: NexusBackupNone L3", "operations: NexusBackupFailed L1", "system-administrator: NexusBackupAgentDown L2", "system-administrator: NexusBackupNone L3"];
        Assert.True(await Eventually.IsAsync(() => Task.FromResult(!expected.Except(Sent(inbox)).Any()), Patience), alertmanager.Log);
        Assert.Equal(expected, Sent(inbox).Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Sent(Inbox inbox) => inbox.Pages.Where(page => page.Receiver != "heartbeat").Select(page => $"{page.Receiver}: {page}");

    private static Dictionary<string, string> Alert(string name, string level) => new(StringComparer.Ordinal)
    {
        ["alertname"] = name,
        ["level"] = level,
        ["service"] = "nexus-backup",
        ["job"] = "nexus-backup",
        ["instance"] = "db1",
    };
}
