using NexusBackupAgent.Common;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Tests.Support;

/// <summary>When, relative to the operation, the fault strikes.</summary>
internal enum FaultTime
{
    Before,
    After,
}

/// <summary>
/// A store whose n-th change fails before or after it was done; with <c>staysDead</c> every later change fails
/// as well, which is what a killed process looks like to the files. Disposing it asserts that the fault fired.
/// </summary>
/// <param name="inner">A real store.</param>
/// <param name="failing">Counted from 1; writes, renames and deletions are counted.</param>
/// <param name="time">Before or after.</param>
/// <param name="staysDead">Whether nothing works any more from then on.</param>
internal sealed class FaultyStore(IBackupStore inner, int failing, FaultTime time, bool staysDead) : IBackupStore, IDisposable
{
    private int changes;

    public string Name => inner.Name;

    public bool Fired { get; private set; }

    /// <summary>What is done to any file; the fault is scripted with <c>failing: 0</c> when a test only wants to watch.</summary>
    public List<string> Log { get; } = [];

    /// <summary>What opening a file, or listing a directory, throws; null: nothing.</summary>
    public Func<string, Exception?> Opening { get; set; } = _ => null;

    /// <summary>What reading from an open file throws; null: nothing.</summary>
    public Func<string, Exception?> Reading { get; set; } = _ => null;

    /// <summary>Whether reading a file gives other bytes than were written.</summary>
    public Func<string, bool> Rotten { get; set; } = _ => false;

    public static BackupException Fault { get; } = new(FailureKind.Io, "scripted fault", "");

    public string Describe(string path) => inner.Describe(path);

    public IStoreInspection Inspection => inner.Inspection;

    /// <summary>How often a directory was listed.</summary>
    public int Listings { get; private set; }

    public Task<StoredFile> PutAsync(string path, bool replace, Durability durability, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) =>
        ChangeAsync("write " + path, () => inner.PutAsync(path, replace, durability, write, cancellationToken));

    /// <summary>What was to be locked for longer.</summary>
    public List<string> Locked { get; } = [];

    public Task ExtendLockAsync(string path, DateTimeOffset until, CancellationToken cancellationToken)
    {
        Locked.Add(path);
        return inner.ExtendLockAsync(path, until, cancellationToken);
    }

    public Task<bool> TryRenameAsync(string from, string to, CancellationToken cancellationToken) =>
        ChangeAsync($"move {from} {to}", () => inner.TryRenameAsync(from, to, cancellationToken));

    public Task DeleteAsync(string path, Durability durability, CancellationToken cancellationToken) => ChangeAsync("delete " + path, async () =>
    {
        await inner.DeleteAsync(path, durability, cancellationToken);
        return true;
    });

    public Task<byte[]> ReadAsync(string path, CancellationToken cancellationToken) =>
        Opening(path) is { } refusal ? throw refusal
        : Reading(path) is { } failure ? Task.FromException<byte[]>(failure)
        : inner.ReadAsync(path, cancellationToken);

    public Task<Stream> OpenAsync(string path, CancellationToken cancellationToken) =>
        Opening(path) is { } refusal ? throw refusal
        : Reading(path) is { } failure ? Task.FromResult<Stream>(new FailingStream(failure))
        : Rotten(path) ? RottenAsync(path, cancellationToken)
        : inner.OpenAsync(path, cancellationToken);

    public Task<IReadOnlyList<StoredFile>> ListAsync(string directory, CancellationToken cancellationToken)
    {
        Listings++;
        return Opening(directory) is { } refusal ? throw refusal : inner.ListAsync(directory, cancellationToken);
    }

    public Task<IReadOnlyList<string>> ListDirectoriesAsync(string directory, CancellationToken cancellationToken) => inner.ListDirectoriesAsync(directory, cancellationToken);

    public Task EndUnfinishedAsync(string directory, Func<string, bool> isOurs, DateTimeOffset before, CancellationToken cancellationToken) => inner.EndUnfinishedAsync(directory, isOurs, before, cancellationToken);

    public Task<IStoreHold?> HoldAsync(string directory, CancellationToken cancellationToken) => inner.HoldAsync(directory, cancellationToken);

    public int ReadsAtOnce => inner.ReadsAtOnce;

    public Task<StoreHealth> GetHealthAsync(CancellationToken cancellationToken) => inner.GetHealthAsync(cancellationToken);

    public void Dispose() => Assert.True(Fired || failing == 0, $"the fault at change {failing} was never reached: {string.Join(", ", Log)}");

    private async Task<Stream> RottenAsync(string path, CancellationToken cancellationToken)
    {
        await using var sound = await inner.OpenAsync(path, cancellationToken);
        var bytes = new MemoryStream();
        await sound.CopyToAsync(bytes, cancellationToken);
        bytes.GetBuffer()[bytes.Length / 2] ^= 1;
        bytes.Position = 0;
        return bytes;
    }

    private async Task<T> ChangeAsync<T>(string what, Func<Task<T>> change)
    {
        if (Fired && staysDead)
            throw Fault;
        var strikes = ++changes == failing;
        Fired |= strikes;
        if (strikes && time == FaultTime.Before)
            throw Fault;
        var done = await change();
        Log.Add(what);
        return strikes ? throw Fault : done;
    }

    /// <summary>A file of a bad disk.</summary>
    private sealed class FailingStream(Exception failure) : MemoryStream
    {
        public override int Read(Span<byte> buffer) => throw failure;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw failure;

        public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken) => throw failure;
    }
}
