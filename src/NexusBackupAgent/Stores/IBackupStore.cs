using NexusBackupAgent.Common;

namespace NexusBackupAgent.Stores;

/// <summary>A directory in which no other machine writes until this is disposed.</summary>
internal interface IStoreHold : IAsyncDisposable
{
    /// <summary>Cancelled when it can't be kept any longer: whoever writes has to stop.</summary>
    CancellationToken Lost { get; }
}

/// <summary>
/// Where artifacts and their small companions are kept. Paths are relative, with forward slashes, and mean nothing outside
/// the store: no path of a disk leaves it.
/// Failures are <see cref="BackupException"/>s that name the store, the path and the next step.
/// </summary>
internal interface IBackupStore
{
    /// <summary>The configured name (metric label <c>store</c>).</summary>
    string Name { get; }

    /// <summary>The same store for what the group that it is configured for may read only as long as something allows it.</summary>
    /// <param name="mayGroupRead">Asked for each file that is written.</param>
    IBackupStore SharedWhile(Func<bool> mayGroupRead) => this;

    /// <summary>The same store for files that nobody is to delete or replace before an instant, where it has locks and its configuration asks for them.</summary>
    IBackupStore LockedUntil(DateTimeOffset until) => this;

    /// <summary>Whether files may be locked there, so that it is worth asking.</summary>
    bool HasLocks => false;

    /// <summary>Until when a file can't be deleted; null: it can.</summary>
    Task<DateTimeOffset?> LockOfAsync(string path, CancellationToken cancellationToken) => Task.FromResult<DateTimeOffset?>(null);

