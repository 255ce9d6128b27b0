using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Verification;

/// <summary>What the self-test is made with.</summary>
/// <param name="NewSpecimens">The small real sources that are damaged.</param>
/// <param name="NewStore">Makes a store in an empty directory.</param>
internal sealed record SelfTestParts(IReadOnlyList<SelfTestSpecimen> NewSpecimens, Func<string, IBackupStore> NewStore);

/// <summary>A small real source of a kind, and how its backups are compressed.</summary>
/// <param name="New">Makes it in an empty directory.</param>
internal sealed record SelfTestSpecimen(Func<string, ISpecimen> New, ArtifactEncoding Method = ArtifactEncoding.Gzip);

/// <summary>A copy of the sample's backups in a store of its own, to be damaged.</summary>
/// <param name="Catalog">Reads it.</param>
/// <param name="File">The newer backup's artifact, which is damaged and verified.</param>
/// <param name="Older">The older backup's artifact: sound, and of another state of the specimen.</param>
/// <param name="Ruined">The artifact of a capture of the damaged specimen.</param>
/// <param name="Base">The artifact that <paramref name="File"/> builds on; null when that is full.</param>
internal sealed record SelfTestCopy(BackupCatalog Catalog, string File, string Older, string Ruined, string? Base = null)
{
    public Task<byte[]> ReadAsync(string file) => Catalog.Store.ReadAsync(file, CancellationToken.None);

    public Task WriteAsync(string file, byte[] bytes) =>
        Catalog.Store.PutAsync(file, replace: true, Durability.Later, (stream, token) => stream.WriteAsync(bytes, token).AsTask(), CancellationToken.None);
}

/// <summary>A small real source, backed up twice sound, once what changed since, and once damaged, for the self-test.</summary>
internal sealed class SelfTestSample : IDisposable
{
    /// <summary>Bytes that the sample, its backups and one copy of them need at most.</summary>
    public const long RoomNeeded = 32L << 20;

    private const string Name = "self-test";

    private readonly ScratchWorkspace place;
    private readonly ScratchWorkspace room;
    private readonly IBackupStore store;
    private readonly SelfTestParts parts;
    private readonly ArtifactEncoding method;
    private string[] artifacts = [];

    private SelfTestSample(SelfTestSpecimen specimen, SelfTestParts parts, ScratchDirectory scratch)
    {
        this.parts = parts;
        place = scratch.NewWorkspace();
        room = scratch.NewWorkspace();
        store = parts.NewStore(room.Path);
        method = specimen.Method;
        Specimen = specimen.New(place.Path);
    }

    public IBackupSource Source => Specimen.Source;

    private ISpecimen Specimen { get; }

    public static async Task<SelfTestSample> MakeAsync(
        SelfTestSpecimen specimen, SelfTestParts parts, ScratchDirectory scratch, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var sample = new SelfTestSample(specimen, parts, scratch);
        try
        {
            await sample.BackUpAsync(timeProvider, cancellationToken);
            return sample;
        }
        catch
        {
            sample.Dispose();
            throw;
        }
    }

    /// <summary>A store of its own with all of the backups.</summary>
    /// <param name="at">An empty directory.</param>
    /// <param name="ofIncrement">Whether the increment is to be verified, and not what it builds on.</param>
    public async Task<SelfTestCopy> CopyAsync(ScratchWorkspace at, bool ofIncrement, CancellationToken cancellationToken)
    {
        var copy = parts.NewStore(at.Path);
        foreach (var file in await store.ListAsync("", cancellationToken))
        {
            await using var stored = await store.OpenAsync(file.Name, cancellationToken);
            await copy.PutAsync(file.Name, replace: false, Durability.Later, stored.CopyToAsync, cancellationToken);
        }

        return ofIncrement
            ? new SelfTestCopy(CatalogOf(copy), artifacts[3], artifacts[1], artifacts[2], artifacts[0])
            : new SelfTestCopy(CatalogOf(copy), artifacts[0], artifacts[1], artifacts[2]);
    }

    public void Dispose()
    {
        place.Dispose();
        room.Dispose();
    }

    private async Task BackUpAsync(TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var catalog = CatalogOf(store);
        var writer = new BackupWriter(catalog, Source, Compression.Standard(method), timeProvider);
        var older = await StoreAsync("older");
        Specimen.Change();
        var newer = await StoreAsync("newer");
        Specimen.Change();
        var increment = Source.FormatOf(BackupType.Incremental) is null ? null : await StoreAsync("increment", newer);
        Specimen.Damage();
        var ruined = await StoreAsync("ruined");
        artifacts = [newer.File, older.File, ruined.File, .. increment is null ? (string[])[] : [increment.File]];

        async Task<Backup> StoreAsync(string schedule, Backup? @base = null)
        {
            var type = @base is null ? BackupType.Full : BackupType.Incremental;
            var chain = @base is null ? null : CatalogLink.ChainOf(catalog, @base, isJudged: false, progress: null);
            await using var capture = await Source.CaptureAsync(new CaptureRequest(type, chain, MayBeBase: false), cancellationToken);
            return await writer.StoreAsync(capture, new BackupLabel(schedule, type, @base?.Id), progress: null, cancellationToken);
        }
    }

    private BackupCatalog CatalogOf(IBackupStore of) => new(of, "", Name, Source.Kind, new ArtifactFormats(Source.FormatOf, method), TimeZoneInfo.Utc);
}
