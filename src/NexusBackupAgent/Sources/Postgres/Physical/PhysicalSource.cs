using Npgsql;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>
/// A whole cluster, file by file, with the WAL that leads from one backup to the next. A full backup is a base backup; an
/// incremental one is the WAL since the backup before it, whatever type that is of.
/// </summary>
internal sealed class PhysicalSource(PostgresServer server, PostgresTools tools, PhysicalOptions options, ScratchDirectory scratch, TimeProvider timeProvider) : IBackupSource
{
    /// <summary>A further part of a full backup: the WAL from the end of the backup before it to its own end.</summary>
    public const string WalPart = "wal.tgz";

    private static readonly ArtifactFormat Archive = new(".tar.gz", ArtifactEncoding.Gzip) { Sidecars = [WalEnds.Ending] };

    private static readonly Bilingual Cluster = new("cluster", "クラスタ");

    private Dictionary<string, string> used = new(StringComparer.Ordinal);

    public string Kind => PostgresSourceKind.Word;

    public Bilingual Noun => Cluster;

    public string Location => options.DataDirectory ?? server.Shown;

    public ISourceInspection Inspection => new ClusterInspection(server, options.DataDirectory);

    /// <summary>Known once something was captured.</summary>
    public IReadOnlyDictionary<string, string> Tools => used;

    public bool RecoversToInstants => true;

    public ArtifactFormat? FormatOf(BackupType type) => type == BackupType.Differential ? null : Archive;

    public IReadOnlyList<string> CommandsByHand(IReadOnlyList<string> chain) =>
    [
        "mkdir -m 700 data wal",
        $"tar -xzf {ToolProcess.Line([chain[0]])} -C data",
        .. chain.Skip(1).Select(file => $"tar -xzf {ToolProcess.Line([file])} -C wal"),
        "touch data/recovery.signal",
        $"echo \"restore_command = 'cp $PWD/wal/%f %p'\" >> data/postgresql.auto.conf",
        "pg_ctl -D data start",
    ];

    public async Task<ICapture> CaptureAsync(CaptureRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await BeginAsync(request, cancellationToken);
        }
        catch (Exception failure) when (PostgresFailure.IsKnown(failure))
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw PostgresFailure.Translate(failure, server.Shown);
        }
    }

    private async Task<ICapture> BeginAsync(CaptureRequest request, CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(cancellationToken);
        var major = connection.PostgreSqlVersion.Major;
        var state = await ServerState.ReadAsync(connection, options.Slot, cancellationToken);
        if (state.Refusal(server.Shown) is { } refusal)
            throw refusal;
        var basebackup = await tools.FindAsync("pg_basebackup", major, ToolFit.Same, cancellationToken);
        used = new Dictionary<string, string>(StringComparer.Ordinal) { ["postgresql"] = connection.PostgreSqlVersion.ToString(), ["pg_basebackup"] = basebackup.Version };
        var stretch = request.Previous is null ? null : await FindStretchAsync(connection, state, request.Previous, request.Type != BackupType.Full, major, cancellationToken);
        if (request.Type != BackupType.Full && stretch is null)
            throw new NoIncrementException("there is no backup whose WAL it could continue");
        if (request.MayBeBase || stretch is not null)
            await state.KeepWalAsync(connection, options.Slot, stretch?.From, cancellationToken);
        var capturedAt = timeProvider.GetUtcNow();
        if (stretch is not null)
            stretch = stretch with { To = await state.CloseSegmentAsync(connection, capturedAt, cancellationToken) };
        return request.Type == BackupType.Full
            ? new BaseBackupCapture(capturedAt, server, basebackup, stretch, state, scratch)
            : new WalCapture(capturedAt, stretch!, state.SystemIdentifier, request.Base!, scratch);
    }

    public async Task<ContentCheck> CheckAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken) =>
        await new ClusterCheck(chain).RunAsync(sinks: null, cancellationToken);

    public async Task<IReadOnlyList<(string Ending, string Reason)>> CheckSidecarsAsync(StoredLink link, ScratchDirectory scratch, CancellationToken cancellationToken) =>
        await WalEnds.FaultOfAsync(link, cancellationToken) is { } fault ? [(WalEnds.Ending, fault)] : [];

    public IRestoreTarget Target(string? to) => new ClusterTarget(tools, options.DataDirectory, to, scratch, Question, timeProvider);

    /// <summary>The database that probes are asked in.</summary>
    private string? Question => server.Resolved.Database;

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await server.OpenAsync(database: null, cancellationToken);
        }
        catch (BackupException failure) when (failure.Kind == FailureKind.SourceUnreachable && options.DataDirectory is { } data && !Directory.Exists(data))
        {
            throw new BackupException(FailureKind.SourceMissing, $"the data directory '{data}' does not exist, and {failure.Message}", "mount its disk, or restore it: nexus-backup restore", failure);
        }
    }

    /// <returns>Null when the WAL does not go on from there, and that is no reason to fail.</returns>
    /// <exception cref="NoIncrementException">It does not, and has to.</exception>
    private async Task<WalStretch?> FindStretchAsync(NpgsqlConnection connection, ServerState state, StoredLink previous, bool isNeeded, int major, CancellationToken cancellationToken)
    {
        var found = await WalEnds.OfAsync(previous, cancellationToken);
        var reason = found.Why ?? await state.WhyNotFromAsync(connection, found.End!, previous, options.Slot, cancellationToken);
        if (reason is null)
            return new WalStretch(server, await tools.FindAsync("pg_receivewal", major, ToolFit.Same, cancellationToken), found.End!.Last, found.End!.Last);
        return isNeeded ? throw new NoIncrementException(reason, found.Damaged) : null;
    }
}

