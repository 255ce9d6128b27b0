using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>The shipped example by day and by night, with alerts as Prometheus sends them.</summary>
public sealed class NightTests
{
    /// <summary>What Alertmanager logs when it comes to a message of a route that is muted now.</summary>
    private const string HeldBack = "route is within mute time";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [SkippableTheory]
    [InlineData(Daytime.Day, "operations: NexusBackupFailed L1")]
    [InlineData(Daytime.Night)]
    public async Task L1_wakes_nobody_and_the_others_come_at_any_time(Daytime daytime, params string[] ofTheDay)
    {
        Require.Tool("prometheus-alertmanager");
        await using var inbox = await Inbox.StartAsync();
        await using var mail = new MailServer();
        await using var alertmanager = await AlertmanagerServer.StartAsync(FastAlertmanager.Configuration(inbox.Address, mail.Address, daytime), isVerbose: true);

        await alertmanager.FireAsync(Alert("NexusBackupFailed", "L1"), Alert("NexusBackupAgentDown", "L2"), Alert("NexusBackupNone", "L3"), Alert("NexusBackupWatchdog", "none"));

        string[] always = ["management: NexusBackupNone L3", "system-administrator: NexusBackupAgentDown L2", "system-administrator: NexusBackupNone L3"];
        // Not sent yet is no proof: at night the message of L1 has to have been due, and held back.
        var isOver = (Func<bool>)(daytime == Daytime.Night ? () => alertmanager.Log.Contains(HeldBack, StringComparison.Ordinal) : () => inbox.Pages.Any(page => page.Receiver == "operations"));
        Assert.True(await Eventually.IsAsync(() => Task.FromResult(isOver() && !always.Except(Sent(inbox)).Any()), Patience), alertmanager.Log);
        Assert.Equal(daytime == Daytime.Night, alertmanager.Log.Contains(HeldBack, StringComparison.Ordinal));
        Assert.Equal(always.Concat(ofTheDay).Order(StringComparer.Ordinal), Sent(inbox).Order(StringComparer.Ordinal));
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
