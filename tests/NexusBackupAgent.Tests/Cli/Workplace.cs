using System.Text.Json;
using Microsoft.Data.Sqlite;
using NexusBackupAgent.Cli;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>What a command did.</summary>
internal sealed record CommandResult(int Code, string Output, string Error)
{
    public JsonElement Json => JsonDocument.Parse(Output).RootElement;

    /// <summary>The lines on the error output that say what failed.</summary>
    public IReadOnlyList<string> Errors => [.. Error.Split('\n').Where(line => line.StartsWith("error: ", StringComparison.Ordinal))];
}

/// <summary>A directory with a configuration, a store and databases, and the real command line on it.</summary>
internal sealed class Workplace : IDisposable
{
    /// <summary>Noon in Tokyo, ten hours after the schedule; a day without a change of clocks anywhere.</summary>
    public static readonly DateTimeOffset Now = new(2026, 2, 14, 3, 0, 0, TimeSpan.Zero);

    public Workplace()
    {
        Path = Directory.CreateTempSubdirectory("nexus-cli-").FullName;
        Directory.CreateDirectory(Store);
    }

    /// <summary>Began at <see cref="Now"/>.</summary>
    public RunningClock Clock { get; } = new RunningClock(Now);

    public string Path { get; }

    /// <summary>What sources and stores may be.</summary>
    public AgentKinds Kinds { get; init; } = AgentKinds.Shipped;

    public string Store => In("backups");

    public string Configuration => In("nexus-backup.yml");

    /// <summary>A workplace that protects one good database, <c>itsm</c>, in the store itself.</summary>
    public static Workplace WithDatabase()
    {
        var place = new Workplace();
        place.MakeDatabase("itsm.db");
        place.Configure("itsm", "itsm.db");
        return place;
    }

    public string In(string file) => System.IO.Path.Combine(Path, file);

    public void Configure(string source, string database, string store = "backups") => File.WriteAllText(Configuration, $$"""
        timeZone: Asia/Tokyo
        stores:
          local: {path: {{store}}}
        sources:
          {{JsonSerializer.Serialize(source)}}:
            sqlite: {{JsonSerializer.Serialize(database)}}
            directory: .
            busyTimeout: 0s
            retry: {attempts: 1}
            schedules:
              daily: {cron: "0 2 * * *", retention: 7d}

        """);

    public void MakeDatabase(string file)
    {
        using var connection = Open(file);
        Execute(connection, """
            PRAGMA journal_mode = WAL;
            CREATE TABLE incidents (id INTEGER PRIMARY KEY, title TEXT, token TEXT);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
            INSERT INTO incidents SELECT i, 'メールが届かない ' || i, hex(randomblob(32)) FROM n;
            """);
    }

    public SqliteConnection Open(string file)
    {
        SqliteLibrary.Initialize();
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = In(file), Pooling = false }.ToString());
        connection.Open();
        return connection;
    }

    public static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>The newest artifact in the store.</summary>
    public string Artifact() => Directory.GetFiles(Store, "*.db.gz").Order(StringComparer.Ordinal).Last();

    /// <summary>Runs a command in this directory, as a shell would.</summary>
    public Task<CommandResult> RunAsync(params string[] arguments) => RunAsync(CancellationToken.None, arguments);

    public async Task<CommandResult> RunAsync(CancellationToken cancellationToken, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var context = new CommandContext(new Terminal(output, error, outputIsWatched: false, errorIsWatched: false), Clock, Path) { Kinds = Kinds };
        var code = await new CommandLine(context, AgentHost.RunAsync).InvokeAsync(arguments, cancellationToken);
        return new CommandResult(code, output.ToString(), error.ToString());
    }

    /// <summary>The same on a terminal of so many columns.</summary>
    public async Task<CommandResult> OnScreenAsync(int columns, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var terminal = new Terminal(output, error, outputIsWatched: true, errorIsWatched: false);
        terminal.Screen.Profile.Width = columns;
        terminal.Screen.Profile.Capabilities.Ansi = false;
        terminal.Screen.Profile.Capabilities.ColorSystem = Spectre.Console.ColorSystem.NoColors;
        var code = await new CommandLine(new CommandContext(terminal, Clock, Path) { Kinds = Kinds }, AgentHost.RunAsync).InvokeAsync(arguments, CancellationToken.None);
        return new CommandResult(code, output.ToString(), error.ToString());
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
