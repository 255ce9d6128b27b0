using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Files;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>One SQLite database file.</summary>
/// <param name="path">The database.</param>
/// <param name="scratch">Where a database that is not in WAL mode is copied while its lock is held.</param>
/// <param name="busyTimeout">How long a locked database is waited for.</param>
/// <param name="timeProvider">The clock.</param>
/// <param name="indexLog">Told of page indexes that had to be made anew.</param>
internal sealed class SqliteSource(string path, ScratchDirectory scratch, TimeSpan busyTimeout, TimeProvider timeProvider, ILogger<PageIndexes>? indexLog = null) : IBackupSource
{
    // A file younger than this could change again without its time changing.
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(1);

    private static readonly ArtifactFormat Database = new(".db.gz", ArtifactEncoding.Gzip) { Sidecars = [PageIndexes.Ending] };
    private static readonly ArtifactFormat Changes = new(".db-wal.gz", ArtifactEncoding.Gzip) { Sidecars = [PageIndexes.Ending] };

    private readonly PageIndexes indexes = new(scratch, indexLog ?? NullLogger<PageIndexes>.Instance);
    private readonly SqliteFiles files = new();

    public static readonly Bilingual Word = new("database", "DB");

    public string Kind => "sqlite";

    public Bilingual Noun => Word;

    public string Location => path;

    public IReadOnlyDictionary<string, string> Tools { get; } = new Dictionary<string, string>(StringComparer.Ordinal) { ["sqlite"] = SqliteLibrary.Initialize() };

    public ISourceInspection Inspection => new SqliteInspection(path, files.Companions);

    public ArtifactFormat? FormatOf(BackupType type) => type == BackupType.Full ? Database : Changes;

    public async Task<ICapture> CaptureAsync(CaptureRequest request, CancellationToken cancellationToken)
    {
        var earlier = request.Base is null ? null : await indexes.OpenAsync(request.Base, cancellationToken);
        SqliteSnapshot? snapshot = null;
        try
        {
            snapshot = await OpenSnapshotAsync(cancellationToken);
            if (earlier is not null && snapshot.PageSize != earlier.PageSize)
                throw new NoIncrementException(snapshot.PageSize == 0 ? "the file does not consist of whole pages" : $"its pages have {snapshot.PageSize} bytes now, and {earlier.PageSize} in {request.Base!.Tip.Name}");
            var isIndexed = earlier is not null || (request.MayBeBase && snapshot.PageSize > 0);
            return new SqliteCapture(snapshot, earlier, isIndexed ? indexes.NewDraft() : null);
        }
        catch
        {
            if (snapshot is not null)
                await snapshot.DisposeAsync();
            earlier?.Dispose();
            throw;
        }
    }

    public async Task<ContentCheck> CheckAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        if (chain.ExpandedLength is { } room)
            scratch.RequireRoom(room);
        var expanded = scratch.NewFile();
        try
        {
            return await files.ExpandAsync(chain, expanded, cancellationToken);
        }
        finally
        {
            File.Delete(expanded);
        }
    }

    public async Task<IReadOnlyList<(string Ending, string Reason)>> CheckSidecarsAsync(StoredLink link, ScratchDirectory scratch, CancellationToken cancellationToken) =>
        await indexes.FaultOfAsync(link, cancellationToken) is { } fault ? [(PageIndexes.Ending, fault)] : [];

    public IRestoreTarget Target(string? to) => new FileTarget(files, path, to);

    /// <summary>Freezes a consistent state of the database; the caller disposes it.</summary>
    public async Task<SqliteSnapshot> OpenSnapshotAsync(CancellationToken cancellationToken)
    {
        var gate = await DatabaseGate.EnterAsync(path, cancellationToken);
        try
        {
            var snapshot = await OpenSnapshotAsync(gate, cancellationToken);
            if (snapshot is CopiedSnapshot)
                gate.Dispose(); // the database is needed no longer
            return snapshot;
        }
        catch
        {
            gate.Dispose();
            throw;
        }
    }

    private async Task<SqliteSnapshot> OpenSnapshotAsync(DatabaseGate gate, CancellationToken cancellationToken)
    {
        var file = SqliteFile.Inspect(path);
        if (file.IsWal && await CopyClosedAsync(file, cancellationToken) is { } closed)
            return closed;

        var transaction = SqliteReadTransaction.Open(file.Path, timeProvider);
        try
        {
            await transaction.BeginAsync(busyTimeout, cancellationToken);
            if (transaction.JournalMode() == "wal")
                return await WalSnapshot.OpenAsync(file, gate, transaction, busyTimeout, timeProvider, cancellationToken);
            return CopyLocked(file, transaction, cancellationToken);
        }
        catch
        {
            transaction.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A database in WAL mode without a <c>-wal</c> file is open nowhere and complete in itself. It is copied without
    /// opening it: SQLite would make <c>-wal</c> and <c>-shm</c> files that belong to the agent's user, and its application
    /// might not be able to write those when it starts.
    /// </summary>
    /// <returns>Null when the database was opened in the meantime, or may have been.</returns>
    private async Task<CopiedSnapshot?> CopyClosedAsync(SqliteFile file, CancellationToken cancellationToken)
    {
        var before = new FileInfo(file.Path);
        if (File.Exists(file.WalPath) || timeProvider.GetUtcNow().UtcDateTime - before.LastWriteTimeUtc < Settled)
            return null;

        var capturedAt = timeProvider.GetUtcNow();
        var copy = Copy(file, capturedAt, cancellationToken);
        var after = new FileInfo(file.Path);
        if (!File.Exists(file.WalPath) && after.LastWriteTimeUtc == before.LastWriteTimeUtc && after.Length == before.Length)
            return copy;

        await copy.DisposeAsync();
        return null;
    }

    /// <summary>In rollback-journal mode the shared lock keeps writers out, so it is held only for the copy.</summary>
    private CopiedSnapshot CopyLocked(SqliteFile file, SqliteReadTransaction transaction, CancellationToken cancellationToken)
    {
        var copy = Copy(file, timeProvider.GetUtcNow(), cancellationToken);
        transaction.Dispose();
        return copy;
    }

    private CopiedSnapshot Copy(SqliteFile file, DateTimeOffset capturedAt, CancellationToken cancellationToken)
    {
        var copy = scratch.NewFile();
        try
        {
            // Closing this handle drops the process's lock on the database (POSIX), which is why nothing is read after it.
            using var source = File.OpenHandle(file.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);
            using var target = File.OpenHandle(copy, FileMode.Open, FileAccess.Write);
            var length = FileCopy.Copy(source, target, cancellationToken);
            return new CopiedSnapshot(copy, capturedAt, length, PageSizeOf(source, length));
        }
        catch (Exception failure)
        {
            File.Delete(copy);
            if (IoFailure.IsKnown(failure))
                throw IoFailure.Translate(failure, $"copy database '{file.Path}' to scratch space '{scratch.Path}'", scratch.Path);
            throw;
        }
    }
    // Only what was copied tells: the file may have been another one when it was first looked at.
    private static int PageSizeOf(SafeFileHandle file, long length)
    {
        Span<byte> header = stackalloc byte[18];
        var size = WalFormat.PageSizeOf(header[..RandomAccess.Read(file, header, 0)]);
        return size > 0 && length % size == 0 ? size : 0;
    }
}
