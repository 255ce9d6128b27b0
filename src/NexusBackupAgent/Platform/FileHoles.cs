using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Platform;

/// <summary>A stretch of a file.</summary>
internal readonly record struct FileSegment(long Offset, long Length);

/// <summary>Where a file has data and where holes, as far as its file system tells (lseek, Linux 3.1).</summary>
internal static partial class FileHoles
{
    private const int ToData = 3; // SEEK_DATA
    private const int ToHole = 4; // SEEK_HOLE
    private const int NothingBehind = 6; // ENXIO

    /// <returns>Ascending; null where it has no holes, the file system does not tell, or there are more than anybody wants.</returns>
    public static IReadOnlyList<FileSegment>? DataOf(SafeFileHandle file, long length, int most)
    {
        if (Seek(file, 0, ToHole) is var first && (first < 0 || first >= length))
            return null;
        var found = new List<FileSegment>();
        for (var at = 0L; at < length;)
        {
            var data = Seek(file, at, ToData);
            if (data < 0 && Marshal.GetLastPInvokeError() != NothingBehind)
                return null;
            if (data < 0 || data >= length)
                break;
            var hole = Seek(file, data, ToHole);
            if (hole <= data || found.Count == most)
                return null;
            found.Add(new FileSegment(data, Math.Min(hole, length) - data));
            at = hole;
        }

        return found;
    }

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(SafeFileHandle file, long offset, int whence);
}
