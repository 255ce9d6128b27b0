using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Text.Encodings.Web;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Access;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Metrics;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Http;

/// <summary>The agent's HTTP: what it answers, in which order a request is looked at, and what it may take.</summary>
internal sealed class WebServer : IDisposable
{
    // A connection that is in use when the agent stops has so long.
    private static readonly TimeSpan TimeToClose = TimeSpan.FromSeconds(5);

    private readonly Agent agent;
    private readonly DateTimeOffset startedAt;
    private readonly ILoggerFactory loggers;
    private readonly ServedCertificate? certificate;
    private readonly ConnectionCount connections = new();

    /// <param name="startedAt">When this process of the agent began, UTC.</param>
    /// <param name="stopping">Cancelled when the agent is told to stop.</param>
    /// <exception cref="BackupException">The certificate can't be used.</exception>
    public WebServer(Agent agent, DateTimeOffset startedAt, ILoggerFactory loggers, CancellationToken stopping)
    {
        (this.agent, this.startedAt, this.loggers) = (agent, startedAt, loggers);
        Runs = new LiveRuns(agent.Journal, agent.TimeProvider, loggers.CreateLogger<LiveRuns>(), stopping);
        if (agent.Configuration is { IsSecure: true, Certificate: { } files })
            certificate = new ServedCertificate(files, loggers.CreateLogger<ServedCertificate>());
    }

    /// <summary>What the API began.</summary>
    public LiveRuns Runs { get; }

    public WebApplication Build()
    {
        // Empty: neither environment variables nor files in the working directory configure this server.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        AddServices(builder.Services);
        builder.WebHost.UseKestrelCore();
        if (certificate is not null)
            builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(Listen);

        var app = builder.Build();
        var access = agent.Configuration.Access;
        app.UseExceptionHandler();
        app.Use(AddHeadersAsync);
        app.UseStatusCodePages(page => Problems.OfStatus(page.HttpContext, access).ExecuteAsync(page.HttpContext));
        app.UseResponseCompression();
        app.UseRouting();
        app.Use(Limits.RefuseTooManyAsync);
        app.UseAuthentication();
        app.UseAuthorization();
        app.Use(Login.RefuseForgedAsync);
        MapAll(app, access);
        return app;
    }

    public void Dispose() => certificate?.Dispose();

    private void AddServices(IServiceCollection services)
    {
        services.AddSingleton(loggers);
        services.AddSingleton(agent);
        services.AddSingleton(Runs);
        services.AddSingleton(new RestorePlans(agent.TimeProvider));
        services.AddSingleton<ScrapeMemory>();
        services.AddRoutingCore();
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeToClose);
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        services.AddProblemDetails(problems => problems.CustomizeProblemDetails = context => context.ProblemDetails.Extensions.Remove("traceId"));
        services.AddExceptionHandler<FailedRequests>();
        services.ConfigureHttpJsonOptions(json =>
        {
            var options = json.SerializerOptions;
            foreach (var reflecting in options.TypeInfoResolverChain.OfType<DefaultJsonTypeInfoResolver>().ToList())
                options.TypeInfoResolverChain.Remove(reflecting); // what would fail as machine code fails in the tests
            options.TypeInfoResolverChain.Add(JsonDocuments.Default);
            options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
            options.WriteIndented = true;
            options.AllowDuplicateProperties = false;
            options.RespectNullableAnnotations = true;
            options.RespectRequiredConstructorParameters = true;
            options.NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.Strict;
            options.PropertyNameCaseInsensitive = false;
            options.MaxDepth = 32;
        });
        MetricsEndpoint.AddCompression(services);
        Limits.AddRates(services, agent.TimeProvider);
        Login.AddServices(services, agent);
        OpenApi.AddServices(services);
    }

    private void MapAll(WebApplication app, AccessSettings access)
    {
        MetricsEndpoint.Map(app, new AgentMetrics(agent.Roster, agent.States, new AgentProcess(agent.Scheduler, startedAt)), access);
        HealthEndpoint.Map(app);
        OpenApi.Map(app);
        WebEndpoint.Map(app);
        var api = app.MapGroup("/api/v1").RequireAuthorization(Role.Viewer.Word()); // of what says nothing else
        HealthEndpoint.MapApi(api.MapGroup("").WithTags("Health"));
        Login.Map(api.MapGroup("").WithTags("Users"));
        SourcesResource.Map(api.MapGroup("").WithTags("Sources"));
        BackupsResource.Map(api.MapGroup("").WithTags("Backups"));
        RunsResource.Map(api.MapGroup("").WithTags("Runs"));
        ChecksResource.Map(api.MapGroup("").WithTags("Checks"));
        RestoresResource.Map(api.MapGroup("").WithTags("Restores"));
        ReportsResource.Map(api.MapGroup("").WithTags("Reports"));
    }

    private void Listen(KestrelServerOptions kestrel)
    {
        Limits.Set(kestrel);
        var address = agent.Configuration.Listen;
        if (IPAddress.TryParse(address.Host.Trim('[', ']'), out var one))
            kestrel.Listen(one, address.Port, Set);
        else if (address.IsLoopback)
            kestrel.ListenLocalhost(address.Port, Set);
        else
            kestrel.ListenAnyIP(address.Port, Set);

        void Set(ListenOptions endpoint)
        {
            endpoint.Use(connections.Limit);
            if (certificate is not null)
                endpoint.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(certificate.Options()), HandshakeTimeout = TimeSpan.FromSeconds(Limits.HeaderSeconds) });
        }
    }

    /// <summary>What a browser is told of every answer; a page says more of itself.</summary>
    private static Task AddHeadersAsync(HttpContext context, RequestDelegate next)
    {
        context.Response.OnStarting(static state =>
        {
            var headers = ((HttpContext)state).Response.Headers;
            headers.XContentTypeOptions = "nosniff";
            headers.XFrameOptions = "DENY";
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            headers.TryAdd("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
            headers.TryAdd("Cache-Control", "no-store");
            return Task.CompletedTask;
        }, context);
        return next(context);
    }
}

