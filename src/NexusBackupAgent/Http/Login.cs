using System.Security.Claims;
using System.Text;
using System.Text.Encodings.Web;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using NexusBackupAgent.Access;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;

namespace NexusBackupAgent.Http;

/// <summary>
/// Who may use the API: users, who sign in for a signed token that soon expires; programs, with a token of the configuration;
/// and where neither is configured, whoever is on this host, to read.
/// </summary>
internal static class Login
{
    public const string NobodyConfigured = "this agent has no users, so that only its own host may read: it answers nobody else, nor who comes through a proxy";

    public const string OnlyReading = "this agent has no users, so that nothing can be changed or fetched through it";

    public const string ConfigureUsers = "make a password's hash (nexus-backup hash-password), write users: {NAME: {password: HASH, role: admin}} into the configuration, and restart the agent";

    /// <summary>Of the browser's session.</summary>
    public const string Cookie = "nexus-backup";

    /// <summary>No other site's page can send it: a request by cookie that changes something has to bear it.</summary>
    public const string ForgeryHeader = "X-Nexus-Backup";

    private const string AnyScheme = "any";
    private const string UserScheme = JwtBearerDefaults.AuthenticationScheme;
    private const string TokenScheme = "token";
    private const string HostScheme = "host";
    private const string ScrapeScheme = "scrape";

    public static void AddServices(IServiceCollection services, Agent agent)
    {
        var access = agent.Configuration.Access;
        services.AddSingleton(access);
        var authentication = services.AddAuthentication(access.IsEmpty ? HostScheme : AnyScheme);
        // It would write keys of its own into somebody's home; nothing here is protected by it.
        foreach (var keys in services.Where(service => service.ImplementationType?.FullName == "Microsoft.AspNetCore.DataProtection.Internal.DataProtectionHostedService").ToList())
            services.Remove(keys);
        if (access.IsEmpty)
        {
            authentication.AddScheme<AuthenticationSchemeOptions, HostLogin>(HostScheme, configureOptions: null);
        }
        else
        {
            var tokens = new UserTokens(new SigningKey(agent.Configuration.StateDirectory), access, agent.TimeProvider);
            services.AddSingleton(tokens);
            services.AddSingleton(provider => new LoginAttempts(access, agent.TimeProvider, provider.GetRequiredService<ILogger<LoginAttempts>>()));
            authentication.AddPolicyScheme(AnyScheme, displayName: null, any => any.ForwardDefaultSelector = context => BearerOf(context)?.StartsWith(TokenHash.Prefix, StringComparison.Ordinal) == true ? TokenScheme : UserScheme);
            authentication.AddJwtBearer(UserScheme, tokens.Configure);
            authentication.AddScheme<AuthenticationSchemeOptions, ProgramLogin>(TokenScheme, configureOptions: null);
        }

        if (access.Scrape is not null)
            authentication.AddScheme<AuthenticationSchemeOptions, ScraperLogin>(ScrapeScheme, configureOptions: null);
        services.AddAuthorizationCore(policies =>
        {
            foreach (var role in Enum.GetValues<Role>())
                policies.AddPolicy(role.Word(), policy => policy.RequireClaim(Caller.RoleClaim, Enum.GetValues<Role>().Where(has => has >= role).Select(has => has.Word())));
            if (access.Scrape is not null)
                policies.AddPolicy(ScrapeScheme, new AuthorizationPolicyBuilder(ScrapeScheme).RequireAuthenticatedUser().Build());
        });
        services.AddAuthorization();
    }

    /// <summary>Asks of a scraper what the configuration says.</summary>
    public static void ProtectScrapes(IEndpointConventionBuilder metrics, AccessSettings access)
    {
        if (access.Scrape is null)
            metrics.AllowAnonymous();
        else
            metrics.RequireAuthorization(ScrapeScheme);
    }

