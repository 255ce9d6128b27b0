using NexusBackupAgent.Common;

namespace NexusBackupAgent.ObjectStorage;

/// <summary>Ends a request in which nothing has moved for some time, however long it takes as a whole.</summary>
internal sealed class SilenceWatch : IDisposable
{
    private readonly TimeSpan patience;
    private readonly CancellationToken caller;
    private readonly CancellationTokenSource over;
    private readonly CancellationTokenSource either;
    private readonly TimeProvider timeProvider;
    private long moved;
    private long taken;
    private string? ended;

    public SilenceWatch(TimeSpan patience, TimeProvider timeProvider, CancellationToken caller)
    {
        (this.patience, this.timeProvider, this.caller, Began) = (patience, timeProvider, caller, timeProvider.GetTimestamp());
        moved = Began;
        over = new CancellationTokenSource(patience, timeProvider);
        either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, caller);
    }

    public CancellationToken Token => either.Token;

    /// <summary>Whether it was the silence that ended the request, and not who asked for it.</summary>
    public bool IsOver => over.IsCancellationRequested && !caller.IsCancellationRequested;

    /// <summary>For people.</summary>
    public string Text => Volatile.Read(ref ended) ?? $"nothing moved for {patience.TotalSeconds:0} s";

    /// <summary>When the request began: a timestamp of the clock.</summary>
    public long Began { get; }

    /// <summary>When something moved in it for the last time: a timestamp of the clock.</summary>
    public long Moved => Volatile.Read(ref moved);

    /// <summary>Bytes of its content that the line took.</summary>
    public long Taken => Volatile.Read(ref taken);

    /// <summary>Since when nothing moved.</summary>
    public TimeSpan Quiet => timeProvider.GetElapsedTime(Moved);

    /// <summary>Something moved: the time begins anew.</summary>
    /// <param name="taken">As <see cref="Taken"/> has it.</param>
    public void Pulse(long taken)
    {
        Volatile.Write(ref this.taken, taken);
        Volatile.Write(ref moved, timeProvider.GetTimestamp());
        over.CancelAfter(patience);
    }

    /// <summary>Ends the request before its time.</summary>
    /// <param name="why">As <see cref="Text"/> has it.</param>
    public void End(string why)
    {
        Volatile.Write(ref ended, why);
        over.Cancel();
    }

    public void Dispose()
    {
        either.Dispose();
        over.Dispose();
    }
}

/// <summary>
/// What all requests to a server know of it together: one that says nothing at all is left after some minutes, whoever asks; one that
/// answers another request, or takes more than the buffers on the way hold, only makes one request slow.
/// </summary>
/// <param name="patience">For how long it may say nothing, while it is asked.</param>
internal sealed class ServerSilence(TimeSpan patience, TimeProvider timeProvider)
{
    /// <summary>Bytes that a line takes though nobody reads at its end: the buffers of both sides.</summary>
    public const long Buffers = 8 << 20;

    private readonly Lock gate = new();
    private long? since;
    private long heard;
    private long noted;

    /// <summary>Whether it was silent for so long that nothing is sent again.</summary>
    public bool IsOver
    {
        get
        {
            lock (gate)
                return since is { } began && timeProvider.GetElapsedTime(began) >= patience;
        }
    }

    /// <summary>How long it has said nothing to somebody who asked it.</summary>
    /// <param name="asked">When: a timestamp of the clock.</param>
    public TimeSpan QuietSince(long asked)
    {
        lock (gate)
            return timeProvider.GetElapsedTime(Math.Max(heard, asked));
    }

    /// <summary>It said something.</summary>
    public void Heard()
    {
        lock (gate)
            (since, heard) = (null, timeProvider.GetTimestamp());
    }

    /// <summary>A request ended because nothing moved. Where nobody had asked for long before it began, it is the first one.</summary>
    public void Noted(SilenceWatch request)
    {
        lock (gate)
        {
            if (since is null || request.Taken > Buffers || timeProvider.GetElapsedTime(noted, request.Began) > patience)
                since = Math.Max(heard, request.Moved);
            noted = timeProvider.GetTimestamp();
        }
    }
}

/// <summary>What a request sends, at a pace. That it is taken shows that the line goes on: the connection takes no more than it can send.</summary>
internal sealed class ObjectBody(ReadOnlyMemory<byte> content, SilenceWatch watch, Pace? pace) : Stream
{
    private int position;

    public override bool CanRead => true;

    /// <summary>A client that signs what it sends reads it twice.</summary>
    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => content.Length;

    public override long Position
    {
        get => position;
        set
        {
            position = checked((int)value);
            watch.Pulse(position);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var most = pace is null ? buffer.Length : Math.Min(buffer.Length, pace.Piece);
        if (pace is not null)
            await pace.TakeAsync(Math.Min(most, content.Length - position), cancellationToken);
        return Read(buffer.Span[..most]);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        watch.Pulse(position); // what was read before is taken when more is asked for
        var count = Math.Min(buffer.Length, content.Length - position);
        content.Span.Slice(position, count).CopyTo(buffer);
        position += count;
        return count;
    }

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch { SeekOrigin.Begin => offset, SeekOrigin.Current => position + offset, _ => content.Length + offset };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
