using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Npgsql;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres;

/// <summary>How the agent proves who it is; read anew at each connection, so that a changed password needs no restart.</summary>
/// <param name="PasswordFile">Holds the password alone; null: PGPASSFILE, or ~/.pgpass.</param>
/// <param name="ServiceFile">Null: PGSERVICEFILE, or ~/.pg_service.conf.</param>
internal sealed record PostgresCredentials(string? PasswordFile, string? ServiceFile);

/// <summary>One server: connects to it, and lets PostgreSQL's tools connect without a password on a command line or in an environment.</summary>
/// <param name="address">As configured; what it leaves out the service file says, or the standard.</param>
internal sealed class PostgresServer(PostgresAddress address, PostgresCredentials credentials, ScratchDirectory? scratch)
{
    /// <summary>A database that every server has.</summary>
    public const string Maintenance = "postgres";

    public const string ApplicationName = "nexus-backup";

    private const int ConnectSeconds = 10;

    // One statement a command: a question that holds two is refused by the server, whatever it says.
    static PostgresServer() => AppContext.SetSwitch("Npgsql.EnableSqlRewriting", isEnabled: false);

    /// <summary>As configured, for people.</summary>
    public string Shown => address.Shown;

    /// <summary>For people, with another database.</summary>
    public string ShownOf(string database) => (address with { Database = database, IsPattern = false }).Shown;

    /// <summary>Where it really is: what the service file and the standards add is in it.</summary>
    /// <exception cref="BackupException">The service file can't be read, or has no such service.</exception>
    public PostgresAddress Resolved
    {
        get
        {
            var full = address.Service is { } service ? address.Or(ServiceFile.Read(service, credentials.ServiceFile).Address) : address;
            return full with { Host = full.Host ?? StandardHost(), User = full.User ?? SystemUser.Current.Name, Database = full.Database ?? full.User ?? SystemUser.Current.Name };
        }
    }

    public NpgsqlConnection Open(string? database = null)
    {
        var connection = NewConnection(database);
        try
        {
            connection.Open();
            return connection;
        }
        catch (Exception failure)
        {
            connection.Dispose();
            throw PostgresFailure.Translate(failure, ShownOf(database ?? Resolved.Database!));
        }
    }

    public async Task<NpgsqlConnection> OpenAsync(string? database, CancellationToken cancellationToken)
    {
        var connection = NewConnection(database);
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch (Exception failure)
        {
            await connection.DisposeAsync();
            cancellationToken.ThrowIfCancellationRequested();
            throw PostgresFailure.Translate(failure, ShownOf(database ?? Resolved.Database!));
        }
    }

    /// <summary>What a tool is given to connect with; the caller disposes it when the tool has ended.</summary>
    public PostgresToolAccess Access(string? database = null) => new(Resolved with { Database = database ?? Resolved.Database }, Password(Resolved), scratch ?? throw new InvalidOperationException("a tool needs scratch space"));

    private NpgsqlConnection NewConnection(string? database)
    {
        var at = Resolved;
        RequireFiles(at);
        var settings = new NpgsqlConnectionStringBuilder
        {
            Host = at.Host,
            Port = at.PortOrStandard,
            Username = at.User,
            Database = database ?? at.Database,
            Password = Password(at),
            ApplicationName = ApplicationName,
            Timeout = ConnectSeconds,
            CommandTimeout = 0,
            KeepAlive = 30, // a server that is gone is noticed while a tool works
            Pooling = false,
            IncludeErrorDetail = true, // of statements that hold no data
            PersistSecurityInfo = false,
            SslMode = at.SslMode switch
            {
                "disable" => Npgsql.SslMode.Disable,
                "allow" => Npgsql.SslMode.Allow,
                "require" => Npgsql.SslMode.Require,
                "verify-ca" => Npgsql.SslMode.VerifyCA,
                "verify-full" => Npgsql.SslMode.VerifyFull,
                _ => Npgsql.SslMode.Prefer,
            },
            RootCertificate = at.SslRootCert,
            SslCertificate = at.SslCert,
            SslKey = at.SslKey,
        };
        var builder = new NpgsqlSlimDataSourceBuilder(settings.ConnectionString);
        builder.EnableTransportSecurity();
        return builder.Build().CreateConnection();
    }

