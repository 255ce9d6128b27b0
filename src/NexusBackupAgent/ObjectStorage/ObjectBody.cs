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
    private readonly long began;
    private long moved;
    private string? ended;

    public SilenceWatch(TimeSpan patience, TimeProvider timeProvider, CancellationToken caller)
    {
        (this.patience, this.timeProvider, this.caller, began) = (patience, timeProvider, caller, timeProvider.GetTimestamp());
        moved = began;
        over = new CancellationTokenSource(patience, timeProvider);
        either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, caller);
    }

    public CancellationToken Token => either.Token;

    /// <summary>Whether it was the silence that ended the request, and not who asked for it.</summary>
    public bool IsOver => over.IsCancellationRequested && !caller.IsCancellationRequested;

    /// <summary>For people.</summary>
    public string Text => Volatile.Read(ref ended) ?? $"nothing moved for {patience.TotalSeconds:0} s";

    /// <summary>Something moved: the time begins anew.</summary>
    public void Pulse()
    {
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

    /// <summary>From the beginning until something moved for the last time.</summary>
    public TimeSpan Moving => timeProvider.GetElapsedTime(began, Volatile.Read(ref moved));

    /// <summary>Since when nothing moved.</summary>
    public TimeSpan Quiet => timeProvider.GetElapsedTime(Volatile.Read(ref moved));

    public void Dispose()
    {
        either.Dispose();
        over.Dispose();
    }
}

/// <summary>
/// What all requests to a server know of it together: one that says nothing at all is left after some minutes, whoever asks; one that
/// answers another request, or that was sent something for a while, only makes one request slow.
/// </summary>
/// <param name="patience">For how long it may say nothing.</param>
internal sealed class ServerSilence(TimeSpan patience, TimeProvider timeProvider)
{
    /// <summary>The buffers on the way to a server that takes nothing are full sooner.</summary>
    private static readonly TimeSpan Moved = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private long? since;

    /// <summary>Whether it was silent for so long that nothing is sent again.</summary>
    public bool IsOver
    {
        get
        {
            lock (gate)
                return since is { } began && timeProvider.GetElapsedTime(began) >= patience;
        }
    }

    /// <summary>It said something.</summary>
    public void Heard()
    {
        lock (gate)
            since = null;
    }

    /// <summary>A request ended because nothing moved.</summary>
    /// <param name="moving">How long something moved in it before.</param>
    /// <param name="quiet">How long nothing did after that.</param>
    public void Noted(TimeSpan moving, TimeSpan quiet)
    {
        lock (gate)
        {
            if (since is null || moving >= Moved)
                since = timeProvider.GetTimestamp() - (long)(quiet.TotalSeconds * timeProvider.TimestampFrequency);
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
        set => position = checked((int)value);
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
        watch.Pulse();
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
