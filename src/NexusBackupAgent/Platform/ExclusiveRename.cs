using System.Runtime.InteropServices;

namespace NexusBackupAgent.Platform;

/// <summary>Renames a file in one step and never over another one (Linux renameat2 with RENAME_NOREPLACE).</summary>
internal static partial class ExclusiveRename
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const uint NoReplace = 1; // RENAME_NOREPLACE
    private const int Exists = 17; // EEXIST
    private const int Denied = 13; // EACCES
    private const int NotPermitted = 1; // EPERM

    // ENOSYS, EINVAL, EOPNOTSUPP: the kernel or the file system (some network ones) knows no such rename.
    private static readonly int[] Unsupported = [38, 22, 95];

    /// <exception cref="IOException">The target exists, or the file system refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static void Move(string source, string target)
    {
        switch (TryMove(source, target))
        {
            case 0:
                return;
            case var error when Unsupported.Contains(error):
                // The next best: whoever works on a source holds its lock, so nobody makes the target in between.
                if (File.Exists(target))
                    throw Taken(target);
                File.Move(source, target, overwrite: true); // rename(2); without overwriting it may become a copy
                return;
            case Exists:
                throw Taken(target);
            case Denied or NotPermitted:
                throw new UnauthorizedAccessException($"renaming '{source}' is not permitted");
            case var error:
                throw new IOException($"{Marshal.GetPInvokeErrorMessage(error)} : '{source}'", error);
        }
    }

    private static IOException Taken(string target) => new($"'{target}' exists already");

    /// <returns>0, or why not (errno).</returns>
    private static int TryMove(string source, string target)
    {
        if (!OperatingSystem.IsLinux())
            return Unsupported[0];
        try
        {
            return Rename(CurrentDirectory, source, CurrentDirectory, target, NoReplace) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
        catch (EntryPointNotFoundException)
        {
            return Unsupported[0]; // an old C library
        }
    }

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(int sourceDirectory, string source, int targetDirectory, string target, uint flags);
}
