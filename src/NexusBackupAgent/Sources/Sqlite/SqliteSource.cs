using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
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
    // Between its lock on the database and its lock on the -shm a program that opens both needs microseconds.
    private static readonly TimeSpan Opening = TimeSpan.FromSeconds(1);

    private const int MostCopies = 3;

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

    /// <summary>As the runbook has them: an increment is the WAL of the database before it.</summary>
    public IReadOnlyList<string> CommandsByHand(IReadOnlyList<string> chain) =>
    [
        $"{ArtifactEncodings.ExpandCommand(chain[0])} > restored.db",
        .. chain.Skip(1).SelectMany(file => (string[])
        [
            $"{ArtifactEncodings.ExpandCommand(file)} > restored.db-wal",
            "sqlite3 restored.db 'PRAGMA wal_checkpoint(TRUNCATE)'",
            "rm -f restored.db-wal restored.db-shm",
        ]),
        "sqlite3 restored.db 'PRAGMA integrity_check'",
    ];

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

    public Task<ContentCheck?> ProveAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken) => indexes.ProveAsync(chain, cancellationToken);

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

    /// <summary>
    /// A copy that somebody disturbed is not worth another one as long: the database is read as one that programs have open,
    /// with the <c>-wal</c> and <c>-shm</c> that whoever disturbed it could not delete under the lock.
    /// </summary>
    private async Task<SqliteSnapshot> OpenSnapshotAsync(DatabaseGate gate, CancellationToken cancellationToken)
    {
        var disturbed = 0;
        long? unclearSince = null;
        while (true)
        {
            var database = await OpenDatabase.OpenAsync(path, busyTimeout, timeProvider, cancellationToken);
            try
            {
                var use = UseOf(database);
                if (use == DatabaseUse.AtRest)
                {
                    if (RestingCopy.TryMake(database, scratch, timeProvider.GetUtcNow(), cancellationToken) is { } copy)
                        return copy;
                    disturbed++;
                    database.LookBeside();
                    use = UseOf(database);
                }

                if (use == DatabaseUse.Live || (use == DatabaseUse.AtRest && database is { IsWal: true, Wal: not null, Shm: not null }))
                    return await WalSnapshot.OpenAsync(database, gate, busyTimeout, timeProvider, cancellationToken);
                if (disturbed == MostCopies)
                    throw new BackupException(FailureKind.SourceBusy, $"database '{path}' changed each of the {MostCopies} times that it was copied, in spite of its lock", $"find out what else than SQLite writes it (sudo fuser -v '{path}'), such as rsync, and let it do that at another time");
                unclearSince = use == DatabaseUse.Unclear ? unclearSince ?? timeProvider.GetTimestamp() : null;
                if (unclearSince is { } since && timeProvider.GetElapsedTime(since) > Opening)
                    throw HiddenWal.Unclear(database).Refusal(path);
                database.Dispose();
            }
            catch (Exception failure)
            {
                database.Dispose();
                if (IoFailure.IsKnown(failure))
                    throw IoFailure.Translate(failure, $"read database '{path}'", Path.GetDirectoryName(path)!);
                throw;
            }

            await Task.Delay(OpenDatabase.BusyPause, timeProvider, cancellationToken);
        }
    }

    private DatabaseUse UseOf(OpenDatabase database) =>
        HiddenWal.Find(database, out var use) is { } hidden ? throw hidden.Refusal(path) : use;
}
