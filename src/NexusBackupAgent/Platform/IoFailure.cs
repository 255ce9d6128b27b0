using NexusBackupAgent.Common;

namespace NexusBackupAgent.Platform;

/// <summary>Turns what the operating system says into what an operator can act on.</summary>
internal static class IoFailure
{
    /// <summary>Whether the file system or the user's quota has no room.</summary>
    public static bool IsFull(Exception exception) => exception is IOException { HResult: Errno.NoSpace or Errno.QuotaExceeded };

    /// <summary>Whether this is a failure of the file system that <see cref="Translate"/> can name.</summary>
    public static bool IsKnown(Exception exception) => exception is IOException or UnauthorizedAccessException || IsTooLarge(exception);

    /// <summary>Whether a limit of the file system or of the process forbids a file to grow (EFBIG). .NET makes that a wrong argument of its own call.</summary>
    private static bool IsTooLarge(Exception exception) => exception is IOException { HResult: Errno.TooLarge } or ArgumentOutOfRangeException { ParamName: "value" };

    /// <summary>Does what may fail in the file system, and says of a failure what <see cref="Translate"/> does.</summary>
    public static T Guard<T>(string action, string place, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception failure) when (IsKnown(failure))
        {
            throw Translate(failure, action, place);
        }
    }

    /// <inheritdoc cref="Guard{T}"/>
    public static void Guard(string action, string place, Action work) => Guard(action, place, () =>
    {
        work();
        return 0;
    });

    /// <param name="exception">What was caught.</param>
    /// <param name="action">What was being done, as a clause: <c>write the backup to /backups/x</c>.</param>
    /// <param name="place">The directory or file system to look at.</param>
    public static BackupException Translate(Exception exception, string action, string place)
    {
        var (kind, why, hint) = exception switch
        {
            IOException { HResult: Errno.QuotaExceeded } => (FailureKind.StoreFull, "the quota is used up", $"free space or have the quota raised (quota -s; df -h '{place}'), then run the command again"),
            IOException { HResult: Errno.TooManyInSystem or Errno.TooManyInProcess } => (FailureKind.Io, "too many files are open", "raise the limit (ulimit -n; LimitNOFILE= of the unit; sysctl fs.file-max), then run the command again"),
            _ when IsFull(exception) => (FailureKind.StoreFull, "no space left", $"free space there (df -h '{place}'; nexus-backup prune --dry-run shows what retention would remove), then run the command again"),
            _ when IsTooLarge(exception) => (FailureKind.Io, "no file may get that large there", $"raise the limit (ulimit -f; LimitFSIZE= of the unit), or use a file system that takes larger files (findmnt -T '{place}'), then run the command again"),
            IOException { HResult: Errno.ReadOnly } => (FailureKind.StoreUnavailable, "the file system is read-only", $"check the mount (findmnt -T '{place}') and remount it writable"),
            UntrustedPlaceException => (FailureKind.Permission, exception.Message, $"look at it and whose it is (ls -la '{place}'), remove what does not belong there, then run the command again"),
            UnauthorizedAccessException => (FailureKind.Permission, "permission denied", $"check owner and mode (ls -la '{place}') for the user {SystemUser.Current.Name}"),
            FileNotFoundException or DirectoryNotFoundException => (FailureKind.StoreUnavailable, "it does not exist", $"check the path and that its disk is mounted (findmnt -T '{place}')"),
            _ => (FailureKind.Io, exception.Message, $"check the disk (dmesg | tail) and '{place}', then run the command again"),
        };
        return new BackupException(kind, $"cannot {action}: {why}", hint, exception);
    }
}
