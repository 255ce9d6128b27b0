using NexusBackupAgent.Catalog;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Verification;

/// <summary>What the self-test is made with.</summary>
/// <param name="NewSpecimens">Each makes a small real source of a kind in an empty directory.</param>
/// <param name="NewStore">Makes a store in an existing directory.</param>
internal sealed record SelfTestParts(IReadOnlyList<Func<string, ISpecimen>> NewSpecimens, Func<string, IBackupStore> NewStore);

/// <summary>A copy of the sample's store, to be damaged.</summary>
/// <param name="Catalog">Reads it.</param>
/// <param name="Directory">Where its files are.</param>
/// <param name="File">The newer backup's artifact, which is damaged and verified.</param>
/// <param name="Older">The older backup's artifact: sound, and of another state of the specimen.</param>
/// <param name="Ruined">The artifact of a capture of the damaged specimen.</param>
/// <param name="Base">The artifact that <paramref name="File"/> builds on; null when that is full.</param>
internal sealed record SelfTestCopy(BackupCatalog Catalog, string Directory, string File, string Older, string Ruined, string? Base = null)
{
    public string PathOf(string file) => Path.Combine(Directory, file);
}

/// <summary>A small real source, backed up twice sound, once what changed since, and once damaged, for the self-test.</summary>
internal sealed class SelfTestSample
{
    /// <summary>Bytes that the sample, its backups and one copy of them need at most.</summary>
    public const long RoomNeeded = 32L << 20;

    private const string Name = "self-test";
    private const int Level = 6;

    private readonly string directory;
    private readonly string store;
    private readonly SelfTestParts parts;
    private readonly string[] artifacts;
    private int copies;

    private SelfTestSample(string directory, string store, SelfTestParts parts, IBackupSource source, string[] artifacts)
    {
        this.directory = directory;
        this.store = store;
        this.parts = parts;
        this.artifacts = artifacts;
        Source = source;
    }

    public IBackupSource Source { get; }

    /// <summary>Whether the kind has increments, and one of them is among the backups.</summary>
    public bool HasIncrement => artifacts.Length > 3;

    /// <param name="directory">Empty; everything is made in it.</param>
    public static async Task<SelfTestSample> MakeAsync(string directory, Func<string, ISpecimen> newSpecimen, SelfTestParts parts, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var store = Directory.CreateDirectory(Path.Combine(directory, "original")).FullName;
        var specimen = newSpecimen(Directory.CreateDirectory(Path.Combine(directory, "specimen")).FullName);
        var source = specimen.Source;
        var catalog = CatalogOf(parts, store, source);
        var writer = new BackupWriter(catalog, source, Level, timeProvider);

        var older = await BackUpAsync("older");
        specimen.Change();
        var newer = await BackUpAsync("newer");
        specimen.Change();
        var increment = source.FormatOf(BackupType.Incremental) is null ? null : await BackUpAsync("increment", newer);
        specimen.Damage();
        var ruined = await BackUpAsync("ruined");
        return new SelfTestSample(directory, store, parts, source, [newer.File, older.File, ruined.File, .. increment is null ? (string[])[] : [increment.File]]);

        async Task<Backup> BackUpAsync(string schedule, Backup? @base = null)
        {
            var type = @base is null ? BackupType.Full : BackupType.Incremental;
            var chain = @base is null ? null : CatalogLink.ChainOf(catalog, @base, isJudged: false, progress: null);
            await using var capture = await source.CaptureAsync(new CaptureRequest(type, chain, MayBeBase: false), cancellationToken);
            return await writer.StoreAsync(capture, new BackupLabel(schedule, type, @base?.Id), progress: null, cancellationToken);
        }
    }

    /// <summary>A store of its own with all of the backups.</summary>
    /// <param name="ofIncrement">Whether the increment is to be verified, and not what it builds on.</param>
    public SelfTestCopy Copy(bool ofIncrement)
    {
        var copy = Directory.CreateDirectory(Path.Combine(directory, $"copy-{copies++}")).FullName;
        foreach (var file in Directory.EnumerateFiles(store))
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return ofIncrement
            ? new SelfTestCopy(CatalogOf(parts, copy, Source), copy, artifacts[3], artifacts[1], artifacts[2], artifacts[0])
            : new SelfTestCopy(CatalogOf(parts, copy, Source), copy, artifacts[0], artifacts[1], artifacts[2]);
    }

    private static BackupCatalog CatalogOf(SelfTestParts parts, string directory, IBackupSource source) =>
        new(parts.NewStore(directory), "", Name, source.Kind, new ArtifactFormats(source.FormatOf), TimeZoneInfo.Utc);
}
