using Microsoft.Data.Sqlite;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>One SQLite database file.</summary>
/// <param name="path">The database.</param>
/// <param name="scratch">Where a database that is not in WAL mode is copied while its lock is held.</param>
/// <param name="busyTimeout">How long a locked database is waited for.</param>
/// <param name="timeProvider">The clock.</param>
internal sealed class SqliteSource(string path, ScratchDirectory scratch, TimeSpan busyTimeout, TimeProvider timeProvider) : IBackupSource
{
    // A file younger than this could change again without its time changing.
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(1);

    public string Kind => "sqlite";

    public string Extension => ".db.gz";

    public string? IncrementExtension => ".db-wal.gz";

    public string Path => path;

    public IReadOnlyList<string> Companions { get; } = ["-wal", "-shm", "-journal"];

    public IReadOnlyDictionary<string, string> Tools { get; } = new Dictionary<string, string>(StringComparer.Ordinal) { ["sqlite"] = SqliteLibrary.Initialize() };

    public ISourceInspection Inspection => new SqliteInspection(path, Companions, async cancellationToken => await OpenSnapshotAsync(cancellationToken));

    public async Task<SourceSnapshot> OpenSnapshotAsync(CancellationToken cancellationToken)
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

    public Task<ArtifactDigest> CopyChangesAsync(
        SourceSnapshot snapshot, PageHistory earlier, PageIndexDraft index, Stream destination, IProgress<long>? progress, CancellationToken cancellationToken) =>
        new WalCapture(earlier, index, destination).RunAsync(snapshot, progress, cancellationToken);

    public PageIndexer IndexPages(bool isIncrement, PageIndexDraft index, Stream passOn) =>
        isIncrement ? new WalIndexer(index, passOn) : new DatabaseIndexer(index, passOn);

    public Stream OpenIncrement(string path) => new WalApplier(path);

    public Task<string?> CheckAsync(string path, CancellationToken cancellationToken) =>
        Task.Run(() => SqliteIntegrity.Check(path, cancellationToken), CancellationToken.None);

    public Task<ProbeAnswer> ProbeAsync(string path, string question, CancellationToken cancellationToken) =>
        Task.Run(() => SqliteProbe.Ask(path, question, cancellationToken), CancellationToken.None);

    public Task<SavedCopy> SaveAsync(string path, string copy, CancellationToken cancellationToken) =>
        Task.Run(() => SqliteReplacement.Save(path, copy, cancellationToken), CancellationToken.None);

    public Task SettleAsync(string path, CancellationToken cancellationToken) =>
        Task.Run(() => SqliteReplacement.Settle(path), CancellationToken.None);

    private async Task<SourceSnapshot> OpenSnapshotAsync(DatabaseGate gate, CancellationToken cancellationToken)
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
