using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.S3;

/// <summary>Buckets as an operator writes them: <c>s3://restored/2026/</c>.</summary>
internal static class BucketPlace
{
    private const string Scheme = "s3://";

    public static bool IsBucket(string written) => written.StartsWith(Scheme, StringComparison.Ordinal);

    /// <param name="like">Says which server, and with which key.</param>
    /// <exception cref="BackupException">It is none.</exception>
    public static ObjectAddress Parse(string written, ObjectAddress like)
    {
        var (bucket, prefix) = written[Scheme.Length..].Split('/', 2) is [var first, var rest] ? (first, rest) : (written[Scheme.Length..], "");
        return bucket.Length == 0 || NameText.HasControlCharacter(written)
            ? throw new BackupException(FailureKind.Configuration, $"'{written}' is no place in a bucket", "write s3://BUCKET/ or s3://BUCKET/PREFIX/")
            : like with { Bucket = bucket, Prefix = prefix.Length == 0 || prefix.EndsWith('/') ? prefix : prefix + "/" };
    }
}

/// <summary>One restore at a time to a place.</summary>
internal static class PlaceLock
{
    /// <exception cref="BackupException">Another one is under way.</exception>
    public static IDisposable Take(ScratchDirectory scratch, string place)
    {
        _ = scratch.Available; // so that it is there
        var file = Path.Combine(scratch.Path, $"restore-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(place)))[..16]}.lock");
        return FileLock.TryAcquire(file) ?? throw new BackupException(FailureKind.Locked, $"another restore to '{place}' is under way", "wait until it is done, look at what it restored, then run the command again if that is not what you want");
    }
}

/// <summary>Which objects a restore is about.</summary>
/// <param name="Keys">Of the source: what is not backed up is not the restore's.</param>
/// <param name="Selection">What was asked for.</param>
/// <param name="Deletes">Whether what is there and was not backed up goes.</param>
internal sealed record RestoreScope(KeyPatterns Keys, KeySelection Selection, bool Deletes)
{
    /// <exception cref="BackupException">Nothing was chosen.</exception>
    public Inventory Of(Inventory inventory, StoredChain chain) => Selection.Of(inventory, chain);

    public bool Removes(string key) => Deletes && Selection.Has(key) && Keys.Has(key);
}

/// <summary>An object of the backup, and the one that has its key.</summary>
internal sealed record ReplacedObject(InventoryLine Line, ListedObject There);

/// <summary>What a restore changes in a bucket.</summary>
/// <param name="Added">Not there.</param>
/// <param name="Replaced">There, and another one.</param>
/// <param name="Removed">There, and not backed up.</param>
internal sealed record BucketChanges(IReadOnlyList<InventoryLine> Added, IReadOnlyList<ReplacedObject> Replaced, IReadOnlyList<ListedObject> Removed)
{
    /// <summary>What is not there any more, or another one, after it.</summary>
    public IEnumerable<ListedObject> Going => Replaced.Select(found => found.There).Concat(Removed);

    /// <summary>Of the backup: what is copied.</summary>
    public IEnumerable<InventoryLine> Coming => Added.Concat(Replaced.Select(found => found.Line));

    public static async Task<BucketChanges> FindAsync(ObjectClient live, Inventory inventory, RestoreScope scope, CancellationToken cancellationToken)
    {
        var (replaced, removed) = (new PackedList<ReplacedObject>(InventoryJson.Default.ReplacedObject), new PackedList<ListedObject>(InventoryJson.Default.ListedObject));
        var wanted = inventory.ByKey();
        await foreach (var there in live.ListAsync("", cancellationToken))
        {
            if (wanted.Take(there.Key) is { } line)
            {
                if (there.Length != line.Size || (there.ETag != line.ETag && there.ETag != line.CopyETag))
                    replaced.Add(new ReplacedObject(line, there));
            }
            else if (scope.Removes(there.Key))
            {
                removed.Add(there);
            }
        }

        return new BucketChanges(Inventory.Pack(wanted.Rest()), replaced, removed);
    }
}

