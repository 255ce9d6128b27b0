using System.Text.RegularExpressions;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Platform;

/// <summary>
/// Paths as the kernel walks them: a link's relative target goes out from where the link really lies, and <c>..</c> leads
/// to the parent of what a link leads to. .NET works both out as text, and so can lead to another file.
/// </summary>
internal static class KernelPath
{
    /// <summary>As many as the kernel follows before it gives up on a circle.</summary>
    private const int MostLinks = 40;

    /// <summary>
    /// An absolute path without <c>..</c> that leads where <paramref name="path"/> does. Links stay in it, so that it follows
    /// them anew each time, except one that a <c>..</c> comes after: the answer to that is the kernel's of now.
    /// </summary>
    /// <param name="directory">Absolute; a relative path goes out from it.</param>
    public static string Absolute(string path, string directory)
    {
        var at = "/";
        foreach (var part in Parts(Path.Combine(directory, path)))
            at = part != ".." ? Path.Combine(at, part) : Parent(LinkIn(at) is null ? at : Resolve(at));
        return path.EndsWith('/') && at.Length > 1 ? at + "/" : at;
    }

    /// <summary>The path without any link: realpath(3) as far as it exists, and the rest as it is written. Two ways to one place become equal.</summary>
    /// <param name="path">Absolute.</param>
    public static string Resolve(string path) => Follow(path, _ => { });

    /// <summary>The path, if it is no link itself; otherwise where it leads.</summary>
    /// <param name="path">Absolute.</param>
    public static string Behind(string path) => LinkIn(path) is null ? path : Resolve(path);

    /// <param name="path">Absolute.</param>
    /// <param name="seen">Told of each link on the way, by a path that has no other link in it.</param>
    public static string Follow(string path, Action<string> seen)
    {
        var at = "/";
        var left = new Stack<string>(Parts(path).Reverse());
        for (var links = 0; left.TryPop(out var part);)
        {
            var next = part == ".." ? Parent(at) : Path.Combine(at, part);
            if (part == ".." || links == MostLinks || LinkIn(next) is not { } target)
            {
                at = next;
                continue;
            }

            links++;
            seen(next);
            at = target.StartsWith('/') ? "/" : at;
            foreach (var step in Parts(target).Reverse())
                left.Push(step);
        }

        return at;
    }

    private static IEnumerable<string> Parts(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".");

    private static string Parent(string path) => Path.GetDirectoryName(path) ?? "/";

    /// <returns>What is written in a link; null where there is none, or none that this user can look at.</returns>
    private static string? LinkIn(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception unreadable) when (IoFailure.IsKnown(unreadable))
        {
            return null; // who opens it is told why
        }
    }
}

/// <summary>Where a file is, or would be. Compared by what paths lead to, whatever links and mounts they go through, not by how they are written.</summary>
/// <param name="path">Absolute.</param>
internal sealed class FilePlace(string path)
{
    // A place that does not answer is none that does: whoever compares the two must not hang with it.
    private static readonly PatientLook Looks = new(Patience.ToAnswer, TimeProvider.System);

    public string Path => path;

    public string Name => System.IO.Path.GetFileName(path);

    public string Directory => System.IO.Path.GetDirectoryName(path)!;

    /// <summary>The place that a path's own symbolic links lead to, whether a file is there or not.</summary>
    public static FilePlace Behind(string path) => new(KernelPath.Behind(path));

    /// <summary>The same where it may not answer.</summary>
    /// <returns>Null when it does not.</returns>
    public static FilePlace? TryBehind(string path) => Ask(path, () =>
    {
        _ = FileStatus.Of(path);
        return Behind(path);
    });

    /// <summary>Whether both are the same file, or would be: the same name in the same directory. This one answers.</summary>
    public bool IsSameAs(FilePlace other) => LeadToTheSame(path, other.Path) || (Name == other.Name && LeadToTheSame(Directory, other.Directory));

    /// <summary>Whether it is in a directory, however deep. False when there is none.</summary>
    public bool IsBelow(string directory)
    {
        if (Ask(directory, () => FileStatus.Of(directory)) is not { } wanted)
            return false;
        // ".." is followed by the kernel, so that symbolic links on the way do not deceive.
        for (var (at, above) = (Directory, Directory + "/.."); FileStatus.Of(at) is { } here; (at, above) = (above, above + "/.."))
        {
            if (here.IsSameFileAs(wanted))
                return true;
            if (FileStatus.Of(above) is { } parent && parent.IsSameFileAs(here))
                return false; // the root
        }

        return false;
    }

    private static T? Ask<T>(string path, Func<T?> look) => Looks.AskAsync(path, () => Task.FromResult(look()), () => default).GetAwaiter().GetResult();

    private static bool LeadToTheSame(string path, string other) =>
        path == other || (FileStatus.Of(path) is { } here && Ask(other, () => FileStatus.Of(other)) is { } there && here.IsSameFileAs(there));
}

/// <summary>What is mounted in this process's view (proc(5), mountinfo).</summary>
/// <param name="Device">Of the file system, as <c>8:1</c>.</param>
/// <param name="Root">What of the file system is mounted.</param>
/// <param name="Point">Where.</param>
internal sealed partial record Mount(string Device, string Root, string Point)
{
    /// <returns>The later ones cover the earlier ones. None where the system hides them.</returns>
    public static IReadOnlyList<Mount> All()
    {
        try
        {
            return [.. File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')).Where(words => words.Length > 4).Select(words => new Mount(words[2], Plain(words[3]), Plain(words[4])))];
        }
        catch (Exception hidden) when (IoFailure.IsKnown(hidden))
        {
            return [];
        }
    }

    /// <summary>Whether a file or directory is a mount point of its own, as a container's bind mount of one file makes it.</summary>
    /// <param name="path">Absolute.</param>
    public static bool IsAt(string path)
    {
        var real = KernelPath.Resolve(path);
        return All().Any(mount => mount.Point == real);
    }

    /// <summary>Spaces, tabs, line ends and backslashes are written as <c>\040</c>.</summary>
    private static string Plain(string word) => Octal().Replace(word, code => ((char)Convert.ToInt32(code.Value[1..], fromBase: 8)).ToString());

    [GeneratedRegex(@"\\[0-7]{3}")]
    private static partial Regex Octal();
}
