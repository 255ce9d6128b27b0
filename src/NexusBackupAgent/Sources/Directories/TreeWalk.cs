using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Directories;

/// <summary>What lies at a path, looked at without opening it.</summary>
/// <param name="Place">Absolute.</param>
internal readonly record struct FoundFile(string Place, FileStatus Status)
{
    /// <summary>The directory of the source that it lies in; null: nobody walked there.</summary>
    public string? Root { get; init; }

    /// <summary>As the archive names it.</summary>
    public string Path => Place[1..];
}

/// <summary>Goes through directories in the order of <see cref="TreeEntry.Order"/>.</summary>
/// <param name="roots">Absolute, in that order.</param>
/// <param name="note">Told what can't be looked at, or went.</param>
internal sealed class TreeWalk(IReadOnlyList<string> roots, TreePatterns patterns, Action<TreeOddity, string> note)
{
    private static readonly EnumerationOptions All = new() { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false, ReturnSpecialDirectories = false };

    /// <summary>Roots with nothing in them, once they were gone through.</summary>
    public List<string> Bare { get; } = [];

    /// <exception cref="BackupException">A root is not there, or no directory.</exception>
    public IEnumerable<FoundFile> Files()
    {
        foreach (var root in roots)
        {
            if (Mistake(root) is var (problem, mend))
                throw new BackupException(Directory.Exists(root) || File.Exists(root) ? FailureKind.SourceInvalid : FailureKind.SourceMissing, $"'{root}' {problem}", mend);
            foreach (var file in Below(root, root))
                yield return file;
        }
    }

    /// <summary>Why a directory can't be backed up; null when nothing speaks against it.</summary>
    public static (string Problem, string Mend)? Mistake(string root) => FileStatus.OfNoLink(root) switch
    {
        null => ("does not exist", "check the path, and that its disk is mounted"),
        { Type: FileType.Directory } => null,
        { Type: FileType.SymbolicLink } => ($"is a symbolic link to '{KernelPath.Resolve(root)}'", "name the directory that it leads to: a restore puts it there"),
        { Type: var type } => ($"is {type.Name()}, not a directory", "name the directory that it is in, and include: the file"),
    };

    /// <summary>Whether nothing lies in a directory; false where it can't be looked into.</summary>
    public static bool IsBare(string root)
    {
        try
        {
            return !Directory.EnumerateFileSystemEntries(root, "*", All).Any();
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private IEnumerable<FoundFile> Below(string root, string place)
    {
        if (FileStatus.OfNoLink(place) is not { } status)
        {
            if (place.Length == root.Length || patterns.Means(place[(root.Length + 1)..], isDirectory: true)) // nobody knows what it is
                note(place.Contains('\ufffd') ? TreeOddity.Misnamed : TreeOddity.Vanished, place[1..]); // bytes that are no UTF-8 are shown as this, and not found by it
            yield break;
        }

        var isDirectory = status.Type == FileType.Directory;
        if (place.Length > root.Length && !patterns.Means(place[(root.Length + 1)..], isDirectory))
            yield break;
        yield return new FoundFile(place, status) { Root = root };
        foreach (var name in isDirectory ? NamesIn(place, isRoot: place.Length == root.Length) : [])
        {
            foreach (var file in Below(root, $"{place}/{name}"))
                yield return file;
        }
    }

    private List<string> NamesIn(string directory, bool isRoot)
    {
        try
        {
            var names = Directory.EnumerateFileSystemEntries(directory, "*", All).Select(entry => Path.GetFileName(entry)).ToList();
            names.Sort(StringComparer.Ordinal);
            if (isRoot && names.Count == 0)
                Bare.Add(directory);
            return names;
        }
        catch (DirectoryNotFoundException)
        {
            note(TreeOddity.Vanished, directory[1..]);
            return [];
        }
        catch (UnauthorizedAccessException)
        {
            note(TreeOddity.Unreadable, directory[1..]);
            return [];
        }
    }
}