/// <summary>
/// A bucket, or what lies below a prefix of it. Objects that differ are copied from the snapshot, and those that are replaced or removed
/// are kept in a folder beside the snapshots before. No server exchanges two buckets in one step: a restore that is killed in the middle
/// leaves some objects as they were, and the next one goes on.
/// </summary>
/// <param name="place">Where it goes.</param>
internal sealed class BucketTarget(BucketPlaces places, ObjectAddress place, RestoreScope scope, ScratchDirectory scratch) : IRestoreTarget
{
    private readonly BucketPlaces there = places.At(place);

    public string Location => place.Shown;

    public string Volume => place.Shown;

    public string? SpaceCommand => null;

    public string LookCommand => $"aws {place.AwsOptions}s3 ls --recursive {place.Shown}";

    public bool IsLive => place == places.Live;

    public bool Exists => Ask(live => Listed(live).AnyAsync().AsTask());

    public long Length => Ask(live => Listed(live).Select(found => found.Length).SumAsync().AsTask());

    public string SafetyForm => there.Snapshots.Describe("pre_restore.<time>/");

    public string UnfinishedForm => place.Describe("*");

    public IReadOnlyList<string> Leftovers => [];

    public IReadOnlyList<FileUser> Users() => [];

    public BackupException? Obstacle(IReadOnlyList<string> forbidden)
    {
        if (!places.IsArchived && place.Server == places.Snapshots.Server && place.Bucket == places.Snapshots.Bucket && (place.Prefix.StartsWith(places.Snapshots.Prefix, StringComparison.Ordinal) || places.Snapshots.Prefix.StartsWith(place.Prefix, StringComparison.Ordinal)))
            return new BackupException(FailureKind.Restore, $"'{Location}' holds the snapshots themselves", "name another bucket or prefix with --to");
        if (!IsLive && place.Server == places.Live.Server && place.Bucket == places.Live.Bucket && (place.Prefix.StartsWith(places.Live.Prefix, StringComparison.Ordinal) || places.Live.Prefix.StartsWith(place.Prefix, StringComparison.Ordinal)))
            return new BackupException(FailureKind.Restore, $"'{Location}' overlaps '{places.Live.Shown}', which is backed up", "name a place outside it with --to, or leave --to out");
        if (!IsLive && scope.Deletes)
            return new BackupException(FailureKind.Restore, $"--delete would remove all that is in '{Location}' and was never backed up from there", "leave --delete out; for the bucket itself, leave --to out");
        try
        {
            using var live = new ObjectClient(place, ObjectRole.Source, places.TimeProvider);
            live.RequireBucketAsync(CancellationToken.None).GetAwaiter().GetResult();
            return null;
        }
        catch (BackupException failure)
        {
            return failure;
        }
    }

    /// <summary>Nobody knows the room of a bucket.</summary>
    public long RoomFor(long content) => 0;

    public long? Available() => null;

    public string SafetyName(DateTimeOffset now, TimeZoneInfo zone) => there.Snapshots.Describe(SafetyFolder(now));

    public IDisposable Lock() => PlaceLock.Take(scratch, $"{place.Shown} at {place.Server}");

    public async IAsyncEnumerable<RestoreChange> ChangesAsync(StoredChain chain, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var inventory = scope.Of(await Inventory.ReadAsync(chain, cancellationToken), chain);
        using var live = new ObjectClient(place, ObjectRole.Source, places.TimeProvider);
        var changes = await BucketChanges.FindAsync(live, inventory, scope, cancellationToken);
        IEnumerable<RestoreChange> all =
        [
            .. changes.Added.Select(line => new RestoreChange(ChangeKind.Add, place.Describe(line.Key!), line.Size, What: null) { Line = Copied(line) }),
            .. changes.Replaced.Select(found => new RestoreChange(ChangeKind.Change, place.Describe(found.There.Key), found.Line.Size, "content") { Line = Copied(found.Line) }),
            .. changes.Removed.Select(found => new RestoreChange(ChangeKind.Delete, place.Describe(found.Key), found.Length, What: null) { Line = $"(dryrun) delete: {place.Describe(found.Key)}" }),
        ];
        foreach (var change in all.OrderBy(change => change.Path, StringComparer.Ordinal))
            yield return change;

        // as aws s3 sync --dryrun does
        string Copied(InventoryLine line) => line.Archive is { } index
            ? $"(dryrun) upload: {chain.Links[index].Name}/{line.EntryName} to {place.Describe(line.Key!)}"
            : $"(dryrun) copy: {inventory.Head.Snapshots}{line.CopyKey} to {place.Describe(line.Key!)}";
    }

