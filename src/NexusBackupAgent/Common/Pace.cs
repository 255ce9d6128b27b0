namespace NexusBackupAgent.Common;

/// <summary>How many bytes may move in a second at certain hours.</summary>
/// <param name="From">In the configured zone; it holds from then on.</param>
/// <param name="Until">It holds no more; before <paramref name="From"/>: of the next day. Equal to it: all day.</param>
internal sealed record BandwidthLimit(long BytesPerSecond, TimeOnly From, TimeOnly Until)
{
    public bool HoldsAt(TimeOnly time) => From < Until ? time >= From && time < Until : From == Until || time >= From || time < Until;
}

/// <summary>What moves to and from one place, together no faster than the limits of the hour allow. Where several hold, the lowest counts; where none does, nothing waits.</summary>
internal sealed class Pace(IReadOnlyList<BandwidthLimit> limits, TimeZoneInfo zone, TimeProvider timeProvider)
{
    private const int LargestPiece = 1 << 16;
    private const int SmallestPiece = 1 << 10;

    private readonly Lock gate = new();
    private long free; // when what was let go is through, as a time stamp

    /// <summary>Bytes that should move at once: so few that a wait is short and the next hour's limit counts soon.</summary>
    public int Piece => Limit is { } limit ? (int)Math.Clamp(limit / 8, SmallestPiece, LargestPiece) : LargestPiece;

    private long? Limit
    {
        get
        {
            var time = TimeOnly.FromTimeSpan(TimeZoneInfo.ConvertTime(timeProvider.GetUtcNow(), zone).TimeOfDay);
            return limits.Where(limit => limit.HoldsAt(time)).Select(limit => (long?)limit.BytesPerSecond).Min();
        }
    }

    /// <summary>Waits until so many bytes may move.</summary>
    public ValueTask TakeAsync(int bytes, CancellationToken cancellationToken)
    {
        TimeSpan wait;
        lock (gate)
        {
            if (Limit is not { } limit)
                return ValueTask.CompletedTask;
            var now = timeProvider.GetTimestamp();
            var start = Math.Max(now, free);
            free = start + (long)((double)bytes / limit * timeProvider.TimestampFrequency);
            wait = timeProvider.GetElapsedTime(now, start);
        }

        return wait <= TimeSpan.Zero ? ValueTask.CompletedTask : new ValueTask(Task.Delay(wait, timeProvider, cancellationToken));
    }
}

/// <summary>Passes on what is read and written, at a pace.</summary>
internal sealed class PacedStream(Stream inner, Pace pace) : Stream
{
    public override bool CanRead => inner.CanRead;

    public override bool CanSeek => false;

    public override bool CanWrite => inner.CanWrite;

    public override long Length => inner.Length;

    public override long Position
    {
        get => inner.Position;
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer[..Math.Min(buffer.Length, pace.Piece)], cancellationToken);
        await pace.TakeAsync(read, cancellationToken);
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (buffer.Length > 0)
        {
            var piece = Math.Min(buffer.Length, pace.Piece);
            await pace.TakeAsync(piece, cancellationToken);
            await inner.WriteAsync(buffer[..piece], cancellationToken);
            buffer = buffer[piece..];
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => WriteAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Flush() => inner.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }
}