/// <summary>The certificate that is served: as its files have it now, so that a renewed one needs no restart.</summary>
internal sealed partial class ServedCertificate : IDisposable
{
    private readonly CertificateFiles files;
    private readonly ILogger<ServedCertificate> logger;
    private readonly Lock gate = new();
    private ServerCertificate current;
    private (FileStatus? Certificate, FileStatus? Key) stamp;

    /// <exception cref="BackupException">The files can't be used.</exception>
    public ServedCertificate(CertificateFiles files, ILogger<ServedCertificate> logger)
    {
        (this.files, this.logger) = (files, logger);
        stamp = files.Stamp();
        current = files.Load();
    }

    /// <summary>For one handshake.</summary>
    public SslServerAuthenticationOptions Options() => new() { ServerCertificateContext = Current().Context, EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13 };

    public void Dispose() => current.Dispose();

    private ServerCertificate Current()
    {
        lock (gate)
        {
            var now = files.Stamp();
            if (now == stamp)
                return current;
            stamp = now; // also of one that is no use: it is said once
            try
            {
                current = files.Load(); // the old one may be in a handshake; the collector takes it
                Reloaded(ServerCertificate.FingerprintOf(current.Leaf), current.Leaf.NotAfter.ToUniversalTime());
            }
            catch (BackupException unusable)
            {
                NotReloaded(unusable.Message, unusable.Hint);
            }

            return current;
        }
    }

    [LoggerMessage(EventId = 4020, EventName = "certificate_reloaded", Level = LogLevel.Information, Message = "the certificate was changed: SHA-256 {Fingerprint}, valid until {Until:yyyy-MM-dd}")]
    private partial void Reloaded(string fingerprint, DateTime until);

    [LoggerMessage(EventId = 4021, EventName = "certificate_not_reloaded", Level = LogLevel.Error, Message = "the certificate was changed and is of no use, so the old one is served: {Reason}. Next: {Hint}")]
    private partial void NotReloaded(string reason, string hint);
}

/// <summary>Refuses connections of an address that has many open.</summary>
internal sealed class ConnectionCount
{
    private readonly Dictionary<string, int> open = new(StringComparer.Ordinal);

    public ConnectionDelegate Limit(ConnectionDelegate next) => async connection =>
    {
        var address = Caller.NetworkOf((connection.RemoteEndPoint as IPEndPoint)?.Address);
        if (!Take(address))
        {
            connection.Abort(new ConnectionAbortedException($"{address} has {Limits.ConnectionsOfOne} connections open"));
            return;
        }

        try
        {
            await next(connection);
        }
        finally
        {
            GiveBack(address);
        }
    };

    private bool Take(string address)
    {
        lock (open)
        {
            var count = open.GetValueOrDefault(address);
            if (count >= Limits.ConnectionsOfOne)
                return false;
            open[address] = count + 1;
            return true;
        }
    }

    private void GiveBack(string address)
    {
        lock (open)
        {
            if (--open[address] == 0)
                open.Remove(address);
        }
    }
}
