using System.Globalization;
using Npgsql;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>Who runs a server of the agent's own: PostgreSQL refuses root.</summary>
internal sealed record ServerUser(FileOwner? Owner)
{
    private const string Standard = "postgres";
    private const string Least = "nobody";

    /// <summary>Root takes whom the live cluster belongs to, or the directory that it was in, otherwise the system's user for PostgreSQL; everybody else is it himself.</summary>
    public static ServerUser Choose(string? liveDirectory)
    {
        if (!SystemUser.Current.IsRoot)
            return new ServerUser(Owner: null);
        if (liveDirectory is not null && (FileStatus.Of(liveDirectory) ?? FileStatus.Of(Path.GetDirectoryName(liveDirectory)!)) is { User: not 0 } live)
            return new ServerUser(new FileOwner(live.User, live.Group, FileOwner.OwnersDirectory));
        return (SystemUser.Find(Standard) ?? SystemUser.Find(Least)) is not { } found
            ? throw new BackupException(FailureKind.Configuration, "PostgreSQL does not run as root, and there is no user postgres", "install the server's package (apt-get install postgresql), or run the agent as another user")
            : new ServerUser(new FileOwner(found.Id, found.Group, FileOwner.OwnersDirectory));
    }

    /// <summary>A program and its arguments, to be run as that user.</summary>
    public (PostgresToolFile Tool, IReadOnlyList<string> Arguments) Command(PostgresToolFile tool, params IReadOnlyList<string> arguments)
    {
        if (Owner is not { } owner)
            return (tool, arguments);
        var setpriv = ProgramFile.Find("setpriv") ?? throw new BackupException(FailureKind.Configuration, "PostgreSQL does not run as root, and setpriv is not installed, by which root runs it as another user", "install it (apt-get install util-linux), or run the agent as another user");
        return (tool with { Path = setpriv }, [string.Create(CultureInfo.InvariantCulture, $"--reuid={owner.User}"), string.Create(CultureInfo.InvariantCulture, $"--regid={owner.Group}"), "--clear-groups", "--", tool.Path, .. arguments]);
    }

    /// <summary>The first directory on the way to a place that the user can't go through; null when there is none.</summary>
    public string? Obstacle(string path)
    {
        for (var way = Owner is null ? null : path; way is not null; way = Path.GetDirectoryName(way))
        {
            if (FileStatus.Of(way) is { } status && !status.Mode.HasFlag(status.User == Owner!.Value.User ? UnixFileMode.UserExecute : UnixFileMode.OtherExecute))
                return way;
        }

        return null;
    }

    /// <summary>Gives it a directory that was just made.</summary>
    public void Give(string directory)
    {
        if (Owner is { } owner)
            Give(directory, owner);
    }

    /// <summary>Removes a directory of the agent's own in which there are directories of that user.</summary>
    public void Remove(string directory)
    {
        if (Owner is not null && Directory.Exists(directory))
        {
            foreach (var below in Directory.EnumerateDirectories(directory))
                Give(below, new FileOwner(0, 0, FileOwner.OwnersDirectory)); // from now on nobody else can change what is in it
        }

        SafeFile.DeleteTree(directory);
    }

    /// <summary>Makes a directory that the user may go through, and nobody else may list or write.</summary>
    public void MakeWay(string directory)
    {
        SafeFile.MakeDirectory(directory, FileOwner.OwnersDirectory, inherit: false);
        LetThrough(directory);
    }

    /// <summary>Lets the user go through a directory of the agent's own.</summary>
    public void LetThrough(string directory)
    {
        if (Owner is not null)
            File.SetUnixFileMode(directory, FileOwner.OwnersDirectory | UnixFileMode.OtherExecute);
    }

    private static void Give(string directory, FileOwner owner)
    {
        using var open = SafeFile.OpenDirectory(directory);
        SafeFile.Give(open, owner);
    }
}

/// <summary>A server of the agent's own on restored files: on a socket in a directory that nobody else may enter, and on no network.</summary>
internal sealed class PrivateServer : IAsyncDisposable
{
    private const string Socket = "nexus-backup-";
    private const int Port = 5432;
    private const int SaidLines = 3;
    private const string Starting = "57P03";
    private const string Patient = "1000000"; // s: a recovery takes as long as it takes

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    private readonly string data;
    private readonly string place;
    private readonly ServerUser user;
    private readonly Func<string, PostgresToolRun> stop;

    private PrivateServer(ServerUser user, string place, string data, Func<string, PostgresToolRun> stop)
    {
        this.user = user;
        this.place = place;
        Sockets = SocketsIn(place);
        this.data = data;
        this.stop = stop;
    }

    public string Sockets { get; }

    /// <summary>The cluster's first superuser.</summary>
    public string Role { get; private set; } = "postgres";

