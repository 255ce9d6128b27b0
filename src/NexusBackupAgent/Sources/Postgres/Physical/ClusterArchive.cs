using System.Formats.Tar;
using NexusBackupAgent.Sources.Files;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>A file of an archive, while it passes.</summary>
/// <param name="Path">Relative; it stays below the directory that it is put into.</param>
/// <param name="Data">Read from beginning to end; empty for a directory.</param>
internal sealed record ArchiveFile(string Path, bool IsDirectory, long Length, Stream Data);

/// <summary>Reads a tar stream while somebody writes it: nothing is kept.</summary>
internal static class ClusterArchive
{
    /// <param name="write">Writes the archive. What it throws is thrown on.</param>
    /// <param name="look">Given each file; what it leaves unread is skipped.</param>
    /// <exception cref="InvalidDataException">It is no archive, or names a place outside.</exception>
    public static Task ReadAsync(Func<Stream, CancellationToken, Task> write, Func<ArchiveFile, CancellationToken, Task> look, CancellationToken cancellationToken) =>
        PassingTar.ReadAsync(write, (entry, token) => look(Checked(entry), token), cancellationToken);

    /// <summary>Whether a path stays below the directory that it is put into.</summary>
    public static bool IsInside(string path) =>
        path.Length > 0 && !path.StartsWith('/') && !path.Contains('\0') && !path.Split('/').Any(part => part is "" or "." or "..");

    private static ArchiveFile Checked(TarEntry entry)
    {
        var path = entry.Name.TrimEnd('/');
        path = path.StartsWith("./", StringComparison.Ordinal) ? path[2..] : path;
        if (!IsInside(path))
            throw new InvalidDataException($"it holds '{entry.Name}', which lies outside of a data directory");
        return entry.EntryType switch
        {
            TarEntryType.Directory => new ArchiveFile(path, IsDirectory: true, 0, Stream.Null),
            TarEntryType.RegularFile or TarEntryType.V7RegularFile => new ArchiveFile(path, IsDirectory: false, entry.Length, entry.DataStream ?? Stream.Null),
            _ => throw new InvalidDataException($"it holds '{entry.Name}', which is neither a file nor a directory"),
        };
    }
}

/// <summary>What takes a file of a cluster as it passes: pages in order.</summary>
internal interface IClusterSink
{
    /// <returns>Gets the file's content and is then disposed; null when it is not wanted.</returns>
    Stream? Open(ArchiveFile file);
}

/// <summary>Reads a base backup as it passes: sums of its files, pages that fail their checksum, the WAL in it, and what its manifest says.</summary>
/// <param name="sink">Gets the files too; null: nobody.</param>
/// <param name="sums">Whether the checksum of each file is taken.</param>
internal sealed class ClusterReading(IClusterSink? sink, bool sums)
{
    private const int MostFaults = 3;
    private const int BlockSize = 32 * PageChecksum.PageSize;
    private const int MostLate = 1 << 20;
    private const int MostManifest = 1 << 30;

    private readonly Dictionary<string, FileSum> files = new(StringComparer.Ordinal);
    private readonly List<string> faults = [];
    private readonly byte[] block = GC.AllocateUninitializedArray<byte>(BlockSize);

    // Written while the backup ran, and so perhaps only half: recovery writes them anew, if their WAL is of that time at all.
    private readonly List<(string Path, uint Block, Lsn ChangedAt)> late = [];
    private long faultCount;
    private Lsn? start;
    private IReadOnlyList<Tablespace> tablespaces = [];

    public IReadOnlyDictionary<string, FileSum> Files => files;

    public ControlFile? Control { get; private set; }

    public ClusterManifest? Manifest { get; private set; }

    /// <summary>The segments in its <c>pg_wal</c>, in the order in which they came.</summary>
    public List<string> WalNames { get; } = [];

    public async Task LookAsync(ArchiveFile file, CancellationToken cancellationToken)
    {
        if (file.IsDirectory)
        {
            sink?.Open(file)?.Dispose();
            return;
        }

        await using var copy = sink?.Open(file);
        var isPaged = RelationFile.TryParse(file.Path, out var number);
        var kept = file.Path is ControlFile.Path or ClusterManifest.Path or BackupLabel or TablespaceMap.Path ? new MemoryStream() : null;
        if (kept is not null && file.Length > MostManifest)
            throw new InvalidDataException($"{file.Path} is larger than any");
        if (file.Path.StartsWith(WalPrefix, StringComparison.Ordinal) && !file.Path.AsSpan(WalPrefix.Length).Contains('/'))
            WalNames.Add(file.Path[WalPrefix.Length..]);
        var sum = new Crc32C();
        var length = 0L;
        while (await file.Data.ReadAtLeastAsync(block, block.Length, throwOnEndOfStream: false, cancellationToken) is > 0 and var read)
        {
            var bytes = block.AsMemory(0, read);
            if (sums)
                sum.Add(bytes.Span);
            if (isPaged)
                number = Check(file.Path, bytes.Span, number);
            kept?.Write(bytes.Span);
            if (copy is not null)
                await copy.WriteAsync(bytes, cancellationToken);
            length += read;
        }

        if (length != file.Length)
            throw new InvalidDataException($"{file.Path} is cut off");
        files[file.Path] = new FileSum(length, sums ? sum.ToString() : "");
        if (kept is not null)
            Learn(file.Path, kept.ToArray());
    }

