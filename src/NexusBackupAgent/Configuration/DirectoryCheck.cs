using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Configuration;

/// <summary>Tries whether a directory takes files now.</summary>
internal static class DirectoryCheck
{
    /// <param name="path">The directory.</param>
    /// <param name="what">What it is, for the message: <c>the store's directory</c>.</param>
    /// <returns>Null when it does.</returns>
    public static (string Problem, string Mend)? Find(string path, string what)
    {
        if (File.Exists(path))
            return ("is a file, not a directory", "name a directory");
        if (!Directory.Exists(path))
            return ($"{what} does not exist", $"mount it, or create it: mkdir -p '{path}'");
        try
        {
            // Permission bits do not tell: a read-only mount, a quota or an ACL shows only when something is written.
            var probe = Path.Combine(path, $".nexus-backup-check-{Guid.NewGuid():N}");
            using var file = new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
            return null;
        }
        catch (IOException readOnly) when (readOnly.HResult == Errno.ReadOnly)
        {
            return ($"{what} is not writable: its file system is read-only", $"remount it writable (findmnt -T '{path}')");
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return ($"{what} is not writable by this user, {SystemUser.Current.Name}", $"make it writable: sudo chown -R {SystemUser.Current.Name} '{path}' && sudo chmod u+rwx '{path}'");
        }
    }
}
