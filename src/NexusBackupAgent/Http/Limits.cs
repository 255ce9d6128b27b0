using System.Globalization;
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

    public static void AddRates(IServiceCollection services, TimeProvider timeProvider) => services.AddSingleton(new LoginRates(timeProvider));

    /// <summary>Counts each request of the endpoint for its address, whatever it holds, and refuses those that are too many.</summary>
    public static TBuilder LimitPerAddress<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(LimitedPerAddress.Instance);

    public static Task RefuseTooManyAsync(HttpContext context, RequestDelegate next)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<LimitedPerAddress>() is null
            || context.RequestServices.GetRequiredService<LoginRates>().Count(Caller.NetworkOf(context.Connection.RemoteIpAddress)) is not { Ticks: > 0 } wait)
        {
            return next(context);
        }

        context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
        context.Response.Headers.RetryAfter = ((int)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        return Task.CompletedTask;
    }

    private sealed class LimitedPerAddress
    {
        public static readonly LimitedPerAddress Instance = new();
    }

    private sealed class LoginRates(TimeProvider timeProvider)
    {
        private readonly MinuteCounts counts = new(LoginsOfAddress, timeProvider);

        public TimeSpan Count(string address) => counts.Count(address);
    }
}

/// <summary>
/// Counts what each one does in a minute. It has no timer: .NET's own limiters wake ten times a second for each that there is, which was most of
/// what an idle agent took of the processor.
/// </summary>
/// <param name="most">Of each one in a minute, which begins with the first.</param>
internal sealed class MinuteCounts(int most, TimeProvider timeProvider)
{
    private const int FewKnown = 64;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock counting = new();
    private readonly Dictionary<string, (long Since, int Count)> counts = new(StringComparer.Ordinal);
    private int roomFor = FewKnown;
    private long forgotAt = timeProvider.GetTimestamp();

    /// <summary>How many are remembered.</summary>
    internal int Known => counts.Count;

    /// <summary>How long it takes until one may go on; zero when he may now.</summary>
    public TimeSpan WaitOf(string who)
    {
        lock (counting)
            return WaitNow(who);
    }

    /// <summary>Counts one more, unless there were too many.</summary>
    /// <returns>As of <see cref="WaitOf"/>, before it was counted.</returns>
    public TimeSpan Count(string who)
    {
        lock (counting)
        {
            if (counts.Count > roomFor || IsOver(forgotAt))
                Forget();
            if (WaitNow(who) is { Ticks: > 0 } wait)
                return wait;
            counts[who] = counts.TryGetValue(who, out var before) && !IsOver(before.Since) ? (before.Since, before.Count + 1) : (timeProvider.GetTimestamp(), 1);
            return TimeSpan.Zero;
        }
    }

    private TimeSpan WaitNow(string who) =>
        counts.TryGetValue(who, out var before) && !IsOver(before.Since) && before.Count >= most ? Window - timeProvider.GetElapsedTime(before.Since) : TimeSpan.Zero;

    /// <summary>Once a minute, and as often as their number doubles, so that each costs little.</summary>
    private void Forget()
    {
        foreach (var (who, _) in counts.Where(count => IsOver(count.Value.Since)).ToList())
            counts.Remove(who);
        counts.TrimExcess();
        roomFor = Math.Max(FewKnown, counts.Count * 2);
        forgotAt = timeProvider.GetTimestamp();
    }

    private bool IsOver(long since) => timeProvider.GetElapsedTime(since) >= Window;
}
