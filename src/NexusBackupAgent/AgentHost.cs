using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Http;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent;

/// <summary>The agent as a service: scheduler and HTTP until it is told to stop.</summary>
internal static partial class AgentHost
{
    // A command may be asking at this very moment whether an agent runs.
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(1);

    /// <param name="configuration">What to do.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="loggers">Where log lines go.</param>
    /// <param name="listening">Told the address once it answers; the port may have been chosen by the system.</param>
    /// <param name="cancellationToken">Stops the agent: what is running is stopped and leaves nothing half.</param>
    /// <exception cref="BackupException">The agent could not start.</exception>
    public static async Task RunAsync(
        AgentConfiguration configuration, TimeProvider timeProvider, ILoggerFactory loggers, Action<Uri>? listening, CancellationToken cancellationToken)
    {
        if (configuration.RestoresOnly)
            throw new BackupException(FailureKind.Configuration, $"no agent is to run on '{configuration.File}', which is there to restore with (purpose: restore)", "restore (nexus-backup restore SOURCE --dry-run shows the plan); to protect the sources again, write their schedules and take purpose: restore out");
        if (!configuration.HasAgent)
            throw new BackupException(FailureKind.Configuration, $"no agent is to run on '{configuration.File}', which says agent: none", "leave the schedules to cron or a timer (nexus-backup backup --schedule NAME), or take agent: none out of the file");
        var startedAt = timeProvider.GetUtcNow();
        var logger = loggers.CreateLogger("NexusBackupAgent.AgentHost");
        using var alone = await RunLock.AcquireAsync(configuration.StateDirectory, RunLock.Agent, LockPatience, timeProvider, cancellationToken) ?? throw new BackupException(
            FailureKind.Locked, $"another agent is running on '{configuration.File}'", "stop it first (systemctl stop nexus-backup), or use it: the commands work beside it");
        using var agent = Agent.Open(configuration, timeProvider, loggers);
        await agent.Scheduler.FindSourcesAsync(); // before the first scrape: a source that is missing from it would seem to be gone
        foreach (var shared in await agent.Looks.AskAsync<IReadOnlyList<ConfigurationProblem>>("places of sources", () => Task.FromResult<IReadOnlyList<ConfigurationProblem>>([.. SourcePlaces.CheckShared(configuration)]), () => []))
            DatabaseShared(logger, shared.Value!, shared.Problem, shared.Mend);
        foreach (var lacking in (await Task.WhenAll(configuration.Stores.Values.Select(store => TryAsync(agent, store)))).SelectMany(found => found))
            StoreLacks(logger, lacking.Value!, lacking.Problem, lacking.Mend);
        if (configuration is { IsSecure: false, Listen.IsLoopback: false })
            HttpInsecure(logger, configuration.Listen);
        using var web = new WebServer(agent, startedAt, loggers, cancellationToken);
        await using var app = web.Build();
        await StartAsync(app, configuration, cancellationToken);

        var address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        AgentStarted(logger, address, configuration.File, configuration.Sources.Count);
        foreach (var method in configuration.Methods)
            CompressionBy(logger, FrameEngine.Of(method).Description);
        listening?.Invoke(address);

        var selfTests = agent.SelfTests.RunDailyAsync(cancellationToken);
        var services = agent.Services.RunAsync(cancellationToken);
        await agent.Scheduler.RunAsync(cancellationToken);
        await selfTests;
        await services;
        await web.Runs.WhenIdleAsync();
        await app.StopAsync(CancellationToken.None);
        AgentStopped(logger);
    }

    /// <summary>What a store's place lacks. Nothing is made where nothing lies, which may be a mount point without its disk.</summary>
    private static Task<IReadOnlyList<ConfigurationProblem>> TryAsync(Agent agent, IStoreSettings store) => agent.Looks.AskAsync<IReadOnlyList<ConfigurationProblem>>(
        $"trial of store {store.Name}",
        async () => await agent.Stores[store.Name].GetHealthAsync(CancellationToken.None) is { Failure: null, IsBare: false } ? [.. store.Try()] : [],
        () => []);

    private static async Task StartAsync(WebApplication app, AgentConfiguration configuration, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (IOException failure) when (failure.InnerException is AddressInUseException)
        {
            throw new BackupException(FailureKind.Configuration, $"cannot listen on {configuration.Listen}: the port is in use", "see what uses it (ss -ltnp), or set another port in listen", failure);
        }
        catch (Exception failure) when (failure is IOException or WebException or System.Net.Sockets.SocketException)
        {
            throw new BackupException(FailureKind.Configuration, $"cannot listen on {configuration.Listen}: {failure.Message}", "set an address of this host in listen", failure);
        }
    }

    [LoggerMessage(EventId = 1, EventName = "agent_started", Level = LogLevel.Information, Message = "agent started: {Address}, configuration {File}, {Sources} configured sources")]
    private static partial void AgentStarted(ILogger logger, Uri address, string file, int sources);

    [LoggerMessage(EventId = 4, EventName = "compression_engine", Level = LogLevel.Information, Message = "compression by {Engine}")]
    private static partial void CompressionBy(ILogger logger, string engine);

    [LoggerMessage(EventId = 5, EventName = "http_insecure", Level = LogLevel.Warning, Message = "{Address} is plain HTTP for other hosts: whoever is on the way reads what goes over it. Next: listen on https with a certificate (nexus-backup certificate), unless a proxy or the network itself protects it")]
    private static partial void HttpInsecure(ILogger logger, Uri address);

    [LoggerMessage(EventId = 3, EventName = "database_shared", Level = LogLevel.Warning, Message = "{Path}: {Problem}. Next: {Mend}")]
    private static partial void DatabaseShared(ILogger logger, string path, string problem, string mend);

    [LoggerMessage(EventId = 6, EventName = "store_lacks", Level = LogLevel.Warning, Message = "store at {Path}: {Problem}. Next: {Mend}")]
    private static partial void StoreLacks(ILogger logger, string path, string problem, string mend);

    [LoggerMessage(EventId = 2, EventName = "agent_stopped", Level = LogLevel.Information, Message = "agent stopped")]
    private static partial void AgentStopped(ILogger logger);
}
