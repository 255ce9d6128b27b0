using System.Globalization;
using System.Text;

namespace NexusBackupAgent.Platform;

/// <summary>A process that has a file open.</summary>
/// <param name="Process">Its number.</param>
/// <param name="Command">Its command line, shortened; its bare name where that is hidden.</param>
internal sealed record FileUser(int Process, string Command)
{
    public override string ToString() => $"{Process} ({Command})";
}

/// <summary>A process that holds a file.</summary>
/// <param name="User">The process.</param>
/// <param name="Files">What it has open, that file too.</param>
internal sealed record FileHolder(FileUser User, IReadOnlyList<OpenedFile> Files);

/// <summary>A file that a process has open.</summary>
/// <param name="Path">By which name, as this process would see it; without the system's remark that it was deleted.</param>
/// <param name="IsDeleted">Whether no name of it is left there.</param>
internal sealed record OpenedFile(FileStatus File, string Path, bool IsDeleted);

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
        var deleted = paths.Select(path => KernelPath.Resolve(path) + Deleted).ToHashSet(StringComparer.Ordinal);
        var holders = Processes().SelectMany(process => Opened(process, files, deleted)).Concat(Locked(files)).ToList();
        var still = paths.Select(FileStatus.Of).OfType<FileStatus>().ToList(); // a -journal comes and goes, and another file gets its inode
        return [.. holders.Where(holder => holder.File is not { } file || still.Exists(file.IsSameFileAs))
            .Select(holder => holder.Process).Distinct().Order().Select(process => new FileUser(process, CommandOf(process)))];
    }

    /// <summary>The other processes that hold a lock on a file. One whose descriptors may not be looked into stays unseen.</summary>
    public static IReadOnlyList<FileHolder> HoldersOf(FileStatus file)
    {
        // By the inode alone: some file systems tell another device here than of the file itself. What is open then decides.
        var inode = $":{file.Inode}";
        var processes = new SortedSet<int>();
        foreach (var line in ReadText("/proc/locks").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var at = Array.FindIndex(words, word => word.EndsWith(inode, StringComparison.Ordinal));
            if (at > 0 && int.TryParse(words[at - 1], NumberStyles.None, CultureInfo.InvariantCulture, out var process) && process != Environment.ProcessId)
                processes.Add(process);
        }

        return HoldersOf(processes, open => open.File.IsSameFileAs(file));
    }

    /// <summary>The other processes that have a file open which has no name any more. One that may not be looked into stays unseen.</summary>
    /// <param name="path">The name that it had, absolute, links followed.</param>
    public static IReadOnlyList<FileHolder> HoldersOfDeleted(string path) =>
        HoldersOf(Processes().Where(process => process != Environment.ProcessId).Order(), open => open.IsDeleted && open.Path == path);

    private static List<FileHolder> HoldersOf(IEnumerable<int> processes, Predicate<OpenedFile> isMeant) =>
        [.. processes.Select(process => (Process: process, Files: FilesOf(process))).Where(holder => holder.Files.Exists(isMeant))
            .Select(holder => new FileHolder(new FileUser(holder.Process, CommandOf(holder.Process)), holder.Files))];

    private static List<OpenedFile> FilesOf(int process)
    {
        var opened = new List<OpenedFile>();
        try
        {
            foreach (var descriptor in Descriptors(process))
            {
                // Of a program that opens and closes files, the same number may be another file's a moment later, or nobody's.
                if (FileStatus.Of(descriptor) is { IsRegular: true } file && NameOf(descriptor) is { } name && FileStatus.Of(descriptor) is { } still && still.IsSameFileAs(file))
                    opened.Add(name.EndsWith(Deleted, StringComparison.Ordinal) && file.Names == 0 ? new OpenedFile(file, name[..^Deleted.Length], IsDeleted: true) : new OpenedFile(file, name, IsDeleted: false));
            }
        }
        catch (Exception gone) when (IoFailure.IsKnown(gone))
        {
            // It ended, or belongs to somebody else.
        }

        return opened;
    }

    /// <summary>By their other listing: .NET follows each of the links that the usual one is made of, and a computer has thousands.</summary>
    private static IEnumerable<string> Descriptors(int process) =>
        Directory.EnumerateFiles($"/proc/{process}/fdinfo").Select(number => $"/proc/{process}/fd/{Path.GetFileName(number)}");

    private static string? NameOf(string descriptor)
    {
        try
        {
            return new FileInfo(descriptor).LinkTarget;
        }
        catch (Exception closed) when (IoFailure.IsKnown(closed))
        {
            return null;
        }
    }

    private static IEnumerable<int> Processes() => Directory.Exists("/proc")
        ? Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => name!.All(char.IsAsciiDigit)).Select(name => int.Parse(name!, CultureInfo.InvariantCulture))
        : [];

    /// <returns>The process once for each of the files that it has open; without the file where that was deleted.</returns>
    private static List<(int Process, FileStatus? File)> Opened(int process, List<FileStatus> files, HashSet<string> deleted)
    {
        var opened = new List<(int, FileStatus?)>();
        try
        {
            foreach (var descriptor in Descriptors(process))
            {
                var open = FileStatus.Of(descriptor);
                if (open is { } file && files.Exists(file.IsSameFileAs))
                    opened.Add((process, open));
                else if (open is null or { IsRegular: true } && NameOf(descriptor) is { } name && deleted.Contains(name)) // of thousands most are pipes and sockets
                    opened.Add((process, null));
            }
        }
        catch (Exception gone) when (IoFailure.IsKnown(gone))
        {
            // It ended, or belongs to somebody else: then its locks tell.
        }

        return opened;
    }

    /// <summary>Lines such as <c>1: POSIX  ADVISORY  READ 1234 fe:00:5678 128 128</c>; one that waits has an arrow after its number.</summary>
    private static IEnumerable<(int Process, FileStatus? File)> Locked(List<FileStatus> files)
    {
        var names = files.DistinctBy(Name).ToDictionary(Name, StringComparer.Ordinal);
        foreach (var line in ReadText("/proc/locks").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var at = Array.FindIndex(words, names.ContainsKey);
            if (at > 0 && int.TryParse(words[at - 1], NumberStyles.None, CultureInfo.InvariantCulture, out var process))
                yield return (process, names[words[at]]);
        }
    }

    private static string Name(FileStatus file) => $"{file.Major:x2}:{file.Minor:x2}:{file.Inode}";

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
