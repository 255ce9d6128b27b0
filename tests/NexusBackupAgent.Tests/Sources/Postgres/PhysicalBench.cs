using System.Globalization;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Artifacts.Age;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Postgres;
using NexusBackupAgent.Sources.Postgres.Physical;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Configuration;
using NexusBackupAgent.Tests.Support;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>A store of its own for physical backups of a cluster that a test class shares.</summary>
internal sealed class PhysicalBench : IDisposable
{
    private readonly TempDirectory temp = new();
    private readonly ManualClock? stepping;
    private readonly string slot = $"test_{Guid.NewGuid():N}";

    /// <param name="isLive">Whether its clock is the server's, so that instants of both can be compared; otherwise each backup takes an hour.</param>
    public PhysicalBench(PostgresCluster cluster, bool isLive = false)
    {
        PostgresCluster.Require();
        Cluster = cluster;
        File.SetUnixFileMode(temp.Path, (UnixFileMode)Convert.ToInt32("711", 8)); // the server's user goes through
        Scratch = new ScratchDirectory(temp.Sub("scratch"));
        Store = temp.Sub("store");
        stepping = isLive ? null : new ManualClock(Some.Instant);
        Clock = stepping ?? (TimeProvider)new RunningClock(ServerTime()); // behind the server's by the time that its answer took, so that what follows a backup comes after its instant
        Source = NewSource();
    }

    private string? key;

    public PostgresCluster Cluster { get; }

    public TimeProvider Clock { get; }

    public ScratchDirectory Scratch { get; }

    public string Store { get; }

    /// <summary>The replication slot of its sources.</summary>
    public string Slot => slot;

    /// <summary>Where its sources keep what they receive.</summary>
    public string Streams => Path.Combine(temp.Path, "streams", "shop");

    /// <summary>What it backs up; another one on the same store takes its place when an agent is restarted, or the server is another one.</summary>
    public IBackupSource Source { get; set; }

    /// <summary>How its backups are compressed.</summary>
    public ArtifactEncoding Method { get; set; } = ArtifactEncoding.Gzip;

    public BackupCatalog Catalog => new(new LocalDirectoryStore("local", Store), "", "shop", Source.Kind, new ArtifactFormats(Source.FormatOf, Method, encrypts: key is not null), TimeZoneInfo.Utc, keys: key is null ? null : new ArtifactKeys(Scratch, Path.Combine(temp.Path, "machine.key"), Clock) { Encryption = new Encryption([], Path.Combine(temp.Path, "recipients"), key, BinDirectory: null), Identity = key });

    /// <summary>From now on what it backs up is encrypted, to a key in a file.</summary>
    public async Task<string> EncryptAsync()
    {
        key = Path.Combine(temp.Path, "key.txt");
        await Shell.BashAsync($"cd '{temp.Path}'; age-keygen -o key.txt; age-keygen -y key.txt > recipients");
        return key;
    }

    /// <param name="streams">Null: nothing is received.</param>
    public PhysicalSource NewSource(string? streams = null, long limit = 1L << 40) => new(
        new PostgresServer(PostgresAddress.Parse(Cluster.Uri("postgres"), "/"), new PostgresCredentials(PasswordFile: null, ServiceFile: null), Scratch),
        new PostgresTools(directory: null, Clock),
        new PhysicalOptions { DataDirectory = Cluster.Data, Slot = slot, SlotLimit = limit },
        Scratch,
        Clock) { Received = streams is null ? null : new ReceivedWal(streams) };

    /// <summary>What its receivers told of.</summary>
    public List<BackupException> Gaps { get; } = [];

    /// <summary>Runs a source's service until it receives.</summary>
    public async Task<Receiving> ReceiveAsync(PhysicalSource source)
    {
        var receiving = new Receiving(source, Gaps);
        await Eventually.TrueAsync(() => source.Service!.State.IsUp || receiving.Running.IsCompleted, "it receives");
        Assert.True(source.Service!.State.IsUp, receiving.Running.Exception?.ToString());
        return receiving;
    }

    /// <summary>By the server's clock.</summary>
    public DateTimeOffset ServerTime() => new(DateTime.Parse(Cluster.Rows("postgres", "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")[0], CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal));

    public string PathOf(Backup backup) => Path.Combine(Store, backup.File);

    /// <summary>A place beside the cluster, where its user may write.</summary>
    public string NewPlace() => Path.Combine(Path.GetDirectoryName(Cluster.Data)!, $"place-{Guid.NewGuid():N}");