    private static void RequireFiles(PostgresAddress at)
    {
        foreach (var (key, file) in ((string, string?)[])[("sslrootcert", at.SslRootCert), ("sslcert", at.SslCert), ("sslkey", at.SslKey)])
        {
            if (file is not null && !File.Exists(file))
                throw new BackupException(FailureKind.Configuration, $"the file '{file}' ({key}) does not exist, or the agent may not look there", $"check {key} in the source's address, and whose it is (ls -l '{file}')");
        }
    }

    private string? Password(PostgresAddress at)
    {
        if (credentials.PasswordFile is { } file)
            return PasswordFile.ReadWhole(file);
        if (address.Service is { } service && ServiceFile.Read(service, credentials.ServiceFile).Password is { } password)
            return password;
        return PasswordFile.Find(at.PassFile, at);
    }

    private static string StandardHost() => Directory.Exists("/var/run/postgresql") ? "/var/run/postgresql" : "localhost";
}

/// <summary>Files in which libpq keeps passwords.</summary>
internal static class PasswordFile
{
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    /// <summary>A file that holds one password and perhaps an end of line.</summary>
    /// <exception cref="BackupException">It can't be read, or is empty.</exception>
    public static string ReadWhole(string path)
    {
        var text = Read(path, "passwordFile").TrimEnd('\n', '\r');
        return text.Length > 0 ? text : throw new BackupException(FailureKind.Configuration, $"the password file '{path}' is empty", "write the password into it");
    }

    /// <summary>The password of a database in <c>host:port:database:user:password</c> lines.</summary>
    /// <param name="path">Null: PGPASSFILE, or ~/.pgpass.</param>
    /// <returns>Null when no line is of it.</returns>
    public static string? Find(string? path, PostgresAddress of)
    {
        var file = path ?? Environment.GetEnvironmentVariable("PGPASSFILE") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".pgpass");
        if (!File.Exists(file))
            return path is null ? null : throw new BackupException(FailureKind.Configuration, $"the password file '{path}' does not exist", "check passfile in the source's address");
        if ((File.GetUnixFileMode(file) & Others) != UnixFileMode.None)
            throw new BackupException(FailureKind.Configuration, $"the password file '{file}' may be read by others, and PostgreSQL's tools ignore such a file", $"chmod 600 '{file}'");
        string[][] hosts = [[of.Host!, .. of.IsSocket ? (string[])["localhost"] : []], [$"{of.PortOrStandard}"], [of.Database!], [of.User!]];
        return Read(file, "the password file").Split('\n')
            .Select(line => line.TrimEnd('\r'))
            .Where(line => line.Length > 0 && line[0] != '#')
            .Select(Fields)
            .FirstOrDefault(fields => fields.Count == 5 && hosts.Index().All(wanted => fields[wanted.Index] == "*" || wanted.Item.Contains(fields[wanted.Index])))?[4];
    }

    /// <summary>A line that gives a password for every database.</summary>
    public static string LineOf(string password) => $"*:*:*:*:{password.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(":", "\\:", StringComparison.Ordinal)}\n";

    private static string Read(string path, string what)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw new BackupException(FailureKind.Configuration, $"cannot read '{path}' ({what}): {failure.Message}", $"check it and whose it is (ls -l '{path}')", failure);
        }
    }

    private static List<string> Fields(string line)
    {
        var fields = new List<string> { "" };
        for (var index = 0; index < line.Length; index++)
        {
            if (line[index] == ':' && fields.Count < 5)
                fields.Add("");
            else
                fields[^1] += line[index] == '\\' && index + 1 < line.Length ? line[++index] : line[index];
        }

        return fields;
    }
}

/// <summary>libpq's file of services.</summary>
internal static class ServiceFile
{
    /// <exception cref="BackupException">It can't be read, or has no such service.</exception>
    public static (PostgresAddress Address, string? Password) Read(string service, string? path)
    {
        var file = path ?? Environment.GetEnvironmentVariable("PGSERVICEFILE") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".pg_service.conf");
        string[] lines;
        try
        {
            lines = File.ReadAllLines(file, Encoding.UTF8);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw new BackupException(FailureKind.Configuration, $"cannot read the service file '{file}': {failure.Message}", "check it, or name another one with serviceFile", failure);
        }

