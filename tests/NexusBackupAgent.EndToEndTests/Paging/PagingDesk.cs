using System.Text.Json;
using NexusBackupAgent.EndToEndTests.Paging.Scenarios;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>
/// Everything between the agents and the people: Prometheus with the shipped rules, Alertmanager with the shipped routes
/// and texts, and what takes webhooks, chat messages and mail. One for all scenarios, which are played at the same time:
/// each with an agent of its own, whose instance label is the scenario's name.
/// </summary>
public sealed class PagingDesk : IAsyncLifetime
{
    private readonly string home = Directory.CreateTempSubdirectory("nexus-backup-paging-").FullName;
    private readonly Dictionary<string, string> targets = new(StringComparer.Ordinal);
    private readonly Dictionary<Type, Task> plays = [];
    private readonly SemaphoreSlim starting = new(2); // so that a small machine does not start all agents at once
    private MailServer? mail;
    private Inbox? inbox;
    private AlertmanagerServer? alertmanager;
    private PrometheusServer? prometheus;

    internal PrometheusServer Prometheus => prometheus!;

    internal IEnumerable<Page> Pages => inbox!.Pages;

    internal IEnumerable<Message> Messages => inbox!.Messages.Concat(mail!.Messages);

    internal string AlertmanagerLog => alertmanager!.Log;

    private static bool HasTools => Require.Has("prometheus") && Require.Has("prometheus-alertmanager") && Require.Has("sqlite3");

    private string TargetsFile => Path.Combine(home, "targets.json");

    public async Task InitializeAsync()
    {
        // Skipping is a test's to do; without the tools there is nothing to start.
        if (!HasTools) return;
        inbox = await Inbox.StartAsync();
        mail = new MailServer();
        alertmanager = await AlertmanagerServer.StartAsync(FastAlertmanager.Configuration(inbox.Address, mail.Address));
        WriteTargets();
        prometheus = await PrometheusServer.StartConfiguredAsync(Configuration(), readyWhen: "vector(1)");
        foreach (var scenario in Scenario.All)
            plays[scenario.GetType()] = Task.Run(() => Stage.PlayAsync(scenario, this));
    }

    public async Task DisposeAsync()
    {
        await Task.WhenAll(plays.Values).ContinueWith(_ => { }, TaskScheduler.Default); // each test told how its own ended
        if (prometheus is not null) await prometheus.DisposeAsync();
        if (alertmanager is not null) await alertmanager.DisposeAsync();
        if (mail is not null) await mail.DisposeAsync();
        if (inbox is not null) await inbox.DisposeAsync();
        starting.Dispose();
        Directory.Delete(home, recursive: true);
    }

    /// <summary>Waits for the end of a scenario.</summary>
    internal Task EndOfAsync<TScenario>()
        where TScenario : Scenario
    {
        RequireTools();
        return plays[typeof(TScenario)];
    }

    internal static void RequireTools()
    {
        Require.Tool("prometheus");
        Require.Tool("prometheus-alertmanager");
        Require.Tool("sqlite3");
    }

    /// <summary>Starts an agent when it is its turn, and has Prometheus scrape it.</summary>
    /// <param name="instance">Its label.</param>
    /// <param name="start">Starts it.</param>
    internal async Task<RunningAgent> StartAsync(string instance, Func<Task<RunningAgent>> start)
    {
        await starting.WaitAsync();
        try
        {
            var agent = await start();
            Scrape(instance, agent.Address.Authority);
            return agent;
        }
        finally
        {
            starting.Release();
        }
    }

    /// <summary>Has Prometheus scrape this address under that label.</summary>
    internal void Scrape(string instance, string address)
    {
        lock (targets)
        {
            targets[instance] = address;
            WriteTargets();
        }
    }

    private void WriteTargets()
    {
        var file = targets.Select(target => new { targets = new[] { target.Value }, labels = new { instance = target.Key } });
        File.WriteAllText(TargetsFile + ".new", JsonSerializer.Serialize(file));
        File.Move(TargetsFile + ".new", TargetsFile, overwrite: true); // Prometheus reads it at any time
    }

    private string Configuration()
    {
        var rules = Path.Combine(home, "nexus-backup.rules.yml");
        File.WriteAllText(rules, Tempo.Slow(FastRules.Text, Tempo.Factor));
        return $$"""
            global: {scrape_interval: {{Tempo.Factor}}s, scrape_timeout: {{Tempo.Factor}}s, evaluation_interval: {{Tempo.Factor}}s}
            rule_files: [{{rules}}]
            alerting: {alertmanagers: [{static_configs: [{targets: [{{alertmanager!.Address.Authority}}]}]}]}
            scrape_configs:
            - job_name: nexus-backup
              file_sd_configs: [{files: [{{TargetsFile}}], refresh_interval: 1s}]
            """;
    }
}
