using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>Which file a path leads to, as a key: device and inode.</summary>
internal static class FileIdentity
{
    /// <returns>The same text for the same file; the path itself where the file can't be asked.</returns>
    public static string Of(string path) => FileStatus.Of(path) is { } file ? $"{file.Major:x}:{file.Minor:x}:{file.Inode:x}" : path;
}
