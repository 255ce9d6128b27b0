namespace NexusBackupAgent.Platform;

/// <summary>By what other paths a file can be opened: hard links, and where a file that is mounted alone comes from.</summary>
internal static class FileNames
{
    // About a tenth of a second.
    private const int MostEntries = 20_000;

    /// <summary>Looks for the other names of a file: where it was mounted from, and near it, as far as a short search finds them.</summary>
    /// <param name="path">Absolute, its own symbolic links resolved.</param>
    /// <param name="file">What is there.</param>
    /// <param name="areAll">Whether there are no others.</param>
    public static IReadOnlyList<string> Others(string path, FileStatus file, out bool areAll)
    {
        var found = new SortedSet<string>(StringComparer.Ordinal);
        if (file.IsMountPoint)
            found.UnionWith(Origins(path, file));
        var isOriginKnown = !file.IsMountPoint || found.Count > 0;
        if (file.Names > 1)
            found.UnionWith(Near(file.IsMountPoint && found.Count > 0 ? found.Min! : path, file));
        found.Remove(path);
        // A mounted file is one of its own names once more.
        areAll = isOriginKnown && found.Count >= file.Names - (file.IsMountPoint ? 0 : 1);
        return [.. found];
    }

    /// <summary>Names of a file in the directory above its own, and below that, without leaving the file system; the nearest first.</summary>
    private static IEnumerable<string> Near(string path, FileStatus file)
    {
        var directory = Path.GetDirectoryName(path)!;
        var queue = new Queue<string>([directory, Path.GetDirectoryName(directory) ?? directory]);
        var (seen, missing) = (0, file.Names - 1);
        while (missing > 0 && queue.TryDequeue(out var next))
        {
            foreach (var entry in Entries(next))
            {
                if (++seen > MostEntries)
                    yield break;
                var full = entry.FullName;
                if (entry.LinkTarget is not null || full == path || FileStatus.Of(full) is not { } status || (status.Major, status.Minor) != (file.Major, file.Minor))
                    continue;
                if (status.Type == FileType.Directory && full != directory)
                    queue.Enqueue(full);
                else if (status.IsSameFileAs(file) && !status.IsMountPoint && missing-- > 0)
                    yield return full;
            }
        }
    }

    private static IEnumerable<FileSystemInfo> Entries(string directory)
    {
        try
        {
            return new DirectoryInfo(directory).EnumerateFileSystemInfos("*", new EnumerationOptions { IgnoreInaccessible = true, AttributesToSkip = FileAttributes.None });
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            return [];
        }
    }

    /// <summary>Where the file of a mount can be seen by another mount of the same file system.</summary>
    private static IEnumerable<string> Origins(string path, FileStatus file)
    {
        var mounts = Mount.All();
        if (mounts.LastOrDefault(mount => mount.Point == path) is not { Root: var root } own)
            return [];
        return mounts
            .Where(mount => mount.Device == own.Device && mount.Point != path && (mount.Root == "/" || root == mount.Root || root.StartsWith(mount.Root + "/", StringComparison.Ordinal)))
            .Select(mount => (mount.Point.TrimEnd('/') + (mount.Root == "/" ? root : root[mount.Root.Length..])) is { Length: > 0 } origin ? origin : "/")
            .Where(origin => FileStatus.Of(origin) is { } there && there.IsSameFileAs(file));
    }
}