    public async Task<IPreparedRestore> PrepareAsync(StoredChain chain, DateTimeOffset? at, CancellationToken cancellationToken)
    {
        if (places.IsArchived)
            return await UnpackAsync(chain, cancellationToken);
        var inventory = scope.Of(await Inventory.ReadAsync(chain, cancellationToken), chain);
        var clients = there.Open();
        ObjectClient? copies = null;
        try
        {
            copies = await places.OpenCopiesAsync(inventory, cancellationToken);
            var check = await new SnapshotCheck(copies, inventory) { NamesExtra = false }.RunAsync(chain, ReadingTurn.None, cancellationToken);
            return new PreparedBucket(clients, copies, inventory, check, scope);
        }
        catch
        {
            copies?.Dispose();
            clients.Dispose();
            throw;
        }
    }

    /// <summary>What differs is brought to a folder beside the objects; then it goes on as a snapshot does.</summary>
    private async Task<IPreparedRestore> UnpackAsync(StoredChain chain, CancellationToken cancellationToken)
    {
        var clients = there.Open();
        ArchiveUpload? upload = null;
        try
        {
            var reading = new ArchiveReading(chain);
            HashSet<string> wanted = [];
            if (BucketArchive.Has(chain.Tip))
            {
                var changes = await BucketChanges.FindAsync(clients.Live, scope.Of(await Inventory.ReadAsync(chain, cancellationToken), chain), scope, cancellationToken);
                wanted = changes.Coming.Select(line => line.Key!).ToHashSet(StringComparer.Ordinal);
            }

            upload = await ArchiveUpload.BeginAsync(clients, places.TimeProvider.GetUtcNow(), cancellationToken);
            var (check, whole) = await reading.RunAsync((line, content, token) => wanted.Contains(line.Key!) ? upload.AddAsync(line, content, token) : Task.CompletedTask, cancellationToken);
            await upload.CompleteAsync();
            return new PreparedBucket(clients, new ObjectClient(there.Snapshots, ObjectRole.Store, places.TimeProvider), upload.Of(scope.Of(whole!, chain)), check, scope) { Unpacked = upload };
        }
        catch
        {
            if (upload is not null)
                await upload.DisposeAsync();
            clients.Dispose();
            throw;
        }
    }

    private IAsyncEnumerable<ListedObject> Listed(ObjectClient live) =>
        live.ListAsync("", CancellationToken.None).Where(found => !places.IsArchived || !found.Key.StartsWith(BucketPlaces.OwnFolder, StringComparison.Ordinal));

    public static string SafetyFolder(DateTimeOffset now) => $"pre_restore.{SnapshotPlace.NameOf(now)[..^1]}.{now.Millisecond:000}Z/";

    private T Ask<T>(Func<ObjectClient, Task<T>> question)
    {
        using var live = new ObjectClient(place, ObjectRole.Source, places.TimeProvider);
        return Task.Run(() => question(live)).GetAwaiter().GetResult();
    }
}

