using System.Runtime.CompilerServices;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.S3;

/// <summary>The two places of a bucket as a source: its own, and that of its snapshots.</summary>
/// <param name="Snapshots">Of one whose backups are archives: where a restore keeps what it replaces.</param>
internal sealed record BucketPlaces(ObjectAddress Live, ObjectAddress Snapshots, TimeProvider TimeProvider)
{
    /// <summary>The folder in a bucket that is the agent's own, where there is no place of snapshots.</summary>
    public const string OwnFolder = ".nexus-backup/";

    /// <summary>Whether a backup is an archive in the store.</summary>
    public bool IsArchived { get; private init; }

    public static BucketPlaces OfArchives(ObjectAddress live, TimeProvider timeProvider) => new(live, live with { Prefix = live.Prefix + OwnFolder }, timeProvider) { IsArchived = true };

    /// <summary>The same of another place that a restore goes to.</summary>
    public BucketPlaces At(ObjectAddress place) => IsArchived ? OfArchives(place, TimeProvider) : this with { Live = place };

    /// <summary>Whose a snapshot is.</summary>
    public string Identity => $"{Live.Shown} at {Live.Server}";

    /// <summary>Whether the server itself can copy between two places: nothing of an object comes through here.</summary>
    public static bool CopiesAtServer(ObjectAddress from, ObjectAddress to) => from.Server == to.Server && from.Credentials == to.Credentials;

    /// <summary>That nothing is there is no backup.</summary>
    public BackupException HoldsNothing() => new(
        FailureKind.SourceMissing,
        $"{Live.Shown} holds no object that is to be backed up",
        $"look what is there (aws {Live.AwsOptions}s3 ls {Live.Shown}), and correct bucket:, prefix:, include: and exclude:");

