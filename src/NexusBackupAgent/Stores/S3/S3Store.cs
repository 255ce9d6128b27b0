using System.Security.Cryptography;
using NexusBackupAgent.Common;
using NexusBackupAgent.ObjectStorage;

namespace NexusBackupAgent.Stores.S3;

/// <summary>
/// A store in a bucket: each file is the object of that key. An object appears when its upload is completed, so there is no
/// temporary name and no rename; what a killed upload leaves is in no listing, and <see cref="EndUnfinishedAsync"/> ends it.
/// All changes are durable and seen by everybody at once.
/// </summary>
internal sealed class S3Store(string name, ObjectAddress address, TimeProvider timeProvider, StoreSurroundings? around = null, Pace? pace = null) : IBackupStore
{
    /// <summary>Metadata of an object: which write made it. An answer that was lost on its way is no reason to take one's own object for another's.</summary>
    private const string WriteKey = "nexus-backup-write";

    private readonly Lock gate = new();
    private ObjectClient? client;
    private DateTimeOffset? until;
    private S3Store? unlocked;

    public string Name { get; } = name;

    /// <summary>How files that are written to be kept are locked; null: they are not.</summary>
    public ObjectLockWord? Locks { get; init; }

    public bool HasLocks => Locks is not null;

    public IStoreInspection Inspection { get; } = new S3StoreInspection(address);

    public int ReadsAtOnce => address.MostRequests;

    /// <exception cref="BackupException">There are no credentials, for now.</exception>
    private ObjectClient Client
    {
        get
        {
            if (unlocked is not null)
                return unlocked.Client;
            lock (gate)
                return client ??= new ObjectClient(address, ObjectRole.Store, timeProvider) { Owner = $"store '{Name}'", Pace = pace, Silent = (failure, attempt) => around?.Told(new StoreSilence(Name, failure, attempt)) };
        }
    }

    /// <summary>Of what is written; null: none.</summary>
    private ObjectLock? Lock => until is { } end && Locks is { } kept && end > timeProvider.GetUtcNow() ? new ObjectLock(kept, ToSecond(end)) : null; // the server takes no instant that is past

    public IBackupStore LockedUntil(DateTimeOffset until) => Locks is null ? this : new S3Store(Name, address, timeProvider, around, pace) { Locks = Locks, until = until, unlocked = unlocked ?? this };

    public async Task<DateTimeOffset?> LockOfAsync(string path, CancellationToken cancellationToken) =>
        Locks is not null && (await Client.HeadAsync(path, cancellationToken))?.LockedUntil is { } end && end > timeProvider.GetUtcNow() ? end : null;

    public Task ExtendLockAsync(string path, DateTimeOffset until, CancellationToken cancellationToken) =>
        Locks is { } kept && until > timeProvider.GetUtcNow() ? Client.ExtendLockAsync(path, new ObjectLock(kept, ToSecond(until)), cancellationToken) : Task.CompletedTask;

    /// <summary>Never before the instant itself.</summary>
    private static DateTimeOffset ToSecond(DateTimeOffset instant) => DateTimeOffset.FromUnixTimeSeconds((instant.UtcTicks - DateTimeOffset.UnixEpoch.Ticks + TimeSpan.TicksPerSecond - 1) / TimeSpan.TicksPerSecond);

    public string Describe(string path) => address.Describe(path);

