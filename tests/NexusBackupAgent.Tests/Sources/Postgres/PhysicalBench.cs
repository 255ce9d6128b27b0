using NexusBackupAgent.Catalog;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Configuration;
using NexusBackupAgent.Tests.Support;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>A store of its own for physical backups of a cluster that a test class shares.</summary>
internal sealed class PhysicalBench : IDisposable
{
    private readonly TempDirectory temp = new();
    private readonly ManualClock clock = new(Some.Instant);

    public PhysicalBench(PostgresCluster cluster)
    {
        Cluster = cluster;
        File.SetUnixFileMode(temp.Path, (UnixFileMode)Convert.ToInt32("711", 8)); // the server's user goes through
        Scratch = new ScratchDirectory(temp.Sub("scratch"));
        Store = temp.Sub("store");
        Source = Physical.SourceOf(cluster, Scratch, clock, $"test_{Guid.NewGuid():N}");
    }

    public PostgresCluster Cluster { get; }

    public ScratchDirectory Scratch { get; }

    public string Store { get; }

    public IBackupSource Source { get; }

    public BackupCatalog Catalog => new(new LocalDirectoryStore("local", Store), "", "shop", Source.Kind, new ArtifactFormats(Source.FormatOf), TimeZoneInfo.Utc);

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
        clock.Advance(TimeSpan.FromHours(1));
        return await new BackupWriter(Catalog, Source, compression: 1, clock).StoreAsync(capture, new BackupLabel("daily", type, on?.Id, newest?.Id), progress: null, cancellationToken);
    }

    public async Task<Backup> VerifyAsync(Backup backup) =>
        await new BackupVerifier(Scratch, clock).VerifyAsync(Source, Catalog, await Catalog.FindAgainAsync(backup, CancellationToken.None), progress: null, CancellationToken.None);

    public StoredChain ChainOf(Backup backup, bool isJudged = true) => CatalogLink.ChainOf(Catalog, backup, isJudged, progress: null);

    public async Task<RestoreOutcome> RestoreAsync(string to, RestoreWish? wish = null)
    {
        var restorer = new Restorer(new BackupVerifier(Scratch, clock), clock);
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
        Cluster.Execute("postgres", "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
        Scratch.Dispose();
        temp.Dispose();
    }
}
