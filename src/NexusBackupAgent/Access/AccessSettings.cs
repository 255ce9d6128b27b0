using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Access;

/// <summary>What somebody may do; each may what those before it may.</summary>
internal enum Role
{
    /// <summary>Reads.</summary>
    Viewer,

    /// <summary>Backs up, verifies, drills, and fetches backups.</summary>
    Operator,

    /// <summary>Restores, prunes, and sees configuration and audit.</summary>
    Admin,
}

/// <summary>Who may use the API, and who may scrape.</summary>
/// <param name="Users">By name.</param>
/// <param name="Tokens">In the file's order.</param>
/// <param name="Scrape">What <c>/metrics</c> asks for; null: nothing.</param>
internal sealed record AccessSettings(IReadOnlyDictionary<string, UserAccount> Users, IReadOnlyList<ApiToken> Tokens, ScrapeLogin? Scrape)
{
    public static AccessSettings None { get; } = new(new Dictionary<string, UserAccount>(StringComparer.Ordinal), [], Scrape: null);

    /// <summary>Whether nobody can sign in: then the API only reads, and only for this host.</summary>
    public bool IsEmpty => Users.Count == 0 && Tokens.Count == 0;
}

/// <param name="Password">Its hash.</param>
internal sealed record UserAccount(string Name, PasswordHash Password, Role Role);

/// <summary>A token that a program carries.</summary>
/// <param name="Source">The only source that it is for; null: all.</param>
internal sealed record ApiToken(string Name, TokenHash Token, Role Role, string? Source);

/// <summary>What a scraper has to send. One of the two is set.</summary>
/// <param name="Bearer">A token.</param>
/// <param name="Basic">A user and a password.</param>
internal sealed record ScrapeLogin(TokenHash? Bearer, (string User, PasswordHash Password)? Basic);

/// <summary>Reads <c>users:</c>, <c>tokens:</c> and <c>metrics:</c>. No problem shows a value from below them.</summary>
internal static class AccessBinder
{
    private const string PasswordExample = "\"pbkdf2-sha256$600000$…\"";
    private const string TokenExample = "\"sha256:…\"";

    public static readonly LevelKeys UserKeys = new("users.<name>", "password", "role");

    public static readonly LevelKeys TokenKeys = new("tokens.<name>", "token", "role", "source");

    public static readonly LevelKeys MetricsKeys = new("metrics", "auth");

    public static readonly LevelKeys AuthKeys = new("metrics.auth", "bearer", "basic");

    public static readonly LevelKeys BasicKeys = new("metrics.auth.basic", "user", "password");

    public static IReadOnlyList<LevelKeys> Levels { get; } = [UserKeys, TokenKeys, MetricsKeys, AuthKeys, BasicKeys];

    public static AccessSettings Bind(Section root)
    {
        var users = Entries(root, "users", $"users: {{admin: {{password: {PasswordExample}, role: admin}}}}", User).ToDictionary(user => user.Name, StringComparer.Ordinal);
        return new AccessSettings(users, Entries(root, "tokens", $"tokens: {{ci: {{token: {TokenExample}, role: operator}}}}", (name, token) => Token(name, token, users)), Scrape(root));
    }

    private static IReadOnlyList<T> Entries<T>(Section root, string key, string example, Func<string, Section, T?> bind)
        where T : class =>
        root.Find(key) is { IsEmpty: false } field && (field with { IsSecret = true }).Section(example) is { } section
            ? [.. section.Fields.Where(IsNamed).Select(entry => entry.Section(example) is { } below ? bind(entry.Name, below) : null).OfType<T>()]
            : [];

    private static bool IsNamed(Field entry)
    {
        if (NameText.FindMistake(entry.Name) is not { } mistake)
            return true;
        entry.Error(mistake, "give it a short name of letters and digits");
        return false;
    }

    private static UserAccount? User(string name, Section user)
    {
        UserKeys.ReportOthers(user);
        var password = Required(user, "password", PasswordHash.Parse, PasswordExample, "make one: nexus-backup hash-password");
        var role = RoleOf(user);
        return password is null || role is null ? null : new UserAccount(name, password, role.Value);
    }

    private static ApiToken? Token(string name, Section token, Dictionary<string, UserAccount> users)
    {
        if (users.ContainsKey(name))
            token.Error("has the name of a user, and the audit would not tell them apart", "give the token another name");
        TokenKeys.ReportOthers(token);
        var hash = Required(token, "token", TokenHash.Parse, TokenExample, "make one: nexus-backup hash-password --token");
        var role = RoleOf(token);
        var source = token.Find("source")?.Text("itsm");
        return hash is null || role is null ? null : new ApiToken(name, hash, role.Value, source);
    }

    private static ScrapeLogin? Scrape(Section root)
    {
        const string Example = $"metrics: {{auth: {{bearer: {TokenExample}}}}}";
        if (root.Find("metrics") is not { IsEmpty: false } field || (field with { IsSecret = true }).Section(Example) is not { } metrics)
            return null;
        MetricsKeys.ReportOthers(metrics);
        if (metrics.FindSection("auth", Example) is not { } auth)
            return null;
        AuthKeys.ReportOthers(auth);
        var bearer = auth.Find("bearer")?.Parse(TokenHash.Parse, fallback: null!, TokenExample, "make one: nexus-backup hash-password --token");
        var basic = auth.FindSection("basic", $"basic: {{user: prometheus, password: {PasswordExample}}}") is { } section ? Basic(section) : null;
        if (auth.Find("bearer") is null == auth.Find("basic") is null)
            auth.Error(auth.Find("bearer") is null ? "asks for nothing: there is neither bearer nor basic" : "has bearer and basic, and a scraper sends one of them", $"write for example auth: {{bearer: {TokenExample}}}");
        return bearer is null && basic is null ? null : new ScrapeLogin(bearer, bearer is null ? basic : null);
    }

    private static (string, PasswordHash)? Basic(Section basic)
    {
        BasicKeys.ReportOthers(basic);
        var password = Required(basic, "password", PasswordHash.Parse, PasswordExample, "make one: nexus-backup hash-password");
        var user = Required(basic, "user", UserName, "prometheus", "write one without a colon");
        return password is null || user is null ? null : (user, password);
    }

    private static string UserName(string text) => text.Contains(':', StringComparison.Ordinal) ? throw new FormatException("has a colon, which ends the name of a user in basic authentication") : text;

    private static Role? RoleOf(Section section)
    {
        const string Teaching = "write viewer (reads), operator (backs up, verifies, drills) or admin (restores and prunes as well)";
        if (section.Find("role") is { } field)
            return field.Parse(text => EnumWord.Of<Role>(text) ?? throw new FormatException("is no role"), fallback: (Role?)null, "operator", Teaching);
        section.Error("has no role", Teaching);
        return null;
    }

    private static T? Required<T>(Section section, string key, Func<string, T> parse, string example, string teaching)
        where T : class
    {
        if (section.Find(key) is { } field)
            return field.Parse(parse, fallback: null!, example, teaching);
        section.Error($"has no {key}", teaching);
        return null;
    }
}
