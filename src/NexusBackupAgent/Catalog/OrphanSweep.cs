using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Catalog;

/// <summary>Finds the files of a directory that belong to no backup, and deletes those that are certainly an agent's own leftovers.</summary>
/// <param name="directory">Where they lie.</param>
/// <param name="reader">Tells what is a backup.</param>
/// <param name="zone">The zone of the times in file names.</param>
internal sealed class OrphanSweep(SourceDirectory directory, BackupReader reader, TimeZoneInfo zone)
{
    /// <summary>Files that belong to no backup.</summary>
    public async Task<IReadOnlyList<Orphan>> FindAsync(DirectoryFiles files, CancellationToken cancellationToken) =>
        [.. Orphan.Among(files, directory.Formats), .. await reader.StrangersAsync(files, cancellationToken)];

    /// <summary>Deletes orphans older than <paramref name="grace"/>.</summary>
    /// <returns>What was deleted.</returns>
    public async Task<IReadOnlyList<Orphan>> SweepAsync(DateTimeOffset now, TimeSpan grace, CancellationToken cancellationToken)
    {
        var swept = new List<Orphan>();
        var files = await directory.ListAsync(cancellationToken);
        foreach (var orphan in await FindAsync(files, cancellationToken))
        {
            if (orphan.Sweepable.Count == 0 || now - orphan.ModifiedAt < grace)
                continue;
            if (files.Has(orphan.File) && IsArtifactOrPart(files, orphan.File) && await MayBeNeededAsync(files, orphan.File, cancellationToken))
                continue;
            if (files.IsUnsigned(directory.Formats.ArtifactOf(orphan.File)))
                continue; // its mark is all that keeps it from being adopted, and its parts are no others
            var own = files.IsArtifact(orphan.File) && !IsPart(orphan.File) ? await OwnFilesAsync(orphan.File, cancellationToken) : orphan.Sweepable;
            await directory.DeleteAsync(own, cancellationToken);
            if (own.Count > 0)
                swept.Add(orphan);
        }

        return swept;
    }

    /// <summary>
    /// Whether a backup builds on one that is not there, and this may be it: somebody who has its manifest can bring it back.
    /// Only the time in both names tells; where a name has none, any may be.
    /// </summary>
    private async Task<bool> MayBeNeededAsync(DirectoryFiles files, string artifact, CancellationToken cancellationToken)
    {
        var capturedAt = BackupFiles.CapturedAt(artifact, zone);
        return (await reader.ReadAsync(files, cancellationToken)).Any(backup =>
            backup is { Bases.Count: 0, Manifest: { Type: not BackupType.Full, Base: { } missing } } && (capturedAt is null || missing.IsOf(capturedAt.Value)));
    }

    private bool IsPart(string file) => !file.StartsWith('.') && directory.Formats.ArtifactOfPart(file) is { } artifact && BackupFiles.SetAside(artifact) != file;

    private bool IsArtifactOrPart(DirectoryFiles files, string file) => files.IsArtifact(file) || IsPart(file);

    /// <summary>
    /// Which files of a marked artifact without a manifest are ours to delete. Where the encoding leaves a sign of who wrote
    /// it, its first bytes tell: of a file that another program made of that name only the mark is ours, and of one that
    /// can't be read nothing is, for now. Where the encoding leaves no sign, nobody knows, and all stays as it is: with the mark
    /// it is an orphan, which list and status report, and without it would be adopted.
    /// </summary>
    public async Task<IReadOnlyList<string>> OwnFilesAsync(string artifact, CancellationToken cancellationToken)
    {
        try
        {
            var header = new byte[ArtifactEncodings.HeaderSize];
            await using var stored = await directory.OpenAsync(artifact, cancellationToken);
            var read = await stored.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken);
            return directory.Formats.EncodingOf(BackupFiles.Original(artifact))?.IsOurs(header.AsSpan(0, read)) switch
            {
                true => directory.Formats.AllOf(artifact),
                false => [BackupFiles.Pending(artifact)],
                null => [],
            };
        }
        catch (FileNotFoundException)
        {
            return directory.Formats.AllOf(artifact); // only companions and the mark are left
        }
        catch (Exception unreadable) when (unreadable is BackupException || IoFailure.IsKnown(unreadable))
        {
            return []; // it stays an orphan, which list and status report; a backup must not fail for it
        }
    }
}
