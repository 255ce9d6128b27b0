using System.Buffers.Binary;
using System.Security.Cryptography;

namespace NexusBackupAgent.Sources.Sqlite.Pages;

/// <summary>
/// The entries of a page index while its artifact is being written, in a file of its own: memory does not grow with the
/// database. The file is deleted when this is disposed.
/// </summary>
internal sealed class PageIndexDraft : IDisposable
{
    private const int BufferSize = 1 << 16;

    private readonly FileStream file;
    private int pageSize;
    private uint pageCount;

    /// <param name="path">An empty scratch file.</param>
    public PageIndexDraft(string path) =>
        file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, BufferSize, FileOptions.DeleteOnClose);

    /// <summary>Whether all pages were told, and so it can be kept.</summary>
    public bool IsComplete => pageSize > 0;

    /// <param name="page">Its number, from 1; above the one before.</param>
    /// <param name="hash">Of its content.</param>
    public void Add(uint page, PageHash hash)
    {
        Span<byte> entry = stackalloc byte[PageIndexHeader.EntrySize];
        BinaryPrimitives.WriteUInt32LittleEndian(entry, page);
        hash.Write(entry[sizeof(uint)..]);
        file.Write(entry);
    }

    /// <summary>Of the state that the artifact holds, or makes of what it builds on; null until it is known.</summary>
    public string? Fingerprint { get; private set; }

    /// <summary>Says that all pages were added.</summary>
    /// <param name="size">Bytes of each.</param>
    /// <param name="count">Pages of the state.</param>
    /// <param name="fingerprint">Of the state; null where nobody reckoned it.</param>
    public void Complete(int size, uint count, string? fingerprint = null) => (pageSize, pageCount, Fingerprint) = (size, count, fingerprint);

    /// <summary>Writes the finished index.</summary>
    /// <param name="target">Written in order; not disposed.</param>
    /// <param name="contentSha256">Of the artifact's content.</param>
    /// <param name="cancellationToken">Stops writing.</param>
    public async Task WriteToAsync(Stream target, string contentSha256, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await WriteAsync(new PageIndexHeader(pageSize, pageCount, contentSha256).ToBytes());
        var block = new byte[BufferSize];
        file.Position = 0;
        while (await file.ReadAsync(block, cancellationToken) is > 0 and var read)
            await WriteAsync(block.AsMemory(0, read));
        await target.WriteAsync(hash.GetHashAndReset(), cancellationToken);

        ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
        {
            hash.AppendData(bytes.Span);
            return target.WriteAsync(bytes, cancellationToken);
        }
    }

    public void Dispose() => file.Dispose();
}