/// <summary>The snapshot is what a restore would make beside the bucket: it is there, and was checked.</summary>
/// <param name="clients">At the place that it goes to, and where what is replaced is kept.</param>
/// <param name="copies">Where the backup's objects lie.</param>
internal sealed class PreparedBucket(BucketClients clients, ObjectClient copies, Inventory inventory, ContentCheck check, RestoreScope scope) : IPreparedRestore
{
    /// <summary>What was begun to be copied, by its key, with its ETag where the inventory does not have that.</summary>
    private readonly ConcurrentDictionary<string, string> put = new(StringComparer.Ordinal);

    private readonly ConcurrentBag<string> removed = [];

    /// <summary>What was brought from an archive, for as long as this lasts; null: the snapshot is what is copied from.</summary>
    public ArchiveUpload? Unpacked { get; init; }

    private BucketChanges? changes;
    private string? safety;

    public ContentCheck Check => check;

    public RestoredPlace Place => new(
        clients.Live.Address.Shown, Owner: null, safety is null ? null : clients.Snapshots.Address.Describe(safety), [], safety is null ? "" : $"aws {clients.Live.Address.AwsOptions}s3 sync {clients.Snapshots.Address.Describe(safety)} {clients.Live.Address.Shown}");

    public Task<ProbeAnswer> ProbeAsync(string question, CancellationToken cancellationToken) => ObjectProbe.AskAsync(inventory, question, line => IsCopied(line) ? (copies, line.CopyKey) : (clients.Live, line.Key!), cancellationToken);

    public async Task SaveAsync(RestoreContext context, CancellationToken cancellationToken)
    {
        changes = await BucketChanges.FindAsync(clients.Live, inventory, scope, cancellationToken);
        if (Unpacked is not null && changes.Coming.FirstOrDefault(line => !IsCopied(line)) is { } changed)
            throw Meddled(changed.Key!, "changed");
        var going = changes.Replaced.Count + changes.Removed.Count;
        if (going == 0)
            return;
        if (!context.MayReplace)
            throw new BackupException(FailureKind.Restore, $"{going} objects in '{clients.Live.Address.Shown}' would be replaced: {KeyText.Shown([.. changes.Going.Select(found => found.Key)])}", "--force replaces them and keeps them beside the snapshots");
        var folder = BucketTarget.SafetyFolder(context.Now);
        context.Step(new RestoreStep(RestoreStage.Save, $"keep {going} objects that are replaced or removed in {clients.Snapshots.Address.Describe(folder)}"));
        safety = folder;
        await Parallel.ForEachAsync(changes.Going, Limits(cancellationToken), async (found, token) => await ObjectCopy.RunAsync(clients.Live, found, clients.Snapshots, folder + found.Key, token));
    }

    public void Switch(RestoreContext context)
    {
        var all = changes!;
        context.Step(new RestoreStep(RestoreStage.Replace, $"copy {all.Added.Count + all.Replaced.Count} objects to {clients.Live.Address.Shown}{(all.Removed.Count > 0 ? $" and remove {all.Removed.Count}" : "")}"));
        Wait(async () =>
        {
            var puts = all.Added.Select(line => (Line: line, Old: (string?)null)).Concat(all.Replaced.Select(found => (found.Line, Old: (string?)found.There.ETag)));
            await Parallel.ForEachAsync(puts, Limits(CancellationToken.None), async (next, token) => await PutAsync(next.Line, next.Old, token));
            foreach (var page in all.Removed.Chunk(ObjectClient.MostOfOneList))
            {
                await Parallel.ForEachAsync(page, Limits(CancellationToken.None), async (found, token) => await RequireAsync(found.Key, found.ETag, token));
                page.ToList().ForEach(found => removed.Add(found.Key));
                await clients.Live.DeleteAsync(page.Select(found => found.Key), CancellationToken.None);
            }
        });
    }

