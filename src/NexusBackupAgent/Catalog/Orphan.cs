using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>Files in a source's directory that belong to no backup.</summary>
/// <param name="File">The file to name to people.</param>
/// <param name="Sweepable">What may be deleted, in that order, as far as it is the agent's own; empty when only a person can decide.</param>
/// <param name="Reason">What it is.</param>
/// <param name="ModifiedAt">When it was last written, UTC.</param>
internal sealed record Orphan(string File, IReadOnlyList<string> Sweepable, string Reason, DateTimeOffset ModifiedAt)
{
    /// <summary>What a crash left, manifests whose artifact is gone, and increments whose manifest is. Another artifact that bears no mark is somebody's, and no orphan.</summary>
    /// <param name="files">All files of the directory.</param>
    /// <param name="formats">How artifacts are named; other programs' hidden files are no concern of ours.</param>
    public static IEnumerable<Orphan> Among(DirectoryFiles files, ArtifactFormats formats)
    {
        foreach (var file in files.ByName.Values)
        {
            if (file.IsUnfinished && formats.Mentions(file.Name))
                yield return new Orphan(file.Name, [file.Name], "an unfinished temporary file", file.ModifiedAt);
            else if (BackupFiles.ArtifactOfPending(file.Name) is { } artifact && (formats.IsArtifact(BackupFiles.Original(artifact)) || formats.ArtifactOfPart(artifact) is not null))
                yield return Marked(artifact, file, files, formats);
            else if (files.IsArtifact(file.Name) && files.IsIncrement(file.Name) && !files.IsCommitted(file.Name) && !files.Has(BackupFiles.Pending(file.Name)))
                yield return new Orphan(file.Name, [], "it holds only what changed, and without its manifest nothing says since when; bring the manifest back, or delete it by hand", file.ModifiedAt);
            else if (BackupFiles.ArtifactOfManifest(file.Name) is { } gone && files.IsBereft(gone) && !files.Has(BackupFiles.Pending(gone)))
                yield return new Orphan(file.Name, [], $"the manifest of {gone}, which is gone; delete it by hand once that is explained", file.ModifiedAt);
        }
    }

    // The mark goes last: a crash while sweeping leaves an orphan still.
    private static Orphan Marked(string marked, StoredFile mark, DirectoryFiles files, ArtifactFormats formats)
    {
        if (files.IsCommitted(marked))
            return new Orphan(mark.Name, [mark.Name], $"the mark of {marked}, which was committed", mark.ModifiedAt);
        var byHand = files.IsUnsigned(formats.ArtifactOf(marked)) ? $"; nothing in it tells whether the agent wrote it, so delete it by hand, and {mark.Name} after it" : "";
        return new Orphan(marked, formats.AllOf(marked), "a backup whose writing or deleting was interrupted" + byHand, mark.ModifiedAt);
    }
}
