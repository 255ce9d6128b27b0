using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>A real Alertmanager with the shipped example. Nobody takes what it sends: only what it mutes is asked.</summary>
public sealed class MutingAlertmanager : IAsyncLifetime
{
    private AlertmanagerServer? server;

    internal AlertmanagerServer Server => server!;

    public async Task InitializeAsync()
    {
        if (Require.Has("prometheus-alertmanager"))
            server = await AlertmanagerServer.StartAsync(FastAlertmanager.Configuration(new Uri("http://127.0.0.1:9/"), "127.0.0.1:9"));
    }

    public async Task DisposeAsync()
    {
        if (server is not null)
            await server.DisposeAsync();
    }
}

/// <summary>What mutes what. Alerts are written as <c>Name level label=value …</c>.</summary>
public sealed class InhibitionTests(MutingAlertmanager alertmanager) : IClassFixture<MutingAlertmanager>
{
    // Alertmanager takes alerts in their order: when these two were dealt with, so were those before them.
    private const string ControlCause = "Failed L2 source=control";
    private const string Control = "Failed L1 source=control";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [SkippableTheory]
    [InlineData("Failed L2 source=a", "Failed L1 source=a")]
    [InlineData("Stale L2 source=a", "Stale L1 source=a")]
    [InlineData("StorageFull L2 store=a", "StorageFull L1 store=a")]
    [InlineData("Stale L3 source=a", "Stale L2 source=a")]
    [InlineData("Stale L3 source=a", "Stale L1 source=a")]
    [InlineData("Stale L3 source=a", "Failed L2 source=a")]
    [InlineData("StoreDown L2 store=a", "StorageFull L1 store=a")]
    [InlineData("AgentDown L2", "DrillOverdue L1 source=a")]
    [InlineData("AllCorrupt L3 source=a", "Corrupt L1 source=a")]
    [InlineData("AllCorrupt L3 source=a", "Failed L2 source=a")]
    [InlineData("None L3 source=a", "Missing L1 source=a schedule=daily")]
    [InlineData("AgentDown L2", "SchedulerStuck L2")]
    [InlineData("AgentDown L2", "ScheduleOverdue L1 source=a schedule=daily")]
    [InlineData("AgentDown L2", "ClockSkew L1")]
    [InlineData("SchedulerStuck L2", "ScheduleOverdue L1 source=a schedule=daily")]
    public async Task What_is_worse_or_the_cause_mutes_the_rest_of_the_same_thing(string cause, string effect) =>
        Assert.True(await IsMutedAsync(cause, effect, sameHost: true));

    [SkippableTheory]
    [InlineData("Failed L2 source=a", "Failed L1 source=b")]
    [InlineData("Failed L2 source=a", "Stale L1 source=a")]
    [InlineData("Failed L2 source=a", "StorageFull L1 store=a")]
    [InlineData("StorageFull L2 store=a", "StorageFull L1 store=b")]
    [InlineData("StorageFull L2 store=a", "Failed L1 source=a")]
    [InlineData("AllCorrupt L3 source=a", "Corrupt L1 source=b")]
    [InlineData("AllCorrupt L3 source=a", "None L3 source=a")]
    [InlineData("AllCorrupt L3 source=a", "StorageFull L2 store=a")]
    [InlineData("AllCorrupt L3 source=a", "RestoreFailed L2 source=a")]
    [InlineData("AllCorrupt L3 source=a", "AgentDown L2")]
    [InlineData("AgentDown L2", "StorageFull L1 store=a")]
    [InlineData("AgentDown L2", "Stale L1 source=a")]
    [InlineData("AgentDown L2", "Stale L2 source=a")]
    [InlineData("AgentDown L2", "AllCorrupt L3 source=a")]
    [InlineData("AgentDown L2", "SelfTestFailed L1")]
    [InlineData("SchedulerStuck L2", "StorageFull L1 store=a")]
    [InlineData("StoreDown L2 store=a", "StorageFull L1 store=b")]
    [InlineData("Stale L1 source=a", "Stale L2 source=a")]
    [InlineData("Stale L3 source=a", "Stale L2 source=b")]
    [InlineData("Stale L3 source=a", "RestoreFailed L2 source=a")]
    [InlineData("Watchdog none", "Stale L1 source=a")]
    public async Task Nothing_mutes_what_is_no_part_of_it(string cause, string other) =>
        Assert.False(await IsMutedAsync(cause, other, sameHost: true));

    [SkippableTheory]
    [InlineData("Failed L2 source=a", "Failed L1 source=a")]
    [InlineData("StorageFull L2 store=a", "StorageFull L1 store=a")]
    [InlineData("AllCorrupt L3 source=a", "Corrupt L1 source=a")]
    [InlineData("AgentDown L2", "SchedulerStuck L2")]
    [InlineData("SchedulerStuck L2", "ScheduleOverdue L1 source=a schedule=daily")]
    public async Task Nothing_mutes_anything_of_another_host(string cause, string other) =>
        Assert.False(await IsMutedAsync(cause, other, sameHost: false));

    private static Dictionary<string, string> Labels(string text, string instance)
    {
        var words = text.Split(' ');
        return new Dictionary<string, string>(words[2..].Select(word => KeyValuePair.Create(word.Split('=')[0], word.Split('=')[1])), StringComparer.Ordinal)
        {
            ["alertname"] = "NexusBackup" + words[0],
            ["level"] = words[1],
            ["service"] = "nexus-backup",
            ["job"] = "nexus-backup",
            ["instance"] = instance,
        };
    }

    /// <summary>That no agent is left to scrape has no instance: it is no cause of what is told of one.</summary>
    [SkippableFact]
    public async Task What_is_about_no_host_mutes_nothing_of_a_host()
    {
        Require.Tool("prometheus-alertmanager");
        var host = Guid.NewGuid().ToString("N");
        var (cause, other) = (Labels("NothingProtected L2", ""), Labels("ScheduleOverdue L1 source=a schedule=daily", host));
        await alertmanager.Server.FireAsync(cause, other);
        await alertmanager.Server.FireAsync(Labels(ControlCause, host), Labels(Control, host));

        Assert.True(await Eventually.IsAsync(() => IsMutedNowAsync(Labels(Control, host)), Patience), "Alertmanager mutes nothing");
        Assert.False(await IsMutedNowAsync(other));
    }

    private async Task<bool> IsMutedAsync(string cause, string other, bool sameHost)
    {
        Require.Tool("prometheus-alertmanager");
        var (host, otherHost) = (Guid.NewGuid().ToString("N"), Guid.NewGuid().ToString("N"));
        await alertmanager.Server.FireAsync(Labels(cause, host), Labels(other, sameHost ? host : otherHost));
        await alertmanager.Server.FireAsync(Labels(ControlCause, host), Labels(Control, host));

        Assert.True(await Eventually.IsAsync(() => IsMutedNowAsync(Labels(Control, host)), Patience), "Alertmanager mutes nothing");
        return await IsMutedNowAsync(Labels(other, sameHost ? host : otherHost));
    }

    private async Task<bool> IsMutedNowAsync(Dictionary<string, string> labels) =>
        (await alertmanager.Server.AlertsAsync()).Any(alert =>
            labels.All(label => alert.GetProperty("labels").TryGetProperty(label.Key, out var value) && value.GetString() == label.Value)
            && alert.GetProperty("status").GetProperty("inhibitedBy").GetArrayLength() > 0);
}