    /// <summary>Locks a file until at least an instant, where <see cref="LockedUntil"/> has an effect. An absent one is success.</summary>
    Task ExtendLockAsync(string path, DateTimeOffset until, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Where <paramref name="path"/> lies, for people alone: an absolute path or a URL. Empty: the store itself.</summary>
    string Describe(string path);

    /// <summary>Looks at it for people.</summary>
    IStoreInspection Inspection { get; }

    /// <summary>
    /// Writes a file that appears whole and under its name, or not at all.
    /// Missing directories below the store's root are made; the root itself never is, because a missing root is
    /// usually a disk that is not mounted.
    /// </summary>
    /// <param name="replace">Whether a file of that name is replaced; otherwise it is an error.</param>
    /// <returns>The file as <see cref="ListAsync"/> would tell it now.</returns>
    Task<StoredFile> PutAsync(string path, bool replace, Durability durability, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken);

    /// <summary>All bytes of a small file, from wherever they are had soonest: unlike <see cref="OpenAsync"/> this proves nothing of the disk.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    Task<byte[]> ReadAsync(string path, CancellationToken cancellationToken);

    /// <summary>Reads from where the file is kept, not from what memory holds of it.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    Task<Stream> OpenAsync(string path, CancellationToken cancellationToken);

    /// <summary>The files directly in a directory, hidden ones included, and what else bears a name there (<see cref="StoredFile.IsOdd"/>); none when the directory is absent.</summary>
    Task<IReadOnlyList<StoredFile>> ListAsync(string directory, CancellationToken cancellationToken);

    /// <summary>
    /// The same for who looks once at a directory that may hold half a million files: of those whose name says enough, nothing but the
    /// name is asked, and small ones are read without a text or a task of their own.
    /// </summary>
    /// <param name="take">Told the name of each plain file, by one thread. Null: the caller keeps it himself and wants no more of the file. Otherwise its text, for <see cref="IStoreGlance.Files"/>.</param>
    /// <returns>Null where <see cref="ListAsync"/> is as good.</returns>
    Task<IStoreGlance?> GlanceAsync(string directory, Func<ReadOnlySpan<char>, string?> take, CancellationToken cancellationToken) => Task.FromResult<IStoreGlance?>(null);

    /// <summary>The names of the directories directly in a directory; none when it is absent.</summary>
    Task<IReadOnlyList<string>> ListDirectoriesAsync(string directory, CancellationToken cancellationToken);

    /// <summary>Renames durably and in one step: at any instant the file is whole under one of the two names. Never replaces a file.</summary>
    /// <returns>False where the store knows no such thing; nothing was done.</returns>
    /// <exception cref="FileNotFoundException">There is no file <paramref name="from"/>.</exception>
    /// <exception cref="BackupException">A file <paramref name="to"/> exists already, or the store refuses.</exception>
    Task<bool> TryRenameAsync(string from, string to, CancellationToken cancellationToken);

    /// <summary>Deletes a file. An absent one is success.</summary>
    /// <param name="durability">Of the deletion; there is no content to speak of.</param>
    Task DeleteAsync(string path, Durability durability, CancellationToken cancellationToken);

    /// <summary>Ends what writers that died left unfinished in a directory and no listing shows: nothing where listings show it (<see cref="StoredFile.IsUnfinished"/>).</summary>
    /// <param name="isOurs">Whether a file of that name in the directory would be the agent's.</param>
    /// <param name="before">Younger ones are left to whoever writes them.</param>
    Task EndUnfinishedAsync(string directory, Func<string, bool> isOurs, DateTimeOffset before, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Keeps other machines from writing in a directory until it is disposed; null where the store has nothing that could.</summary>
    /// <exception cref="BackupException">Another one writes there (<see cref="FailureKind.Locked"/>).</exception>
    Task<IStoreHold?> HoldAsync(string directory, CancellationToken cancellationToken) => Task.FromResult<IStoreHold?>(null);

    /// <summary>How many small files are best read side by side: where each one is a way to a server and back.</summary>
    int ReadsAtOnce => 1;

    /// <summary>How the store is, as far as can be told without writing to it. Never throws for what it finds.</summary>
    Task<StoreHealth> GetHealthAsync(CancellationToken cancellationToken);
}

/// <summary>One look at a directory.</summary>
internal interface IStoreGlance : IDisposable
{
    /// <summary>What <see cref="IBackupStore.ListAsync"/> tells, but for the files whose name was enough.</summary>
    IReadOnlyList<StoredFile> Files { get; }

    /// <summary>Reads a small file whole; called by several threads at once.</summary>
    /// <param name="file">Its name in the directory.</param>
    /// <returns>How many bytes it has; negative where it can't be read this way, or has no room in the buffer, which says nothing about why.</returns>
    int Read(string file, Span<byte> buffer);
}

/// <summary>What of a change a power cut can't take any more once the change returned. A process that dies takes nothing in any case.</summary>
internal enum Durability
{
    /// <summary>All of it, and with it every earlier change of names in the same directory.</summary>
    Now,

    /// <summary>A file's content; its name becomes durable with the next change in the directory that is durable <see cref="Now"/>.</summary>
    NameLater,

    /// <summary>Nothing by itself. A name becomes durable as under <see cref="NameLater"/>, and may come back without its content.</summary>
    Later,
}

/// <summary>How a store is at one instant.</summary>
/// <param name="Down">Why its backups can't be reached; null when they can.</param>
/// <param name="Refusal">Why it takes no backup although it can be reached; null when it does, or when nobody can tell.</param>
/// <param name="Space">The room in it; null where it does not tell.</param>
/// <param name="IsBare">Nothing at all lies in it, as on a mount point without its disk; false when that can't be told.</param>
internal sealed record StoreHealth(BackupException? Down, BackupException? Refusal, StoreSpace? Space, bool IsBare)
{
    /// <summary>What it lies on: equal for what goes with one disk. Null: on nothing that anything else lies on, or nobody knows.</summary>
    public string? Medium { get; init; }

    /// <summary>Why it can't be used, or not be written; null when nothing is wrong, as far as can be told without writing.</summary>
    public BackupException? Failure => Down ?? Refusal;
}

/// <summary>A file in a store. A listing may hold four hundred thousand of them, so times take no more room than they need.</summary>
internal readonly record struct StoredFile
{
    private readonly long modified;
    private readonly long changed;

    /// <param name="name">Without directory.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="modifiedAt">As the store tells it.</param>
    public StoredFile(string name, long length, DateTimeOffset modifiedAt) => (Name, Length, modified) = (name, length, modifiedAt.UtcTicks);

    /// <summary>Without directory.</summary>
    public string Name { get; init; }

    /// <summary>Bytes.</summary>
    public long Length { get; init; }

    /// <summary>UTC, as the store tells it.</summary>
    public DateTimeOffset ModifiedAt
    {
        get => new(modified, TimeSpan.Zero);
        init => modified = value.UtcTicks;
    }

    /// <summary>When its content, name, mode or owner last changed, UTC; null when the store does not tell. A rename leaves <see cref="ModifiedAt"/> as it was.</summary>
    public DateTimeOffset? ChangedAt
    {
        get => changed == 0 ? null : new DateTimeOffset(changed, TimeSpan.Zero);
        init => changed = value?.UtcTicks ?? 0;
    }

    /// <summary>Whether it is a file that the store is writing under another name, or was when its process died.</summary>
    public bool IsUnfinished { get; init; }

    /// <summary>Whether the name is not a file's but a directory's, a pipe's, a socket's or a device's: whoever opened it might wait for ever.</summary>
    public bool IsOdd { get; init; }

    /// <summary>Why nobody should read it into memory; null when it is a file of at most so many bytes.</summary>
    public string? WhyNotSmall(long most) => this switch
    {
        { IsOdd: true } => "it is a directory, a pipe or a device, and no file",
        { Length: var length } when length > most => $"it has {length} bytes, and no such file has more than {most}",
        _ => null,
    };
}

/// <summary>Room in a store, in bytes, counted as <c>df</c> counts.</summary>
/// <param name="Size">The whole file system.</param>
/// <param name="Free">Not used, including what only root may use.</param>
/// <param name="Available">What ordinary users may use.</param>
internal readonly record struct StoreSpace(long Size, long Free, long Available)
{
    /// <summary>Of the file system that a directory is on.</summary>
    /// <exception cref="IOException">It can't be asked.</exception>
    public static StoreSpace At(string directory)
    {
        var drive = new DriveInfo(directory);
        return new StoreSpace(drive.TotalSize, drive.TotalFreeSpace, drive.AvailableFreeSpace);
    }

    /// <summary>Above which share somebody has to look after it (runbook §3.2 [C]).</summary>
    public const double TightRatio = 0.8;

    public bool IsTight => UsedRatio >= TightRatio;

    /// <summary>Used ÷ (used + available to ordinary users), 0 to 1: <c>df</c>'s Use% before it rounds up.</summary>
    public double UsedRatio => Size - Free + Available is > 0 and var usable ? (double)(Size - Free) / usable : 0;
}
