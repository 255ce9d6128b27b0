using System.Security.Cryptography;
using System.Text;
using Npgsql;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>
/// Keeps pg_receivewal receiving from the slot. Crash order: a segment is flushed and has its name before the slot moves past it, so
/// what is not in the directory is on the server. Whatever ends it, its next start finds out whether anything is missing.
/// </summary>
internal sealed class WalReceiver(PostgresServer server, PostgresTools tools, PhysicalOptions options, ReceivedWal received, TimeProvider timeProvider) : ISourceService
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(5);

    /// <summary>The journal lies on the same disk.</summary>
    private const long Reserve = 256L << 20;

    /// <summary>What the server calls this receiver: a process that a killed agent left has the same name, and no other agent's has.</summary>
    private readonly string name = $"{PostgresServer.ApplicationName} {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Environment.MachineName}:{received.Path}")))[..12]}";

    // Where the server was when it was looked at: once that is received, all that was committed before is.
    private (DateTimeOffset At, Lsn Position)? mark;
    private StreamState? state;

    public StreamState State => state ??= new StreamState(IsUp: false, received.Until ?? timeProvider.GetUtcNow(), Lag: 0, options.SlotLimit, received.LastGapAt);

    public async Task RunAsync(Action<BackupException> onGap, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await server.OpenAsync(database: null, cancellationToken);
            var cluster = await ServerState.ReadAsync(connection, options.Slot, cancellationToken);
            cluster.RequireUsable(server.Shown);
            received.Make();
            await LookAsync(connection, onGap, cancellationToken);
            var tool = await tools.FindAsync("pg_receivewal", connection.PostgreSqlVersion.Major, ToolFit.Same, cancellationToken);
            await PrepareAsync(connection, cluster, onGap, cancellationToken);
            await ReceiveAsync(connection, tool, cluster.SegmentSize, onGap, cancellationToken);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (failure is not NpgsqlException && IoFailure.IsKnown(failure))
                throw IoFailure.Translate(failure, $"receive WAL into '{received.Path}'", received.Path);
            throw PostgresFailure.Translate(failure, server.Shown);
        }
        finally
        {
            mark = null;
            state = State with { IsUp = false };
        }
    }

    private async Task ReceiveAsync(NpgsqlConnection connection, PostgresToolFile tool, int segmentSize, Action<BackupException> onGap, CancellationToken cancellationToken)
    {
        using var access = server.Access();
        await using var running = PostgresTool.Start(
            tool, ["--directory", received.Path, "--slot", options.Slot, "--no-loop", "--status-interval=1", "--no-password", $"--dbname=application_name='{name}'"], access);
        var ended = running.EndAsync(cancellationToken);
        while (await Task.WhenAny(ended, Task.Delay(State.IsUp ? Poll : Soon, timeProvider, cancellationToken)) != ended)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await LookAsync(connection, onGap, cancellationToken);
            if (!State.IsUp)
                continue;
            received.TakeAwayBeginning(segmentSize);
            if (ReceivedWal.HoleIn(received.Segments(segmentSize)) is { } hole)
                throw new BackupException(FailureKind.Io, $"WAL segment {hole} was received and is no longer in '{received.Path}'", "look who removes files there; nobody but the agent may");
        }

        throw new BackupException(
            FailureKind.SourceUnreachable, $"the WAL of '{server.Shown}' is no longer received: {(await ended).Failure}", "it is tried again; if that goes on, check that the server runs (its log) and lets the role replicate (pg_hba.conf has to name the database replication)");
    }

    /// <summary>Sees how far it is, and ends what would fill a disk.</summary>
    private async Task LookAsync(NpgsqlConnection connection, Action<BackupException> onGap, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        var slot = await WalSlot.ReadAsync(connection, options.Slot, cancellationToken);
        var limit = Math.Min(options.SlotLimit, slot.ServerLimit ?? long.MaxValue);
        var until = State.ReceivedUntil;
        if (mark is { } before && slot.ReaderName == name && slot.Received is { } position && position.Value >= before.Position.Value)
        {
            (until, mark) = (before.At, null);
            received.NoteUntil(until);
        }

        mark ??= (now, slot.Current);
        state = State with { IsUp = slot.ReaderName == name, ReceivedUntil = until, Lag = slot.IsLost ? limit : slot.Lag, Limit = limit };
        if (slot.Lag > options.SlotLimit)
        {
            await slot.DropAsync(connection, cancellationToken);
            TellGap($"its server kept {ByteCount.Text(slot.Lag)} that were not received, more than slotLimit allows, and the replication slot {slot.Name} was dropped before the server's disk fills", onGap);
        }

        if (received.Available < Reserve)
        {
            throw new BackupException(
                FailureKind.StateFull,
                $"the WAL of '{server.Shown}' is not received, because the disk of '{received.Path}' has only {ByteCount.Text(received.Available)} left; the server keeps it, up to {ByteCount.Text(limit)}",
                $"free space there (df -h '{received.Path}'), or make a backup, after which the one before is let go: nexus-backup backup");
        }
    }

    /// <summary>Takes the slot, finds out whether what was received goes on, and begins anew where it does not.</summary>
    private async Task PrepareAsync(NpgsqlConnection connection, ServerState cluster, Action<BackupException> onGap, CancellationToken cancellationToken)
    {
        var slot = await WalSlot.ReadAsync(connection, options.Slot, cancellationToken);
        if (slot.Reader is not null && slot.ReaderName != name)
            throw new BackupException(FailureKind.SourceBusy, $"somebody else receives from the replication slot {slot.Name} of '{server.Shown}' ({slot.ReaderName})", "give each agent a slot of its own (slot:), or end that receiver");
        await slot.EndReaderAsync(connection, cancellationToken); // a killed agent left it
        var why = await WhyGapAsync(connection, cluster, slot, cancellationToken);
        var isNew = !slot.Exists || slot.IsLost;
        slot = await slot.MakeAsync(connection, cancellationToken);
        if (why is not null)
            TellGap(why, onGap);
        if (received.Segments(cluster.SegmentSize).Count > 0)
            return;
        if (isNew || why is not null)
        {
            await slot.AdvanceAsync(connection, slot.Current, cancellationToken); // a new slot keeps what is since the last checkpoint, which no backup continues
            slot = await WalSlot.ReadAsync(connection, slot.Name, cancellationToken);
        }

        received.BeginWith(WalSegment.Before(slot.Timeline, new Lsn(slot.Kept!.Value.Value + 1), cluster.SegmentSize));
    }

    /// <summary>Why what comes next does not follow what was received; null when it does, or nothing was.</summary>
    private async Task<string?> WhyGapAsync(NpgsqlConnection connection, ServerState cluster, WalSlot slot, CancellationToken cancellationToken)
    {
        var segments = received.Segments(cluster.SegmentSize);
        if (segments is not [.., var last])
            return null;
        if (received.SystemOf(last) != cluster.SystemIdentifier)
            return $"the server is another cluster (system identifier {cluster.SystemIdentifier})";
        if (last.Timeline != slot.Timeline)
            return $"a failover or a restore put the server on timeline {slot.Timeline}";
        if (ReceivedWal.HoleIn(segments) is { } hole)
            return $"segment {hole} was received and is no longer in '{received.Path}'";
        return await WalSlot.HasAsync(connection, last.Next, cancellationToken) ? null : $"the server no longer has segment {last.Next}, because {slot.Fault}";
    }

    private void TellGap(string why, Action<BackupException> onGap)
    {
        var until = State.ReceivedUntil;
        var now = timeProvider.GetUtcNow();
        received.Clear();
        received.NoteGap(now);
        mark = null;
        state = State with { LastGapAt = now };
        onGap(new BackupException(
            FailureKind.SourceGap,
            $"the WAL of '{server.Shown}' has a gap: {why}",
            $"no instant between the last backup before {until:yyyy-MM-dd HH:mm:ss}Z and the next full one can be restored; see that this one succeeds (nexus-backup status)"));
    }
}
