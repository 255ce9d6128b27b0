using System.Globalization;
using System.Text.Json;
using NexusBackupAgent.Sources.Postgres.Logical;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>The real command line on a database of a test's cluster.</summary>
internal sealed class DatabaseBench : IDisposable
{
    private readonly PostgresCluster cluster;

    public DatabaseBench(PostgresCluster cluster)
    {
        PostgresCluster.Require();
        this.cluster = cluster;
        Database = "shop_" + Guid.NewGuid().ToString("N")[..8];
        cluster.Execute("postgres", $"CREATE DATABASE {Database}");
        File.SetUnixFileMode(Place.Path, (UnixFileMode)Convert.ToInt32("711", 8)); // the server's user goes through to scratch space
        Configure();
    }

    public Workplace Place { get; } = new();

    public string Database { get; }

    public string Store => Place.In("backups/shop");

    /// <summary>Of physical backups: <see cref="Configure"/> takes these keys.</summary>
    public string Physical => $"method: physical\n    slot: {Database}\n    dataDirectory: {cluster.Data}";

    public static string Quote(string text) => JsonSerializer.Serialize(text);

    /// <param name="uri">Null: the superuser's, on the socket.</param>
    /// <param name="keys">More keys of the source, as YAML in one line.</param>
    /// <param name="schedules">As YAML.</param>
    public void Configure(string? uri = null, string keys = "", string store = "backups", string schedules = "daily: {cron: \"0 2 * * *\", retention: 7d}") => File.WriteAllText(Place.Configuration, $$"""
        timeZone: Asia/Tokyo
        scratch: scratch
        stores:
          local: {path: {{store}}}
        sources:
          shop:
            postgres: {{Quote(uri ?? cluster.Uri(Database))}}
            retry: {attempts: 1}
            schedules:
              {{schedules.Replace("\n", "\n      ", StringComparison.Ordinal)}}
            {{keys}}

        """);

    public async Task<CommandResult> DoAsync(params string[] arguments)
    {
        var result = await Place.RunAsync(arguments);
        Assert.True(result.Code == 0, $"{string.Join(' ', arguments)}: {result.Code} {result.Output} {result.Error}");
        return result;
    }

    /// <summary>What fails ends with its code, is told in one line, and is counted once: a backup also as one failure more in a row.</summary>
    public async Task<string> RefusedAsync(int code, params string[] arguments)
    {
        arguments = arguments.Length == 0 ? ["backup"] : arguments;
        var (failed, inRow) = await FailuresAsync(arguments[0]);
        var result = await Place.RunAsync(arguments);
        Assert.True(code == result.Code, $"{result.Code}: {result.Output} {result.Error}");
        Assert.Equal((failed + 1, arguments[0] == "backup" ? inRow + 1 : inRow), await FailuresAsync(arguments[0]));
        return Assert.Single(result.Errors);
    }

    /// <summary>Writes a password into a file of its own, and says where it is.</summary>
    public string PasswordKeys(string password = PostgresCluster.Password)
    {
        File.WriteAllText(Place.In("password"), password + "\n");
        File.SetUnixFileMode(Place.In("password"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return $"passwordFile: {Place.In("password")}";
    }

    /// <summary>Nothing but whole backups is in the store, and each is good.</summary>
    public async Task AllAreGoodAsync(int count, string keys = "", string files = "*.dump")
    {
        Configure(keys: keys);
        await DoAsync("verify", "--all");
        var dumps = Directory.GetFiles(Store, files);
        Assert.Equal(count, dumps.Length);
        Assert.Empty(Directory.GetFiles(Store, "*.pending").Concat(Directory.GetFiles(Store, "*.bad")));
    }

    public IReadOnlyList<string> Rows(string sql, string? database = null) => cluster.Rows(database ?? Database, sql);

    public void Execute(params string[] statements) => cluster.Execute(Database, statements);

    /// <summary>Names of the databases that drills and restores make.</summary>
    public IReadOnlyList<string> Leftovers() => cluster.Rows("postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'nexus\\_backup\\_%' ORDER BY 1");

    public IReadOnlyList<string> SafetyCopies() => [.. cluster.Rows("postgres", "SELECT datname FROM pg_database ORDER BY 1").Where(name => name.StartsWith(RestoreNames.SafetyPrefix(Database), StringComparison.Ordinal))];

    /// <summary>The sum of a family's values, or of those that have a label.</summary>
    public async Task<double> MetricAsync(string family, string label = "") => Sum((await DoAsync("metrics")).Output, family, label);

    private async Task<(double Failed, double InRow)> FailuresAsync(string command)
    {
        var metrics = (await DoAsync("metrics")).Output;
        var (family, label) = command switch
        {
            "backup" => ("runs_total", "result=\"failure\""),
            "verify" => ("checksum_failures_total", ""),
            _ => ($"{command}s_total", "result=\"failure\""),
        };
        return (Sum(metrics, family, label), Sum(metrics, "consecutive_failures", ""));
    }

    private static double Sum(string metrics, string family, string label) => metrics.Split('\n')
        .Where(line => line.StartsWith($"nexus_backup_{family}{{", StringComparison.Ordinal) && line.Contains(label, StringComparison.Ordinal))
        .Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));

    public void Dispose()
    {
        cluster.DropSlotsAsync($"slot_name = '{Database}'").GetAwaiter().GetResult();
        Place.Dispose();
    }
}
