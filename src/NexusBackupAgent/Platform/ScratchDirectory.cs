using System.Diagnostics.CodeAnalysis;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Platform;

/// <summary>
/// Private space for databases that are expanded to be checked, or copied while locked. Each user of it has a
/// subdirectory of its own and holds a lock (flock) on a file beside it: the kernel drops that when the process dies,
/// and it is seen from other containers too, where a process number would mean another process.
/// </summary>
/// <param name="path">Made when first needed, as is everything in it.</param>
internal sealed class ScratchDirectory(string path) : IDisposable
{
    // Somebody may have configured a directory that others use as well; only what is named like this is ever removed.
    private const string Prefix = "nexus-backup-";
    private const string Extension = ".scratch";
    private const string LockExtension = ".lock";

    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnersDirectory = Owner | UnixFileMode.UserExecute;

    /// <summary>Between making the lock file and holding its lock, it looks like one that was left.</summary>
    private static readonly TimeSpan Making = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private string? heldPath;
    private FileLock? held;
    private SafeFileHandle? own;

    public string Path { get; } = path;

    /// <summary>A directory elsewhere, for what has to outlive this process: what a source received and no backup holds yet. Null: there is none, because nobody may keep anything.</summary>
    public string? Lasting { get; init; }

    /// <summary>Bytes that ordinary users may still use there.</summary>
    /// <exception cref="BackupException">The directory can't be made or looked at.</exception>
    public long Available => Guard("look at", () =>
    {
        MakeRoot();
        return new DriveInfo(Path).AvailableFreeSpace;
    });

    /// <summary>Refuses what can't fit: expanding it would fill the disk for everybody else before it fails.</summary>
    /// <param name="bytes">Of the content that will be expanded there.</param>
    /// <exception cref="BackupException">There is no room (exit code 8).</exception>
    public void RequireRoom(long bytes)
    {
        var available = Available;
        if (available < bytes)
        {
            throw new BackupException(
                FailureKind.StoreFull,
                $"scratch space '{Path}' has {available} bytes available and verification needs {bytes} ({ByteCount.Text(bytes)})",
                $"free space there (df -h '{Path}'), or set scratch to a directory on a larger disk; then run the command again");
        }
    }

    /// <summary>An empty file that only this user may read; the caller opens it, and deletes it.</summary>
    /// <exception cref="BackupException">It can't be made.</exception>
    public string NewFile() => Guard("make a file in", () =>
    {
        var file = System.IO.Path.Combine(OwnSubdirectory(), Guid.NewGuid().ToString("N") + Extension);
        SafeFile.Create(file, Owner).Dispose();
        return file;
    });

    /// <summary>An empty directory that only this user may look into; the caller deletes it.</summary>
    /// <exception cref="BackupException">It can't be made.</exception>
    public string NewDirectory() => Guard("make a directory in", () => MakeDirectory(System.IO.Path.Combine(OwnSubdirectory(), Guid.NewGuid().ToString("N") + Extension)));

    /// <summary>An empty directory that only this user may look into, removed with everything in it when disposed.</summary>
    /// <exception cref="BackupException">It can't be made.</exception>
    public ScratchWorkspace NewWorkspace() => new(NewDirectory());

    /// <summary>Removes what dead processes left. What can't be removed (another user's) stays.</summary>
    /// <param name="now">UTC; what changed less than a minute before is left alone.</param>
    public void RemoveLeftovers(DateTimeOffset now)
    {
        try
        {
            if (!Directory.Exists(Path))
                return;
            var subdirectories = Directory.EnumerateFileSystemEntries(Path, Prefix + "*")
                .Select(entry => entry.EndsWith(LockExtension, StringComparison.Ordinal) ? entry[..^LockExtension.Length] : entry)
                .ToHashSet(StringComparer.Ordinal);
            foreach (var subdirectory in subdirectories)
                RemoveLeftover(subdirectory, now.UtcDateTime - Making);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            // Nothing to do with this process's own work, which says for itself when it can't use the directory.
        }
    }