    public BackupException? RollBack()
    {
        if (changes is null || (put.IsEmpty && removed.IsEmpty))
        {
            return Attempt(async () =>
            {
                if (safety is not null)
                    await clients.Snapshots.DeleteBelowAsync(safety, CancellationToken.None);
                safety = null;
            });
        }

        return Attempt(async () =>
        {
            var (wanted, before) = (inventory.ByKey(), changes.Going.ToDictionary(found => found.Key, StringComparer.Ordinal));
            var kept = safety is null ? [] : await clients.Snapshots.ListAsync(safety, CancellationToken.None).ToDictionaryAsync(found => found.Key[safety.Length..], StringComparer.Ordinal);
            var others = new ConcurrentBag<string>();
            await Parallel.ForEachAsync(put.Keys.Concat(removed), Limits(CancellationToken.None), async (key, token) =>
            {
                var now = (await clients.Live.HeadAsync(key, token))?.ETag;
                if (now == before.GetValueOrDefault(key)?.ETag)
                    return; // it was not reached
                if (!IsOwn(key, now, wanted))
                    others.Add(key);
                else if (kept.TryGetValue(key, out var old))
                    await ObjectCopy.RunAsync(clients.Snapshots, old, clients.Live, key, token);
                else
                    await clients.Live.DeleteAsync(key, token);
            });
            if (!others.IsEmpty)
                throw new BackupException(FailureKind.Restore, $"{others.Count} objects were changed by somebody else meanwhile and stay as they are: {KeyText.Shown(others)}", "see who else writes there");
        });
    }

    /// <summary>A server keeps what it said that it keeps; here it is asked once more what there is.</summary>
    public void MakeDurable() => Wait(async () =>
    {
        var wrong = inventory.ByKey();
        await foreach (var there in clients.Live.ListAsync("", CancellationToken.None))
        {
            if (wrong.Find(there.Key) is { } line && there.Length == line.Size && (there.ETag == line.ETag || there.ETag == line.CopyETag || there.ETag == put.GetValueOrDefault(there.Key)))
                wrong.Take(there.Key);
        }

        if (wrong.Left > 0)
            throw new BackupException(FailureKind.Restore, $"{wrong.Left} objects in {clients.Live.Address.Shown} are not what was restored: {KeyText.Shown([.. wrong.Rest().Select(line => line.Key!)])}", "see who else writes there, then run the command again");
    });

    public async ValueTask DisposeAsync()
    {
        if (Unpacked is not null)
            await Unpacked.DisposeAsync();
        copies.Dispose();
        clients.Dispose();
    }

    /// <param name="old">The ETag of the object that it replaces.</param>
    private async Task PutAsync(InventoryLine line, string? old, CancellationToken cancellationToken)
    {
        await RequireAsync(line.Key!, old, cancellationToken);
        put[line.Key!] = "";
        var copy = new ListedObject(line.CopyKey, line.Size, line.CopyETag, line.Modified ?? default, line.Class ?? "STANDARD");
        var etag = await ObjectCopy.RunAsync(copies, copy, clients.Live, line.Key!, cancellationToken);
        if (etag != line.ETag && etag != line.CopyETag)
            put[line.Key!] = etag;
    }

    /// <summary>Nothing is replaced or deleted that was written since it was listed: no copy of it is kept.</summary>
    /// <param name="etag">As it was listed; null: nothing was there.</param>
    private async Task RequireAsync(string key, string? etag, CancellationToken cancellationToken)
    {
        var now = (await clients.Live.HeadAsync(key, cancellationToken))?.ETag;
        if (now != etag)
            throw Meddled(key, now is null ? "deleted" : etag is null ? "made" : "changed");
    }

    /// <summary>Of an archive only what differed when it was unpacked is beside the bucket.</summary>
    private bool IsCopied(InventoryLine line) => Unpacked is null || line.At is not null;

    private BackupException Meddled(string key, string what) =>
        new(FailureKind.Restore, $"{clients.Live.Address.Describe(KeyText.Shown(key))} was {what} by somebody else during the restore", "see who else writes there, then run the command again");

    /// <summary>Whether what is there is what this restore made of it.</summary>
    /// <param name="now">Its ETag; null: nothing is there.</param>
    private bool IsOwn(string key, string? now, PackedIndex<InventoryLine> wanted)
    {
        if (!put.TryGetValue(key, out var etag))
            return now is null;
        return now is not null && (etag.Length > 0 ? now == etag : wanted.Find(key) is { } line && (now == line.ETag || now == line.CopyETag));
    }

