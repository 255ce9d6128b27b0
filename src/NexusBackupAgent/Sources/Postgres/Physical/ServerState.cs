using Npgsql;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>What stands in the way of backups of a server's cluster, or threatens it.</summary>
/// <param name="Kind">Why nothing can be captured; null: something can.</param>
internal sealed record ServerObstacle(FailureKind? Kind, string Problem, string Mend);

/// <summary>What a server says of itself, and what stands in the way there: asked by each backup, by the reception of WAL and by <c>check-config</c>.</summary>
/// <param name="SegmentSize">Bytes of a file of its WAL.</param>
/// <param name="Obstacles">The gravest first.</param>
internal sealed record ServerState(ulong SystemIdentifier, int SegmentSize, IReadOnlyList<ServerObstacle> Obstacles)
{
    /// <param name="slot">The replication slot that keeps WAL, for people.</param>
    public static async Task<ServerState> ReadAsync(NpgsqlConnection connection, string slot, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()),
                   (SELECT bytes_per_wal_segment FROM pg_catalog.pg_control_init()),
                   pg_catalog.pg_is_in_recovery(),
                   pg_catalog.current_setting('wal_level'),
                   pg_catalog.current_setting('max_slot_wal_keep_size', true),
                   (SELECT rolreplication OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
                   pg_catalog.has_function_privilege('pg_catalog.pg_switch_wal()', 'EXECUTE'),
                   pg_catalog.has_function_privilege('pg_catalog.pg_ls_waldir()', 'EXECUTE'),
                   current_user::text
            """,
            connection);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        var role = row.GetString(8);
        (bool IsThere, ServerObstacle Obstacle)[] known =
        [
            (row.GetBoolean(2), new(FailureKind.SourceInvalid, "the server is a standby, which can't close a WAL segment", "name the primary")),
            (row.GetString(3) == "minimal", new(FailureKind.SourceInvalid, "wal_level is minimal, so that nothing can be recovered from its WAL", "set wal_level = replica, and restart the server")),
            (!row.GetBoolean(5), new(FailureKind.SourceRefused, $"the role {role} may not replicate", $"ALTER ROLE \"{role}\" REPLICATION")),
            (!row.GetBoolean(6), new(FailureKind.SourceRefused, $"the role {role} may not close a WAL segment", $"GRANT EXECUTE ON FUNCTION pg_switch_wal() TO \"{role}\"")),
            (!row.GetBoolean(7), new(FailureKind.SourceRefused, $"the role {role} may not see which WAL the server has", $"GRANT pg_monitor TO \"{role}\"")),
            (!await row.IsDBNullAsync(4, cancellationToken) && row.GetString(4) == "-1", new(Kind: null, $"max_slot_wal_keep_size is not set: if no backup runs, the replication slot {slot} fills the server's disk with WAL", "set it to what the disk can spare (ALTER SYSTEM SET max_slot_wal_keep_size = '20GB'; SELECT pg_reload_conf()); what it lets go the next backup tells, and is full")),
        ];
        return new ServerState((ulong)row.GetInt64(0), row.GetInt32(1), [.. known.Where(one => one.IsThere).Select(one => one.Obstacle)]);
    }

    /// <exception cref="BackupException">Nothing can be captured, or received.</exception>
    public void RequireUsable(string shown)
    {
        if (Obstacles is [{ Kind: { } kind } gravest, ..])
            throw new BackupException(kind, $"'{shown}': {gravest.Problem}", gravest.Mend);
    }

    /// <returns>Bytes of the cluster's tablespaces where it has some of its own; null: it has none.</returns>
    public static async Task<long?> ReadTablespacesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT sum(pg_catalog.pg_tablespace_size(oid))::bigint FROM pg_catalog.pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')", connection);
        return await command.ExecuteScalarAsync(cancellationToken) as long?;
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
        // The timeline that it writes on: the one of the last checkpoint is behind for a while after a promotion.
        await using var close = new NpgsqlCommand("SELECT pg_catalog.pg_switch_wal()::text, pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn())", connection);
        await using var row = await close.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return WalSegment.Before(WalSlot.TimelineOf(row.GetString(1)), Lsn.Parse(row.GetString(0)), SegmentSize);
    }
}