    /// <summary>Removes this user's subdirectory and everything in it.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (held is null)
                return;
            own?.Dispose();
            using (held)
                TryRemove(SubdirectoryOf(heldPath!));
            (held, own) = (null, null);
        }
    }

    private static void RemoveLeftover(string subdirectory, DateTime before)
    {
        var lockFile = subdirectory + LockExtension;
        // A time of 1601 is what .NET reports for what does not exist.
        if (Directory.GetLastWriteTimeUtc(subdirectory) > before || File.GetLastWriteTimeUtc(lockFile) > before)
            return;
        if (!File.Exists(lockFile))
            TryRemove(subdirectory);
        else if (TryLock(lockFile, out var left))
        {
            using (left)
                TryRemove(subdirectory);
        }
    }

    private static bool TryLock(string lockFile, [NotNullWhen(true)] out FileLock? left)
    {
        try
        {
            left = FileLock.TryAcquire(lockFile);
        }
        catch (Exception refused) when (IoFailure.IsKnown(refused))
        {
            left = null;
        }

        return left is not null;
    }

    /// <summary>The lock file goes last, so that what could not be removed is found by its subdirectory again.</summary>
    private static void TryRemove(string subdirectory)
    {
        try
        {
            SafeFile.DeleteTree(subdirectory);
            SafeFile.Delete(subdirectory + LockExtension);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            // Left for the next who may.
        }
    }

    private static string SubdirectoryOf(string lockFile) => lockFile[..^LockExtension.Length];

    private static string MakeDirectory(string directory)
    {
        SafeFile.MakeDirectory(directory, OwnersDirectory, inherit: false);
        return directory;
    }

    /// <summary>Makes the directory when it is missing. What root makes is for whom the directory above it belongs to, who has to use it as well.</summary>
    private void MakeRoot()
    {
        if (Directory.Exists(Path))
            return;
        if (System.IO.Path.GetDirectoryName(Path) is { Length: > 0 } parent)
            FileOwner.MakeDirectory(parent);
        SafeFile.MakeDirectory(Path, OwnersDirectory);
    }

    /// <summary>
    /// Where this process makes its files. In a directory of somebody else root goes there through an open handle: whatever
    /// its owner puts in the place of the subdirectory, what root makes, deletes and has SQLite open (<see cref="PathAsGiven"/>) lies in root's own.
    /// </summary>
    private string OwnSubdirectory()
    {
        lock (gate)
        {
            MakeRoot();
            if (held is null)
            {
                heldPath = System.IO.Path.Combine(Path, $"{Prefix}{Guid.NewGuid():N}{LockExtension}");
                held = LockNew(heldPath);
            }

            var subdirectory = MakeDirectory(SubdirectoryOf(heldPath!));
            if (!SystemUser.Current.IsRoot || FileStatus.Of(Path) is not { User: not 0 })
                return subdirectory;
            own ??= SafeFile.OpenDirectory(subdirectory);
            if (FileStatus.Of(own) is not { User: 0 })
                throw new UntrustedPlaceException($"'{subdirectory}' is not the directory that was made there");
            return $"/proc/{Environment.ProcessId}/fd/{own.DangerousGetHandle()}";
        }
    }

    private static FileLock LockNew(string path)
    {
        SafeFile.Create(path, Owner).Dispose();
        return FileLock.TryAcquire(path) ?? throw new IOException($"'{path}' is locked by somebody else");
    }

    private T Guard<T>(string action, Func<T> work) => IoFailure.Guard($"{action} scratch space '{Path}'", Path, work);
}

/// <summary>A directory of the scratch space.</summary>
internal sealed class ScratchWorkspace(string path) : IDisposable
{
    public string Path => path;

    public void Dispose() => SafeFile.DeleteTree(path);
}
