using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Directories;

/// <summary>
/// What lies at the place of a restore and is no part of it stays there: it gets a second name in the restored directory. Nothing of it
/// is copied, so the safety copy shares it, and whoever has it open goes on with it.
/// </summary>
internal sealed class TreeCarryOver(TreeTarget target, TreeWork work)
{
    /// <summary>Directories that got something, and the time that they had.</summary>
    private readonly Dictionary<string, long> touched = new(StringComparer.Ordinal);

    private string? real;

    public void Run(CancellationToken cancellationToken)
    {
        foreach (var found in new TreeWalk([work.Place.Path], TreePatterns.All, NoteLeft).Files())
        {
            cancellationToken.ThrowIfCancellationRequested();
            var name = work.Place.NameOf(found.Place, work.Place.Path);
            var isDirectory = found.Status.Type == FileType.Directory;
            var there = work.Made + found.Place[work.Place.Path.Length..];
            var isChosen = target.Selection.Takes(name);
            if (there.Length > work.Made.Length && IsReal(Path.GetDirectoryName(there)!) == false)
                continue; // what was restored has a file, or a link that leads elsewhere
            if (FileStatus.OfNoLink(there) is { } made)
            {
                if (isDirectory && made.Type == FileType.Directory && !isChosen)
                    LookLike(found.Place, found.Status, there);
                continue;
            }

            if (target.Deletes && isChosen && target.Belongs(name, isDirectory))
                continue;
            MakeParent(found.Place, there);
            if (isDirectory)
            {
                Directory.CreateDirectory(there, FileOwner.OwnersDirectory);
                LookLike(found.Place, found.Status, there);
            }
            else
            {
                FileMetadata.Link(found.Place, there);
            }
        }

        foreach (var (directory, modified) in touched)
            FileMetadata.SetModified(directory, modified);
    }

    /// <returns>True: it is a directory of the restored ones. False: something else is in the way. Null: nothing is there.</returns>
    private bool? IsReal(string directory)
    {
        if (directory == real)
            return true;
        if (directory.Length > work.Made.Length && IsReal(Path.GetDirectoryName(directory)!) is not true and var above)
            return above;
        var type = FileStatus.OfNoLink(directory)?.Type;
        if (type == FileType.Directory)
            real = directory;
        return type is null ? null : type == FileType.Directory;
    }

    private void MakeParent(string live, string there)
    {
        var (above, parent) = (Path.GetDirectoryName(live)!, Path.GetDirectoryName(there)!);
        if (FileStatus.OfNoLink(parent) is { } made)
        {
            touched.TryAdd(parent, made.Modified);
            return;
        }

        MakeParent(above, parent);
        Directory.CreateDirectory(parent, FileOwner.OwnersDirectory);
        LookLike(above, FileStatus.OfNoLink(above) ?? throw new DirectoryNotFoundException($"'{above}' is gone"), parent);
    }

    /// <summary>What went meanwhile need not be taken over; anything else would be lost.</summary>
    private static void NoteLeft(TreeOddity oddity, string path)
    {
        if (oddity == TreeOddity.Misnamed)
        {
            throw new BackupException(
                FailureKind.Restore,
                $"'{LineText.Of("/" + path)}' has a name that is no UTF-8, is no part of the backup, and would stay behind in the safety copy",
                "rename it (convmv -r -f latin1 -t utf8 --notest) or take it away, or restore elsewhere with --to; then run the command again");
        }

        if (oddity != TreeOddity.Vanished)
            throw new BackupException(FailureKind.Permission, $"'{LineText.Of("/" + path)}' can't be listed, and what is in it would stay behind in the safety copy", "run the command as root, or restore elsewhere with --to");
    }

    private void LookLike(string live, FileStatus status, string there)
    {
        FileMetadata.SetOwner(there, status.User, status.Group);
        foreach (var (name, value) in FileMetadata.AttributesOf(live))
            FileMetadata.SetAttribute(there, name, value);
        File.SetUnixFileMode(there, status.Mode);
        touched[there] = status.Modified;
    }
}