    /// <summary>As a run does: on the newest one, or the newest full one; then it is read back.</summary>
    public async Task<Backup> BackUpAsync(BackupType type, bool mayBeBase = true)
    {
        var stored = await StoreAsync(type, mayBeBase);
        var verified = await VerifyAsync(stored);
        Assert.True(verified.Verification!.Passed, verified.Verification.FirstFailure);
        return verified;
    }

    public async Task<Backup> StoreAsync(BackupType type, bool mayBeBase = true, CancellationToken cancellationToken = default)
    {
        var backups = await Catalog.ListAsync(CancellationToken.None);
        var newest = backups.MaxBy(backup => backup.CapturedAt);
        var on = type == BackupType.Full ? null : type == BackupType.Differential ? backups.Where(backup => backup.Manifest.Type == BackupType.Full).MaxBy(backup => backup.CapturedAt) : newest;
        var request = new CaptureRequest(type, on is null ? null : ChainOf(on, isJudged: false), mayBeBase) { Previous = newest is null ? null : ChainOf(newest, isJudged: false).Tip };
        await using var capture = await Source.CaptureAsync(request, cancellationToken);
        stepping?.Advance(TimeSpan.FromHours(1));
        return await StoreAsync(capture, new BackupLabel("daily", type, on?.Id, newest?.Id), cancellationToken);
    }

    public Task<Backup> StoreAsync(ICapture capture, BackupLabel label, CancellationToken cancellationToken = default) =>
        new BackupWriter(Catalog, Source, compression: 1, Clock).StoreAsync(capture, label, progress: null, cancellationToken);

    public async Task<Backup> VerifyAsync(Backup backup) =>
        await new BackupVerifier(Scratch, Clock).VerifyAsync(Source, Catalog, await Catalog.FindAgainAsync(backup, CancellationToken.None), progress: null, CancellationToken.None);

    public StoredChain ChainOf(Backup backup, bool isJudged = true) => CatalogLink.ChainOf(Catalog, backup, isJudged, progress: null);

    public Task<RestoreOutcome> RestoreAsync(DateTimeOffset at, string to) => RestoreAsync(to, new RestoreWish(At: at));

    public async Task<RestoreOutcome> RestoreAsync(string to, RestoreWish? wish = null)
    {
        var restorer = new Restorer(new BackupVerifier(Scratch, Clock), Clock);
        var request = new RestoreRequest("shop", Source, Catalog, RestoreSettings.None, TimeZoneInfo.Utc, wish ?? new RestoreWish(), to, Force: false);
        var events = new RestoreEvents(_ => { }, (_, _) => { }, _ => { }, _ => { });
        return await restorer.RestoreAsync(restorer.Begin(await restorer.PreviewAsync(request, CancellationToken.None), events), CancellationToken.None);
    }

    /// <summary>Does what a block of the documentation says, in a directory, as the cluster's user, with PostgreSQL's programs at hand.</summary>
    /// <param name="line">Stands in that block and in no other.</param>
    /// <param name="names">What a reader puts in place of its names.</param>
    public async Task<string> DoAsTheDocumentationSaysAsync(string line, string directory, params (string From, string To)[] names)
    {
        var blocks = (await File.ReadAllTextAsync(RepositoryFile.Find("docs/postgresql.md"))).Split("```bash\n")[1..].Select(block => block[..block.IndexOf("```", StringComparison.Ordinal)]);
        var script = Assert.Single(blocks, block => block.Contains(line, StringComparison.Ordinal));
        foreach (var (from, to) in names)
        {
            Assert.Contains(from, script, StringComparison.Ordinal);
            script = script.Replace(from, to, StringComparison.Ordinal);
        }

        return await RunAsync($"cd '{directory}'; {script}");
    }

    /// <summary>As the cluster's user.</summary>
    public static async Task<string> RunAsync(string script)
    {
        string[] asUser = Environment.IsPrivilegedProcess ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : ["env"];
        return await Shell.RunAsync(asUser[0], [.. asUser[1..], "bash", "-euo", "pipefail", "-c", $"PATH='{PostgresCluster.Binaries}':$PATH; {script}"]);
    }

    public void Dispose()
    {
        Cluster.DropSlotsAsync().GetAwaiter().GetResult();
        Scratch.Dispose();
        temp.Dispose();
    }
}

/// <summary>A service that runs until it is disposed.</summary>
internal sealed class Receiving : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();

    public Receiving(PhysicalSource source, List<BackupException> gaps) => Running = Task.Run(() => source.Service!.RunAsync(gaps.Add, stop.Token));

    public Task Running { get; }

    public bool IsRunning => !Running.IsCompleted;

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Running.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        stop.Dispose();
    }
}
