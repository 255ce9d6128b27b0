using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Postgres;
using NexusBackupAgent.Sources.Postgres.Physical;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>A whole cluster keeps to the contract of every kind.</summary>
public sealed class PhysicalSourceContractTests : BackupSourceContract
{
    private readonly Lazy<PostgresCluster> made = new(() => new PostgresCluster());
    private bool isRunning = true;

    public PhysicalSourceContractTests()
    {
        PostgresCluster.Require();
        File.SetUnixFileMode(Root, (UnixFileMode)Convert.ToInt32("711", 8)); // the server's user goes through
    }

    private PostgresCluster Cluster => made.Value;

    private protected override IBackupSource Source => new StoppedForRestores(Physical.SourceOf(Cluster, Scratch, Clock), Stop);

    private protected override string Elsewhere => Path.Combine(Path.GetDirectoryName(Cluster.Data)!, "elsewhere");

    private protected override string Question => "SELECT note FROM t WHERE id = 1";

    private protected override Task MakeAsync(string text)
    {
        Run();
        Cluster.Execute("postgres", "CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, note text)", "TRUNCATE t", $"INSERT INTO t SELECT i, '{text} ' || i FROM generate_series(1, 3000) i");
        return Task.CompletedTask;
    }

    /// <summary>Flips bits in the middle of the table's file.</summary>
    private protected override async Task RuinAsync()
    {
        var file = Path.Combine(Cluster.Data, Cluster.Rows("postgres", "SELECT pg_relation_filepath('t')")[0]);
        Stop();
        await Physical.RuinPageAsync(file, block: 3);
        Run();
    }

    private protected override Task LoseAsync()
    {
        Stop();
        Directory.Delete(Cluster.Data, recursive: true);
        return Task.CompletedTask;
    }

    private protected override Task<string> StateAsync(string? at = null)
    {
        const string All = "SELECT string_agg(id || note, ',' ORDER BY id) FROM t";
        if (at is null)
        {
            Run();
            return Task.FromResult(Cluster.Rows("postgres", All)[0]);
        }

        return Task.FromResult(Physical.RowsOf(Cluster, at, All)[0]);
    }

    private protected override Task PrepareMissingAsync() => LoseAsync();

    private protected override void CleanUp()
    {
        if (made.IsValueCreated)
            Cluster.Dispose();
    }

    private void Run()
    {
        if (!isRunning)
            Cluster.Start();
        isRunning = true;
    }

    private void Stop()
    {
        if (isRunning)
            Cluster.Stop();
        isRunning = false;
    }

    /// <summary>What restore.before does: the service is stopped before a restore over the live one.</summary>
    private sealed class StoppedForRestores(IBackupSource source, Action stop) : IBackupSource
    {
        public string Kind => source.Kind;

        public Bilingual Noun => source.Noun;

        public string Location => source.Location;

        public ISourceInspection Inspection => source.Inspection;

        public IReadOnlyDictionary<string, string> Tools => source.Tools;

        public ArtifactFormat? FormatOf(BackupType type) => source.FormatOf(type);

        public Task<ICapture> CaptureAsync(CaptureRequest request, CancellationToken cancellationToken) => source.CaptureAsync(request with { Previous = request.Base?.Tip }, cancellationToken);

        public Task<ContentCheck> CheckAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken) => source.CheckAsync(chain, scratch, cancellationToken);

        public IRestoreTarget Target(string? to)
        {
            if (to is null)
                stop();
            return source.Target(to);
        }
    }
}

/// <summary>What tests of physical backups share.</summary>
internal static class Physical
{
    public static PhysicalSource SourceOf(PostgresCluster cluster, ScratchDirectory scratch, TimeProvider clock, string slot = "nexus_backup") => new(
        new PostgresServer(PostgresAddress.Parse(cluster.Uri("postgres"), "/"), new PostgresCredentials(PasswordFile: null, ServiceFile: null), scratch),
        new PostgresTools(directory: null, clock),
        new PhysicalOptions { DataDirectory = cluster.Data, Slot = slot },
        scratch,
        clock);

    /// <summary>Flips bits in a page of a stopped cluster, and leaves its WAL position as it is.</summary>
    public static async Task RuinPageAsync(string file, int block)
    {
        await using var open = new FileStream(file, FileMode.Open, FileAccess.ReadWrite);
        open.Position = (block * 8192) + 4096;
        var bytes = new byte[512];
        await open.ReadExactlyAsync(bytes);
        for (var at = 0; at < bytes.Length; at++)
            bytes[at] ^= 0xA5;
        open.Position -= bytes.Length;
        await open.WriteAsync(bytes);
    }

    /// <summary>Starts a restored cluster by PostgreSQL's own means, asks it, and stops it.</summary>
    public static IReadOnlyList<string> RowsOf(PostgresCluster cluster, string data, string sql, string database = "postgres")
    {
        cluster.RunAsUser("pg_ctl", "-D", data, "-l", cluster.LogFile, "-w", "-t", "60", "-o", "-c port=5555 -c listen_addresses=''", "start");
        try
        {
            using var connection = new Npgsql.NpgsqlConnection($"Host={cluster.Sockets};Port=5555;Username=postgres;Database={database};Pooling=false;Command Timeout=0");
            connection.Open();
            using var command = new Npgsql.NpgsqlCommand(sql, connection) { AllResultTypesAreUnknown = true };
            using var reader = command.ExecuteReader();
            var rows = new List<string>();
            while (reader.Read())
                rows.Add(reader.IsDBNull(0) ? "" : reader.GetString(0));
            return rows;
        }
        finally
        {
            cluster.RunAsUser("pg_ctl", "-D", data, "-m", "fast", "-w", "-t", "60", "stop");
        }
    }
}
