using Microsoft.Extensions.Logging.Abstractions;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Http;

/// <summary>The real service in this process, on a port of the system's choice and a clock that a test moves.</summary>
internal sealed class RunningService : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly TaskCompletionSource<Uri> listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task running;

    private RunningService(AgentConfiguration configuration, TimeProvider clock) =>
        running = Task.Run(() => AgentHost.RunAsync(configuration, clock, NullLoggerFactory.Instance, listening.SetResult, stop.Token));

    public HttpClient Http { get; } = new(new SocketsHttpHandler { UseCookies = false, SslOptions = { RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null } });

    /// <summary>Starts in a directory with a configuration, to which <c>listen</c> is added, and waits until it answers.</summary>
    public static async Task<RunningService> StartAsync(TempDirectory home, TimeProvider clock, string configuration, AgentKinds? kinds = null, string scheme = "http")
    {
        await File.WriteAllTextAsync(home["nexus-backup.yml"], $"listen: {scheme}://127.0.0.1:0\n" + configuration);
        var (loaded, problems) = ConfigurationFile.Load(home["nexus-backup.yml"], TimeZoneInfo.Utc, kinds);
        Assert.True(loaded is not null, string.Join('\n', problems));

        var service = new RunningService(loaded, clock);
        if (await Task.WhenAny(service.listening.Task, service.running) == service.running)
            await service.running;
        service.Http.BaseAddress = await service.listening.Task;
        return service;
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromMinutes(3));
        stop.Dispose();
    }
}
