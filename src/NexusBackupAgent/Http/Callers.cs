using System.Net;
using System.Net.Sockets;
using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using NexusBackupAgent.Access;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Http;

/// <summary>Who sent a request, and what he may do.</summary>
/// <param name="User">Null when nobody signed in.</param>
/// <param name="Role">Null when nothing may be read.</param>
/// <param name="Source">The only source that he may see; null: all.</param>
/// <param name="Address">Where the request came from.</param>
internal sealed record Caller(string? User, Role? Role, string? Source, string Address)
{
    public const string NameClaim = "sub";

    public const string RoleClaim = "role";

    public const string SourceClaim = "source";

    /// <summary>Who the journal says it was.</summary>
    public Asker Asker => new(User ?? "", Address);

    public static Caller Of(HttpContext context)
    {
        var user = context.User;
        return new Caller(
            user.FindFirstValue(NameClaim),
            EnumWord.Of<Role>(user.FindFirstValue(RoleClaim)),
            user.FindFirstValue(SourceClaim),
            AddressOf(context.Connection.RemoteIpAddress));
    }

    /// <summary>For a handler that takes one.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) => ValueTask.FromResult<Caller?>(Of(context));

    public static ClaimsPrincipal Signed(string scheme, string? user, Role role, string? source = null)
    {
        List<Claim> claims = [new Claim(RoleClaim, role.Word())];
        if (user is not null)
            claims.Add(new Claim(NameClaim, user));
        if (source is not null)
            claims.Add(new Claim(SourceClaim, source));
        return new ClaimsPrincipal(new ClaimsIdentity(claims, scheme, NameClaim, RoleClaim));
    }

    /// <summary>An IPv4 address that a socket for both shows as IPv6 is shown as what it is.</summary>
    public static string AddressOf(IPAddress? address) => (address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address)?.ToString() ?? "";

    /// <summary>What counts as one address where it is counted: of IPv6 the network, because one host has all of it.</summary>
    public static string NetworkOf(IPAddress? address)
    {
        if (address is not { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false })
            return AddressOf(address);
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes) + "/64";
    }

    /// <summary>The language that a request asks for.</summary>
    /// <param name="lang">Its parameter; null: what the client prefers.</param>
    /// <exception cref="BackupException">It is neither of the two.</exception>
    public static Language LanguageOf(HttpContext context, string? lang) => lang switch
    {
        "ja" => Language.Japanese,
        "en" => Language.English,
        null => context.Request.Headers.AcceptLanguage.ToString().StartsWith("ja", StringComparison.OrdinalIgnoreCase) ? Language.Japanese : Language.English,
        _ => throw new BackupException(FailureKind.Configuration, $"lang '{lang}' is no language of the agent", "write en or ja"),
    };

    /// <summary>The sources that he may see.</summary>
    public IReadOnlyList<ScheduledSource> SourcesOf(Agent agent) =>
        Source is null ? agent.Roster.Current : [.. agent.Roster.Current.Where(source => source.Name == Source)];

    /// <summary>The source of a name, or all that he may see.</summary>
    /// <exception cref="BackupException">There is none that he may see.</exception>
    public IReadOnlyList<ScheduledSource> Choose(Agent agent, string? name) => SourceChoice.Choose(SourcesOf(agent), name is null ? [] : [name]);
}

/// <summary>The role that an endpoint asks for.</summary>
internal sealed record NeededRole(Role Role);

internal static class NeededRoles
{
    /// <summary>Lets in who has the role, or one above it.</summary>
    public static TBuilder Needs<TBuilder>(this TBuilder endpoint, Role role)
        where TBuilder : IEndpointConventionBuilder =>
        endpoint.RequireAuthorization(role.Word()).WithMetadata(new NeededRole(role));
}
