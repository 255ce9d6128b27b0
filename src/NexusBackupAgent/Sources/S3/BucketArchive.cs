using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Sources.Files;

namespace NexusBackupAgent.Sources.S3;

/// <summary>The objects of a bucket in a tar archive, and beside it their inventory: what a tar knows nothing of stands there.</summary>
internal static class BucketArchive
{
    /// <summary>The part that lists all objects.</summary>
    public const string InventoryPart = "inventory.jsonl.gz";

    /// <summary>The part of an increment that lists what goes before it is unpacked, each name ended by a zero byte.</summary>
    public const string DeletedPart = "deleted.gz";

    /// <summary>Bytes of an object that is held whole: several are read or written at once.</summary>
    public const long Small = 1 << 20;

    /// <summary>What the names of objects begin with whose keys can't be those of files.</summary>
    private const string OddFolder = ".keys/";

    private const int OddNameLength = 32;

    public static bool Has(StoredLink link) => link.Parts.Contains(InventoryPart);

    /// <exception cref="DamagedLinkException">It is not what was stored.</exception>
    public static async Task<Inventory> InventoryOfAsync(StoredLink link, CancellationToken cancellationToken)
    {
        await using var reader = new Inventory.Reader();
        await link.CopyPartAsync(InventoryPart, reader, cancellationToken);
        return reader.Whole ?? throw link.Refuse("it has no whole inventory of objects");
    }

    /// <summary>
    /// The name of each object in an archive: its key, where a directory can have all those files at once. Two objects may be called
    /// <c>a</c> and <c>a/b</c>, and an object <c>../a</c>.
    /// </summary>
    public static Func<ListedObject, string> NamesOf(IEnumerable<ListedObject> objects)
    {
        var directories = new HashSet<string>(StringComparer.Ordinal);
        foreach (var found in objects.Where(found => IsPlain(found.Key, found.Length)))
        {
            foreach (var directory in DirectoriesOf(found.Key))
            {
                if (!directories.Add(directory))
                    break; // those that it lies in are there as well
            }
        }

        return found => IsPlain(found.Key, found.Length) && !directories.Contains(found.Key) ? found.Key : OddFolder + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(found.Key)))[..OddNameLength];
    }

    /// <summary>The directories that a file of that name lies in, the innermost first; a name with <c>/</c> at its end is one itself.</summary>
    public static IEnumerable<string> DirectoriesOf(string key)
    {
        for (var end = key.LastIndexOf('/'); end > 0; end = key.LastIndexOf('/', end - 1))
            yield return key[..end];
    }

    public static IReadOnlyList<string> CommandsByHand(IReadOnlyList<string> chain) =>
    [
        "mkdir restored",
        Unpack(chain[0]),
        .. chain.Skip(1).SelectMany(file => (string[])
        [
            $"{ArtifactEncodings.ExpandPartCommand(file, DeletedPart)} | (cd restored && xargs -0 -r rm -f --)",
            Unpack(file),
        ]),
    ];

    private static bool IsPlain(string key, long length) => FolderTarget.IsFileName(key) && !key.StartsWith(OddFolder, StringComparison.Ordinal) && (length == 0 || !key.EndsWith('/'));

    private static string Unpack(string file) => $"{ArtifactEncodings.UnpackCommand(file)} -C restored";
}

/// <summary>Writes the objects of a bucket into an archive, or those that are new or changed since another backup.</summary>
/// <param name="chain">What an increment builds on; null: all is written.</param>
/// <param name="base">Its inventory.</param>
internal sealed class ArchiveCapture(BucketClients clients, BucketPlaces places, IReadOnlyList<ListedObject> objects, StoredChain? chain, Inventory? @base, DateTimeOffset capturedAt) : ICapture
{
    private const int EndOfArchive = 1024;

    /// <summary>Unchanged objects behind one that is read.</summary>
    private const int MostWaiting = 1000;

    private readonly Func<ListedObject, string> nameOf = BucketArchive.NamesOf(objects);
    private readonly List<string> vanished = [];

    public DateTimeOffset CapturedAt => capturedAt;

    public long? Length { get; } = objects.Sum(found => found.Length);

    public long ScratchNeeded => 0;

