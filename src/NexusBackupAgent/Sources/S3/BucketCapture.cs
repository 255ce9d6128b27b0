using System.Collections.Concurrent;
using NexusBackupAgent.Common;
using NexusBackupAgent.ObjectStorage;

namespace NexusBackupAgent.Sources.S3;

/// <summary>A bucket as it was listed; its objects are copied when it is written.</summary>
/// <param name="objects">What was listed and counts.</param>
/// <param name="base">What an increment builds on; null: all is copied.</param>
internal sealed class BucketCapture(BucketClients clients, BucketPlaces places, IReadOnlyList<ListedObject> objects, Inventory? @base, DateTimeOffset capturedAt) : ICapture
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly ConcurrentBag<string> vanished = [];
    private long done;

    public DateTimeOffset CapturedAt => capturedAt;

    public long? Length { get; } = objects.Sum(found => found.Length);

    public long ScratchNeeded => 0;

    public async Task WriteAsync(IArtifactSink sink, CancellationToken cancellationToken)
    {
        var folder = await clients.Place.BeginAsync(SnapshotPlace.NameOf(capturedAt), capturedAt, cancellationToken);
        try
        {
            var lines = await CopyAsync(folder, sink.Progress, cancellationToken);
            if (lines.Count == 0)
                throw places.HoldsNothing(); // all was deleted since it was listed
            var head = new InventoryHead(InventoryHead.CurrentFormat, places.Live.Shown, places.Live.Server, places.Snapshots.Shown, folder, capturedAt);
            var inventory = new Inventory(head, lines, [.. vanished.Order(StringComparer.Ordinal)]);
            var digests = await sink.WriteAsync(inventory.WriteAsync, progress: null, cancellationToken);
            if (@base is not null)
                sink.DeclareRestored(digests.Content);
        }
        catch
        {
            using var brief = new CancellationTokenSource(Patience, places.TimeProvider);
            await AbandonAsync(folder, brief.Token);
            throw;
        }
    }

    public ValueTask DisposeAsync()
    {
        clients.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task AbandonAsync(string folder, CancellationToken cancellationToken)
    {
        try
        {
            await clients.Place.RemoveAsync(folder, cancellationToken);
        }
        catch (Exception leftover) when (leftover is BackupException or OperationCanceledException)
        {
            // The failure that brought us here is the one to tell. Its mark is still there, so a later run removes the rest.
        }
    }

    private async Task<IReadOnlyList<InventoryLine>> CopyAsync(string folder, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var before = @base?.ByKey();
        var lines = new LinesInOrder();
        var limits = new ParallelOptions { MaxDegreeOfParallelism = places.Live.MostRequests, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(objects.Index(), limits, async (entry, token) =>
        {
            var (index, found) = entry;
            lines.Put(index, before?.Find(found.Key) is { } known && IsUnchanged(known, found) ? known : await CopyAsync(found, folder, token));
            progress?.Report(Interlocked.Add(ref done, found.Length));
        });
        return lines.Packed;
    }

    private static bool IsUnchanged(InventoryLine known, ListedObject found) => (known.Size, known.ETag, known.Modified) == (found.Length, found.ETag, found.ModifiedAt);

    /// <returns>Null when it was deleted since it was listed.</returns>
    private async Task<InventoryLine?> CopyAsync(ListedObject found, string folder, CancellationToken cancellationToken)
    {
        var line = await ChangingObject.ReadAsync(
            clients.Live,
            found,
            async now =>
            {
                var etag = await ObjectCopy.RunAsync(clients.Live, now, clients.Snapshots, folder + now.Key, cancellationToken);
                return new InventoryLine(now.Key, now.Length, now.ETag, now.ModifiedAt, now.StorageClass, folder, etag == now.ETag ? null : etag);
            },
            cancellationToken);
        if (line is null)
        {
            vanished.Add(found.Key);
            await clients.Snapshots.DeleteAsync(folder + found.Key, cancellationToken);
        }

        return line;
    }
}

/// <summary>Packs lines in the order of their objects, whichever is done first.</summary>
internal sealed class LinesInOrder
{
    private readonly Lock gate = new();
    private readonly Dictionary<int, InventoryLine?> early = [];
    private int next;

    public PackedList<InventoryLine> Packed { get; } = Inventory.Pack([]);

    /// <summary>Those that others come before.</summary>
    public int Waiting
    {
        get
        {
            lock (gate)
                return early.Count;
        }
    }

    /// <param name="line">Null: there is none of this object.</param>
    public void Put(int index, InventoryLine? line)
    {
        lock (gate)
        {
            early.Add(index, line);
            for (; early.Remove(next, out var ready); next++)
            {
                if (ready is not null)
                    Packed.Add(ready);
            }
        }
    }
}

/// <summary>An object that somebody may change while it is read.</summary>
internal static class ChangingObject
{
    /// <summary>How often one that changes meanwhile is read again.</summary>
    private const int MostReads = 4;

    /// <param name="found">As it was listed.</param>
    /// <param name="read">Reads it as it is now, or finds that it is another one.</param>
    /// <returns>Null when it was deleted since it was listed.</returns>
    /// <exception cref="BackupException">It was another one each time.</exception>
    public static async Task<T?> ReadAsync<T>(ObjectClient client, ListedObject found, Func<ListedObject, Task<T>> read, CancellationToken cancellationToken)
        where T : class
    {
        for (var reads = 1; ; reads++)
        {
            try
            {
                return await read(found);
            }
            catch (ObjectException changed) when (changed.Problem is ObjectProblem.PreconditionFailed or ObjectProblem.Conflict or ObjectProblem.NotFound)
            {
                if (await client.HeadAsync(found.Key, cancellationToken) is not { } now)
                    return null;
                if (reads == MostReads)
                    throw new BackupException(FailureKind.SourceBusy, $"{client.Address.Describe(KeyText.Shown(found.Key))} was changed {MostReads} times while it was copied", "exclude it, or back up at a time when it rests", changed);
                found = found with { Length = now.Length, ETag = now.ETag, ModifiedAt = now.ModifiedAt, StorageClass = now.Attributes.StorageClass ?? found.StorageClass };
            }
        }
    }
}

/// <summary>Copies one object with all that goes with it.</summary>
internal static class ObjectCopy
{
    /// <summary>Bytes of an object that is large to hold.</summary>
    public const long Large = 4 << 20;

    /// <summary>Large objects that pass through at once: four parts of each are held.</summary>
    public static readonly RequestGate LargeStreams = new(3);

    /// <param name="source">As it was listed: another one under its key is not copied.</param>
    /// <returns>The copy's ETag.</returns>
    public static Task<string> RunAsync(ObjectClient from, ListedObject source, ObjectClient to, string key, CancellationToken cancellationToken) =>
        BucketPlaces.CopiesAtServer(from.Address, to.Address) ? to.CopyAsync(from, source, key, cancellationToken) : StreamAsync(from, source, to, key, cancellationToken);

    /// <summary>Reads what it can tell the digest of, and compares.</summary>
    /// <param name="destination">Gets the content.</param>
    public static async Task ReadAsync(ObjectReadStream content, Stream destination, ObjectClient from, string key, CancellationToken cancellationToken)
    {
        using var digest = ETags.NewMd5();
        var buffer = new byte[1 << 17];
        while (await content.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            digest.AppendData(buffer, 0, read);
            await destination.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
        }

        if (content.HasDigest && ETags.IsMd5(content.ETag) && Convert.ToHexStringLower(digest.GetCurrentHash()) != content.ETag)
            throw from.Failures.New(ObjectProblem.Damaged, $"read {from.Address.Describe(KeyText.Shown(key))}", "its MD5 is not the one that its ETag says");
    }

    private static async Task<string> StreamAsync(ObjectClient from, ListedObject source, ObjectClient to, string key, CancellationToken cancellationToken)
    {
        if (source.Length < Large)
            return await PassAsync(from, source, to, key, cancellationToken);
        await LargeStreams.EnterAsync(cancellationToken);
        try
        {
            return await PassAsync(from, source, to, key, cancellationToken);
        }
        finally
        {
            LargeStreams.Leave(wasThrottled: false);
        }
    }

    private static async Task<string> PassAsync(ObjectClient from, ListedObject source, ObjectClient to, string key, CancellationToken cancellationToken)
    {
        await using var content = await from.OpenAsync(source.Key, source.ETag, cancellationToken);
        var attributes = content.Attributes with { Tags = await from.TagsAsync(source.Key, cancellationToken), StorageClass = source.StorageClass };
        return (await to.WriteAsync(key, (destination, token) => ReadAsync(content, destination, from, source.Key, token), attributes, WriteCondition.Always, cancellationToken, source.Length)).ETag;
    }
}

/// <summary>Keys for people.</summary>
internal static class KeyText
{
    private const int MostNamed = 5;

    /// <summary>On one line.</summary>
    public static string Shown(string key) => key.Any(char.IsControl) ? string.Concat(key.Select(letter => char.IsControl(letter) ? $"\\u{(int)letter:x4}" : $"{letter}")) : key;

    /// <summary>The first of them by name.</summary>
    public static string Shown(IReadOnlyCollection<string> keys) =>
        string.Join(", ", keys.Order(StringComparer.Ordinal).Take(MostNamed).Select(Shown)) + (keys.Count > MostNamed ? $" and {keys.Count - MostNamed} more" : "");
}
