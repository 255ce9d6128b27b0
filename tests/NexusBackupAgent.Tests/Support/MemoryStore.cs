using NexusBackupAgent.Common;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Tests.Support;

/// <summary>
/// A store in memory that can't rename and does not tell its space. It keeps apart what a power cut would take: changes of
/// names reach its "disk" in their order, at the latest when a change in the same directory is durable now.
/// </summary>
internal sealed class MemoryStore(string name = "memory") : IBackupStore
{
    private readonly Lock gate = new();
    private readonly List<Change> pending = [];
    private Dictionary<string, Content> files = new(StringComparer.Ordinal);
    private Dictionary<string, Content> disk = new(StringComparer.Ordinal);

    public string Name => name;

    /// <summary>How many changes a power cut could take now.</summary>
    public int Pending => pending.Count;

    /// <summary>All paths, in their order.</summary>
    public IReadOnlyList<string> Paths
    {
        get
        {
            lock (gate)
                return [.. files.Keys.Order(StringComparer.Ordinal)];
        }
    }

    /// <summary>Loses what is not durable, but for the first of those changes. Content that was not flushed is empty then.</summary>
    public void CutPower(int kept)
    {
        lock (gate)
        {
            foreach (var change in pending.Take(kept))
                change.ApplyTo(disk);
            pending.Clear();
            disk = disk.ToDictionary(pair => pair.Key, pair => pair.Value.IsFlushed ? pair.Value : new Content([], pair.Value.At, IsFlushed: true), StringComparer.Ordinal);
            files = new Dictionary<string, Content>(disk, StringComparer.Ordinal);
        }
    }

    /// <summary>Until when a file is locked; null: the store has no locks.</summary>
    public Func<string, DateTimeOffset?>? Locking { get; set; }

    /// <summary>Of which files somebody asked whether they are locked.</summary>
    public System.Collections.Concurrent.ConcurrentQueue<string> LocksAsked { get; } = new();

    public bool HasLocks => Locking is not null;

    public Task<DateTimeOffset?> LockOfAsync(string path, CancellationToken cancellationToken)
    {
        LocksAsked.Enqueue(path);
        return Task.FromResult(Locking?.Invoke(path));
    }

    public string Describe(string path) => $"{name}:/{path}";

    public IStoreInspection Inspection => NoStoreInspection.Instance;

    public async Task<StoredFile> PutAsync(string path, bool replace, Durability durability, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        await using (var forward = new BufferedStream(buffer))
        {
            await write(forward, cancellationToken);
            await forward.FlushAsync(cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            lock (gate)
            {
                if (!replace && files.ContainsKey(path))
                    throw new BackupException(FailureKind.Io, $"cannot write '{Describe(path)}': it exists already", "choose another name");
                var content = new Content(buffer.ToArray(), FileSystemClock.Now, IsFlushed: durability != Durability.Later || buffer.Length == 0);
                Do(new Change(path, content), durability);
                return content.As(path);
            }
        }
    }

    public Task<byte[]> ReadAsync(string path, CancellationToken cancellationToken) => Task.FromResult(Find(path).Bytes);

    public Task<Stream> OpenAsync(string path, CancellationToken cancellationToken) => Task.FromResult<Stream>(new MemoryStream(Find(path).Bytes, writable: false));

    public Task<IReadOnlyList<StoredFile>> ListAsync(string directory, CancellationToken cancellationToken)
    {
        lock (gate)
            return Task.FromResult<IReadOnlyList<StoredFile>>([.. files.Where(file => DirectoryOf(file.Key) == directory).Select(file => file.Value.As(file.Key))]);
    }

    public Task<IReadOnlyList<string>> ListDirectoriesAsync(string directory, CancellationToken cancellationToken)
    {
        var prefix = directory.Length == 0 ? "" : directory + "/";
        lock (gate)
        {
            return Task.FromResult<IReadOnlyList<string>>([.. files.Keys
                .Where(path => path.StartsWith(prefix, StringComparison.Ordinal) && path.IndexOf('/', prefix.Length) > 0)
                .Select(path => path[prefix.Length..path.IndexOf('/', prefix.Length)]).Distinct(StringComparer.Ordinal)]);
        }
    }

    public Task<bool> TryRenameAsync(string from, string to, CancellationToken cancellationToken) => Task.FromResult(false);

    public Task DeleteAsync(string path, Durability durability, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (files.ContainsKey(path))
                Do(new Change(path, null), durability);
        }

        return Task.CompletedTask;
    }

    public Task<StoreHealth> GetHealthAsync(CancellationToken cancellationToken)
    {
        lock (gate)
            return Task.FromResult(new StoreHealth(Down: null, Refusal: null, Space: null, IsBare: files.Count == 0));
    }

    private static string DirectoryOf(string path) => path.LastIndexOf('/') is >= 0 and var cut ? path[..cut] : "";

    private Content Find(string path)
    {
        lock (gate)
            return files.GetValueOrDefault(path) ?? throw new FileNotFoundException($"there is no file '{Describe(path)}'", path);
    }

    private void Do(Change change, Durability durability)
    {
        change.ApplyTo(files);
        pending.Add(change);
        if (durability != Durability.Now)
            return;
        var directory = DirectoryOf(change.Path);
        foreach (var flushed in pending.Where(other => DirectoryOf(other.Path) == directory))
            flushed.ApplyTo(disk);
        pending.RemoveAll(other => DirectoryOf(other.Path) == directory);
    }

    private sealed record Content(byte[] Bytes, DateTimeOffset At, bool IsFlushed)
    {
        public StoredFile As(string path) => new(path[(path.LastIndexOf('/') + 1)..], Bytes.Length, At);
    }

    private sealed record Change(string Path, Content? Content)
    {
        public void ApplyTo(Dictionary<string, Content> files)
        {
            if (Content is null)
                files.Remove(Path);
            else
                files[Path] = Content;
        }
    }
}
