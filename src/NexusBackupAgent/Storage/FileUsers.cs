using System.Globalization;
using System.Text;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Storage;

/// <summary>A process that has a file open.</summary>
/// <param name="Process">Its number.</param>
/// <param name="Command">Its command line, shortened; its bare name where that is hidden.</param>
internal sealed record FileUser(int Process, string Command)
{
    public override string ToString() => $"{Process} ({Command})";
}

/// <summary>
/// Who has files open, as the system tells (proc(5)): the descriptors of every process that may be looked into, and the
/// locks of all. A program of another user that holds neither a lock nor a readable descriptor list stays unseen without root.
/// </summary>
internal static class FileUsers
{
    private const int LongestCommand = 80;

    // What the link of a descriptor says of a file that was deleted or replaced since: its user writes into nowhere.
    private const string Deleted = " (deleted)";

    /// <param name="paths">Files, existing or not.</param>
    /// <returns>By process number; this process too, where it has one open.</returns>
    public static IReadOnlyList<FileUser> Of(IReadOnlyList<string> paths)
    {
        var files = paths.Select(FileStatus.Of).OfType<FileStatus>().ToList();
        var deleted = paths.Select(path => path + Deleted).ToHashSet(StringComparer.Ordinal);
        var holders = Processes().Where(process => HasOpen(process, files, deleted)).Concat(LockHolders(files));
        return [.. holders.Distinct().Order().Select(process => new FileUser(process, CommandOf(process)))];
    }

    private static IEnumerable<int> Processes() => Directory.Exists("/proc")
        ? Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => name!.All(char.IsAsciiDigit)).Select(name => int.Parse(name!, CultureInfo.InvariantCulture))
        : [];

    private static bool HasOpen(int process, List<FileStatus> files, HashSet<string> deleted)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries($"/proc/{process}/fd").Any(descriptor =>
                (FileStatus.Of(descriptor) is { } open && files.Exists(open.IsSameFileAs))
                || (File.ResolveLinkTarget(descriptor, returnFinalTarget: false) is { } link && deleted.Contains(link.FullName)));
        }
        catch (Exception gone) when (IoFailure.IsKnown(gone))
        {
            return false; // it ended, or belongs to somebody else: then its locks tell
        }
    }

    /// <summary>Lines such as <c>1: POSIX  ADVISORY  READ 1234 fe:00:5678 128 128</c>; one that waits has an arrow after its number.</summary>
    private static IEnumerable<int> LockHolders(List<FileStatus> files)
    {
        var names = files.Select(file => $"{file.Major:x2}:{file.Minor:x2}:{file.Inode}").ToHashSet(StringComparer.Ordinal);
        foreach (var line in ReadLines("/proc/locks"))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var at = Array.FindIndex(words, names.Contains);
            if (at > 0 && int.TryParse(words[at - 1], NumberStyles.None, CultureInfo.InvariantCulture, out var process))
                yield return process;
        }
    }

    private static string CommandOf(int process)
    {
        var line = string.Join(' ', ReadText($"/proc/{process}/cmdline").Split('\0', StringSplitOptions.RemoveEmptyEntries)).ReplaceLineEndings(" ");
        if (line.Length == 0)
            line = ReadText($"/proc/{process}/comm").Trim();
        return line.Length switch
        {
            0 => "of another container or user",
            > LongestCommand => line[..LongestCommand] + "…",
            _ => line,
        };
    }

    private static string[] ReadLines(string path) => ReadText(path).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static string ReadText(string path)
    {
        try
        {
            return File.ReadAllText(path, Encoding.UTF8);
        }
        catch (Exception hidden) when (IoFailure.IsKnown(hidden))
        {
            return "";
        }
    }
}