    /// <summary>What speaks against it as a whole; null when nothing does.</summary>
    public string? Finding()
    {
        if (Manifest is not { } manifest)
            return $"it has no {ClusterManifest.Path}";
        if (Control is not { } control)
            return $"it has no {ControlFile.Path}";
        return manifest.Difference(files) ?? PageFinding() ?? WalFinding(manifest, control);
    }

    /// <summary>Where the WAL in it ends.</summary>
    /// <exception cref="InvalidDataException">It does not say that.</exception>
    public WalEnd End()
    {
        var (timeline, end) = (Manifest ?? throw new InvalidDataException($"it has no {ClusterManifest.Path}")).WalEnd;
        var control = Control ?? throw new InvalidDataException($"it has no {ControlFile.Path}");
        return new WalEnd(control.SystemIdentifier, WalSegment.Before(timeline, end, control.SegmentSize)) { Tablespaces = tablespaces };
    }

    /// <summary>What could not be looked at; null when all could.</summary>
    public string? Note => Control switch
    {
        { HasChecksums: false } => "the cluster has no page checksums (initdb --data-checksums, or pg_checksums --enable while it is stopped): damage of its pages is found by PostgreSQL alone",
        _ when Manifest is { HasChecksums: false } => $"its {ClusterManifest.Path} has no {Crc32C.Algorithm} of each file, so that sizes alone were compared",
        { HasChecksums: null, Version: var version } => $"page checksums were not looked at: this agent does not know pg_control of version {version}",
        _ => null,
    };

    public const string WalPrefix = "pg_wal/";
    public const string BackupLabel = "backup_label";

    /// <summary>The first and how many more pages fail their checksum; null when none does, or the cluster has none.</summary>
    public string? PageFinding()
    {
        if (Control?.HasChecksums != true || Manifest is not { } manifest)
            return null;
        foreach (var (path, block, _) in late.Where(page => page.ChangedAt.Value > manifest.WalEnd.End.Value))
            AddFault(path, block);
        late.Clear();
        return faultCount == 0 ? null
            : $"{faultCount} page{(faultCount == 1 ? " fails its" : "s fail their")} checksum: {string.Join(", ", faults)}{(faultCount > faults.Count ? ", …" : "")}";
    }

    private string? WalFinding(ClusterManifest manifest, ControlFile control)
    {
        foreach (var range in manifest.Wal)
        {
            var last = WalSegment.Before(range.Timeline, Lsn.Parse(range.End), control.SegmentSize);
            var first = last with { Number = Lsn.Parse(range.Start).Value / (ulong)control.SegmentSize };
            for (var segment = first; segment.Number <= last.Number; segment = segment.Next)
            {
                if (!WalNames.Contains(segment.Name))
                    return $"it lacks WAL segment {segment}, without which it can't be made consistent";
            }
        }

        return null;
    }

    private uint Check(string path, ReadOnlySpan<byte> pages, uint number)
    {
        for (; pages.Length >= PageChecksum.PageSize; pages = pages[PageChecksum.PageSize..], number++)
        {
            var page = pages[..PageChecksum.PageSize];
            if (PageChecksum.IsNew(page) || PageChecksum.Holds(page, number))
                continue;
            if (start is not { } begun || PageChecksum.ChangedAt(page).Value < begun.Value)
                AddFault(path, number);
            else if (late.Count < MostLate)
                late.Add((path, number, PageChecksum.ChangedAt(page)));
        }

        return number;
    }

    private void AddFault(string path, uint number)
    {
        if (++faultCount <= MostFaults)
            faults.Add($"{path} block {number}");
    }

    private void Learn(string path, byte[] content)
    {
        switch (path)
        {
            case ControlFile.Path:
                Control = ControlFile.Parse(content);
                break;
            case ClusterManifest.Path:
                Manifest = ClusterManifest.Parse(content);
                break;
            case TablespaceMap.Path:
                tablespaces = TablespaceMap.Parse(content);
                break;
            default:
                start = StartOf(System.Text.Encoding.UTF8.GetString(content));
                break;
        }
    }

    /// <summary>Its first line: <c>START WAL LOCATION: 0/2000028 (file …)</c>.</summary>
    private static Lsn? StartOf(string label)
    {
        var words = label.Split('\n')[0].Split(' ');
        return words.Length > 3 ? Lsn.Parse(words[3]) : null;
    }
}