    public BucketClients Open()
    {
        var live = new ObjectClient(Live, ObjectRole.Source, TimeProvider);
        try
        {
            return new BucketClients(live, new ObjectClient(Snapshots, IsArchived ? ObjectRole.Source : ObjectRole.Store, TimeProvider), Identity);
        }
        catch
        {
            live.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Opens the place where a backup's objects lie: that of the configuration, or the one that the inventory names, when the
    /// configuration named that when the backup was made.
    /// </summary>
    /// <exception cref="BackupException">They lie in neither. That says nothing about the backup.</exception>
    public async Task<ObjectClient> OpenCopiesAsync(Inventory inventory, CancellationToken cancellationToken)
    {
        if (inventory.Head.Snapshots is not { } written || written == Snapshots.Shown || inventory.Objects.Count == 0)
            return new ObjectClient(Snapshots, ObjectRole.Store, TimeProvider);
        BackupException? why = null;
        ObjectAddress[] places = [BucketPlace.Parse(written, Snapshots), Snapshots];
        foreach (var place in places)
        {
            var client = new ObjectClient(place, ObjectRole.Store, TimeProvider);
            try
            {
                if (await client.ListAsync(inventory.Objects[0].At!, cancellationToken).AnyAsync(cancellationToken))
                    return client;
                client.Dispose();
            }
            catch (ObjectException failure) when (failure.Problem is ObjectProblem.BucketMissing or ObjectProblem.AccessDenied)
            {
                client.Dispose();
                why ??= failure;
            }
            catch
            {
                client.Dispose();
                throw;
            }
        }

        throw new BackupException(
            FailureKind.Configuration,
            $"the backup's objects lie neither in {written}, where they were copied to, nor in {Snapshots.Shown}, which snapshots: names now",
            $"look for {inventory.Objects[0].At} (aws {Snapshots.AwsOptions}s3 ls {written}), and correct snapshots: or bring them to {Snapshots.Shown}",
            why);
    }
}

/// <summary>Connections to both, for one operation.</summary>
internal sealed class BucketClients(ObjectClient live, ObjectClient snapshots, string identity) : IDisposable
{
    public ObjectClient Live => live;

    public ObjectClient Snapshots => snapshots;

    public SnapshotPlace Place { get; } = new(snapshots, identity);

    public void Dispose()
    {
        live.Dispose();
        snapshots.Dispose();
    }
}

/// <summary>How a bucket is backed up.</summary>
/// <param name="ReadBack">Of each verification: the part of the objects that is read, 0 to 1. Each day another part, so that all are read in turn.</param>
internal sealed record BucketOptions(KeyPatterns Keys, double ReadBack);

/// <summary>
/// A bucket, or what lies below a prefix of it. A backup is a snapshot in another bucket, whose objects any S3 client reads, and
/// in the store lies its inventory; or it is an archive in the store, with its inventory beside it. An increment has what changed, and its inventory names all.
/// </summary>
internal sealed class BucketSource(BucketPlaces places, BucketOptions options, ScratchDirectory scratch) : IBackupSource
{
    private static readonly ArtifactFormat Archives = new(".tar.gz", ArtifactEncoding.Gzip);
    private static readonly ArtifactFormat Inventories = new(".inventory.jsonl.gz", ArtifactEncoding.Gzip);
    private static readonly ArtifactFormat Increments = new(".changes.jsonl.gz", ArtifactEncoding.Gzip);

    /// <summary>What the agent itself keeps in the bucket is nothing of it.</summary>
    private readonly KeyPatterns keys = places.IsArchived ? options.Keys.Without(BucketPlaces.OwnFolder) : options.Keys;

    public string Kind => S3SourceKind.Word;

    public Bilingual Noun => S3SourceKind.Bucket;

    public string Location => places.Live.Shown;

    public ISourceInspection Inspection => new BucketInspection(places);

    public IReadOnlyDictionary<string, string> Tools { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public IRemains? Remains => places.IsArchived ? null : new SnapshotRemains(places);

    public ArtifactFormat? FormatOf(BackupType type) => places.IsArchived ? Archives : type == BackupType.Full ? Inventories : Increments;

    public IReadOnlyList<string> CommandsByHand(IReadOnlyList<string> chain) => places.IsArchived ? BucketArchive.CommandsByHand(chain) :
    [
        $"{ArtifactEncodings.ExpandCommand(chain[^1])} | jq -r 'select(.key) | [.at, .key] | @tsv' | while IFS=$'\\t' read -r at key; do aws {places.Snapshots.AwsOptions}s3 cp \"{places.Snapshots.Shown}$at$key\" \"s3://restored/$key\"; done",
    ];

    public async Task<ICapture> CaptureAsync(CaptureRequest request, CancellationToken cancellationToken)
    {
        var clients = places.Open();
        try
        {
            var capturedAt = places.TimeProvider.GetUtcNow();
            var objects = new PackedList<ListedObject>(InventoryJson.Default.ListedObject);
            await foreach (var found in clients.Live.ListAsync("", cancellationToken).Where(found => keys.Has(found.Key)))
                objects.Add(found);
            if (objects.Count == 0)
                throw places.HoldsNothing();
            var distinct = new PackedIndex<ListedObject>(objects, found => found.Key);
            if (distinct.Left < objects.Count) // a list in pages, of a bucket that changes meanwhile, may name one twice
                objects = new PackedList<ListedObject>(InventoryJson.Default.ListedObject, distinct.Rest());
            if (!places.IsArchived)
                await clients.Snapshots.RequireBucketAsync(cancellationToken); // after its own: a server that both share is the source's first
            var @base = request.Base is { } chain ? await BaseAsync(chain, cancellationToken) : null;
            return places.IsArchived ? new ArchiveCapture(clients, places, objects, request.Base, @base, capturedAt) : new BucketCapture(clients, places, objects, @base, capturedAt);
        }
        catch
        {
            clients.Dispose();
            throw;
        }
    }

    public async Task<ContentCheck> CheckAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        if (places.IsArchived)
            return (await new ArchiveReading(chain).RunAsync(sink: null, cancellationToken)).Check;
        var inventory = await Inventory.ReadAsync(chain, cancellationToken);
        using var copies = await places.OpenCopiesAsync(inventory, cancellationToken);
        return await new SnapshotCheck(copies, inventory).RunAsync(chain, ReadingNow(), cancellationToken);
    }

    public string PlaceOf(string written, string? directory) => BucketPlace.IsBucket(written) ? written
        : directory is not null ? KernelPath.Absolute(written, directory)
        : written.StartsWith('/') && !written.Split('/').Contains("..") && !NameText.HasControlCharacter(written) ? written
        : throw new BackupException(FailureKind.Configuration, "to is neither a bucket nor an absolute path without ..", "write for example s3://restored/ or /srv/restore");

    public IRestoreTarget Target(string? to) => Target(to, RestoreChoices.None);

    public IRestoreTarget Target(string? to, RestoreChoices choices)
    {
        choices.Require(Noun, files: true);
        if (choices.Owner is not null)
            throw new BackupException(FailureKind.Configuration, "objects in a bucket have no owner that a restore could give them", "leave --owner out");
        var selection = new KeySelection(choices.Paths);
        return to is null || BucketPlace.IsBucket(to)
            ? new BucketTarget(places, to is null ? places.Live : BucketPlace.Parse(to, places.Live), new RestoreScope(keys, selection, choices.Deletes), scratch)
            : new FolderTarget(places, to, selection);
    }

    public bool HasFiles => true;

    public async IAsyncEnumerable<CapturedFile> FilesAsync(StoredLink link, string? pattern, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var wanted = new KeySelection(pattern is null ? [] : [pattern]);
        var inventory = await Inventory.ReadAsync(new StoredChain([link], ExpandedLength: null), cancellationToken);
        foreach (var line in inventory.Objects.Where(line => wanted.Has(line.Key!)))
            yield return new CapturedFile(line.Key!, "object", line.Size, line.Modified ?? default, Target: null, Mode: null, Owner: null, line.Sha256);
    }

    public IRestoreTarget ForPractice(string workspace) => places.IsArchived ? FolderTarget.ForPractice(places, workspace) : new PracticeTarget(places, workspace, ReadingNow());

    private ReadingTurn ReadingNow() => ReadingTurn.At(places.TimeProvider.GetUtcNow(), options.ReadBack);

    private async Task<Inventory> BaseAsync(StoredChain chain, CancellationToken cancellationToken)
    {
        if (places.IsArchived && !BucketArchive.Has(chain.Tip))
            throw new NoIncrementException($"{chain.Tip.Name} has no inventory");
        Inventory @base;
        try
        {
            @base = await Inventory.ReadAsync(chain, cancellationToken);
        }
        catch (DamagedLinkException damaged)
        {
            throw new NoIncrementException($"{damaged.Link.Name} is damaged: {damaged.Message}", damaged.Link);
        }

        return @base.Head.Source == places.Live.Shown && @base.Head.Server == places.Live.Server && @base.Head.Snapshots == (places.IsArchived ? null : places.Snapshots.Shown)
            ? @base
            : throw new NoIncrementException($"{chain.Tip.Name} is of another bucket, or its snapshot lies elsewhere");
    }
}

/// <summary>Which objects it is the turn of to be read back: each day others, and all of them within some days.</summary>
/// <param name="Turns">How many days that takes; 0: none is ever read.</param>
/// <param name="Turn">Today's, from 0.</param>
internal readonly record struct ReadingTurn(int Turns, int Turn)
{
    public static readonly ReadingTurn None = new(0, 0);

    /// <param name="part">Of all objects, 0 to 1.</param>
    public static ReadingTurn At(DateTimeOffset now, double part)
    {
        var turns = part <= 0 ? 0 : (int)Math.Ceiling(1 / part);
        return turns == 0 ? None : new ReadingTurn(turns, (int)(now.ToUnixTimeSeconds() / (24 * 3600) % turns));
    }

    public bool Has(string key)
    {
        if (Turns == 0)
            return false;
        var hash = 2166136261u; // FNV-1a: the same in every process
        foreach (var letter in key)
            hash = (hash ^ letter) * 16777619;
        return hash % (uint)Turns == (uint)Turn;
    }
}