    public async Task WriteAsync(IArtifactSink sink, CancellationToken cancellationToken)
    {
        IReadOnlyList<InventoryLine> lines = [];
        var digests = await sink.WriteAsync(async (content, token) => lines = await WriteAsync(content, sink.Progress, token), progress: null, cancellationToken);
        if (lines.Count == 0)
            throw places.HoldsNothing(); // all was deleted since it was listed
        var head = new InventoryHead(InventoryHead.CurrentFormat, places.Live.Shown, places.Live.Server, Snapshots: null, Snapshot: null, capturedAt);
        await sink.WritePartAsync(BucketArchive.InventoryPart, ArtifactEncoding.Gzip, new Inventory(head, lines, vanished).WriteAsync, cancellationToken);
        if (chain is null)
            return;
        var kept = new PackedIndex<InventoryLine>(lines, line => line.EntryName);
        var deleted = @base!.Objects.Select(line => line.EntryName).Where(name => !name.EndsWith('/') && kept.Find(name) is null); // a directory may have files that stay
        await sink.WritePartAsync(BucketArchive.DeletedPart, ArtifactEncoding.Gzip, async (content, token) => await content.WriteAsync(Encoding.UTF8.GetBytes(string.Concat(deleted.Select(name => name + '\0'))), token), cancellationToken);
        sink.DeclareRestored(ArtifactDigest.OfChain([.. chain.Links.Select(link => link.Content!.Value), digests.Content]));
    }

    public ValueTask DisposeAsync()
    {
        clients.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<IReadOnlyList<InventoryLine>> WriteAsync(Stream content, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var before = @base?.ByKey();
        var lines = new LinesInOrder();
        var (done, isEmpty) = (0L, true);
        await using (var tar = new TarWriter(content, TarEntryFormat.Pax, leaveOpen: true))
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var ahead = new Queue<(int Index, ListedObject Found, string Name, Task<ReadObject?>? Reading)>();
            try
            {
                foreach (var (index, found) in objects.Index())
                {
                    var name = nameOf(found);
                    if (before?.Find(found.Key) is { } known && IsUnchanged(known, found, name))
                    {
                        lines.Put(index, known);
                        progress?.Report(done += found.Length);
                        while (lines.Waiting > MostWaiting)
                            await WriteNextAsync();
                        continue;
                    }

                    ahead.Enqueue((index, found, name, found.Length < BucketArchive.Small ? ReadAsync(found, stop.Token) : null));
                    if (ahead.Count >= places.Live.MostRequests)
                        await WriteNextAsync();
                }

                while (ahead.Count > 0)
                    await WriteNextAsync();
            }
            finally
            {
                await stop.CancelAsync();
                foreach (var reading in ahead.Select(next => next.Reading).OfType<Task<ReadObject?>>())
                {
                    await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    if (reading.IsCompletedSuccessfully && reading.Result is { } unused)
                        await unused.DisposeAsync();
                }
            }

            async Task WriteNextAsync()
            {
                var (index, found, name, reading) = ahead.Dequeue();
                await using var read = await (reading ?? ReadAsync(found, cancellationToken));
                if (read is null)
                    vanished.Add(found.Key);
                lines.Put(index, read is null ? null : await WriteAsync(tar, read, name, cancellationToken));
                isEmpty &= read is null;
                progress?.Report(done += found.Length);
            }
        }

        if (isEmpty)
            await content.WriteAsync(new byte[EndOfArchive], cancellationToken); // the library writes none, and no reader takes nothing for an archive
        return lines.Packed;
    }

    private static bool IsUnchanged(InventoryLine known, ListedObject found, string name) => (known.Size, known.ETag, known.Modified, known.EntryName) == (found.Length, found.ETag, found.ModifiedAt, name);

    /// <returns>Null when it was deleted since it was listed.</returns>
    private Task<ReadObject?> ReadAsync(ListedObject found, CancellationToken cancellationToken) =>
        ChangingObject.ReadAsync(clients.Live, found, now => ReadObject.OpenAsync(clients.Live, now, cancellationToken), cancellationToken);

    /// <param name="name">In the archive.</param>
    private async Task<InventoryLine> WriteAsync(TarWriter tar, ReadObject read, string name, CancellationToken cancellationToken)
    {
        var found = read.Found;
        var isDirectory = name.EndsWith('/');
        if (isDirectory && found.Length > 0)
            throw Changed(found, cause: null); // it was empty when it was listed, and its name is that of a directory
        var entry = new PaxTarEntry(isDirectory ? TarEntryType.Directory : TarEntryType.RegularFile, name)
        {
            Mode = isDirectory ? (UnixFileMode)0b111_101_101 : (UnixFileMode)0b110_100_100,
            ModificationTime = found.ModifiedAt < DateTimeOffset.UnixEpoch ? DateTimeOffset.UnixEpoch : found.ModifiedAt,
        };
        if (!isDirectory)
            entry.DataStream = read.Content;
        try
        {
            await tar.WriteEntryAsync(entry, cancellationToken);
        }
        catch (ObjectException changed) when (changed.Problem is ObjectProblem.PreconditionFailed or ObjectProblem.Conflict or ObjectProblem.NotFound)
        {
            throw Changed(found, changed); // half of it is in the archive
        }

        return new InventoryLine(found.Key, found.Length, found.ETag, found.ModifiedAt, found.StorageClass, At: null, Copy: null)
        {
            Archive = chain?.Links.Count ?? 0,
            Entry = name == found.Key ? null : name,
            Sha256 = read.Content.Finish(clients.Live, found),
            Headers = NotEmpty(read.Attributes.Headers),
            Metadata = NotEmpty(read.Attributes.Metadata),
            Tags = NotEmpty(read.Attributes.Tags),
        };
    }

