using System.Globalization;
using NexusBackupAgent.Artifacts;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>A differential backup as it was stored: its blocks in a file, and where they belong. Put on its full one it gives the cluster.</summary>
internal sealed class StoredDifferential : IDisposable
{
    private const int MostLine = 1 << 16;

    /// <summary>What a base backup begins with, because the rest is understood by it.</summary>
    private static readonly string[] First = [ClusterReading.BackupLabel, TablespaceMap.Path];

    private readonly Dictionary<string, long> lengths = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<StoredRun>> runs = new(StringComparer.Ordinal);
    private readonly List<string> directories = [];
    private readonly HashSet<string> removed = new(StringComparer.Ordinal);
    private readonly HashSet<string> lists = new(StringComparer.Ordinal);
    private readonly FileStream blocks;
    private string? piece;
    private long pieceAt;
    private long pieceLength;

    private StoredDifferential(string file) => blocks = new FileStream(file, new FileStreamOptions
    {
        Mode = FileMode.OpenOrCreate,
        Access = FileAccess.ReadWrite,
        BufferSize = 0,
        Options = FileOptions.DeleteOnClose,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
    });

    /// <param name="file">Where its blocks go until this is disposed.</param>
    /// <exception cref="InvalidDataException">It is no differential backup.</exception>
    /// <exception cref="DamagedLinkException">It is not what was stored, or no differential backup.</exception>
    public static async Task<StoredDifferential> ReadAsync(StoredLink link, string file, CancellationToken cancellationToken)
    {
        var read = new StoredDifferential(file);
        try
        {
            await ClusterArchive.ReadAsync(link.CopyContentAsync, read.LookAsync, cancellationToken);
            read.RequireWhole();
            return read;
        }
        catch
        {
            read.Dispose();
            throw;
        }
    }

    /// <summary>Where the WAL of its cluster ends, which its own blocks say.</summary>
    /// <exception cref="InvalidDataException">They do not.</exception>
    public async Task<WalEnd> EndAsync(CancellationToken cancellationToken)
    {
        var reading = new ClusterReading(sink: null, sums: false);
        foreach (var path in (string[])[ControlFile.Path, ClusterManifest.Path])
            await reading.LookAsync(Changed(path, lengths.TryGetValue(path, out var length) ? length : throw new InvalidDataException($"it has no {path}"), Stream.Null, lengthBefore: 0), cancellationToken);
        if (lengths.TryGetValue(TablespaceMap.Path, out var mapped))
            await reading.LookAsync(Changed(TablespaceMap.Path, mapped, Stream.Null, lengthBefore: 0), cancellationToken);
        return reading.End();
    }

    /// <summary>Reads the cluster that it gives together with its full backup.</summary>
    /// <param name="look">Given each file, as if a full backup of that cluster were read.</param>
    /// <exception cref="InvalidDataException">They do not fit, or <paramref name="look"/> objected, though the full one is what was stored.</exception>
    /// <exception cref="DamagedLinkException">The full one is not.</exception>
    public async Task ReadOnAsync(StoredLink full, Func<ArchiveFile, CancellationToken, Task> look, CancellationToken cancellationToken)
    {
        var left = new HashSet<string>(lengths.Keys, StringComparer.Ordinal);
        foreach (var path in First.Where(left.Remove))
            await look(Changed(path, lengths[path], Stream.Null, lengthBefore: 0), cancellationToken);
        await ClusterArchive.ReadAsync(full.CopyContentAsync, LookOnAsync, cancellationToken);
        foreach (var path in directories)
            await look(new ArchiveFile(path, IsDirectory: true, 0, Stream.Null), cancellationToken);
        foreach (var path in left)
            await look(Changed(path, lengths[path], Stream.Null, lengthBefore: 0), cancellationToken);

        async Task LookOnAsync(ArchiveFile file, CancellationToken token)
        {
            if (!removed.Contains(file.Path) && !First.Contains(file.Path))
                await look(!file.IsDirectory && left.Remove(file.Path) ? Changed(file.Path, lengths[file.Path], file.Data, file.Length) : file, token);
        }
    }

    public void Dispose() => blocks.Dispose();

    private ArchiveFile Changed(string path, long length, Stream before, long lengthBefore) =>
        new(path, IsDirectory: false, length, new PatchedStream(path, length, before, lengthBefore, runs.TryGetValue(path, out var changed) ? changed : [], blocks));

    private async Task LookAsync(ArchiveFile file, CancellationToken cancellationToken)
    {
        if (file.IsDirectory)
            return;
        if (!file.Path.StartsWith(ChangedBlocks.Pieces, StringComparison.Ordinal))
        {
            lists.Add(file.Path);
            await ReadLinesAsync(file, Take(file.Path), cancellationToken);
        }
        else if (file.Path.EndsWith(ChangedBlocks.ListEnding, StringComparison.Ordinal))
        {
            await ReadLinesAsync(file, AddRun, cancellationToken);
        }
        else
        {
            (piece, pieceAt, pieceLength) = (file.Path[ChangedBlocks.Pieces.Length..], blocks.Position, file.Length);
            if (pieceLength is 0 or > ChangedBlocks.PieceSize || pieceLength % BlockIndex.BlockSize != 0)
                throw new InvalidDataException($"its piece {piece} has {pieceLength} bytes");
            await file.Data.CopyToAsync(blocks, cancellationToken);
            if (blocks.Position != pieceAt + pieceLength)
                throw new InvalidDataException($"its piece {piece} is cut off");
        }
    }

