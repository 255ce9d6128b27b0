using NexusBackupAgent.EndToEndTests.Paging.Scenarios;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>One scenario's agent, and what the people were told of it.</summary>
internal sealed class Stage
{
    // Far beyond what any step takes; a failed test says what was told by then.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly PagingDesk desk;

    private Stage(string name, RunningAgent agent, PagingDesk desk)
    {
        Name = name;
        Agent = agent;
        this.desk = desk;
    }

    /// <summary>The label <c>instance</c>.</summary>
    public string Name { get; }

    public RunningAgent Agent { get; }

    /// <summary>Starts an agent, has it scraped, and plays.</summary>
    public static async Task PlayAsync(Scenario scenario, PagingDesk desk)
    {
        RunningAgent? agent = null;
        try
        {
            var name = scenario.GetType().Name;
            agent = await desk.StartAsync(name, () => RunningAgent.StartAsync(scenario.Sources, scenario.PrepareAsync));
            var stage = new Stage(name, agent, desk);
            await agent.GetUntilAsync("metrics", metrics => metrics.Contains("state=\"good\"} 1", StringComparison.Ordinal));
            await desk.Prometheus.WaitForAsync($"nexus_backup:age_seconds{{instance=\"{stage.Name}\"}}");
            await scenario.PlayAsync(stage);
        }
        finally
        {
            await scenario.CleanUpAsync();
            if (agent is not null)
                await agent.DisposeAsync();
        }
    }

    /// <summary>Waits until a receiver was told.</summary>
    /// <param name="receiver">Its name in the configuration.</param>
    /// <param name="page">As <see cref="Page"/> writes it, for example <c>NexusBackupStale L1</c>.</param>
    public async Task ToldAsync(string receiver, string page)
    {
        if (!await Eventually.IsAsync(() => Task.FromResult(PagesTo(receiver).Contains(page, StringComparer.Ordinal)), Patience))
            Assert.Fail($"{receiver} was not told \"{page}\" of {Name}, but:\n{Story()}\n{desk.AlertmanagerLog}\nagent:\n{Agent.Log}");
    }

    /// <summary>Waits until somebody got a chat message or mail about this agent that has all these words, its subject first.</summary>
    /// <param name="to">The receiver of a chat message, or a mail's address.</param>
    public async Task ReadsAsync(string to, string subject, params string[] words)
    {
        var full = $"{subject}（{Name}）";
        if (!await Eventually.IsAsync(() => Task.FromResult(MessagesTo(to).Any(message => message.Subject == full && words.All(word => message.Text.Contains(word, StringComparison.Ordinal)))), Patience))
            Assert.Fail($"{to} did not read \"{full}\" with {string.Join(", ", words)}, but:\n{string.Join('\n', MessagesTo(to))}");
    }

    /// <summary>Waits until Alertmanager had time to say more, and compares all that each receiver was told with what it ought to be.</summary>
    public async Task ToldNothingElseAsync(string[]? operations = null, string[]? administrator = null, string[]? management = null)
    {
        // Every group is looked at each second, as the heartbeat's is: two more of those, and all that was due was sent.
        var beats = Heartbeats();
        Assert.True(await Eventually.IsAsync(() => Task.FromResult(Heartbeats() >= beats + 2), Patience), "the heartbeat stopped");
        Assert.Equal(operations ?? [], PagesTo("operations"));
        Assert.Equal(administrator ?? [], PagesTo("system-administrator"));
        Assert.Equal(management ?? [], PagesTo("management"));
    }

    /// <summary>Waits until an alert of this agent neither fires nor waits to.</summary>
    public Task IsQuietAsync(string alert) =>
        desk.Prometheus.WaitForAsync($"absent(ALERTS{{alertname=\"{alert}\",instance=\"{Name}\"}})", Patience);

    private int Heartbeats() => desk.Pages.Count(page => page.Receiver == "heartbeat");

    private IEnumerable<Message> MessagesTo(string to) => desk.Messages.Where(message => message.To == to && message.Subject.Contains($"（{Name}）", StringComparison.Ordinal));

    private IEnumerable<string> PagesTo(string receiver) =>
        desk.Pages.Where(page => page.Receiver == receiver && page.Instance == Name).Select(page => page.ToString());

    private string Story() => string.Join('\n', desk.Pages.Where(page => page.Instance == Name).Select(page => $"{page.Receiver}: {page}"));
}
