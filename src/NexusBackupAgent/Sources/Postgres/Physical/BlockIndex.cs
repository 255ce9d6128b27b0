using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>
/// What a full backup holds, so that a differential one finds what changed without reading it: each file and directory, and the
/// first half of the SHA-256 of each block. It is a further part of the full backup, which commits it; one that has none is read.
/// </summary>
/// <remarks>For each: path, length (-1: a directory), whether its blocks follow, and those.</remarks>
internal sealed class BlockIndex : IDisposable
{
    public const string Part = "blocks";
    public const int BlockSize = PageChecksum.PageSize;

    private readonly Dictionary<string, IndexedFile> files = new(StringComparer.Ordinal);
    private readonly FileStream stored;

    private BlockIndex(FileStream stored) => this.stored = stored;

    /// <summary>By path.</summary>
    public IReadOnlyDictionary<string, IndexedFile> Files => files;

    /// <summary>Whether it is compared block by block: the others are small or new each time, and stored as a whole.</summary>
    public static bool Compares(string path) =>
        path is not (ControlFile.Path or ClusterManifest.Path or ClusterReading.BackupLabel or TablespaceMap.Path) && !path.StartsWith(ClusterReading.WalPrefix, StringComparison.Ordinal);

    /// <summary>The one of a full backup, in scratch space until disposed.</summary>
    /// <exception cref="DamagedLinkException">The backup is not what was stored.</exception>
    /// <exception cref="InvalidDataException">It is no base backup.</exception>
    public static async Task<BlockIndex> OfAsync(StoredLink full, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        var index = new BlockIndex(Temporary(scratch.NewFile()));
        try
        {
            if (full.Parts.Contains(Part))
            {
                await full.CopyPartAsync(Part, index.stored, cancellationToken);
            }
            else
            {
                var reading = new ClusterReading(new Draft(index.stored), sums: false);
                await ClusterArchive.ReadAsync(full.CopyContentAsync, reading.LookAsync, cancellationToken);
            }

            index.Learn();
            return index;
        }
        catch
        {
            index.Dispose();
            throw;
        }
    }

    /// <summary>The hashes of a file's blocks, in order.</summary>
    public BlockHashes HashesOf(IndexedFile file) => new(stored.SafeFileHandle, file);

    public void Dispose() => stored.Dispose();

    private static FileStream Temporary(string file) => new(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);

    private void Learn()
    {
        stored.Flush();
        stored.Position = 0;
        using var reader = new BinaryReader(stored, Encoding.UTF8, leaveOpen: true);
        try
        {
            while (stored.Position < stored.Length)
            {
                var (path, length, hasBlocks) = (reader.ReadString(), reader.ReadInt64(), reader.ReadBoolean());
                files[path] = new IndexedFile(length, hasBlocks ? stored.Position : null);
                if (hasBlocks)
                    stored.Position += (length + BlockSize - 1) / BlockSize * BlockHashes.Size;
            }
        }
        catch (Exception odd) when (odd is EndOfStreamException or FormatException)
        {
            throw new InvalidDataException("its index of blocks is cut off", odd);
        }

        if (stored.Position != stored.Length)
            throw new InvalidDataException("its index of blocks is cut off");
    }

    /// <summary>Takes down what passes.</summary>
    internal sealed class Draft(Stream target) : IClusterSink, IAsyncDisposable
    {
        private readonly BinaryWriter writer = new(target, Encoding.UTF8, leaveOpen: true);

        /// <summary>One in scratch space, for as long as it is not disposed.</summary>
        public static Draft In(ScratchDirectory scratch) => new(Temporary(scratch.NewFile()));

        public Stream? Open(ArchiveFile file)
        {
            var hasBlocks = !file.IsDirectory && Compares(file.Path);
            writer.Write(file.Path);
            writer.Write(file.IsDirectory ? -1 : file.Length);
            writer.Write(hasBlocks);
            return hasBlocks ? new HashStream(target) : null;
        }

        public async Task CopyToAsync(Stream destination, CancellationToken cancellationToken)
        {
            target.Position = 0;
            await target.CopyToAsync(destination, cancellationToken);
        }

        public async ValueTask DisposeAsync()
        {
            await writer.DisposeAsync();
            await target.DisposeAsync();
        }
    }

    /// <summary>Writes the hash of each block that it is given; what it is given begins where a block does.</summary>
    private sealed class HashStream(Stream target) : ForwardWriteStream
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var hashes = new byte[(buffer.Length + BlockSize - 1) / BlockSize * BlockHashes.Size];
            for (var (from, at) = (0, 0); from < buffer.Length; from += BlockSize, at += BlockHashes.Size)
                BlockHashes.Of(buffer.Span.Slice(from, Math.Min(BlockSize, buffer.Length - from)), hashes.AsSpan(at, BlockHashes.Size));
            await target.WriteAsync(hashes, cancellationToken);
        }
    }
}

/// <summary>A file of a full backup.</summary>
/// <param name="Length">-1: a directory.</param>
/// <param name="Hashes">Where those of its blocks are; null: it has none.</param>
internal readonly record struct IndexedFile(long Length, long? Hashes)
{
    public bool IsDirectory => Length < 0;
}

/// <summary>Compares the blocks of one file, in order.</summary>
internal sealed class BlockHashes(SafeFileHandle index, IndexedFile file)
{
    /// <summary>Bytes: long enough that no two blocks ever share it.</summary>
    public const int Size = SHA256.HashSizeInBytes / 2;

    private const int Ahead = 1024;

    private readonly long count = file.Hashes is null ? 0 : (file.Length + BlockIndex.BlockSize - 1) / BlockIndex.BlockSize;
    private byte[] read = [];
    private long first;
    private int known;
    private long next;

    public static void Of(ReadOnlySpan<byte> block, Span<byte> hash)
    {
        Span<byte> whole = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(block, whole);
        whole[..Size].CopyTo(hash);
    }

    /// <summary>Whether the next block is what it was.</summary>
    public bool HasNext(ReadOnlySpan<byte> block)
    {
        var number = next++;
        if (number >= count)
            return false;
        if (number >= first + known)
        {
            first = number;
            read = read.Length > 0 ? read : new byte[(int)Math.Min(Ahead, count) * Size];
            known = RandomAccess.Read(index, read.AsSpan(0, (int)Math.Min(Ahead, count - number) * Size), file.Hashes!.Value + (number * Size)) / Size;
            if (known == 0)
                throw new InvalidDataException("the index of blocks is cut off");
        }

        Span<byte> hash = stackalloc byte[Size];
        Of(block, hash);
        return hash.SequenceEqual(read.AsSpan((int)(number - first) * Size, Size));
    }
}
