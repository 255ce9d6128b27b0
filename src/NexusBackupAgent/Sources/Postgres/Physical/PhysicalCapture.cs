using Npgsql;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>Writes a base backup as pg_basebackup streams it, and the WAL that leads to it from the backup before.</summary>
/// <param name="stretch">Null: there is none before, or its WAL is gone.</param>
/// <param name="mayBeBase">Whether differential backups may build on it.</param>
internal sealed class BaseBackupCapture(DateTimeOffset capturedAt, BaseBackup backup, WalStretch? stretch, bool mayBeBase, ScratchDirectory scratch) : ICapture
{
    public DateTimeOffset CapturedAt => capturedAt;

    public DateTimeOffset? RestorableFrom => backup.EndedAt;

    public long? Length => null;

    public long ScratchNeeded => (stretch?.ScratchNeeded ?? 0) + (backup.SpooledLength ?? 0);

    public bool ContinuesPrevious => stretch is not null;

    public async Task WriteAsync(IArtifactSink sink, CancellationToken cancellationToken)
    {
        await using var index = mayBeBase ? BlockIndex.Draft.In(scratch) : null;
        var reading = new ClusterReading(index, sums: false);
        await sink.WriteAsync((content, token) => backup.ReadAsync(content, reading, token), sink.Progress, cancellationToken);
        var end = backup.EndOf(reading);
        if (index is not null)
            await sink.WritePartAsync(BlockIndex.Part, ArtifactEncoding.None, index.CopyToAsync, cancellationToken);
        await BaseBackup.WriteWalAsync(sink, stretch, end, scratch, cancellationToken);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>The cluster's files as pg_basebackup sends them.</summary>
/// <param name="SystemIdentifier">Of the cluster that was asked.</param>
internal sealed record BaseBackup(PostgresServer Server, PostgresToolFile Tool, ulong SystemIdentifier, ScratchDirectory Scratch)
{
    /// <summary>Bytes of a cluster with tablespaces of its own, which pg_basebackup can't stream: they pass through scratch space. Null: it has none.</summary>
    public long? SpooledLength { get; init; }

    public required TimeProvider Clock { get; init; }

    /// <summary>When all of it was there: what was committed before is in it, half of it perhaps until then. Null: it is not.</summary>
    public DateTimeOffset? EndedAt { get; private set; }

    /// <summary>Has them sent, and read as they pass.</summary>
    /// <param name="copy">Gets the archive; null: nobody.</param>
    public async Task ReadAsync(Stream? copy, ClusterReading reading, CancellationToken cancellationToken)
    {
        PostgresToolEnd? end = null;
        try
        {
            await ClusterArchive.ReadAsync(async (passing, token) => end = await StreamAsync(copy is null ? passing : new TeeStream(copy, passing), token), reading.LookAsync, cancellationToken);
        }
        catch (InvalidDataException) when (end is { ExitCode: not 0 })
        {
            throw Failed(end);
        }

        // It ends so too when a page fails its checksum. Then all is there, and the check of the stored backup names the page.
        if (end is { ExitCode: not 0 } && reading.PageFinding() is null)
            throw Failed(end);
    }

    public WalEnd EndOf(ClusterReading reading)
    {
        try
        {
            var end = reading.End();
            return end.SystemIdentifier == SystemIdentifier ? end : throw new InvalidDataException("it is of another cluster");
        }
        catch (InvalidDataException odd)
        {
            throw new BackupException(FailureKind.SourceInvalid, $"what pg_basebackup sent of '{Server.Shown}' is no base backup: {odd.Message}", "run the backup again; if that is told again, look at the server's log", odd);
        }
    }

    /// <summary>Writes the WAL from the backup before, and where it ends.</summary>
    /// <param name="end">Of the backup itself.</param>
    public static async Task WriteWalAsync(IArtifactSink sink, WalStretch? stretch, WalEnd end, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        if (stretch is not null) // to the end of the backup, whose segment is closed: between the two, segments may come that neither holds otherwise
            await sink.WritePartAsync(PhysicalSource.WalPart, ArtifactEncoding.Gzip, (content, token) => (stretch with { To = end.Last }).WriteAsync(content, scratch, token), cancellationToken);
        await sink.WriteSidecarAsync(WalEnds.Ending, (stored, token) => WalEnds.WriteAsync(stored, end, token), cancellationToken);
    }

    private async Task<PostgresToolEnd> StreamAsync(Stream target, CancellationToken cancellationToken)
    {
        using var access = Server.Access();
        await using var held = await HeldWal.TakeAsync(Server, cancellationToken);
        using var spool = SpooledLength is null ? null : Scratch.NewWorkspace();
        var directory = spool is null ? "-" : Path.Combine(spool.Path, "base");
        await using var running = PostgresTool.Start(
            Tool,
            [$"--pgdata={directory}", "--format=tar", "--no-sync", "--no-clean", "--wal-method=fetch", "--checkpoint=fast", $"--manifest-checksums={Crc32C.Algorithm}", "--label=nexus-backup", "--no-password"],
            access);
        await running.Output.CopyToAsync(target, 1 << 16, cancellationToken);
        var end = await running.EndAsync(cancellationToken);
        EndedAt = Clock.GetUtcNow();
        if (spool is not null && Directory.Exists(directory) && Directory.EnumerateFiles(directory, ClusterManifest.Path + "*").Any())
            await TablespaceArchives.MergeAsync(directory, target, cancellationToken);
        return end;
    }

    private BackupException Failed(PostgresToolEnd end) => new(
        FailureKind.SourceUnreachable,
        $"the base backup of '{Server.Shown}' failed: {end.Failure}",
        "check that the role may replicate (pg_hba.conf has to name the database replication) and that the server runs (its log), then run the backup again");
}

/// <summary>Has the server keep its WAL for as long as this lives: a busy one would remove what a base backup fetches at its end. The slot is temporary and goes with its connection.</summary>
internal sealed class HeldWal : IAsyncDisposable
{
    private readonly NpgsqlConnection connection;

    private HeldWal(NpgsqlConnection connection) => this.connection = connection;

    /// <exception cref="BackupException">The server does not do it.</exception>
    public static async Task<HeldWal> TakeAsync(PostgresServer server, CancellationToken cancellationToken)
    {
        var opened = await server.OpenAsync(database: null, cancellationToken);
        try
        {
            await using var command = new NpgsqlCommand("SELECT pg_catalog.pg_create_physical_replication_slot('nexus_backup_' || pg_catalog.pg_backend_pid(), true, true)", opened);
            await command.ExecuteNonQueryAsync(cancellationToken);
            return new HeldWal(opened);
        }
        catch (Exception failure)
        {
            await opened.DisposeAsync();
            cancellationToken.ThrowIfCancellationRequested();
            throw PostgresFailure.Translate(failure, server.Shown);
        }
    }

    public ValueTask DisposeAsync() => connection.DisposeAsync();
}

/// <summary>Writes the WAL since the backup before.</summary>
internal sealed class WalCapture(DateTimeOffset capturedAt, WalStretch stretch, ulong systemIdentifier, StoredChain @base, ScratchDirectory scratch) : ICapture
{
    public DateTimeOffset CapturedAt => capturedAt;

    public long? Length => stretch.Length;

    public long ScratchNeeded => stretch.ScratchNeeded;

    public bool ContinuesPrevious => true;

    public async Task WriteAsync(IArtifactSink sink, CancellationToken cancellationToken)
    {
        var digests = await sink.WriteAsync((content, token) => stretch.WriteAsync(content, scratch, token), sink.Progress, cancellationToken);
        sink.DeclareRestored(ArtifactDigest.OfChain([.. @base.Links.Select(link => link.Content!.Value), digests.Content]));
        await sink.WriteSidecarAsync(WalEnds.Ending, (stored, token) => WalEnds.WriteAsync(stored, new WalEnd(systemIdentifier, stretch.To), token), cancellationToken);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>Writes to two streams.</summary>
internal sealed class TeeStream(Stream one, Stream other) : ForwardWriteStream
{
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await one.WriteAsync(buffer, cancellationToken);
        await other.WriteAsync(buffer, cancellationToken);
    }
}
