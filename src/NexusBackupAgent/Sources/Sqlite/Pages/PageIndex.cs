using System.Buffers.Binary;
using System.Security.Cryptography;

namespace NexusBackupAgent.Sources.Sqlite.Pages;

/// <summary>A page index that was proven whole, read entry by entry, in ascending order of pages. Its file is deleted when this is disposed.</summary>
internal sealed class PageIndex : IDisposable
{
    private const int BufferSize = 1 << 14; // a chain has up to 256 of them open

    private readonly FileStream file;
    private readonly long end;

    private PageIndex(FileStream file, PageIndexHeader header)
    {
        this.file = file;
        Header = header;
        end = file.Length - SHA256.HashSizeInBytes;
        file.Position = PageIndexHeader.Size;
    }

    public PageIndexHeader Header { get; }

    /// <summary>Of the entry that <see cref="Next"/> came to.</summary>
    public uint Page { get; private set; }

    /// <summary>Of the entry that <see cref="Next"/> came to.</summary>
    public PageHash Hash { get; private set; }

    /// <summary>Takes over a file and proves it.</summary>
    /// <param name="path">A scratch file with an index in it.</param>
    /// <param name="contentSha256">Of the content whose index it has to be.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="InvalidDataException">It is damaged, or an index of something else; the file is deleted.</exception>
    public static async Task<PageIndex> OpenAsync(string path, string contentSha256, CancellationToken cancellationToken)
    {
        var opened = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, BufferSize, FileOptions.DeleteOnClose);
        try
        {
            await RequireWholeAsync(opened, cancellationToken);
            var header = new byte[PageIndexHeader.Size];
            opened.Position = 0;
            await opened.ReadExactlyAsync(header, cancellationToken);
            var parsed = PageIndexHeader.Parse(header);
            return parsed.ContentSha256 == contentSha256 ? new PageIndex(opened, parsed) : throw new InvalidDataException("it is the index of another backup");
        }
        catch
        {
            await opened.DisposeAsync();
            throw;
        }
    }

    /// <summary>Goes on to the next entry.</summary>
    /// <returns>False after the last one.</returns>
    public bool Next()
    {
        if (file.Position >= end)
            return false;
        Span<byte> entry = stackalloc byte[PageIndexHeader.EntrySize];
        file.ReadExactly(entry);
        Page = BinaryPrimitives.ReadUInt32LittleEndian(entry);
        Hash = PageHash.Read(entry[sizeof(uint)..]);
        return true;
    }

    /// <summary>The index as it is stored; afterwards its entries can no longer be read.</summary>
    public async Task CopyToAsync(Stream target, CancellationToken cancellationToken)
    {
        file.Position = 0;
        await file.CopyToAsync(target, cancellationToken);
    }

    /// <summary>Goes back to before the first entry.</summary>
    public void Rewind() => file.Position = PageIndexHeader.Size;

    public void Dispose() => file.Dispose();

    private static async Task RequireWholeAsync(FileStream index, CancellationToken cancellationToken)
    {
        var summed = index.Length - SHA256.HashSizeInBytes;
        if (summed < PageIndexHeader.Size || (summed - PageIndexHeader.Size) % PageIndexHeader.EntrySize != 0)
            throw new InvalidDataException("it is cut off");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new byte[1 << 16];
        while (index.Position < summed)
        {
            var read = await index.ReadAsync(block.AsMemory(0, (int)Math.Min(block.Length, summed - index.Position)), cancellationToken);
            hash.AppendData(block, 0, read);
        }

        var stored = new byte[SHA256.HashSizeInBytes];
        await index.ReadExactlyAsync(stored, cancellationToken);
        if (!hash.GetHashAndReset().AsSpan().SequenceEqual(stored))
            throw new InvalidDataException("its SHA-256 is wrong");
    }
}