    public async Task<StoredFile> PutAsync(string path, bool replace, Durability durability, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        var mine = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var attributes = ObjectAttributes.None with { Metadata = new Dictionary<string, string>(StringComparer.Ordinal) { [WriteKey] = mine }, Lock = Lock };
        try
        {
            await Client.WriteAsync(path, WriteAsync, attributes, replace ? WriteCondition.Always : WriteCondition.IfAbsent, cancellationToken);
        }
        catch (ObjectException failure) when (failure.Problem is ObjectProblem.PreconditionFailed or ObjectProblem.Conflict or ObjectProblem.NotFound)
        {
            // A request that was sent again finds the upload completed, or the object there: by the first one, it may be.
            if ((await Client.HeadAsync(path, cancellationToken))?.Attributes.Metadata.GetValueOrDefault(WriteKey) != mine)
                throw failure.Problem == ObjectProblem.PreconditionFailed ? Exists(path, failure) : failure;
            if (attributes.Lock is { } wanted)
                await Client.ExtendLockAsync(path, wanted, cancellationToken); // what follows the completion did not happen
        }

        // As a listing tells it: an object asked for alone has a time without fractions.
        await foreach (var found in Client.ListAsync(path, cancellationToken))
        {
            if (found.Key == path)
                return FileOf(found, Path.GetFileName(path));
            break; // longer keys come after it
        }

        throw Client.Failures.New(ObjectProblem.NotFound, $"look at {Describe(path)}, which was written just now", "");

        async Task WriteAsync(Stream stream, CancellationToken token)
        {
            await write(stream, token);
            token.ThrowIfCancellationRequested();
        }
    }

    public async Task<byte[]> ReadAsync(string path, CancellationToken cancellationToken)
    {
        await using var stream = await OpenAsync(path, cancellationToken);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, cancellationToken);
        return all.ToArray();
    }

    public async Task<Stream> OpenAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return await Client.OpenAsync(path, etag: null, cancellationToken);
        }
        catch (ObjectException missing) when (missing.Problem == ObjectProblem.NotFound)
        {
            throw new FileNotFoundException($"there is no file '{Describe(path)}'", path, missing);
        }
    }

    public async Task<IReadOnlyList<StoredFile>> ListAsync(string directory, CancellationToken cancellationToken) =>
        [.. (await ListFolderAsync(directory, cancellationToken)).Objects.Where(found => found.Key.Length > 0).Select(found => FileOf(found, found.Key))]; // one without a name stands for the folder

    public async Task<IReadOnlyList<string>> ListDirectoriesAsync(string directory, CancellationToken cancellationToken) => (await ListFolderAsync(directory, cancellationToken)).Folders;

    public Task<bool> TryRenameAsync(string from, string to, CancellationToken cancellationToken) => Task.FromResult(false);

    public Task DeleteAsync(string path, Durability durability, CancellationToken cancellationToken) => Client.DeleteAsync(path, cancellationToken);

    public async Task EndUnfinishedAsync(string directory, Func<string, bool> isOurs, DateTimeOffset before, CancellationToken cancellationToken)
    {
        try
        {
            await Client.AbortUploadsAsync(FolderOf(directory), before, cancellationToken, name => !name.Contains('/', StringComparison.Ordinal) && isOurs(name)); // a bucket may be shared
        }
        catch (ObjectException refused) when (refused.Problem is ObjectProblem.AccessDenied or ObjectProblem.Refused)
        {
            // Whose key may not do that leaves it to a lifecycle rule of the bucket; no backup depends on it.
        }
    }

    public async Task<IStoreHold?> HoldAsync(string directory, CancellationToken cancellationToken) => await WriterLease.TakeAsync(Client, Name, FolderOf(directory), timeProvider, cancellationToken);

    public async Task<StoreHealth> GetHealthAsync(CancellationToken cancellationToken)
    {
        try
        {
            return new StoreHealth(Down: null, Refusal: null, Space: null, IsBare: !await Client.HasAnyAsync(cancellationToken)) { Medium = address.Server };
        }
        catch (BackupException down)
        {
            return new StoreHealth(down, Refusal: null, Space: null, IsBare: false);
        }
    }

    private static string FolderOf(string directory) => directory.Length == 0 ? "" : directory + "/";

    private static StoredFile FileOf(ListedObject found, string name) => new(name, found.Length, found.ModifiedAt);

    private Task<(IReadOnlyList<ListedObject> Objects, IReadOnlyList<string> Folders)> ListFolderAsync(string directory, CancellationToken cancellationToken) =>
        Client.ListFolderAsync(FolderOf(directory), cancellationToken);

    private BackupException Exists(string path, Exception cause) =>
        new(FailureKind.Io, $"cannot write '{Describe(path)}' in store '{Name}': it exists already", "see who else writes to that store, then run the command again", cause);
}