    /// <summary>Refuses what another site's page may have sent with a cookie.</summary>
    public static async Task RefuseForgedAsync(HttpContext context, RequestDelegate next)
    {
        var changes = !HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method) && !HttpMethods.IsOptions(context.Request.Method);
        if (changes && context.Request.Cookies.ContainsKey(Cookie) && BearerOf(context) is null && context.Request.Headers[ForgeryHeader].Count == 0)
            await Problems.Of(StatusCodes.Status403Forbidden, "a request by cookie that changes something has to come from the agent's own page", $"send {ForgeryHeader}: page, or a bearer token").ExecuteAsync(context);
        else
            await next(context);
    }

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapPost("auth/login", LogInAsync).AllowAnonymous().LimitPerAddress().Described("Sign in", "Answers a token for Authorization: Bearer. It expires after an hour; session: true also sets the page's cookie.")
            .Problems(400, 401, 413, 415, 429);
        api.MapPost("auth/logout", LogOut).AllowAnonymous().Described("Sign out", "The page's cookie is gone. A token stays valid until it expires.").Problems(403);
        api.MapPost("auth/renew", Renew).Needs(Role.Viewer).Described("Renew a user's token", "A fresh token for one that is still valid, at most 12 hours after signing in.").Problems(401, 403);
        api.MapGet("auth/me", Me).AllowAnonymous().Described("Who I am", "What the sender of this request may do, and why not more.");
    }

    /// <summary>The token that a request bears; null when it bears none.</summary>
    public static string? BearerOf(HttpContext context) =>
        context.Request.Headers.Authorization is [{ } header] && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header["Bearer ".Length..].Trim() : null;

    private static async Task<Results<Ok<SessionDocument>, ProblemHttpResult>> LogInAsync(LoginRequest login, HttpContext context, AccessSettings access)
    {
        if (access.Users.Count == 0)
            return Problems.Of(StatusCodes.Status401Unauthorized, NobodyConfigured, ConfigureUsers);
        var (attempts, tokens) = (context.RequestServices.GetRequiredService<LoginAttempts>(), context.RequestServices.GetRequiredService<UserTokens>());
        var address = Caller.Of(context).Address;
        switch (await attempts.TryAsync(login, address, context.RequestAborted))
        {
            case { TooMany: true }:
                context.Response.Headers.RetryAfter = "60";
                return Problems.Of(StatusCodes.Status429TooManyRequests, "too many attempts to sign in", "wait a minute");
            case { User: { } user }:
                return Answer(context, tokens, user, tokens.Now, login.Session);
            default:
                return Problems.Of(StatusCodes.Status401Unauthorized, "no user has that name and password", "look for a typing error; nexus-backup hash-password makes a new password");
        }
    }

    private static NoContent LogOut(HttpContext context)
    {
        context.Response.Cookies.Delete(Cookie, CookieOf(context));
        return TypedResults.NoContent();
    }

    private static Results<Ok<SessionDocument>, ProblemHttpResult> Renew(HttpContext context, AccessSettings access)
    {
        if (context.RequestServices.GetService<UserTokens>() is not { } tokens
            || !access.Users.TryGetValue(Caller.Of(context).User ?? "", out var user)
            || UserTokens.SignedInAt(context.User) is not { } since)
        {
            return Problems.Of(StatusCodes.Status403Forbidden, "only a user's token is renewed", "a token of the configuration does not expire");
        }

        return tokens.Now - since > UserTokens.Longest
            ? Problems.Of(StatusCodes.Status401Unauthorized, $"it is {UserTokens.Longest.TotalHours:0} hours since '{user.Name}' signed in", "sign in again")
            : Answer(context, tokens, user, since, session: BearerOf(context) is null);
    }

    private static Ok<SessionDocument> Answer(HttpContext context, UserTokens tokens, UserAccount user, DateTimeOffset since, bool session)
    {
        var (token, expires) = tokens.New(user, since);
        if (session)
            context.Response.Cookies.Append(Cookie, token, CookieOf(context));
        return TypedResults.Ok(new SessionDocument(token, JsonTime.Utc(expires), user.Name, user.Role.Word()));
    }

    private static CookieOptions CookieOf(HttpContext context) => new() { HttpOnly = true, Secure = context.Request.IsHttps, SameSite = SameSiteMode.Strict, Path = "/" };

    private static Ok<MeDocument> Me(HttpContext context, Caller caller, Agent agent, AccessSettings access)
    {
        string[] all = ["read", "backup", "verify", "drill", "download", "restore", "prune", "configure", "audit"];
        var can = (access.IsEmpty, caller.Role) switch
        {
            (_, null) => 0,
            (true, _) or (_, Role.Viewer) => 1,
            (_, Role.Operator) => 5,
            _ => all.Length,
        };
        var reason = (access.IsEmpty, caller.Role) switch
        {
            (true, null) => $"{NobodyConfigured}; {ConfigureUsers}",
            (true, _) => $"{OnlyReading}; {ConfigureUsers}",
            (false, null) => "nobody is signed in",
            _ => null,
        };
        var expires = UserTokens.ExpiresAt(context.User);
        return TypedResults.Ok(new MeDocument(caller.User, caller.Role?.Word(), caller.Source, all[..can], expires is { } at ? JsonTime.Utc(at) : null, reason, caller.Role is null ? null : agent.Configuration.TimeZone.Id, caller.Role is null ? null : ThisAgent.Version));
    }
}