        var inside = lines.SkipWhile(line => line.Trim() != $"[{service}]").Skip(1).TakeWhile(line => !line.TrimStart().StartsWith('[')).Select(line => line.Trim()).ToList();
        if (!lines.Any(line => line.Trim() == $"[{service}]"))
            throw new BackupException(FailureKind.Configuration, $"the service file '{file}' has no service [{service}]", "write it there, or mend service= in the source's address");
        var (address, password) = (new PostgresAddress(null, null, null, null), (string?)null);
        foreach (var line in inside.Where(line => line.Length > 0 && line[0] != '#' && line.Contains('=')))
        {
            var (key, value) = (line[..line.IndexOf('=')].Trim(), line[(line.IndexOf('=') + 1)..].Trim());
            if (key == "password")
                password = value;
            else
                address = TryWith(address, key, value, Path.GetDirectoryName(file)!);
        }

        return (address, password);
    }

    /// <summary>A service file serves many programs: what this one has no use for is theirs.</summary>
    private static PostgresAddress TryWith(PostgresAddress address, string key, string value, string directory)
    {
        try
        {
            return address.With(key, value, directory);
        }
        catch (FormatException)
        {
            return address;
        }
    }
}

/// <summary>The environment of a tool that connects. A password is in a file that only this user may read, and goes when this is disposed.</summary>
internal sealed class PostgresToolAccess : IDisposable
{
    private readonly string passFile;

    public PostgresToolAccess(PostgresAddress at, string? password, ScratchDirectory scratch)
    {
        passFile = scratch.NewFile();
        if (password is not null)
            File.WriteAllText(passFile, PasswordFile.LineOf(password));
        Database = at.Database!;
        Environment = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["PGHOST"] = at.Host,
            ["PGPORT"] = $"{at.PortOrStandard}",
            ["PGUSER"] = at.User,
            ["PGDATABASE"] = at.Database,
            ["PGPASSFILE"] = passFile,
            ["PGAPPNAME"] = PostgresServer.ApplicationName,
            ["PGCONNECT_TIMEOUT"] = "10",
            ["PGSSLMODE"] = at.SslMode ?? "prefer",
            ["PGSSLROOTCERT"] = at.SslRootCert,
            ["PGSSLCERT"] = at.SslCert,
            ["PGSSLKEY"] = at.SslKey,
            ["LC_ALL"] = "C.UTF-8", // messages are told as they come, in one language
        };
    }

    public string Database { get; }

    /// <summary>Set for the tool; null: not set. Nothing else that begins with PG reaches it.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; }

    public void Dispose() => SafeFile.Delete(passFile);
}

/// <summary>What a server said, as what an operator can act on.</summary>
internal static class PostgresFailure
{
    private const string NoDatabase = "3D000";
    private const string WrongPassword = "28P01";
    private const string NotAuthorized = "28000";
    private const string NoPrivilege = "42501";
    private const string StartingOrStopping = "57P03";
    private const string TooManyConnections = "53300";
    private const string InUse = "55006";
    private const string DiskFull = "53100";
    private const string NoneLeft = "53400";
    private const string ReadOnly = "25006";
    private const string DataCorrupted = "XX001";
    private const string IndexCorrupted = "XX002";

    public static bool IsKnown(Exception failure) => failure is NpgsqlException or SocketException or TimeoutException or IOException;

