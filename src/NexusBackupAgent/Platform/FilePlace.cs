using NexusBackupAgent.Common;

namespace NexusBackupAgent.Platform;

/// <summary>Where a file is, or would be. Compared by what paths lead to, whatever links and mounts they go through, not by how they are written.</summary>
/// <param name="path">Absolute.</param>
internal sealed class FilePlace(string path)
{
    public string Path => path;

    public string Name => System.IO.Path.GetFileName(path);

    public string Directory => System.IO.Path.GetDirectoryName(path)!;

    /// <summary>The place that a path's own symbolic links lead to, whether a file is there or not.</summary>
    /// <exception cref="BackupException">They can't be followed.</exception>
    public static FilePlace Behind(string path)
    {
        try
        {
            return new FilePlace(new FileInfo(path).LinkTarget is null ? path : File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"follow '{path}'", System.IO.Path.GetDirectoryName(path) ?? path);
        }
    }

    /// <summary>Whether both are the same file, or would be: the same name in the same directory.</summary>
    public bool IsSameAs(FilePlace other) => LeadToTheSame(path, other.Path) || (Name == other.Name && LeadToTheSame(Directory, other.Directory));

    /// <summary>Whether it is in a directory, however deep. False when there is none.</summary>
    public bool IsBelow(string directory)
    {
        if (FileStatus.Of(directory) is not { } wanted)
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

    private static bool LeadToTheSame(string path, string other) =>
        path == other || (FileStatus.Of(path) is { } here && FileStatus.Of(other) is { } there && here.IsSameFileAs(there));
}
