using System.Globalization;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres;

/// <summary>Where a database is, as libpq's URI says it: <c>postgresql://backup@db.example/shop?sslmode=verify-full</c>. It never holds a password.</summary>
/// <param name="Host">A name, an address, or the directory of a Unix socket; null: not said.</param>
/// <param name="Database">Unescaped; a pattern where <see cref="IsPattern"/>.</param>
internal sealed record PostgresAddress(string? Host, int? Port, string? User, string? Database)
{
    public const string Example = "postgresql://backup@localhost/shop";

    private const int StandardPort = 5432;

    /// <summary>Whether the database's name has <c>*</c> or <c>?</c> that were not escaped.</summary>
    public bool IsPattern { get; init; }

    /// <summary>A name in the service file, which says what the URI does not.</summary>
    public string? Service { get; init; }

    /// <summary>libpq's words; null: prefer.</summary>
    public string? SslMode { get; init; }

    public string? SslRootCert { get; init; }

    public string? SslCert { get; init; }

    public string? SslKey { get; init; }

    /// <summary>A file in libpq's form of passwords.</summary>
    public string? PassFile { get; init; }

    public int PortOrStandard => Port ?? StandardPort;

    public bool IsSocket => Host?.StartsWith('/') == true;

    /// <summary>For people, as it can be typed.</summary>
    public string Shown => $"postgresql://{(User is null ? "" : Uri.EscapeDataString(User) + "@")}{(IsSocket ? "" : HostText)}{(Port is null || IsSocket ? "" : $":{Port}")}/{(Database is null ? "" : IsPattern ? Database : Escape(Database))}{Query}";

    /// <summary>All of it, as a configuration has it.</summary>
    public string Written => ((string Key, string? Value)[])[("sslmode", SslMode), ("sslrootcert", SslRootCert), ("sslcert", SslCert), ("sslkey", SslKey), ("passfile", PassFile)] switch
    {
        var all => all.Where(pair => pair.Value is not null).Aggregate(Shown, (text, pair) => $"{text}{(text.Contains('?') ? '&' : '?')}{pair.Key}={Uri.EscapeDataString(pair.Value!)}"),
    };

    private string HostText => Host?.Contains(':') == true ? $"[{Host}]" : Host ?? "";

    private string Query
    {
        get
        {
            string?[] said =
            [
                IsSocket ? $"host={Host}" : null,
                IsSocket && Port is not null ? $"port={Port}" : null,
                Service is null ? null : $"service={Uri.EscapeDataString(Service)}",
            ];
            var parts = said.OfType<string>().ToList();
            return parts.Count == 0 ? "" : "?" + string.Join('&', parts);
        }
    }

    /// <param name="baseDirectory">Where relative paths begin.</param>
    /// <exception cref="FormatException">It is none, or says what this agent does not do.</exception>
    public static PostgresAddress Parse(string text, string baseDirectory)
    {
        var scheme = ((string[])["postgresql://", "postgres://"]).FirstOrDefault(scheme => text.StartsWith(scheme, StringComparison.Ordinal))
            ?? throw new WrongTextException("is no address of a PostgreSQL database", $"write a URI, for example {Example}");
        var rest = text[scheme.Length..];
        var (main, query) = Cut(rest, '?');
        var (authority, path) = Cut(main, '/');
        var at = authority.LastIndexOf('@');
        var (userInfo, hostPort) = at < 0 ? ("", authority) : (authority[..at], authority[(at + 1)..]);
        if (userInfo.Contains(':'))
            throw PasswordInside();
        if (hostPort.Contains(','))
            throw new WrongTextException("names several hosts", "name the one that is to be backed up");
        var (host, port) = HostAndPort(hostPort);
        var rawDatabase = path;
        var address = new PostgresAddress(NullIfEmpty(Unescape(host)), port, NullIfEmpty(Unescape(userInfo)), NullIfEmpty(Unescape(rawDatabase)))
        {
            IsPattern = rawDatabase.AsSpan().ContainsAny('*', '?'),
        };
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (key, value) = Cut(pair, '=');
            address = address.With(Unescape(key), Unescape(value), baseDirectory);
        }

        if (address is { Database: null, Service: null })
            throw new WrongTextException("names no database", $"write its name behind the host, for example {Example}; * means every database of the server");
        return address.Database?.Contains('\0') == true ? throw new FormatException("has a null character in it") : address;
    }

    /// <summary>What this one does not say is taken from another one.</summary>
    public PostgresAddress Or(PostgresAddress other) => this with
    {
        Host = Host ?? other.Host,
        Port = Port ?? other.Port,
        User = User ?? other.User,
        Database = Database ?? other.Database,
        SslMode = SslMode ?? other.SslMode,
        SslRootCert = SslRootCert ?? other.SslRootCert,
        SslCert = SslCert ?? other.SslCert,
        SslKey = SslKey ?? other.SslKey,
        PassFile = PassFile ?? other.PassFile,
    };

    /// <summary>
    /// The same that names no file with a secret. A service has its password in one, and the host of the address, where there is
    /// one, would get it.
    /// </summary>
    public PostgresAddress WithoutSecretFiles() => this with { PassFile = null, SslCert = null, SslKey = null, Service = Host is null ? Service : null };

    /// <summary>The same with one of libpq's parameters.</summary>
    /// <exception cref="FormatException">There is no such one here.</exception>
    public PostgresAddress With(string key, string value, string baseDirectory) => key switch
    {
        "host" or "hostaddr" => this with { Host = value },
        "port" => this with { Port = ParsePort(value) },
        "user" => this with { User = value },
        "dbname" => this with { Database = value },
        "service" => this with { Service = value },
        "sslmode" => this with { SslMode = ParseMode(value) },
        "sslrootcert" => this with { SslRootCert = value == "system" ? null : KernelPath.Absolute(value, baseDirectory) },
        "sslcert" => this with { SslCert = KernelPath.Absolute(value, baseDirectory) },
        "sslkey" => this with { SslKey = KernelPath.Absolute(value, baseDirectory) },
        "passfile" => this with { PassFile = KernelPath.Absolute(value, baseDirectory) },
        "connect_timeout" or "application_name" => this, // the agent has its own
        "password" => throw PasswordInside(),
        _ => throw new WrongTextException($"has the parameter {key}, which this agent does not know", "the parameters are host, port, user, dbname, service, passfile, sslmode, sslrootcert, sslcert and sslkey"),
    };

    private static WrongTextException PasswordInside() => new("holds a password", "write the password alone into a file that only the agent's user may read (chmod 600), and name that with passwordFile; or use ~/.pgpass");

    private static string ParseMode(string text) => text is "disable" or "allow" or "prefer" or "require" or "verify-ca" or "verify-full"
        ? text
        : throw new WrongTextException($"has no such sslmode: {text}", "write disable, allow, prefer, require, verify-ca or verify-full");

    private static (string Host, int? Port) HostAndPort(string text)
    {
        var end = text.StartsWith('[') ? text.IndexOf(']') + 1 : 0;
        var colon = text.IndexOf(':', end);
        var host = colon < 0 ? text : text[..colon];
        return (host.StartsWith('[') ? host[1..^1] : host, colon < 0 ? null : ParsePort(text[(colon + 1)..]));
    }

    private static int ParsePort(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= 65535
        ? port
        : throw new FormatException("has a port that is none");

    private static (string Before, string Behind) Cut(string text, char at) => text.IndexOf(at) is >= 0 and var found ? (text[..found], text[(found + 1)..]) : (text, "");

    private static string Unescape(string text) => Uri.UnescapeDataString(text);

    private static string Escape(string name) => Uri.EscapeDataString(name);

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;
}