    private BackupException Changed(ListedObject found, Exception? cause) => new(
        FailureKind.SourceBusy, $"{places.Live.Describe(KeyText.Shown(found.Key))} was changed while it was read", "back up again, at a time when it rests; or exclude it", cause);

    private static IReadOnlyDictionary<string, string>? NotEmpty(IReadOnlyDictionary<string, string> of) => of.Count == 0 ? null : of;
}

/// <summary>An object that is being read for an archive.</summary>
/// <param name="Found">As it was when it was opened.</param>
internal sealed record ReadObject(ListedObject Found, ObjectAttributes Attributes, ArchivedContent Content) : IAsyncDisposable
{
    public static async Task<ReadObject> OpenAsync(ObjectClient client, ListedObject found, CancellationToken cancellationToken)
    {
        var opened = await client.OpenAsync(found.Key, found.ETag, cancellationToken);
        try
        {
            if (opened.ETag != found.ETag || opened.ObjectLength != found.Length) // some servers do not look at a condition
                throw client.Failures.New(ObjectProblem.PreconditionFailed, $"read {client.Address.Describe(KeyText.Shown(found.Key))}", "");
            var attributes = opened.Attributes with { Tags = await client.TagsAsync(found.Key, cancellationToken), StorageClass = found.StorageClass };
            if (found.Length >= BucketArchive.Small)
                return new ReadObject(found, attributes, new ArchivedContent(opened, found.Length, opened.HasDigest));
            var held = new byte[found.Length];
            await opened.ReadExactlyAsync(held, cancellationToken);
            await opened.DisposeAsync();
            return new ReadObject(found, attributes, new ArchivedContent(new MemoryStream(held, writable: false), found.Length, opened.HasDigest));
        }
        catch
        {
            await opened.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => Content.DisposeAsync();
}

/// <summary>The content of an object on its way into an archive, which has to know its length beforehand.</summary>
/// <param name="hasDigest">Whether its ETag may be its MD5.</param>
internal sealed class ArchivedContent(Stream content, long length, bool hasDigest) : ForwardReadStream
{
    private readonly IncrementalHash sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly IncrementalHash md5 = ETags.NewMd5();
    private long position;

    public override bool CanSeek => true; // its length is known

    public override long Length => length;

    public override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await content.ReadAsync(buffer, cancellationToken);
        sha.AppendData(buffer.Span[..read]);
        md5.AppendData(buffer.Span[..read]);
        position += read;
        return read;
    }

    /// <summary>Compares what was read with what its server says of it.</summary>
    /// <returns>Its SHA-256.</returns>
    public string Finish(ObjectClient from, ListedObject found)
    {
        if (hasDigest && ETags.IsMd5(found.ETag) && Convert.ToHexStringLower(md5.GetCurrentHash()) != found.ETag)
            throw from.Failures.New(ObjectProblem.Damaged, $"read {from.Address.Describe(KeyText.Shown(found.Key))}", "its MD5 is not the one that its ETag says");
        return Convert.ToHexStringLower(sha.GetCurrentHash());
    }

    public override async ValueTask DisposeAsync()
    {
        await content.DisposeAsync();
        sha.Dispose();
        md5.Dispose();
        await base.DisposeAsync();
    }
}

/// <summary>Reads a chain of archives and compares every object with the inventory of its backup, and that of the last one with those before.</summary>
internal sealed class ArchiveReading(StoredChain chain)
{
    private const int BlockSize = 1 << 17;

