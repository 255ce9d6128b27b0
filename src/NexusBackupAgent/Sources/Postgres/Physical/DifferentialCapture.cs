using System.Formats.Tar;
using System.Globalization;
using System.Text;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>Writes the blocks of a base backup that a full one has not, as it passes.</summary>
/// <param name="index">Of the full one; disposed with this.</param>
/// <param name="stretch">Null: the WAL from the backup before is gone.</param>
internal sealed class DifferentialCapture(DateTimeOffset capturedAt, BaseBackup backup, BlockIndex index, StoredLink full, WalStretch? stretch, ScratchDirectory scratch) : ICapture
{
    public DateTimeOffset CapturedAt => capturedAt;

    public DateTimeOffset? RestorableFrom => backup.EndedAt;

    public long? Length => null;

    public long ScratchNeeded => (stretch?.ScratchNeeded ?? 0) + (backup.SpooledLength ?? 0);

    public bool ContinuesPrevious => stretch is not null;

    public async Task WriteAsync(IArtifactSink sink, CancellationToken cancellationToken)
    {
        WalEnd? end = null;
        var digests = await sink.WriteAsync(async (content, token) => end = await WriteAsync(content, token), sink.Progress, cancellationToken);
        sink.DeclareRestored(ArtifactDigest.OfChain([full.Content!.Value, digests.Content]));
        await BaseBackup.WriteWalAsync(sink, stretch, end!, scratch, cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        index.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<WalEnd> WriteAsync(Stream content, CancellationToken cancellationToken)
    {
        await using var changes = new ChangedBlocks(index, content);
        var reading = new ClusterReading(changes, sums: false);
        await backup.ReadAsync(copy: null, reading, cancellationToken);
        await changes.CompleteAsync(cancellationToken);
        return backup.EndOf(reading);
    }
}

/// <summary>
/// Writes the archive of a differential backup: pieces with the blocks that changed, beside each a list of where its blocks
/// belong, and at the end the lengths of the files that changed, and what came and went. Standard tools bring it in.
/// </summary>
/// <param name="content">Gets the archive.</param>
internal sealed class ChangedBlocks(BlockIndex index, Stream content) : IClusterSink, IAsyncDisposable
{
    /// <summary>Bytes; blocks of many files may share a piece.</summary>
    public const int PieceSize = 512 * BlockIndex.BlockSize;

    public const string Pieces = "blocks/";
    public const string ListEnding = ".list";
    public const string Lengths = "lengths";
    public const string Directories = "directories";
    public const string Removed = "removed";

    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly TarWriter tar = new(content, TarEntryFormat.Gnu, leaveOpen: true);
    private readonly byte[] piece = GC.AllocateUninitializedArray<byte>(PieceSize);
    private readonly List<BlockRun> runs = [];
    private readonly HashSet<string> seen = new(StringComparer.Ordinal);
    private readonly List<string> lengths = [];
    private readonly List<string> directories = [];
    private readonly List<string> replaced = [];
    private int filled;
    private int number = 1;

    public Stream? Open(ArchiveFile file)
    {
        if (file.Path.AsSpan().IndexOfAny('\n', '\t') >= 0)
            throw new NoIncrementException($"the name of a file has a line break or a tab, which no list can hold: {file.Path.Replace('\n', ' ').Replace('\t', ' ')}");
        IndexedFile? known = index.Files.TryGetValue(file.Path, out var before) ? before : null;
        seen.Add(file.Path);
        if (known is { } other && other.IsDirectory != file.IsDirectory)
        {
            replaced.Add(file.Path);
            known = null;
        }

        if (file.IsDirectory)
        {
            if (known is null)
                directories.Add(file.Path);
            return null;
        }

        return new Comparison(this, file, known);
    }

    /// <summary>Everything has passed.</summary>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        await WriteAsync(Lengths, lengths, cancellationToken);
        await WriteAsync(Directories, directories, cancellationToken);
        await WriteAsync(Removed, [.. replaced, .. index.Files.Keys.Where(path => !seen.Contains(path))], cancellationToken);
    }

    public ValueTask DisposeAsync() => tar.DisposeAsync();

    private BlockHashes HashesOf(IndexedFile file) => index.HashesOf(file);

    private async ValueTask AddAsync(string path, long block, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        if (filled == piece.Length)
            await FlushAsync(cancellationToken);
        bytes.CopyTo(piece.AsMemory(filled));
        piece.AsSpan(filled + bytes.Length, BlockIndex.BlockSize - bytes.Length).Clear(); // behind the end of a file; its length says where that is
        if (runs.Count > 0 && runs[^1] is var last && last.Path == path && last.Block + last.Count == block)
            runs[^1] = last with { Count = last.Count + 1 };
        else
            runs.Add(new BlockRun(path, filled / BlockIndex.BlockSize, 1, block));
        filled += BlockIndex.BlockSize;
    }

    private async Task FlushAsync(CancellationToken cancellationToken)
    {
        if (filled == 0)
            return;
        var name = string.Create(CultureInfo.InvariantCulture, $"{number++:D6}");
        await WriteAsync(Pieces + name, new MemoryStream(piece, 0, filled, writable: false), cancellationToken);
        await WriteAsync(Pieces + name + ListEnding, [.. runs.Select(run => string.Create(CultureInfo.InvariantCulture, $"{name}\t{run.At}\t{run.Count}\t{run.Block}\t{run.Path}"))], cancellationToken);
        runs.Clear();
        filled = 0;
    }

    private Task WriteAsync(string name, IReadOnlyList<string> lines, CancellationToken cancellationToken) =>
        WriteAsync(name, new MemoryStream(Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n")))), cancellationToken);

    private async Task WriteAsync(string name, MemoryStream data, CancellationToken cancellationToken)
    {
        await using (data)
            await tar.WriteEntryAsync(new GnuTarEntry(TarEntryType.RegularFile, name) { DataStream = data, Mode = Mode, ModificationTime = DateTimeOffset.UnixEpoch }, cancellationToken);
    }

    /// <summary>A row of blocks of one file in a piece; counted in blocks.</summary>
    /// <param name="At">In the piece.</param>
    /// <param name="Block">In the file.</param>
    private readonly record struct BlockRun(string Path, int At, int Count, long Block);

    /// <summary>Compares a file with what the full backup has of it; what it is given begins where a block does.</summary>
    private sealed class Comparison : ForwardWriteStream
    {
        private readonly ChangedBlocks owner;
        private readonly ArchiveFile file;
        private readonly BlockHashes? before;
        private long block;
        private bool isChanged;

        public Comparison(ChangedBlocks owner, ArchiveFile file, IndexedFile? known)
        {
            (this.owner, this.file) = (owner, file);
            before = known is { Hashes: not null } indexed ? owner.HashesOf(indexed) : null;
            if (before is null || known?.Length != file.Length)
                Change();
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            for (; buffer.Length > 0; buffer = buffer[Math.Min(BlockIndex.BlockSize, buffer.Length)..], block++)
            {
                var bytes = buffer[..Math.Min(BlockIndex.BlockSize, buffer.Length)];
                if (before?.HasNext(bytes.Span) == true)
                    continue;
                Change();
                await owner.AddAsync(file.Path, block, bytes, cancellationToken);
            }
        }

        private void Change()
        {
            if (!isChanged)
                owner.lengths.Add(string.Create(CultureInfo.InvariantCulture, $"{file.Length}\t{file.Path}"));
            isChanged = true;
        }
    }
}
