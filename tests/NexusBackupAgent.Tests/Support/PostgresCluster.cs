using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace NexusBackupAgent.Tests.Support;

/// <summary>
/// A real cluster of its own, on a Unix socket and a loopback port, run by a user without rights. A test class shares one as its
/// fixture. On the socket everybody is let in; on the port a password is asked for, and TLS is there.
/// </summary>
public sealed class PostgresCluster : IDisposable
{
    /// <summary>The superuser's password on the port.</summary>
    public const string Password = "s3cret:pass\\word";

    private const int Nobody = 65534;

    private readonly TempDirectory temp;
    private readonly string? programs;

    public PostgresCluster()
        : this(Binaries)
    {
    }

    /// <param name="programs">Where the server's programs are; null: there is none, and nothing is made.</param>
    /// <param name="data">The data directory, below one that everybody may go through; null: one of its own.</param>
    /// <param name="settings">Besides the usual ones.</param>
    internal PostgresCluster(string? programs, string? data = null, params string[] settings)
    {
        temp = new TempDirectory();
        this.programs = programs;
        Data = data ?? Path.Combine(temp.Path, "run", "data");
        if (programs is null)
            return;
        File.SetUnixFileMode(temp.Path, (UnixFileMode)Convert.ToInt32("755", 8)); // the tests' own user goes through
        foreach (var directory in (string[])[Sockets, Path.Combine(temp.Path, "run")])
        {
            Directory.CreateDirectory(directory);
            if (Environment.IsPrivilegedProcess)
                Shell.RunAsync("chown", $"{Nobody}:{Nobody}", directory).GetAwaiter().GetResult();
        }

        Port = FreePort();
        var passwords = Path.Combine(temp.Path, "run", "initial");
        File.WriteAllText(passwords, Password + "\n");
        File.SetUnixFileMode(passwords, (UnixFileMode)Convert.ToInt32("644", 8));
        RunAsUser("initdb", "-D", Data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-k", "--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile", passwords, "--no-sync");
        Configure("fsync = off", $"port = {Port}", "listen_addresses = '127.0.0.1'", $"unix_socket_directories = '{Sockets}'", "max_connections = 60", "max_locks_per_transaction = 80", "wal_level = replica", "max_wal_senders = 8", "shared_buffers = 32MB", "timezone = 'UTC'", "log_line_prefix = '%m [%p] '");
        Configure(settings);
        Start();
    }

    /// <summary>Where the newest installed server's programs are; null: none is installed.</summary>
    public static string? Binaries { get; } = Directory.Exists("/usr/lib/postgresql")
        ? Directory.EnumerateDirectories("/usr/lib/postgresql").OrderByDescending(directory => int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out var major) ? major : 0).Select(directory => Path.Combine(directory, "bin")).FirstOrDefault(directory => File.Exists(Path.Combine(directory, "initdb")))
        : null;

    public static int Major => int.Parse(Path.GetFileName(Path.GetDirectoryName(Binaries!)!), CultureInfo.InvariantCulture);

    public string Data { get; }

    public string Sockets => Path.Combine(temp.Path, "socket");

    public string LogFile => Path.Combine(temp.Path, "run", "log");

    public int Port { get; }

    /// <summary>Each test that uses a cluster begins with this.</summary>
    public static void Require()
    {
        Need.That(Binaries is not null, "needs PostgreSQL's server (apt-get install postgresql)");
        if (Environment.IsPrivilegedProcess)
            Need.Tool("setpriv");
    }

    /// <summary>As the superuser, on the socket.</summary>
    public string Uri(string database, string role = "postgres") => $"postgresql://{System.Uri.EscapeDataString(role)}@/{System.Uri.EscapeDataString(database)}?host={Sockets}&port={Port}";

    /// <summary>On the loopback port, where a password is asked for.</summary>
    public string TcpUri(string database, string role = "postgres", int? port = null) => $"postgresql://{System.Uri.EscapeDataString(role)}@127.0.0.1:{port ?? Port}/{System.Uri.EscapeDataString(database)}";

    public NpgsqlConnection Open(string database = "postgres")
    {
        var connection = new NpgsqlConnection($"Host={Sockets};Port={Port};Username=postgres;Database={database};Pooling=false;Command Timeout=0");
        connection.Open();
        return connection;
    }

    /// <summary>Runs statements, one after the other.</summary>
    public void Execute(string database, params string[] statements)
    {
        using var connection = Open(database);
        foreach (var statement in statements)
        {
            using var command = new NpgsqlCommand(statement, connection);
            command.ExecuteNonQuery();
        }
    }

    /// <summary>All rows of a query as text.</summary>
    public IReadOnlyList<string> Rows(string database, string sql)
    {
        using var connection = Open(database);
        using var command = new NpgsqlCommand(sql, connection) { AllResultTypesAreUnknown = true };
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
            rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(field => reader.IsDBNull(field) ? "" : reader.GetString(field))));
        return rows;
    }

    /// <summary>Drops replication slots. Whoever receives from one is ended first; a session ends a moment after that, and a temporary slot goes with its own.</summary>
    /// <param name="which">A condition on their names.</param>
    public Task DropSlotsAsync(string which = "true") => Eventually.TrueAsync(
        () =>
        {
            try
            {
                Execute("postgres", $"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE NOT temporary AND {which}", $"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT temporary AND {which}");
                return true;
            }
            catch (PostgresException busy) when (busy.SqlState == PostgresErrorCodes.ObjectInUse)
            {
                return false;
            }
        },
        "nobody has the replication slots");

    /// <summary>Adds lines to postgresql.conf; they count after a restart or reload.</summary>
    public void Configure(params string[] lines) => File.AppendAllLines(Path.Combine(Data, "postgresql.conf"), lines);

    public void Start() => RunAsUser("pg_ctl", "-D", Data, "-l", LogFile, "-w", "-t", "60", "start");

    /// <param name="mode"><c>immediate</c> is what a crash does.</param>
    public void Stop(string mode = "fast") => RunAsUser("pg_ctl", "-D", Data, "-m", mode, "-w", "-t", "60", "stop");

    /// <summary>Runs one of the server's programs as the cluster's user.</summary>
    public string RunAsUser(string program, params string[] arguments)
    {
        var (file, all) = Environment.IsPrivilegedProcess
            ? ("setpriv", (IReadOnlyList<string>)[$"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups", Path.Combine(programs!, program), .. arguments])
            : (Path.Combine(programs!, program), arguments);
        // To a file: a server that is started inherits the output, and would hold a pipe open.
        var said = Path.Combine(temp.Path, $"said-{Guid.NewGuid():N}");
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", "out=$1; shift; exec \"$@\" >\"$out\" 2>&1 </dev/null", "sh", said, file, .. all]) { UseShellExecute = false, WorkingDirectory = temp.Path })!;
        process.WaitForExit();
        var text = File.ReadAllText(said);
        File.Delete(said);
        Assert.True(process.ExitCode == 0, $"{program}: {text}");
        return text;
    }

    public void Dispose()
    {
        if (programs is not null && File.Exists(Path.Combine(Data, "postmaster.pid")))
            Stop("immediate");
        temp.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