    private BackupException? Attempt(Func<Task> work)
    {
        try
        {
            Wait(work);
            return null;
        }
        catch (BackupException failure)
        {
            return new BackupException(FailureKind.Restore, $"some objects in '{clients.Live.Address.Shown}' are those of the backup and others the old ones: {failure.Message}", Place.WayBack.Length > 0 ? $"go back: {Place.WayBack}" : failure.Hint, failure);
        }
    }

    private ParallelOptions Limits(CancellationToken cancellationToken) => new() { MaxDegreeOfParallelism = clients.Live.Address.MostRequests, CancellationToken = cancellationToken };

    private static void Wait(Func<Task> work) => Task.Run(work).GetAwaiter().GetResult();
}

/// <summary>Objects of an archive that are brought to a folder in a bucket, many small ones at once.</summary>
/// <param name="folder">With <c>/</c>.</param>
internal sealed class ArchiveUpload(BucketClients clients, string folder) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, string> etags = new(StringComparer.Ordinal);
    private readonly List<Task> underWay = [];

    /// <summary>Takes a folder, and removes those of killed restores.</summary>
    public static async Task<ArchiveUpload> BeginAsync(BucketClients clients, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await clients.Place.SettleAsync([], now, cancellationToken);
        return new ArchiveUpload(clients, await clients.Place.BeginAsync($"restoring.{SnapshotPlace.NameOf(now)}", now, cancellationToken));
    }

    public async Task AddAsync(InventoryLine line, Stream content, CancellationToken cancellationToken)
    {
        if (line.Size >= BucketArchive.Small)
        {
            etags[line.Key!] = (await clients.Snapshots.WriteAsync(folder + line.Key, (upload, token) => content.CopyToAsync(upload, 1 << 17, token), line.Attributes, WriteCondition.Always, cancellationToken, line.Size)).ETag;
            return;
        }

        while (underWay.Count >= clients.Live.Address.MostRequests)
        {
            var done = await Task.WhenAny(underWay);
            underWay.Remove(done);
            await done;
        }

        var held = new byte[line.Size];
        await content.ReadExactlyAsync(held, cancellationToken);
        underWay.Add(PutAsync(line, held, cancellationToken));
    }

    public async Task CompleteAsync()
    {
        await Task.WhenAll(underWay);
        underWay.Clear();
    }

    /// <summary>The same inventory, with the places of what was brought.</summary>
    public Inventory Of(Inventory inventory) =>
        inventory with { Objects = Inventory.Pack(inventory.Objects.Select(line => etags.TryGetValue(line.Key!, out var etag) ? line with { At = folder, Copy = etag } : line)) };

    public async ValueTask DisposeAsync()
    {
        await ((Task)Task.WhenAll(underWay)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await clients.Place.Client.EndAsync(token => clients.Place.RemoveAsync(folder, token));
    }

    private async Task PutAsync(InventoryLine line, byte[] content, CancellationToken cancellationToken) =>
        etags[line.Key!] = await clients.Snapshots.PutAsync(folder + line.Key, content, line.Attributes, WriteCondition.Always, cancellationToken);
}

/// <summary>The question is a key; the answer is the first line of that object.</summary>
internal static class ObjectProbe
{
    private const int LongestLine = 4096;

    public static async Task<ProbeAnswer> AskAsync(Inventory inventory, string question, Func<InventoryLine, (ObjectClient Client, string Key)> find, CancellationToken cancellationToken)
    {
        var line = inventory.Objects.FirstOrDefault(line => line.Key == question)
            ?? throw new BackupException(FailureKind.Restore, $"the probe could not be asked: there is no object '{KeyText.Shown(question)}' in the backup", "write the key of an object, for example catalog/index.json");
        var (client, key) = find(line);
        await using var content = await client.OpenAsync(key, etag: null, cancellationToken);
        var text = new byte[LongestLine];
        var read = await content.ReadAtLeastAsync(text, LongestLine, throwOnEndOfStream: false, cancellationToken);
        return new ProbeAnswer(HasRow: read > 0, read > 0 ? Encoding.UTF8.GetString(text, 0, read).Split('\n')[0].TrimEnd('\r') : null);
    }
}