    /// <summary>Starts one, and waits until it takes questions: until it has recovered.</summary>
    /// <param name="data">The data directory, which belongs to the user.</param>
    /// <param name="settings">Besides those that keep it to itself.</param>
    /// <exception cref="BackupException">It ended before.</exception>
    public static async Task<PrivateServer> StartAsync(PostgresTools tools, ServerUser user, string data, IReadOnlyDictionary<string, string> settings, CancellationToken cancellationToken)
    {
        var control = await tools.FindAsync("pg_ctl", MajorOf(data), ToolFit.Same, cancellationToken);
        var own = Directory.CreateTempSubdirectory(Socket).FullName; // a path of a socket may have 107 bytes
        var sockets = SocketsIn(own);
        var log = Path.Combine(sockets, "log");
        PostgresToolRun Stop(string mode) => new(user.Command(control, ["-D", data, "-m", mode, "-w", "-t", Patient, "stop"]));
        try
        {
            user.LetThrough(own);
            Directory.CreateDirectory(sockets, FileOwner.OwnersDirectory);
            var hba = Path.Combine(own, "hba.conf");
            await File.WriteAllTextAsync(hba, "local all all trust\n", cancellationToken);
            var config = Path.Combine(own, "server.conf");
            await File.WriteAllTextAsync(config, "", cancellationToken);
            foreach (var file in (string[])[hba, config])
                File.SetUnixFileMode(file, (UnixFileMode)0x1a4); // 0644 and nothing secret is in them
            user.Give(sockets);
            // On the command line, because what the cluster's own postgresql.auto.conf says goes before any file.
            var options = All(settings, sockets, hba).SelectMany(setting => (string[])["-c", $"{setting.Key}={setting.Value}"]).Prepend($"config_file={config}").Prepend("-c");
            var start = new PostgresToolRun(user.Command(control, ["-D", data, "-l", log, "-w", "-t", Patient, "-o", ToolProcess.Line([.. options]), "start"]));
            if (await start.RunAsync(cancellationToken) != 0)
                throw NotRecovered(log);
            var started = new PrivateServer(user, own, data, Stop);
            await started.WaitAsync(log, cancellationToken);
            return started;
        }
        catch
        {
            if (RunningServer.Find(data) is not null)
                await Stop("immediate").RunAsync(CancellationToken.None);
            user.Remove(own);
            throw;
        }
    }

    /// <summary>As the cluster's first superuser.</summary>
    /// <param name="database">Null: one that every cluster has.</param>
    public async Task<NpgsqlConnection> OpenAsync(string? database, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlSlimDataSourceBuilder(new NpgsqlConnectionStringBuilder
        {
            Host = Sockets,
            Port = Port,
            Username = Role,
            Database = database ?? "template1",
            ApplicationName = PostgresServer.ApplicationName,
            Pooling = false,
            CommandTimeout = 0,
            Timeout = 60,
        }.ConnectionString).Build().CreateConnection();
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Stops it, so that its files are those of a cluster at rest.</summary>
    public async ValueTask DisposeAsync()
    {
        if (await stop("fast").RunAsync(CancellationToken.None) != 0 && RunningServer.Find(data) is not null)
            await stop("immediate").RunAsync(CancellationToken.None);
        user.Remove(place);
    }

    public static int MajorOf(string data) => int.TryParse(File.ReadAllText(Path.Combine(data, "PG_VERSION")).Trim().Split('.')[0], CultureInfo.InvariantCulture, out var major)
        ? major
        : throw new InvalidDataException("its PG_VERSION names no version");

    private static string SocketsIn(string place) => Path.Combine(place, "s");

    /// <summary>The end of its log, in one line.</summary>
    private static string Said(string log)
    {
        try
        {
            return string.Join("; ", File.ReadLines(log).Where(line => line.Contains("FATAL", StringComparison.Ordinal) || line.Contains("PANIC", StringComparison.Ordinal)).TakeLast(SaidLines)) is { Length: > 0 } said
                ? said
                : File.ReadLines(log).LastOrDefault() ?? "it said nothing";
        }
        catch (Exception unreadable) when (IoFailure.IsKnown(unreadable))
        {
            return "it could not be started";
        }
    }

    private static Dictionary<string, string> All(IReadOnlyDictionary<string, string> settings, string sockets, string hba) => new(settings, StringComparer.Ordinal)
    {
        ["listen_addresses"] = "",
        ["unix_socket_directories"] = sockets,
        ["port"] = Port.ToString(CultureInfo.InvariantCulture),
        ["hba_file"] = hba,
        ["ident_file"] = Path.Combine(sockets, "ident.conf"),
        ["ssl"] = "off",
        ["archive_mode"] = "off",
        ["archive_command"] = "",
        ["archive_cleanup_command"] = "",
        ["recovery_end_command"] = "",
        ["primary_conninfo"] = "",
        ["primary_slot_name"] = "",
        ["synchronous_standby_names"] = "",
        ["shared_preload_libraries"] = "",
        ["session_preload_libraries"] = "",
        ["logging_collector"] = "off",
        ["log_destination"] = "stderr",
        ["log_min_messages"] = "log",
        ["hot_standby"] = "off",
        ["autovacuum"] = "off",
        ["event_source"] = "nexus-backup",
    };

    /// <summary>Until it has recovered, which takes as long as it takes; the time of another process is the real one.</summary>
    private async Task WaitAsync(string log, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await LearnRoleAsync(cancellationToken);
                return;
            }
            catch (Exception starting) when (starting is PostgresException { SqlState: Starting } or (NpgsqlException and not PostgresException))
            {
                if (RunningServer.Find(data) is null)
                    throw NotRecovered(log);
                await Task.Delay(Poll, TimeProvider.System, cancellationToken);
            }
        }
    }

    private static BackupException NotRecovered(string log) => new(
        FailureKind.Restore, $"PostgreSQL does not recover the restored cluster: {Said(log)}", "choose another backup with --id, or another time with --at");

    private async Task LearnRoleAsync(CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(database: null, cancellationToken);
        await using var command = new NpgsqlCommand("SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10", connection);
        Role = (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}

/// <summary>A tool that is run to its end.</summary>
internal sealed record PostgresToolRun((PostgresToolFile Tool, IReadOnlyList<string> Arguments) Command)
{
    /// <returns>Its exit code.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        await using var tool = PostgresTool.Start(Command.Tool, Command.Arguments, access: null);
        return (await tool.EndAsync(cancellationToken)).ExitCode;
    }
}
