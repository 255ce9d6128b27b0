using System.Buffers.Binary;
using System.Security.Cryptography;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite.Pages;

/// <summary>
/// One hash for a state of a database: of the hashes of all its pages in their order, their number and their size. Who knows
/// the pages' hashes need not read the pages: an increment's pages and the hashes of what it builds on give that of its state.
/// </summary>
internal sealed class StateFingerprint : IDisposable
{
    private const int BlockSize = 1 << 20; // a multiple of every page size

    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] pending = new byte[256 * PageHash.Size];
    private int filled;
    private uint count;

    /// <param name="page">Of the page after the one before.</param>
    public void Add(PageHash page)
    {
        page.Write(pending.AsSpan(filled));
        filled += PageHash.Size;
        count++;
        if (filled == pending.Length)
            Flush();
    }

    /// <returns>In hexadecimal.</returns>
    public string Complete(int pageSize)
    {
        Flush();
        Span<byte> shape = stackalloc byte[2 * sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(shape, count);
        BinaryPrimitives.WriteUInt32LittleEndian(shape[sizeof(uint)..], (uint)pageSize);
        hash.AppendData(shape);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public void Dispose() => hash.Dispose();

    /// <summary>Of a database file that nobody writes.</summary>
    /// <param name="wantsSha256">Whether also the SHA-256 of all that the file holds is wanted; null is its place otherwise.</param>
    /// <returns>Fingerprint: null when it does not consist of whole pages.</returns>
    /// <exception cref="IOException">It can't be read.</exception>
    public static (string? Fingerprint, string? Sha256) OfFile(string path, bool wantsSha256, CancellationToken cancellationToken)
    {
        using var file = SafeFile.OpenStream(path, FileAccess.Read);
        using var whole = wantsSha256 ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
        using var fingerprint = new StateFingerprint();
        var block = GC.AllocateUninitializedArray<byte>(BlockSize);
        int? pageSize = null;
        while (file.ReadAtLeast(block, block.Length, throwOnEndOfStream: false) is > 0 and var read)
        {
            cancellationToken.ThrowIfCancellationRequested();
            whole?.AppendData(block, 0, read);
            pageSize ??= WalFormat.PageSizeOf(block.AsSpan(0, read));
            if (pageSize == 0 || read % pageSize != 0)
                pageSize = 0;
            for (var offset = 0; pageSize > 0 && offset < read; offset += pageSize.Value)
                fingerprint.Add(PageHash.Of(block.AsSpan(offset, pageSize.Value)));
        }

        return (pageSize > 0 ? fingerprint.Complete(pageSize.Value) : null, whole is null ? null : Convert.ToHexStringLower(whole.GetHashAndReset()));
    }

    private void Flush()
    {
        hash.AppendData(pending, 0, filled);
        filled = 0;
    }
}