/// <summary>A folder beside the snapshots that a drill fills and removes. What a killed one left, a later run removes.</summary>
/// <param name="workspace">The drill's directory, of which a bucket needs nothing.</param>
internal sealed class PracticeTarget(BucketPlaces places, string workspace, ReadingTurn turn) : DrillPlace(workspace)
{
    public override string Location => places.Snapshots.Describe("drill.*/");

    public override string LookCommand => $"aws {places.Snapshots.AwsOptions}s3 ls {places.Snapshots.Shown}";

    public override string UnfinishedForm => Location;

    public override IDisposable Lock() => Stream.Null;

    public override async Task<IPreparedRestore> PrepareAsync(StoredChain chain, DateTimeOffset? at, CancellationToken cancellationToken)
    {
        var inventory = await Inventory.ReadAsync(chain, cancellationToken);
        var clients = places.Open();
        string? folder = null;
        try
        {
            using var copies = await places.OpenCopiesAsync(inventory, cancellationToken);
            var check = await new SnapshotCheck(copies, inventory).RunAsync(chain, ReadingTurn.None, cancellationToken);
            if (check.Finding is null)
            {
                var now = places.TimeProvider.GetUtcNow();
                folder = await clients.Place.BeginAsync($"drill.{SnapshotPlace.NameOf(now)}", now, cancellationToken);
                check = await RestoreAsync(chain, copies, clients.Snapshots, inventory, folder, check, cancellationToken);
            }

            return new Prepared(clients, inventory, folder, check);
        }
        catch
        {
            if (folder is not null)
                await clients.Place.Client.EndAsync(token => clients.Place.RemoveAsync(folder, token));
            clients.Dispose();
            throw;
        }
    }

    private async Task<ContentCheck> RestoreAsync(StoredChain chain, ObjectClient copies, ObjectClient client, Inventory inventory, string folder, ContentCheck check, CancellationToken cancellationToken)
    {
        var restored = Inventory.Pack([]);
        var limits = new ParallelOptions { MaxDegreeOfParallelism = client.Address.MostRequests, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(inventory.Objects, limits, async (line, token) =>
        {
            var etag = await client.CopyAsync(copies, new ListedObject(line.CopyKey, line.Size, line.CopyETag, line.Modified ?? default, line.Class ?? "STANDARD"), folder + line.Key, token);
            restored.Add(line with { At = folder, Copy = etag });
        });
        var found = await new SnapshotCheck(client, inventory with { Objects = restored, Vanished = [] }).RunAsync(chain, turn, cancellationToken);
        return check with { Finding = found.Finding };
    }

    private sealed class Prepared(BucketClients clients, Inventory inventory, string? folder, ContentCheck check) : IPreparedRestore
    {
        public ContentCheck Check => check;

        public RestoredPlace Place => throw new NotSupportedException("a drill puts nothing in place");

        public Task<ProbeAnswer> ProbeAsync(string question, CancellationToken cancellationToken) => ObjectProbe.AskAsync(inventory, question, line => (clients.Snapshots, folder + line.Key), cancellationToken);

        public Task SaveAsync(RestoreContext context, CancellationToken cancellationToken) => throw new NotSupportedException("a drill replaces nothing");

        public void Switch(RestoreContext context) => throw new NotSupportedException("a drill replaces nothing");

        public BackupException? RollBack() => null;

        public void MakeDurable()
        {
        }

        public async ValueTask DisposeAsync()
        {
            if (folder is not null)
                await clients.Place.Client.EndAsync(token => clients.Place.RemoveAsync(folder, token));
            clients.Dispose();
        }
    }
}
