using System.Formats.Tar;
using System.Text.Json;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>An archive of whole WAL segments, oldest first, and the history files of their timelines.</summary>
internal static class WalArchive
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <param name="files">What was received, by name.</param>
    /// <exception cref="BackupException">It is not the whole stretch.</exception>
    public static async Task WriteAsync(Stream archive, IReadOnlyList<string> files, WalStretch stretch, CancellationToken cancellationToken)
    {
        var sequence = new WalSequence();
        sequence.Add(stretch.From);
        await using var tar = new TarWriter(archive, TarEntryFormat.Gnu, leaveOpen: true);
        foreach (var file in files)
        {
            var name = Path.GetFileName(file);
            if (!WalSegment.IsHistory(name) && !TryAdd(name))
                continue; // one that is not full
            await using var content = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
            await tar.WriteEntryAsync(new GnuTarEntry(TarEntryType.RegularFile, name) { DataStream = content, Mode = Mode, ModificationTime = DateTimeOffset.UnixEpoch }, cancellationToken);
        }

        if (sequence.Last!.Value.Number != stretch.To.Number)
            throw Incomplete($"its last segment is {sequence.Last}, and not {stretch.To}");

        bool TryAdd(string name)
        {
            if (!WalSegment.TryParse(name, stretch.From.Size, out var segment))
                return false;
            try
            {
                sequence.Add(segment);
                return true;
            }
            catch (InvalidDataException gap)
            {
                throw Incomplete(gap.Message);
            }
        }

        BackupException Incomplete(string why) => new(FailureKind.Io, $"the WAL of '{stretch.Server.Shown}' was not received as a whole: {why}", "run the backup again; if that is told again, make a full one");
    }

    /// <summary>Looks at each file of such an archive, in order.</summary>
    /// <param name="systemIdentifier">Of the cluster; null: not known.</param>
    /// <param name="sink">Gets the files too; null: nobody.</param>
    /// <exception cref="InvalidDataException">Something in it belongs somewhere else.</exception>
    public static async Task LookAsync(ArchiveFile file, WalSequence sequence, int segmentSize, ulong? systemIdentifier, IClusterSink? sink, CancellationToken cancellationToken)
    {
        if (file.IsDirectory)
            return;
        await using var copy = sink?.Open(file);
        WalPages? pages = null;
        if (!WalSegment.IsHistory(file.Path))
        {
            if (!WalSegment.TryParse(file.Path, segmentSize, out var segment))
                throw new InvalidDataException($"it holds '{file.Path}', which is no WAL segment");
            sequence.Add(segment);
            pages = new WalPages(segment, systemIdentifier);
        }

        var block = new byte[32 * WalPages.PageSize];
        while (await file.Data.ReadAtLeastAsync(block, block.Length, throwOnEndOfStream: false, cancellationToken) is > 0 and var read)
        {
            pages?.Add(block.AsSpan(0, read));
            if (copy is not null)
                await copy.WriteAsync(block.AsMemory(0, read), cancellationToken);
        }

        pages?.Complete();
    }
}

/// <summary>The small file beside a backup that says where its WAL ends. One that is lost is made anew from the backup.</summary>
internal static class WalEnds
{
    public const string Ending = ".wal-end";

    private const int Most = 1 << 16;

    public static Task WriteAsync(Stream target, WalEnd end, CancellationToken cancellationToken) =>
        JsonSerializer.SerializeAsync(target, end, PhysicalJson.Default.WalEnd, cancellationToken);

    /// <returns>Where it ends, or why nobody can tell.</returns>
    public static async Task<(WalEnd? End, string? Why, StoredLink? Damaged)> OfAsync(StoredLink link, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        try
        {
            if (await ReadAsync(link, cancellationToken) is { } known)
                return (known, null, null);
            var made = await MakeAsync(link, scratch, cancellationToken);
            await KeepAsync(link, made, cancellationToken);
            return (made, null, null);
        }
        catch (DamagedLinkException damaged)
        {
            return (null, $"{link.Name}, whose WAL it would continue, is not as it was stored: {damaged.Message}", link);
        }
        catch (Exception unreadable) when (unreadable is InvalidDataException or BackupException || IoFailure.IsKnown(unreadable))
        {
            return (null, $"{link.Name}, whose WAL it would continue, can't be read: {unreadable.Message}", null);
        }
    }

    /// <summary>The tablespaces of the cluster that a full or differential backup holds; null: nobody noted them.</summary>
    public static async Task<IReadOnlyList<Tablespace>?> TablespacesOfAsync(StoredLink link, CancellationToken cancellationToken) => (await ReadAsync(link, cancellationToken))?.Tablespaces;

    /// <summary>What is wrong with the one beside a backup; null when nothing is, or there is none.</summary>
    public static async Task<string?> FaultOfAsync(StoredLink link, CancellationToken cancellationToken)
    {
        try
        {
            await using var stored = await link.OpenSidecarAsync(Ending, cancellationToken);
            return await ParseAsync(stored, cancellationToken) is null ? "it does not say where the WAL ends" : null;
        }
        catch (Exception unknown) when (unknown is FileNotFoundException or BackupException { Kind: FailureKind.Encryption })
        {
            return null; // what ended the tool says nothing of the file
        }
        catch (Exception failure) when (failure is InvalidDataException or BackupException || IoFailure.IsKnown(failure))
        {
            return failure.Message;
        }
    }

    private static async Task<WalEnd?> ReadAsync(StoredLink link, CancellationToken cancellationToken)
    {
        try
        {
            await using var stored = await link.OpenSidecarAsync(Ending, cancellationToken);
            return await ParseAsync(stored, cancellationToken);
        }
        catch (Exception unreadable) when (unreadable is FileNotFoundException or InvalidDataException or BackupException || IoFailure.IsKnown(unreadable))
        {
            return null;
        }
    }

    private static async Task<WalEnd?> ParseAsync(Stream stored, CancellationToken cancellationToken)
    {
        var bytes = new byte[Most];
        var length = await stored.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        try
        {
            return JsonSerializer.Deserialize(bytes.AsSpan(0, length), PhysicalJson.Default.WalEnd) is { Last.Size: > 0 } end ? end : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static async Task<WalEnd> MakeAsync(StoredLink link, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        if (link.Type == BackupType.Differential)
        {
            using var changes = await StoredDifferential.ReadAsync(link, scratch.NewFile(), cancellationToken);
            return await changes.EndAsync(cancellationToken);
        }

        if (link.Type == BackupType.Full)
        {
            var reading = new ClusterReading(sink: null, sums: false);
            await ClusterArchive.ReadAsync(link.CopyContentAsync, reading.LookAsync, cancellationToken);
            return reading.End();
        }

        WalSegment? last = null;
        var system = 0UL;
        await ClusterArchive.ReadAsync(
            link.CopyContentAsync,
            async (file, token) =>
            {
                var head = new byte[WalPages.PageSize];
                if (WalSegment.IsHistory(file.Path) || await file.Data.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, token) < head.Length)
                    return;
                var (identifier, size) = WalPages.IdentityOf(head);
                if (WalSegment.TryParse(file.Path, size, out var segment))
                    (last, system) = (segment, identifier);
            },
            cancellationToken);
        return new WalEnd(system, last ?? throw new InvalidDataException("it holds no WAL"));
    }

    private static async Task KeepAsync(StoredLink link, WalEnd end, CancellationToken cancellationToken)
    {
        try
        {
            await link.KeepSidecarAsync(Ending, (target, token) => WriteAsync(target, end, token), cancellationToken);
        }
        catch (BackupException)
        {
            // It is made again the next time.
        }
    }
}
