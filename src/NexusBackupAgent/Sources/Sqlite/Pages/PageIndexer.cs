using NexusBackupAgent.Artifacts;

namespace NexusBackupAgent.Sources.Sqlite.Pages;

/// <summary>Reads the content of an artifact as it passes on to another stream, and notes the hash of each page that it holds.</summary>
/// <param name="passOn">Where the content goes; not disposed.</param>
internal abstract class PageIndexer(Stream passOn) : ForwardWriteStream
{
    public sealed override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Read(buffer.Span);
        await passOn.WriteAsync(buffer, cancellationToken);
    }

    /// <summary>Says that all content was written; the index is then complete, if the content is made of pages at all.</summary>
    public abstract void Complete();

    protected abstract void Read(ReadOnlySpan<byte> content);
}
