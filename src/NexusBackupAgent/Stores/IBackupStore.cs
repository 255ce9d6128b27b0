using NexusBackupAgent.Common;

namespace NexusBackupAgent.Stores;

/// <summary>
/// Where artifacts and their small companions are kept. Paths are relative, with forward slashes.
/// Failures are <see cref="BackupException"/>s that name the store, the path and the mend.
/// </summary>
internal interface IBackupStore
{
    /// <summary>The configured name (metric label <c>store</c>).</summary>
    string Name { get; }

    /// <summary>Where <paramref name="path"/> lies, in the words an operator would use: an absolute path or a URL.</summary>
    string Locate(string path);

    /// <summary>
    /// Writes a file that appears whole, durable and under its name, or not at all.
    /// Missing directories below the store's root are made; the root itself never is, because a missing root is
    /// usually a disk that is not mounted.
    /// </summary>
    /// <param name="replace">Whether a file of that name is replaced; otherwise it is an error.</param>
    Task WriteAsync(string path, bool replace, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken);

    /// <summary>All bytes of a small file, from wherever they are had soonest: unlike <see cref="OpenReadAsync"/> this proves nothing of the disk.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    Task<byte[]> ReadAsync(string path, CancellationToken cancellationToken);

    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    Task<Stream> OpenReadAsync(string path, CancellationToken cancellationToken);

    /// <summary>The files directly in a directory, hidden ones included; none when the directory is absent.</summary>
    Task<IReadOnlyList<StoredFile>> ListAsync(string directory, CancellationToken cancellationToken);

    /// <summary>The names of the directories directly in a directory; none when it is absent.</summary>
    Task<IReadOnlyList<string>> ListDirectoriesAsync(string directory, CancellationToken cancellationToken);

    /// <summary>Renames durably and in one step: at any instant the file is whole under one of the two names. Never replaces a file.</summary>
    /// <exception cref="FileNotFoundException">There is no file <paramref name="from"/>.</exception>
    /// <exception cref="BackupException">A file <paramref name="to"/> exists already, or the store refuses.</exception>
    Task MoveAsync(string from, string to, CancellationToken cancellationToken);

    /// <summary>Deletes durably. An absent file is success.</summary>
    Task DeleteAsync(string path, CancellationToken cancellationToken);

    /// <summary>The room left; null where the store does not tell.</summary>
    StoreSpace? GetSpace();

    /// <summary>Refuses a store that takes no backup now, as far as can be told without writing to it; its backups may still be read.</summary>
    /// <exception cref="BackupException">It is read-only, or this user may not write there, or it is not there.</exception>
    void RequireWritable();
}