/// <summary>Tokens of users: signed with HMAC-SHA256 by the agent's key, read by ASP.NET Core's own JWT bearer.</summary>
internal sealed class UserTokens(SigningKey key, AccessSettings access, TimeProvider timeProvider)
{
    private const string Issuer = "nexus-backup";
    private const string PasswordClaim = "pwd";
    private const string SinceClaim = "auth_time";

    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    /// <summary>How long after signing in a token is renewed.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(12);

    public DateTimeOffset Now => timeProvider.GetUtcNow();

    public (string Token, DateTimeOffset ExpiresAt) New(UserAccount user, DateTimeOffset since)
    {
        var expires = Now + Lifetime;
        var token = new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = Issuer,
            Audience = Issuer,
            IssuedAt = Now.UtcDateTime,
            Expires = expires.UtcDateTime,
            Claims = new Dictionary<string, object>(StringComparer.Ordinal)
            {
                [Caller.NameClaim] = user.Name,
                [PasswordClaim] = user.Password.Mark,
                [SinceClaim] = since.ToUnixTimeSeconds(),
            },
            SigningCredentials = new SigningCredentials(new SymmetricSecurityKey(key.Current()), SecurityAlgorithms.HmacSha256),
        });
        return (token, expires);
    }

    public static DateTimeOffset? SignedInAt(ClaimsPrincipal user) => InstantOf(user, SinceClaim);

    public static DateTimeOffset? ExpiresAt(ClaimsPrincipal user) => InstantOf(user, JwtRegisteredClaimNames.Exp);

    public void Configure(JwtBearerOptions options)
    {
        options.MapInboundClaims = false;
        options.IncludeErrorDetails = false;
        options.TokenValidationParameters = new TokenValidationParameters
        {
            ValidIssuer = Issuer,
            ValidAudience = Issuer,
            ValidAlgorithms = [SecurityAlgorithms.HmacSha256],
            ValidTypes = ["JWT"],
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            IssuerSigningKeyResolver = (_, _, _, _) => [new SymmetricSecurityKey(key.Current())],
            LifetimeValidator = (_, expires, _, _) => expires > Now.UtcDateTime,
        };
        options.Events = new JwtBearerEvents
        {
            OnMessageReceived = received =>
            {
                if (received.Request.Headers.Authorization.Count == 0 && received.Request.Cookies.TryGetValue(Login.Cookie, out var token))
                    received.Token = token;
                return Task.CompletedTask;
            },
            OnTokenValidated = validated =>
            {
                // What the user may do is what the configuration says now, and a changed password ends what was signed before.
                if (validated.Principal is { } principal && access.Users.TryGetValue(principal.FindFirstValue(Caller.NameClaim) ?? "", out var user) && principal.FindFirstValue(PasswordClaim) == user.Password.Mark)
                    ((ClaimsIdentity)principal.Identity!).AddClaim(new Claim(Caller.RoleClaim, user.Role.Word()));
                else
                    validated.Fail("the user is gone, or the password was changed");
                return Task.CompletedTask;
            },
        };
    }

    private static DateTimeOffset? InstantOf(ClaimsPrincipal user, string claim) =>
        long.TryParse(user.FindFirstValue(claim), out var seconds) ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;
}

/// <summary>Tries passwords, few at once and few in a minute.</summary>
internal sealed partial class LoginAttempts(AccessSettings access, TimeProvider timeProvider, ILogger<LoginAttempts> logger) : IDisposable
{
    private readonly MinuteCounts failures = new(Limits.FailuresOfUser, timeProvider);

    private readonly ConcurrencyLimiter atOnce = new(new ConcurrencyLimiterOptions { PermitLimit = Limits.LoginsAtOnce, QueueLimit = 4 * Limits.LoginsAtOnce });

    /// <summary>Compared with for a user that does not exist.</summary>
    public PasswordHash Nobodys { get; } = PasswordHash.Nobodys(access.Users.Values.Select(user => user.Password));

    /// <returns>The user; none when name and password do not belong together, or there were too many attempts.</returns>
    public async Task<(UserAccount? User, bool TooMany)> TryAsync(LoginRequest login, string address, CancellationToken cancellationToken)
    {
        // A name that nobody has is counted, and takes as long, like one that somebody has.
        var user = access.Users.GetValueOrDefault(login.Username);
        var counted = user?.Name ?? "";
        if (failures.WaitOf(counted) > TimeSpan.Zero)
        {
            LoginsStopped(user?.Name ?? "(unknown)", address);
            return (null, TooMany: true);
        }

        using var turn = await atOnce.AcquireAsync(permitCount: 1, cancellationToken);
        if (!turn.IsAcquired)
            return (null, TooMany: true);
        if (await Task.Run(() => (user?.Password ?? Nobodys).Matches(login.Password), cancellationToken) && user is not null)
        {
            LoggedIn(user.Name, user.Role.Word(), address);
            return (user, TooMany: false);
        }

        failures.Count(counted);
        LoginFailed(user?.Name ?? "(unknown)", address); // a name that nobody has may be a password, typed into the wrong field
        return (null, TooMany: false);
    }

