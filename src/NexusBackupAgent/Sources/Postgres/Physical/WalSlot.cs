using Npgsql;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>A replication slot as the server has it at one instant, and the WAL that it keeps.</summary>
/// <param name="Status">Of its WAL; <c>lost</c>: the server removed some. Null: there is no slot.</param>
/// <param name="Reader">The server's process that sends to whoever receives from it; null: nobody does.</param>
/// <param name="ReaderName">The application's name of that receiver.</param>
/// <param name="Kept">From here on the server keeps WAL; null: it keeps none.</param>
/// <param name="Received">As far as the receiver says that it has written.</param>
/// <param name="Current">As far as the server has written.</param>
/// <param name="ServerLimit">Bytes beyond which the server keeps no more (max_slot_wal_keep_size); null: there is no such limit.</param>
internal sealed record WalSlot(string Name, bool Exists, string? Status, int? Reader, string? ReaderName, Lsn? Kept, Lsn? Received, Lsn Current, uint Timeline, long? ServerLimit)
{
    private const int AskSeconds = 30;

    /// <summary>Whether the server gave up keeping what was not received.</summary>
    public bool IsLost => Exists && (Status == "lost" || Kept is null);

    /// <summary>Bytes that the server keeps because of it.</summary>
    public long Lag => Kept is { } from ? (long)(Current.Value - Math.Min(from.Value, Current.Value)) : 0;

    /// <summary>Why the server may have let WAL go, as it follows "because".</summary>
    public string Fault => this switch
    {
        { Exists: false } => $"the replication slot {Name} was dropped",
        { IsLost: true } => $"the replication slot {Name} was behind by more than max_slot_wal_keep_size",
        _ => $"the replication slot {Name} did not keep it",
    };

    public static async Task<WalSlot> ReadAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT slot.slot_name IS NOT NULL,
                   slot.wal_status,
                   slot.active_pid,
                   reader.application_name,
                   slot.restart_lsn::text,
                   reader.write_lsn::text,
                   pg_catalog.pg_current_wal_lsn()::text,
                   pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()),
                   (SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'max_slot_wal_keep_size')
            FROM (SELECT $1::name AS name) wanted
            LEFT JOIN pg_catalog.pg_replication_slots slot ON slot.slot_name = wanted.name
            LEFT JOIN pg_catalog.pg_stat_replication reader ON reader.pid = slot.active_pid
            """,
            connection) { Parameters = { new() { Value = name } }, CommandTimeout = AskSeconds };
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return new WalSlot(
            name,
            row.GetBoolean(0),
            Text(1),
            row.IsDBNull(2) ? null : row.GetInt32(2),
            Text(3),
            Text(4) is { } kept ? Lsn.Parse(kept) : null,
            Text(5) is { } received ? Lsn.Parse(received) : null,
            Lsn.Parse(row.GetString(6)),
            TimelineOf(row.GetString(7)),
            row.IsDBNull(8) || row.GetInt64(8) < 0 ? null : row.GetInt64(8) << 20);

        string? Text(int column) => row.IsDBNull(column) ? null : row.GetString(column);
    }

    /// <param name="file">As pg_walfile_name() gives it.</param>
    public static uint TimelineOf(string file) => Convert.ToUInt32(file[..8], 16);

    /// <summary>Whether the server still has a segment, or has not written as far yet.</summary>
    public static async Task<bool> HasAsync(NpgsqlConnection connection, WalSegment segment, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "SELECT pg_catalog.pg_current_wal_lsn() <= $2::pg_lsn OR EXISTS (SELECT FROM pg_catalog.pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' AND pg_catalog.substr(name, 9) = $1)",
            connection) { Parameters = { new() { Value = segment.NameInTimeline }, new() { Value = segment.Start.ToString() } }, CommandTimeout = AskSeconds };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Has the server keep its WAL from now on. A slot that is of no use any more is made anew.</summary>
    /// <returns>The slot as it is then.</returns>
    /// <exception cref="BackupException">The server refuses.</exception>
    public async Task<WalSlot> MakeAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (Exists && !IsLost)
            return this;
        if (IsLost)
            await DropAsync(connection, cancellationToken);
        await ExecuteAsync(connection, "SELECT pg_catalog.pg_create_physical_replication_slot($1, true)", [Name], cancellationToken);
        return await ReadAsync(connection, Name, cancellationToken);
    }

    /// <summary>Lets the server remove what is before a position; it does so by itself where somebody receives.</summary>
    public async Task AdvanceAsync(NpgsqlConnection connection, Lsn to, CancellationToken cancellationToken)
    {
        if (Exists && Reader is null && Kept is { } kept && kept.Value < to.Value)
            await ExecuteAsync(connection, "SELECT pg_catalog.pg_replication_slot_advance($1, $2::pg_lsn)", [Name, to.ToString()], cancellationToken);
    }

    /// <summary>Ends whoever receives from it, and lets the server remove all.</summary>
    public async Task DropAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await EndReaderAsync(connection, cancellationToken);
        await ExecuteAsync(connection, "SELECT pg_catalog.pg_drop_replication_slot($1)", [Name], cancellationToken);
    }

    /// <summary>Ends the receiver's connection, and waits for it to have ended.</summary>
    public async Task EndReaderAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        const int Looks = 100;
        for (var (slot, look) = (this, 0); slot.Reader is { } process && look < Looks; look++)
        {
            await ExecuteAsync(connection, "SELECT pg_catalog.pg_terminate_backend($1::int), pg_catalog.pg_sleep(0.1)", [$"{process}"], cancellationToken);
            slot = await ReadAsync(connection, Name, cancellationToken);
        }
    }

    private async Task ExecuteAsync(NpgsqlConnection connection, string sql, IReadOnlyList<string> values, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = AskSeconds };
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        try
        {
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (PostgresException refused) when (refused.SqlState is not (PostgresErrorCodes.DiskFull or PostgresErrorCodes.InsufficientPrivilege))
        {
            throw new BackupException(FailureKind.SourceRefused, $"the server can't keep its WAL for the next backup: {refused.MessageText}", $"see its replication slots (SELECT * FROM pg_replication_slots) and max_replication_slots; the agent's is {Name}", refused);
        }
    }
}