    /// <param name="shown">The database, for people.</param>
    /// <returns>The failure itself where it is told already, or is none of the server's.</returns>
    public static Exception Translate(Exception failure, string shown) => failure switch
    {
        PostgresException { SqlState: NoDatabase } no => new BackupException(FailureKind.SourceMissing, $"database '{shown}' does not exist", "check its name (psql -l), or restore it: nexus-backup restore", no),
        PostgresException { SqlState: WrongPassword } wrong => new BackupException(FailureKind.SourceRefused, $"'{shown}' refuses the password of the agent's role", "check passwordFile, PGPASSFILE or ~/.pgpass of the agent's user, and the role's password on the server", wrong),
        PostgresException { SqlState: NotAuthorized } refused => new BackupException(FailureKind.SourceRefused, $"'{shown}' refuses the agent's role: {refused.MessageText}", "check pg_hba.conf and the role on the server", refused),
        PostgresException { SqlState: NoPrivilege } refused => new BackupException(FailureKind.SourceRefused, $"the agent's role may not do that on '{shown}': {refused.MessageText}", "give it the rights that docs/postgresql.md names", refused),
        PostgresException { SqlState: StartingOrStopping or TooManyConnections } busy => new BackupException(FailureKind.SourceBusy, $"'{shown}' takes no connection now: {busy.MessageText}", "wait until the server has started, or raise max_connections", busy),
        PostgresException { SqlState: NoneLeft } none => new BackupException(FailureKind.SourceRefused, $"'{shown}' has none left: {none.MessageText}", "raise what it names (max_replication_slots), and restart the server", none),
        PostgresException { SqlState: InUse } busy => new BackupException(FailureKind.SourceBusy, $"'{shown}' is in use: {busy.MessageText}{(busy.Detail is { } why ? $" ({why})" : "")}", "end what uses it (pg_stat_activity, pg_prepared_xacts), then run the command again", busy),
        PostgresException { SqlState: DiskFull } full => new BackupException(FailureKind.SourceBusy, $"the disk of '{shown}' is full: {full.MessageText}", "free space on the server's disk", full),
        PostgresException { SqlState: ReadOnly } standby => new BackupException(FailureKind.SourceRefused, $"the server of '{shown}' is a standby, or takes no changes: {standby.MessageText}", "name another server: the primary in postgres, or one for drills alone in scratchServer", standby),
        PostgresException { SqlState: DataCorrupted or IndexCorrupted } corrupt => new BackupException(FailureKind.SourceCorrupt, $"'{shown}' is corrupt: {corrupt.MessageText}", "stop writing to it, copy the server's data directory away, and restore the newest good backup: nexus-backup restore", corrupt),
        PostgresException { SqlState: ['5', '7', 'P', ..] or ['0', '8', ..] } broke => new BackupException(FailureKind.SourceUnreachable, $"the server of '{shown}' broke off: {broke.MessageText}", "see why it was stopped (its log), start it, then run the command again", broke),
        PostgresException other => new BackupException(FailureKind.SourceInvalid, $"'{shown}' refused a statement: {other.MessageText}{(other.Detail is { } detail ? $" ({detail})" : "")} (SQLSTATE {other.SqlState})", "see the server's log", other),
        NpgsqlException { InnerException: AuthenticationException unproved } => new BackupException(FailureKind.SourceRefused, $"the server of '{shown}' does not prove who it is: {unproved.Message}", "check sslrootcert, and that the server's certificate names the host as the source's address does", failure),
        NpgsqlException { InnerException: { } inner } => new BackupException(FailureKind.SourceUnreachable, $"the server of '{shown}' can't be reached: {inner.Message}", "check that it runs and listens there (pg_isready), and the network between", failure),
        _ when IsKnown(failure) => new BackupException(FailureKind.SourceUnreachable, $"the server of '{shown}' can't be reached: {failure.Message}", "check that it runs and listens there (pg_isready), and the network between", failure),
        _ => failure,
    };
}

/// <summary>What an operator types to see how a server is.</summary>
internal static class ServerQuestions
{
    public static string Answers(PostgresServer server) => ToolProcess.Line(["pg_isready", "-d", server.Shown]);

    /// <returns>Null of a server on another host, or where nobody can tell.</returns>
    public static string? Says(PostgresServer server)
    {
        try
        {
            return server.Resolved is { IsSocket: true } or { Host: null or "localhost" or "127.0.0.1" or "::1" }
                ? "systemctl status 'postgresql*' --no-pager; tail -n 30 /var/log/postgresql/*.log"
                : null;
        }
        catch (BackupException)
        {
            return null; // that the service file can't be read is told of the source
        }
    }
}
