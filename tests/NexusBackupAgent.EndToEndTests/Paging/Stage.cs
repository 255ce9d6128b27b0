using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Paging.Scenarios;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>One scenario's agent, and what the people were told of it.</summary>
internal sealed partial class Stage
{
    // Far beyond what any step takes; a failed test says what was told by then.
    private static readonly TimeSpan Patience = Tempo.Of(TimeSpan.FromMinutes(5));

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

    /// <summary>Has Prometheus ask somebody else in the agent's name.</summary>
    /// <param name="address">host:port.</param>
    public void ScrapeInstead(string address) => desk.Scrape(Name, address);

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

    /// <summary>What a receiver was told of this agent so far, in its order.</summary>
    public IReadOnlyList<Page> PagesTo(string receiver) => [.. desk.Pages.Where(page => page.Receiver == receiver && page.Instance == Name)];

    /// <summary>Waits until a receiver was told.</summary>
    /// <param name="receiver">Its name in the configuration.</param>
    /// <param name="alert">As <see cref="PagedAlert"/> writes it, for example <c>NexusBackupStale L1</c>, or <c>NexusBackupStale L1 over</c>.</param>
    public async Task ToldAsync(string receiver, string alert)
    {
        if (!await Eventually.IsAsync(() => Task.FromResult(PagesTo(receiver).Any(page => page.Alerts.Any(told => told.ToString() == alert))), Patience))
            Assert.Fail($"{receiver} was not told \"{alert}\" of {Name}, but:\n{Story()}\n{desk.AlertmanagerLog}\nagent:\n{Agent.Log}");
    }

    /// <summary>Waits until somebody got a chat message or mail about this agent with such a subject and all these words.</summary>
    /// <param name="to">The receiver of a chat message, or a mail's address.</param>
    /// <param name="subject">How it begins; it ends with the agent's name.</param>
    public async Task ReadsAsync(string to, string subject, params string[] words)
    {
        if (!await Eventually.IsAsync(() => Task.FromResult(MessagesTo(to).Any(IsMeant)), Patience))
            Assert.Fail($"{to} did not read \"{subject}\" of {Name} with {string.Join(", ", words)}, but:\n{string.Join('\n', MessagesTo(to))}");

        bool IsMeant(Message message) =>
            message.Subject.StartsWith(subject, StringComparison.Ordinal) && words.All(word => message.Text.Contains(word, StringComparison.Ordinal));
    }

    /// <summary>What the agent's own <c>report</c> says now of the newest good backup, the RPO and the disk, line for line as a mail about its one source says it.</summary>
    public async Task<string[]> FormAsync()
    {
        var report = await Agent.RunAsync("report", "itsm", "--lang", "ja");
        Assert.True(report.ExitCode == 0, report.Text);
        var lines = report.Output.Split('\n');
        return [.. ((string[])["■ 最終正常バックアップ: ", "■ RPO影響: ", "■ ディスク使用率: "]).Select(name => WithZone(lines.Single(line => line.StartsWith(name, StringComparison.Ordinal))))];
    }

    /// <summary>Waits until Alertmanager had time to say more. Then each receiver was told of these alerts once, and that they are over once, and of nothing else.</summary>
    public async Task ToldNothingElseAsync(string[]? operations = null, string[]? administrator = null, string[]? management = null)
    {
        // Every group of messages is looked at each second, as the heartbeat's is, and the alerts every four: eight more of those, and all that was due was sent.
        var beats = Heartbeats();
        Assert.True(await Eventually.IsAsync(() => Task.FromResult(Heartbeats() >= beats + 8), Patience), "the heartbeat stopped");
        ToldOnce("operations", operations ?? []);
        ToldOnce("system-administrator", administrator ?? []);
        ToldOnce("management", management ?? []);
    }

    /// <summary>A receiver was told of these alerts once, and that they are over once, and of nothing else.</summary>
    public void ToldOnce(string receiver, params string[] alerts)
    {
        var pages = PagesTo(receiver).Select(page => page.ToString()).ToList();
        // A message lists its whole group, so what goes on is in it again; but none says what the one before said.
        var isOnce = pages.Zip(pages.Skip(1)).All(pair => pair.First != pair.Second)
            && alerts.All(alert => Changes(receiver, alert).SequenceEqual([false, true]))
            && PagesTo(receiver).SelectMany(page => page.Alerts).All(told => alerts.Contains(told.Title, StringComparer.Ordinal));
        Assert.True(isOnce, $"{receiver} was not told {string.Join(", ", alerts)} of {Name} once each, but:\n{Story()}");
    }

    /// <summary>Waits until an alert of this agent neither fires nor waits to.</summary>
    public Task IsQuietAsync(string alert) =>
        desk.Prometheus.WaitForAsync($"absent(ALERTS{{alertname=\"{alert}\",instance=\"{Name}\"}})", Patience);

    /// <summary>A report is read on the host, a mail anywhere.</summary>
    private static string WithZone(string line) => Minute().Replace(line, "$0 JST");

    [GeneratedRegex(@"\d \d\d:\d\d$")]
    private static partial Regex Minute();

    private int Heartbeats() => desk.Pages.Count(page => page.Receiver == "heartbeat");

    private IEnumerable<Message> MessagesTo(string to) => desk.Messages.Where(message => message.To == to && message.Subject.Contains($"（{Name}）", StringComparison.Ordinal));

    /// <summary>Whether it was over, each time that this changed.</summary>
    private List<bool> Changes(string receiver, string alert)
    {
        var states = PagesTo(receiver).SelectMany(page => page.Alerts).Where(told => told.Title == alert).Select(told => told.IsOver).ToList();
        return [.. states.Where((isOver, index) => index == 0 || isOver != states[index - 1])];
    }

    private string Story() => string.Join('\n', desk.Pages.Where(page => page.Instance == Name).Select(page => $"{page.Receiver}: {page}"));
}
