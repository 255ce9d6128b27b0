using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace NexusBackupAgent.Http;

/// <summary>What a client may take of the agent. <c>docs/security.md</c> tells each number; a test compares them.</summary>
internal static class Limits
{
    /// <summary>Bytes.</summary>
    public const int Body = 64 * 1024;

    /// <summary>Bytes of all headers together.</summary>
    public const int Headers = 16 * 1024;

    public const int HeaderCount = 50;

    /// <summary>Bytes of method, path and query.</summary>
    public const int RequestLine = 4 * 1024;

    /// <summary>Seconds.</summary>
    public const int HeaderSeconds = 10;

    /// <summary>Seconds without a request until a connection is closed.</summary>
    public const int IdleSeconds = 60;

    /// <summary>Bytes a second, in both directions, once the grace is over.</summary>
    public const int SlowestRate = 240;

    /// <summary>Seconds of grace.</summary>
    public const int SlowestGraceSeconds = 5;

    /// <summary>Connections at once.</summary>
    public const int Connections = 1000;

    /// <summary>Connections at once of one address; of IPv6 of one network of 64 bits.</summary>
    public const int ConnectionsOfOne = 250;

    /// <summary>Requests at once on one connection of HTTP/2.</summary>
    public const int Streams = 32;

    /// <summary>Attempts to sign in, of one address in a minute.</summary>
    public const int LoginsOfAddress = 20;

    /// <summary>Failed attempts to sign in, of one user in a minute.</summary>
    public const int FailuresOfUser = 10;

    /// <summary>Attempts at once: each takes a core for a while.</summary>
    public const int LoginsAtOnce = 2;

    /// <summary>Policy of sign-in.</summary>
    public const string LoginPolicy = "login";

    public static void Set(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        var limits = kestrel.Limits;
        limits.MaxRequestBodySize = Body;
        limits.MaxRequestHeadersTotalSize = Headers;
        limits.MaxRequestHeaderCount = HeaderCount;
        limits.MaxRequestLineSize = RequestLine;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(HeaderSeconds);
        limits.KeepAliveTimeout = TimeSpan.FromSeconds(IdleSeconds);
        limits.MinRequestBodyDataRate = new MinDataRate(SlowestRate, TimeSpan.FromSeconds(SlowestGraceSeconds));
        limits.MinResponseDataRate = new MinDataRate(SlowestRate, TimeSpan.FromSeconds(SlowestGraceSeconds));
        limits.MaxConcurrentConnections = Connections;
        limits.Http2.MaxStreamsPerConnection = Streams;
        limits.Http2.MaxRequestHeaderFieldSize = Headers / 2;
    }

    public static void AddRates(IServiceCollection services) => services.AddRateLimiter(rates =>
    {
        rates.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
        rates.OnRejected = (rejected, _) =>
        {
            rejected.HttpContext.Response.Headers.RetryAfter = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? $"{(int)Math.Ceiling(after.TotalSeconds)}" : "60";
            return ValueTask.CompletedTask;
        };
        rates.AddPolicy(LoginPolicy, context => RateLimitPartition.GetFixedWindowLimiter(
            Caller.NetworkOf(context.Connection.RemoteIpAddress), _ => new FixedWindowRateLimiterOptions { PermitLimit = LoginsOfAddress, Window = TimeSpan.FromMinutes(1) }));
    });
}
