using System.Buffers.Binary;
using System.Runtime.InteropServices;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// A database in WAL mode as one read transaction sees it, read straight from the database file and its WAL: no copy is
/// made, and no writer waits. What makes that sound (SQLite, "WAL-mode file format" §2.3): while the transaction holds
/// its read mark, a checkpoint writes into the database file only pages whose newest frame lies at or before our last
/// frame, which we take from the WAL anyway, and the WAL is not started over. If all frames were already
/// in the database file when the transaction began, the WAL may be started over, but then it is the database file
/// that nobody may write, and we read only that.
/// </summary>
internal sealed class WalSnapshot : SqliteSnapshot
{
    private const int BlockSize = 1 << 20;

    private readonly string path;
    private readonly DatabaseGate gate;
    private readonly SqliteReadTransaction transaction;
    private readonly OpenDatabase database;
    private readonly WalIndexHeader state;
    private readonly Dictionary<uint, uint> frames;

    private WalSnapshot(DatabaseGate gate, SqliteReadTransaction transaction, OpenDatabase database, WalIndexHeader state, DateTimeOffset capturedAt, long length)
        : base(capturedAt, length)
    {
        path = database.File.Path;
        this.gate = gate;
        this.transaction = transaction;
        this.database = database;
        this.state = state;
        PageSize = length % state.PageSize == 0 ? state.PageSize : 0;
        frames = NewestFrames();
    }

    private long FrameSize => WalFormat.FrameHeaderSize + state.PageSize;