    private Action<string> Take(string list) => list switch
    {
        ChangedBlocks.Lengths => line =>
        {
            var fields = line.Split('\t', 2);
            lengths[Path(fields[^1])] = Number(fields[0]);
        },
        ChangedBlocks.Directories => line => directories.Add(Path(line)),
        ChangedBlocks.Removed => line => removed.Add(Path(line)),
        _ => throw new InvalidDataException($"it holds '{list}', which no differential backup does"),
    };

    private void AddRun(string line)
    {
        var fields = line.Split('\t', 5);
        if (fields.Length < 5 || fields[0] != piece)
            throw new InvalidDataException($"a list names the piece {fields[0]} and lies beside {piece}");
        var (at, count, block, path) = (Number(fields[1]), Number(fields[2]), Number(fields[3]), Path(fields[4]));
        if (count == 0 || (at + count) * BlockIndex.BlockSize > pieceLength)
            throw new InvalidDataException($"the list beside piece {piece} names blocks that it does not have");
        if (!runs.TryGetValue(path, out var known))
            runs[path] = known = [];
        if (known.Count > 0 && known[^1].Block + known[^1].Count > block)
            throw new InvalidDataException($"the blocks of {path} are out of order");
        known.Add(new StoredRun(block, count, pieceAt + (at * BlockIndex.BlockSize)));
    }

    private void RequireWhole()
    {
        foreach (var list in (string[])[ChangedBlocks.Lengths, ChangedBlocks.Directories, ChangedBlocks.Removed])
        {
            if (!lists.Contains(list))
                throw new InvalidDataException($"it has no list {list}");
        }

        if (runs.Keys.FirstOrDefault(path => !lengths.ContainsKey(path)) is { } unknown)
            throw new InvalidDataException($"it does not say how long {unknown} is");
    }

    private static async Task ReadLinesAsync(ArchiveFile file, Action<string> take, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(file.Data, leaveOpen: true);
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
            take(line.Length <= MostLine ? line : throw new InvalidDataException($"{file.Path} is no list"));
    }

    private static string Path(string text) => ClusterArchive.IsInside(text) ? text : throw new InvalidDataException($"it names '{text}', which lies outside of a data directory");

    private static long Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < 1L << 50
        ? number
        : throw new InvalidDataException($"'{text}' is no number");

    /// <summary>A row of blocks of one file.</summary>
    /// <param name="Block">The first one's number in the file.</param>
    /// <param name="At">Bytes from the beginning of the file that has the blocks.</param>
    private readonly record struct StoredRun(long Block, long Count, long At);

    /// <summary>A file as it is with its changed blocks.</summary>
    /// <param name="before">As the full backup has it.</param>
    private sealed class PatchedStream(string path, long length, Stream before, long lengthBefore, List<StoredRun> runs, FileStream blocks) : ForwardReadStream
    {
        private readonly byte[] chunk = GC.AllocateUninitializedArray<byte>((int)Math.Min(32 * BlockIndex.BlockSize, Math.Max(length, 1)));
        private long position;
        private int filled;
        private int given;
        private int run;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (given == filled)
                await FillAsync(cancellationToken);
            var count = Math.Min(buffer.Length, filled - given);
            chunk.AsMemory(given, count).CopyTo(buffer);
            given += count;
            return count;
        }

        private async Task FillAsync(CancellationToken cancellationToken)
        {
            (given, filled) = (0, (int)Math.Min(chunk.Length, length - position));
            var fromBefore = (int)Math.Clamp(lengthBefore - position, 0, filled);
            await before.ReadExactlyAsync(chunk.AsMemory(0, fromBefore), cancellationToken);
            for (var at = 0; at < filled; at += BlockIndex.BlockSize)
            {
                var size = Math.Min(BlockIndex.BlockSize, filled - at);
                var block = (position + at) / BlockIndex.BlockSize;
                while (run < runs.Count && block >= runs[run].Block + runs[run].Count)
                    run++;
                if (run < runs.Count && block >= runs[run].Block)
                    Replace(chunk.AsSpan(at, size), runs[run].At + ((block - runs[run].Block) * BlockIndex.BlockSize));
                else if (at + size > fromBefore)
                    throw new InvalidDataException($"{path} lacks block {block}, which the full backup does not have");
            }

            position += filled;
        }

        private void Replace(Span<byte> target, long from)
        {
            if (RandomAccess.Read(blocks.SafeFileHandle, target, from) != target.Length)
                throw new IOException($"'{blocks.Name}' was cut off");
        }
    }
}
