using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Files;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>What SQLite makes of database files that nobody else uses: restored ones, and live ones whose service is stopped.</summary>
internal sealed class SqliteFiles : IFileContent
{
    /// <summary>What SQLite keeps beside a database while it is open; never databases themselves.</summary>
    public static readonly IReadOnlyList<string> Beside = ["-wal", "-shm", "-journal"];

    public IReadOnlyList<string> Companions => Beside;

    /// <summary>Expands the full backup, brings each increment into it, then checks and digests the result side by side.</summary>
    public async Task<ContentCheck> ExpandAsync(StoredChain chain, string file, CancellationToken cancellationToken)
    {
        foreach (var link in chain.Links)
            await ExpandAsync(link, file, cancellationToken);
        var checking = Task.Run(() => SqliteIntegrity.Check(file, cancellationToken), CancellationToken.None);
        var hashing = Task.Run(() => HashesOf(chain, file, cancellationToken), CancellationToken.None);
        await Task.WhenAll(checking, hashing); // both read the same file, each on a core of its own
        var (fingerprint, restored) = await hashing;
        return await checking with { Restored = restored, Fingerprint = fingerprint };
    }

    public Task<ProbeAnswer> ProbeAsync(string file, string question, CancellationToken cancellationToken) =>
        Task.Run(() => SqliteProbe.Ask(file, question, cancellationToken), CancellationToken.None);

    public Task<SavedCopy> SaveAsync(string path, string copy, CancellationToken cancellationToken) =>
        Task.Run(() => SqliteReplacement.Save(path, copy, cancellationToken), CancellationToken.None);

    public Task MergeCompanionsAsync(string path, CancellationToken cancellationToken) =>
        Task.Run(() => SqliteReplacement.Settle(path), CancellationToken.None);

    private static async Task ExpandAsync(StoredLink link, string file, CancellationToken cancellationToken)
    {
        try
        {
            if (link.Type == BackupType.Full)
            {
                await using var content = SafeFile.OpenStream(file, FileAccess.Write);
                await link.CopyContentAsync(content, cancellationToken);
                return;
            }

            using var increment = new WalApplier(file);
            await link.CopyContentAsync(increment, cancellationToken);
            await increment.DisposeAsync(); // says that all was given
        }
        catch (InvalidDataException refused)
        {
            throw link.Refuse(refused.Message);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            var directory = Path.GetDirectoryName(file)!;
            throw IoFailure.Translate(failure, $"expand backup {link.Name} in '{directory}'", directory);
        }
    }

    /// <summary>What the restored state is compared with, besides the digest of a full backup's content.</summary>
    private static (string? Fingerprint, ArtifactDigest? Restored) HashesOf(StoredChain chain, string file, CancellationToken cancellationToken)
    {
        var isIncrement = chain.Links.Count > 1;
        if (chain.Tip.Fingerprint is null)
            return (null, isIncrement ? new ArtifactDigest(new FileInfo(file).Length, FileDigest.Of(file, cancellationToken)) : null);
        var (fingerprint, sha256) = StateFingerprint.OfFile(file, isIncrement, cancellationToken);
        return (fingerprint, sha256 is null ? null : new ArtifactDigest(new FileInfo(file).Length, sha256));
    }
}

/// <summary>What the first 100 bytes of a database file say (SQLite file format, §1.3).</summary>
/// <param name="Path">The file, symbolic links resolved, as SQLite resolves them to place <c>-wal</c> and <c>-shm</c>.</param>
/// <param name="Length">Bytes.</param>
/// <param name="PageSize">512 to 65536.</param>
/// <param name="IsWal">Whether the database is in WAL mode.</param>
internal sealed record SqliteFile(string Path, long Length, int PageSize, bool IsWal)
{
    private const byte NewestReadVersion = 2;

    /// <summary>How much of a page one record may take; the format knows no others.</summary>
    private static ReadOnlySpan<byte> PayloadFractions => [64, 32, 32];

    /// <summary>Reads them; anything but a database is refused by name.</summary>
    /// <param name="path">As configured.</param>
    /// <param name="resolved">Where its symbolic links lead.</param>
    /// <param name="file">The file, open.</param>
    /// <exception cref="BackupException">It is no database.</exception>
    public static SqliteFile Read(string path, string resolved, SafeFileHandle file)
    {
        Span<byte> header = stackalloc byte[100];
        var (read, length) = (RandomAccess.Read(file, header, 0), RandomAccess.GetLength(file));
        if (length == 0)
            throw Invalid(path, "is empty (0 bytes)", "check the path; if the application lost its data, stop it and restore the newest good backup (nexus-backup list)");
        if (read < header.Length || WalFormat.PageSizeOf(header) == 0 || header[19] > NewestReadVersion || !header[21..24].SequenceEqual(PayloadFractions))
            throw Invalid(path, "is not an SQLite database", $"check the path (file '{path}'); encrypted databases cannot be backed up page by page");

        return new SqliteFile(resolved, length, WalFormat.PageSizeOf(header), header[18] == 2 && header[19] == 2);
    }

    /// <summary>As much of the first page as every database has alike: an encrypted one may begin with a plain header (SQLite file format, §1.3 and §1.6).</summary>
    public static bool LooksLikeOne(SafeFileHandle file)
    {
        Span<byte> start = stackalloc byte[101];
        return RandomAccess.Read(file, start, fileOffset: 0) == start.Length
            && start.StartsWith("SQLite format 3\0"u8)
            && start[21..24].SequenceEqual(PayloadFractions)
            && start[100] is 5 or 13; // the schema is a table
    }

    private static BackupException Invalid(string path, string what, string hint) =>
        new(FailureKind.SourceInvalid, $"'{path}' {what}", hint);
}