    /// <summary>Takes over <paramref name="database"/> and <paramref name="gate"/>, which are disposed with it; where this fails they are not.</summary>
    public static async Task<WalSnapshot> OpenAsync(OpenDatabase database, DatabaseGate gate, TimeSpan busyTimeout, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var (file, wal, shm) = (database.File, database.Wal!, database.Shm!);
        var (walBefore, shmBefore) = (FileStatus.Of(wal), FileStatus.Of(shm));
        var reader = SqliteReadTransaction.Open(file.Path, timeProvider);
        try
        {
            var started = timeProvider.GetTimestamp();
            while (true)
            {
                // Which state did the transaction get? The one in the header, if no commit came while it began.
                reader.End();
                var before = WalIndexHeader.Read(shm);
                if (before is { IsOfThisVersion: false })
                    throw BadIndex(file.Path, "its -shm is of another version of SQLite's format");
                await reader.BeginAsync(busyTimeout, cancellationToken);
                var capturedAt = timeProvider.GetUtcNow();
                var after = WalIndexHeader.Read(shm);
                var settled = WalIndexHeader.Read(shm);
                if (before is { } first && after is { } header && settled is { } last && first.IsSameStateAs(header) && header.IsSameStateAs(last))
                {
                    // A WAL that never held a frame says nothing of the database's size.
                    var known = header.PageSize > 0 ? header : header with { PageSize = file.PageSize };
                    var length = known.PageCount > 0 ? (long)known.PageCount * known.PageSize : RandomAccess.GetLength(database.Content);
                    return new WalSnapshot(gate, reader, database, known, capturedAt, length);
                }

                if (timeProvider.GetElapsedTime(started) > busyTimeout)
                {
                    throw settled is null && after is null
                        ? BadIndex(file.Path, "its -shm holds no valid index of the -wal")
                        : new BackupException(FailureKind.SourceBusy, $"database '{file.Path}' committed without a pause for {busyTimeout.TotalSeconds:0.#} s", "raise busyTimeout");
                }

                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        catch
        {
            reader.Dispose();
            throw;
        }
        finally
        {
            // SQLite, when it runs as root, gives both to the database's owner as it opens them.
            if (walBefore is { } walOwner && shmBefore is { } shmOwner)
            {
                FileOwner.GiveBack(wal, walOwner);
                FileOwner.GiveBack(shm, shmOwner);
            }
        }
    }

    public override async Task CopyToAsync(Stream destination, CancellationToken cancellationToken)
    {
        var block = GC.AllocateUninitializedArray<byte>(BlockSize);
        for (var offset = 0L; offset < Length; offset += block.Length)
        {
            var bytes = block.AsMemory(0, (int)Math.Min(block.Length, Length - offset));
            ReadBlock(bytes.Span, offset);
            await destination.WriteAsync(bytes, cancellationToken);
        }

        RequireSameWal();
    }

    public override ValueTask DisposeAsync()
    {
        transaction.Dispose(); // before the files: closing any handle drops SQLite's locks in this process on that file (POSIX)
        database.Dispose();
        gate.Dispose();
        return ValueTask.CompletedTask;
    }

    private void ReadBlock(Span<byte> block, long offset)
    {
        var firstPage = (uint)(offset / state.PageSize) + 1;
        var filled = FileCopy.ReadFully(database.Content, block, offset);
        for (var position = 0; position < block.Length; position += state.PageSize)
        {
            var page = firstPage + (uint)(position / state.PageSize);
            if (frames.TryGetValue(page, out var frame))
            {
                if (FileCopy.ReadFully(database.Wal!, block.Slice(position, state.PageSize), FrameOffset(frame) + WalFormat.FrameHeaderSize) < state.PageSize)
                    throw Changed($"frame {frame} of its WAL is gone");
            }
            else if (position + state.PageSize > filled && page == WalFormat.LockPage(state.PageSize))
            {
                block.Slice(position, state.PageSize).Clear(); // what the file will hold there once it has grown
            }
            else if (position + state.PageSize > filled)
            {
                throw Changed($"page {page} is beyond the end of the file");
            }
        }
    }

    /// <summary>For each page that the WAL holds, its newest frame up to our last one. Empty when the database file has it all.</summary>
    private Dictionary<uint, uint> NewestFrames()
    {
        var newest = new Dictionary<uint, uint>();
        if (state.Backfilled >= state.LastFrame)
            return newest;

        Span<byte> header = stackalloc byte[WalFormat.FrameHeaderSize];
        for (var frame = 1u; frame <= state.LastFrame; frame++)
        {
            if (FileCopy.ReadFully(database.Wal!, header, FrameOffset(frame)) < header.Length || MemoryMarshal.Read<ulong>(header[WalFormat.FrameSalts..]) != state.Salt)
                throw Changed($"frame {frame} of its WAL is not of this generation");
            newest[BinaryPrimitives.ReadUInt32BigEndian(header)] = frame;
        }

        if (BinaryPrimitives.ReadUInt32BigEndian(header[4..]) != state.PageCount || !header[^WalChecksum.Size..].SequenceEqual(state.SumInFrame))
            throw Changed($"frame {state.LastFrame} of its WAL is not the commit that its -shm names");
        return newest;
    }

    /// <summary>The locks forbid that the WAL is replaced while we read; if somebody deleted it all the same, say so.</summary>
    private void RequireSameWal()
    {
        if (frames.Count == 0)
            return;
        Span<byte> header = stackalloc byte[WalFormat.HeaderSize];
        if (FileCopy.ReadFully(database.Wal!, header, 0) < header.Length || MemoryMarshal.Read<ulong>(header[WalFormat.Salts..]) != state.Salt)
            throw Changed("its WAL was replaced while it was read");
    }

    private long FrameOffset(uint frame) => WalFormat.HeaderSize + (frame - 1) * FrameSize;

    private BackupException Changed(string how) =>
        new(FailureKind.Io, $"database '{path}' changed in a way that its locks forbid: {how}", "check that nothing deletes or replaces its -wal and -shm files while programs use it");

    private static BackupException BadIndex(string path, string why) =>
        new(FailureKind.SourceBusy, $"database '{path}' is open in WAL mode and can't be read: {why}", $"restart the programs that have it open (fuser -v '{path}'): the first that opens it builds its -shm anew");
}