    public void Dispose() => atOnce.Dispose();

    [LoggerMessage(EventId = 4001, EventName = "logged_in", Level = LogLevel.Information, Message = "{User} ({Role}) signed in from {Address}")]
    private partial void LoggedIn(string user, string role, string address);

    [LoggerMessage(EventId = 4002, EventName = "login_failed", Level = LogLevel.Warning, Message = "sign-in as {User} from {Address} failed. Next: if nobody knows of it, see who is at that address")]
    private partial void LoginFailed(string user, string address);

    [LoggerMessage(EventId = 4003, EventName = "logins_stopped", Level = LogLevel.Warning, Message = "sign-in as {User} from {Address} was not tried: there were too many failures in this minute. Next: if nobody knows of them, see who is at that address")]
    private partial void LoginsStopped(string user, string address);
}

/// <summary>A program's token, as the configuration has its hash.</summary>
internal sealed class ProgramLogin(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, AccessSettings access)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var token = Login.BearerOf(Context) ?? "";
        ApiToken? found = null;
        foreach (var known in access.Tokens) // all of them, so that the time tells nothing
        {
            if (known.Token.Matches(token))
                found = known;
        }

        return Task.FromResult(found is null
            ? AuthenticateResult.Fail("no such token")
            : AuthenticateResult.Success(new AuthenticationTicket(Caller.Signed(Scheme.Name, found.Name, found.Role, found.Source), Scheme.Name)));
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        await base.HandleChallengeAsync(properties);
        Response.Headers.WWWAuthenticate = "Bearer";
    }
}

/// <summary>Where nobody is configured: whoever asks from this host itself, by its own name, may read.</summary>
internal sealed class HostLogin(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(IsOfThisHost()
        ? AuthenticateResult.Success(new AuthenticationTicket(Caller.Signed(Scheme.Name, user: null, Role.Viewer), Scheme.Name))
        : AuthenticateResult.NoResult());

    /// <summary>A proxy on this host speaks for others, and a page of another site may have its name lead here (DNS rebinding).</summary>
    private bool IsOfThisHost() =>
        Context.Connection.RemoteIpAddress is { } address && System.Net.IPAddress.IsLoopback(address)
        && !((string[])["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"]).Any(Request.Headers.ContainsKey)
        && Uri.TryCreate($"http://{Request.Host.Value}", UriKind.Absolute, out var host) && host.IsLoopback;
}

/// <summary>What Prometheus sends by <c>authorization</c> or <c>basic_auth</c>.</summary>
internal sealed class ScraperLogin(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, AccessSettings access, ScrapeMemory memory)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(IsRight()
        ? AuthenticateResult.Success(new AuthenticationTicket(Caller.Signed(Scheme.Name, user: null, Role.Viewer), Scheme.Name))
        : AuthenticateResult.NoResult());

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        await base.HandleChallengeAsync(properties);
        Response.Headers.WWWAuthenticate = access.Scrape!.Bearer is null ? "Basic realm=\"metrics\"" : "Bearer";
    }

    private bool IsRight()
    {
        if (access.Scrape!.Bearer is { } bearer)
            return Login.BearerOf(Context) is { } token && bearer.Matches(token);
        return Request.Headers.Authorization is [{ } header] && header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) && memory.Knows(header["Basic ".Length..].Trim(), access.Scrape.Basic!.Value);
    }
}

/// <summary>Remembers the hash of what was right: a password's own hash would cost each scrape a fifth of a second.</summary>
internal sealed class ScrapeMemory
{
    private readonly Lock trying = new();
    private TokenHash? right;

    public bool Knows(string credentials, (string User, PasswordHash Password) wanted)
    {
        if (right?.Matches(credentials) == true)
            return true;
        if (Decode(credentials) is not { } text || text.IndexOf(':', StringComparison.Ordinal) is not (> 0 and var colon) || !trying.TryEnter()) // one core at most for who guesses
            return false;
        try
        {
            if (!wanted.Password.Matches(text[(colon + 1)..]) || text[..colon] != wanted.User)
                return false;
            right = TokenHash.Of(credentials);
            return true;
        }
        finally
        {
            trying.Exit();
        }
    }

    private static string? Decode(string text)
    {
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out var length) ? Encoding.UTF8.GetString(bytes, 0, length) : null;
    }
}
