using Microsoft.Data.Sqlite;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Stores.Local;

namespace NexusBackupAgent.Verification;

/// <summary>A copy of the sample's store, to be damaged.</summary>
/// <param name="Catalog">Reads it.</param>
/// <param name="Directory">Where its files are.</param>
/// <param name="File">The newer backup's artifact, which is damaged and verified.</param>
/// <param name="Older">The older backup's artifact: sound, and of another state of the database.</param>
/// <param name="Ruined">The artifact of a capture of the database with a damaged page.</param>
/// <param name="Base">The artifact that <paramref name="File"/> builds on; null when that is full.</param>
internal sealed record SelfTestCopy(BackupCatalog Catalog, string Directory, string File, string Older, string Ruined, string? Base = null)
{
    public string PathOf(string file) => Path.Combine(Directory, file);
}

/// <summary>A small real database, backed up twice sound, once what changed since, and once damaged, for the self-test.</summary>
internal sealed class SelfTestSample
{
    /// <summary>Bytes that the sample, its backups and one copy of them need at most.</summary>
    public const long RoomNeeded = 32L << 20;

    private const string Name = "self-test";

    private readonly string directory;
    private readonly string store;
    private readonly string[] artifacts;
    private int copies;

    private SelfTestSample(string directory, string store, IBackupSource source, string[] artifacts)
    {
        this.directory = directory;
        this.store = store;
        this.artifacts = artifacts;
        Source = source;
    }

    public IBackupSource Source { get; }

    /// <param name="directory">Empty; everything is made in it.</param>
    public static async Task<SelfTestSample> MakeAsync(string directory, ScratchDirectory scratch, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var (database, store) = (Path.Combine(directory, "sample.db"), Directory.CreateDirectory(Path.Combine(directory, "original")).FullName);
        MakeDatabase(database);
        var source = new SqliteSource(database, scratch, TimeSpan.FromSeconds(10), timeProvider);
        var older = await BackUpAsync(source, store, "older", cancellationToken);
        Execute(database, "UPDATE incidents SET title = title || '!' WHERE id % 7 = 0");
        var newer = await BackUpAsync(source, store, "newer", cancellationToken);
        Execute(database, "UPDATE incidents SET title = title || '?' WHERE id % 500 = 0");
        var catalog = CatalogOf(store, source);
        var @base = (await catalog.ListAsync(cancellationToken)).First(backup => backup.File == newer);
        var increment = await new SelfTestIncrement(source, catalog, scratch).StoreAsync(@base, cancellationToken);
        DamagePage(database);
        var ruined = await BackUpAsync(source, store, "ruined", cancellationToken);
        return new SelfTestSample(directory, store, source, [newer, older, ruined, increment]);
    }

    /// <summary>A store of its own with all of the backups.</summary>
    /// <param name="ofIncrement">Whether the increment is to be verified, and not what it builds on.</param>
    public SelfTestCopy Copy(bool ofIncrement)
    {
        var copy = Directory.CreateDirectory(Path.Combine(directory, $"copy-{copies++}")).FullName;
        foreach (var file in Directory.EnumerateFiles(store))
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return ofIncrement
            ? new SelfTestCopy(CatalogOf(copy, Source), copy, artifacts[3], artifacts[1], artifacts[2], artifacts[0])
            : new SelfTestCopy(CatalogOf(copy, Source), copy, artifacts[0], artifacts[1], artifacts[2]);
    }

    private static BackupCatalog CatalogOf(string directory, IBackupSource source) =>
        new(new LocalDirectoryStore(Name, directory), "", Name, source.Kind, new ArtifactExtensions(source.Extension, source.IncrementExtension), TimeZoneInfo.Utc);

    private static async Task<string> BackUpAsync(IBackupSource source, string store, string schedule, CancellationToken cancellationToken)
    {
        var catalog = CatalogOf(store, source);
        await using var snapshot = await source.OpenSnapshotAsync(cancellationToken);
        var artifact = await catalog.BeginAsync(schedule, BackupType.Full, snapshot.CapturedAt, cancellationToken);
        var digests = default(ArtifactDigests);
        await catalog.WriteArtifactAsync(
            artifact,
            async (stored, token) => digests = await ArtifactWriter.WriteAsync(stored, 6, snapshot.CopyToAsync, progress: null, token),
            cancellationToken);
        await catalog.CommitAsync(
            new BackupManifest(
                BackupManifest.CurrentFormatVersion, BackupId.New(snapshot.CapturedAt), Name, source.Kind, schedule, BackupType.Full, Base: null,
                snapshot.CapturedAt.ToUniversalTime(), artifact, digests.Content, digests.Stored, Adopted: false, source.Tools),
            cancellationToken);
        return artifact;
    }

    /// <summary>Large enough for several gzip members, and with an index, which integrity_check compares with its table.</summary>
    private static void MakeDatabase(string database)
    {
        SqliteLibrary.Initialize();
        Execute(database, """
            PRAGMA journal_mode = DELETE;
            CREATE TABLE incidents (id INTEGER PRIMARY KEY, title TEXT NOT NULL, notes BLOB NOT NULL);
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
            INSERT INTO incidents SELECT i, 'INC-' || i || ' printer on fire', randomblob(700) FROM n;
            CREATE INDEX incidents_by_title ON incidents (title);
            """);
    }

    /// <summary>Overwrites a page in the middle: the file is still a database, and no longer a sound one.</summary>
    private static void DamagePage(string database)
    {
        using var file = new FileStream(database, FileMode.Open, FileAccess.ReadWrite);
        file.Position = file.Length / 2 / 4096 * 4096;
        var noise = new byte[4096];
        Array.Fill(noise, (byte)0xA5);
        file.Write(noise);
    }

    private static void Execute(string database, string sql)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = database, Pooling = false }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