    /// <param name="sink">Given each object of the last backup with its content, read to its end or not at all.</param>
    /// <exception cref="DamagedLinkException">One of them is not what was stored, or does not fit.</exception>
    public async Task<(ContentCheck Check, Inventory? Inventory)> RunAsync(Func<InventoryLine, Stream, CancellationToken, Task>? sink, CancellationToken cancellationToken)
    {
        if (!BucketArchive.Has(chain.Tip))
        {
            return sink is null
                ? (await HandMadeArchive.CheckAsync(chain.Tip, _ => "its archive", cancellationToken), Inventory: null)
                : throw HandMadeArchive.Refusal(chain.Tip, $"{ArtifactEncodings.UnpackCommand(chain.Tip.Location)}, then aws s3 sync");
        }

        var whole = await BucketArchive.InventoryOfAsync(chain.Tip, cancellationToken);
        var missing = whole.ByKey();
        var ruined = new List<string>();
        string? finding = null;
        for (var index = 0; index < chain.Links.Count; index++)
        {
            var link = chain.Links[index];
            try
            {
                var own = link == chain.Tip ? whole : await BucketArchive.InventoryOfAsync(link, cancellationToken);
                await ReadAsync(link, index, own, missing, ruined, sink, cancellationToken);
            }
            catch (InvalidDataException odd) when (link == chain.Tip)
            {
                finding = odd.Message;
            }
            catch (InvalidDataException odd)
            {
                throw link.Refuse(odd.Message);
            }
        }

        finding ??= missing.Left > 0 ? $"{missing.Left} of its {whole.Objects.Count} objects are in no archive as its inventory has them: {KeyText.Shown([.. missing.Rest().Select(line => line.Key!)])}"
            : ruined.Count > 0 ? $"of {whole.Objects.Count} objects {ruined.Count} not what their uploader says, who noted another MD5: {KeyText.Shown(ruined)}"
            : null;
        var note = whole.Vanished.Count == 0 ? null : $"{whole.Vanished.Count} objects were deleted from the bucket before they could be copied: {KeyText.Shown(whole.Vanished)}";
        return (new ContentCheck(finding, chain.Links.Count == 1 ? null : ArtifactDigest.OfChain([.. chain.Links.Select(link => link.Content!.Value)]), note), whole);
    }

    /// <param name="missing">Of the last backup; what is found is taken out.</param>
    private static async Task ReadAsync(
        StoredLink link, int index, Inventory own, PackedIndex<InventoryLine> missing, List<string> ruined, Func<InventoryLine, Stream, CancellationToken, Task>? sink, CancellationToken cancellationToken)
    {
        var expected = new PackedIndex<InventoryLine>(own.Objects, line => line.EntryName.TrimEnd('/'), line => line.Archive == index);
        await PassingTar.ReadAsync(
            link.CopyContentAsync,
            async (found, token) =>
            {
                var line = expected.Take(found.Name.TrimEnd('/')) ?? throw new InvalidDataException($"it holds '{KeyText.Shown(found.Name)}', which its inventory has not, or not twice");
                var isDirectory = line.EntryName.EndsWith('/');
                if (found.EntryType != (isDirectory ? TarEntryType.Directory : TarEntryType.RegularFile) || found.Length != line.Size)
                    throw new InvalidDataException($"'{KeyText.Shown(line.Key!)}' is something else than its inventory has");
                var wanted = missing.Find(line.Key!);
                var isWanted = wanted is not null && (wanted.Archive, wanted.EntryName, wanted.Size, wanted.Sha256) == (index, line.EntryName, line.Size, line.Sha256);
                using var md5 = wanted?.Metadata?.GetValueOrDefault("md5chksum") is null ? null : ETags.NewMd5();
                await using var content = new HashingStream(md5 is null ? found.DataStream ?? Stream.Null : new Md5Stream(found.DataStream ?? Stream.Null, md5));
                if (isWanted && sink is not null)
                    await sink(wanted!, content, token);
                await content.CopyToAsync(Stream.Null, BlockSize, token); // what nobody took
                if (content.Digest != new ArtifactDigest(line.Size, line.Sha256!))
                    throw new InvalidDataException($"'{KeyText.Shown(line.Key!)}' is not what its inventory has");
                if (isWanted)
                    missing.Take(line.Key!);
                if (isWanted && md5 is not null && Convert.ToBase64String(md5.GetCurrentHash()) != wanted!.Metadata!["md5chksum"])
                    ruined.Add(line.Key!);
            },
            cancellationToken);
        if (expected.Left > 0)
            throw new InvalidDataException($"it lacks {expected.Left} objects that its inventory has: {KeyText.Shown([.. expected.Rest().Select(line => line.Key!)])}");
    }

    private sealed class Md5Stream(Stream inner, IncrementalHash md5) : ForwardReadStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await inner.ReadAsync(buffer, cancellationToken);
            md5.AppendData(buffer.Span[..read]);
            return read;
        }
    }
}