/// <summary>What a server says of itself.</summary>
internal sealed record ServerState(ulong SystemIdentifier, int SegmentSize, bool IsStandby, string WalLevel, long Tablespaces, bool HasSlot, string? SlotStatus)
{
    public static async Task<ServerState> ReadAsync(NpgsqlConnection connection, string slot, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()),
                   (SELECT bytes_per_wal_segment FROM pg_catalog.pg_control_init()),
                   pg_catalog.pg_is_in_recovery(),
                   pg_catalog.current_setting('wal_level'),
                   (SELECT count(*) FROM pg_catalog.pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')),
                   (SELECT count(*) > 0 FROM pg_catalog.pg_replication_slots WHERE slot_name = $1),
                   (SELECT wal_status FROM pg_catalog.pg_replication_slots WHERE slot_name = $1)
            """,
            connection) { Parameters = { new() { Value = slot } } };
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return new ServerState((ulong)row.GetInt64(0), row.GetInt32(1), row.GetBoolean(2), row.GetString(3), row.GetInt64(4), row.GetBoolean(5), await row.IsDBNullAsync(6, cancellationToken) ? null : row.GetString(6));
    }

    /// <summary>Why nothing can be captured; null when it can.</summary>
    public BackupException? Refusal(string shown) => this switch
    {
        { IsStandby: true } => new BackupException(FailureKind.SourceInvalid, $"the server of '{shown}' is a standby, which can't close a WAL segment", "name the primary"),
        { WalLevel: "minimal" } => new BackupException(FailureKind.SourceInvalid, $"wal_level of '{shown}' is minimal, so that nothing can be recovered from its WAL", "set wal_level = replica, and restart the server"),
        { Tablespaces: > 0 } => new BackupException(FailureKind.SourceInvalid, $"the cluster of '{shown}' has {Tablespaces} tablespaces of its own, which physical backups do not take yet", "write method: logical"),
        _ => null,
    };

    /// <summary>Why the WAL can't be had that comes after a backup; null when it can.</summary>
    public async Task<string?> WhyNotFromAsync(NpgsqlConnection connection, WalEnd end, StoredLink previous, string slot, CancellationToken cancellationToken)
    {
        if (end.SystemIdentifier != SystemIdentifier)
            return $"the server is another cluster (system identifier {SystemIdentifier}) than the one of {previous.Name} ({end.SystemIdentifier})";
        var next = end.Last.Next;
        await using var command = new NpgsqlCommand(
            "SELECT count(*) FILTER (WHERE pg_catalog.substr(name, 9) = $1), count(*) FILTER (WHERE pg_catalog.substr(name, 9) < $1) FROM pg_catalog.pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'",
            connection) { Parameters = { new() { Value = next.NameInTimeline } } };
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        if (row.GetInt64(0) > 0)
            return null;
        var why = this switch
        {
            { HasSlot: false } => $"the replication slot {slot} was dropped",
            { SlotStatus: "lost" } => $"the replication slot {slot} was behind by more than max_slot_wal_keep_size",
            _ => $"the replication slot {slot} did not keep it",
        };
        return $"the WAL has a gap: the server no longer has segment {next}, which follows {previous.Name}, because {why}";
    }

    /// <summary>Has the server keep what was not backed up yet. A slot that is of no use any more is made anew.</summary>
    /// <param name="from">The last segment that a committed backup holds; null: not known.</param>
    public async Task KeepWalAsync(NpgsqlConnection connection, string slot, WalSegment? from, CancellationToken cancellationToken)
    {
        if (HasSlot && SlotStatus == "lost")
            await ExecuteAsync("SELECT pg_catalog.pg_drop_replication_slot($1)", slot);
        if (!HasSlot || SlotStatus == "lost")
            await ExecuteAsync("SELECT pg_catalog.pg_create_physical_replication_slot($1, true)", slot);
        else if (from is { } last)
            await ExecuteAsync("SELECT pg_catalog.pg_replication_slot_advance($1, $2::pg_lsn) FROM pg_catalog.pg_replication_slots WHERE slot_name = $1 AND restart_lsn < $2::pg_lsn", slot, last.End.ToString());

        async Task ExecuteAsync(string sql, params string[] values)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            foreach (var value in values)
                command.Parameters.Add(new NpgsqlParameter { Value = value });
            try
            {
                await command.ExecuteNonQueryAsync(cancellationToken);
            }
            catch (PostgresException refused) when (refused.SqlState is not (PostgresErrorCodes.DiskFull or PostgresErrorCodes.InsufficientPrivilege))
            {
                throw new BackupException(FailureKind.SourceRefused, $"the server can't keep its WAL for the next backup: {refused.MessageText}", $"see its replication slots (SELECT * FROM pg_replication_slots) and max_replication_slots; the agent's is {slot}", refused);
            }
        }
    }

    /// <summary>Commits once more, so that a recovery to any instant before finds where to stop, and closes the segment that it is in.</summary>
    /// <param name="capturedAt">By the agent's clock. A server whose clock is behind is waited for, at most ten seconds: the commit comes later than this by its clock too.</param>
    /// <returns>That segment.</returns>
    public async Task<WalSegment> CloseSegmentAsync(NpgsqlConnection connection, DateTimeOffset capturedAt, CancellationToken cancellationToken)
    {
        await using (var wait = new NpgsqlCommand("SELECT pg_catalog.pg_sleep(LEAST(10, GREATEST(0, EXTRACT(epoch FROM $1 - pg_catalog.clock_timestamp())))::double precision)", connection) { Parameters = { new() { Value = capturedAt.UtcDateTime } } })
            await wait.ExecuteNonQueryAsync(cancellationToken);
        await using (var commit = new NpgsqlCommand("SELECT pg_catalog.txid_current()", connection))
            await commit.ExecuteNonQueryAsync(cancellationToken);
        await using var close = new NpgsqlCommand("SELECT pg_catalog.pg_switch_wal()::text, (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint())", connection);
        await using var row = await close.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return WalSegment.Before((uint)row.GetInt32(1), Lsn.Parse(row.GetString(0)), SegmentSize);
    }
}

/// <summary>WAL that is on the server and in no backup yet.</summary>
/// <param name="From">The last segment that a backup holds.</param>
/// <param name="To">The last one that is to be had; closed.</param>
internal sealed record WalStretch(PostgresServer Server, PostgresToolFile Receiver, WalSegment From, WalSegment To)
{
    public long Length => (long)(To.Number - From.Number) * To.Size;

    /// <summary>Receives it into scratch space, and writes it as an archive that holds nothing else.</summary>
    public async Task WriteAsync(Stream archive, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        using var place = scratch.NewWorkspace();
        scratch.RequireRoom(Length);
        var before = Path.Combine(place.Path, From.Name);
        await using (var known = new FileStream(before, FileMode.CreateNew, FileAccess.Write))
            known.SetLength(From.Size); // the receiver goes on behind the last whole segment that it finds
        using (var access = Server.Access())
        {
            // It stops behind this position and not at it: on an idle server the first byte of the next segment may be long in coming.
            var last = new Lsn(To.End.Value - 1);
            await using var tool = PostgresTool.Start(Receiver, ["--directory", place.Path, "--endpos", last.ToString(), "--no-loop", "--no-sync", "--no-password"], access);
            var end = await tool.EndAsync(cancellationToken);
            if (end.ExitCode != 0)
                throw new BackupException(FailureKind.SourceUnreachable, $"the WAL of '{Server.Shown}' can't be received: {end.Failure}", "check that the role may replicate (pg_hba.conf has to name the database replication), and the server's log");
        }

        File.Delete(before);
        await WalArchive.WriteAsync(archive, [.. Directory.EnumerateFiles(place.Path).Order(StringComparer.Ordinal)], this, cancellationToken);
    }
}
