using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

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
        await directory.Store.EndUnfinishedAsync(directory.Path, directory.Formats.Mentions, now - grace, cancellationToken);
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
            var name = BackupFiles.Original(artifact);
            return (directory.Formats.IsSigned(name) ? directory.Formats.EncodingOf(name)?.IsOurs(header.AsSpan(0, read)) : null) switch
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

/// <summary>Files in a source's directory that belong to no backup.</summary>
/// <param name="File">The file to name to people.</param>
/// <param name="Sweepable">What may be deleted, in that order, as far as it is the agent's own; empty when only a person can decide.</param>
/// <param name="Reason">What it is.</param>
/// <param name="ModifiedAt">When it was last written, UTC.</param>
internal sealed record Orphan(string File, IReadOnlyList<string> Sweepable, string Reason, DateTimeOffset ModifiedAt)
{
    /// <summary>Whether it is half of a backup that was committed: its artifact or its manifest is gone.</summary>
    public bool IsHalf { get; init; }

    /// <summary>What a crash left, manifests whose artifact is gone, and increments whose manifest is. Another artifact that bears no mark is somebody's, and no orphan.</summary>
    /// <param name="files">All files of the directory.</param>
    /// <param name="formats">How artifacts are named; other programs' hidden files are no concern of ours.</param>
    public static IEnumerable<Orphan> Among(DirectoryFiles files, ArtifactFormats formats)
    {
        foreach (var file in files.All.Where(file => !file.IsOdd))
        {
            if (file.IsUnfinished && formats.Mentions(file.Name))
                yield return new Orphan(file.Name, [file.Name], "an unfinished temporary file", file.ModifiedAt);
            else if (BackupFiles.ArtifactOfPending(file.Name) is { } artifact && (formats.IsArtifact(BackupFiles.Original(artifact)) || formats.ArtifactOfPart(artifact) is not null))
                yield return Marked(artifact, file, files, formats);
            else if (files.IsIncrement(file.Name) && files.IsArtifact(file.Name) && !files.IsCommitted(file.Name) && !files.Has(BackupFiles.Pending(file.Name)))
                yield return new Orphan(file.Name, [], "an increment: it holds only what changed, and without its manifest nothing says since when; bring the manifest back, or delete it by hand", file.ModifiedAt) { IsHalf = true };
            else if (BackupFiles.ArtifactOfManifest(file.Name) is { } gone && files.IsBereft(gone) && !files.Has(BackupFiles.Pending(gone)))
                yield return new Orphan(file.Name, [], $"the manifest of {gone}, which is gone; delete it by hand once that is explained", file.ModifiedAt) { IsHalf = true };
        }
    }

    // The mark goes last: a crash while sweeping leaves an orphan still.
    private static Orphan Marked(string marked, StoredFile mark, DirectoryFiles files, ArtifactFormats formats)
    {
        if (files.IsCommitted(marked))
            return new Orphan(mark.Name, [mark.Name], $"the mark of {marked}, which was committed", mark.ModifiedAt);
        var byHand = files.IsUnsigned(formats.ArtifactOf(marked))
            ? $"; nothing in it tells whether the agent wrote it, so delete it by hand, and {mark.Name} after it"
            : "; it counts for nothing, and the first run after a day removes it";
        return new Orphan(marked, formats.AllOf(marked), "a backup whose writing or deleting was interrupted" + byHand, mark.ModifiedAt);
    }
}

/// <summary>What an artifact without a readable manifest says of itself by its name, size and time.</summary>
/// <param name="source">The source in whose directory it lies.</param>
/// <param name="kind">That source's kind.</param>
/// <param name="formats">How its artifacts are named and encoded.</param>
/// <param name="zone">The zone of the times in file names.</param>
internal sealed class HandMadeBackups(string source, string kind, ArtifactFormats formats, TimeZoneInfo zone)
{
    /// <summary>The manifest of a file that somebody made by hand; its hashes are unknown until it is read back.</summary>
    public BackupManifest ManifestOf(StoredFile artifact)
    {
        // A name may claim any time, and a file can't hold a state later than its own writing.
        var capturedAt = BackupFiles.CapturedAt(artifact.Name, zone) is { } named && named <= artifact.ModifiedAt ? named : artifact.ModifiedAt;
        var file = BackupFiles.Original(artifact.Name); // so that its identity stays when it is set aside
        return new BackupManifest(
            BackupManifest.CurrentFormatVersion,
            BackupId.ForAdopted(capturedAt, file),
            source,
            kind,
            BackupManifest.ManualSchedule,
            BackupType.Full,
            Base: null,
            capturedAt,
            file,
            new ArtifactDigest(0, ""),
            new ArtifactDigest(artifact.Length, ""),
            Adopted: true,
            new Dictionary<string, string>(StringComparer.Ordinal))
        {
            Encoding = formats.EncodingOf(file) ?? ArtifactEncoding.Gzip,
            Encryption = EncryptedName.Is(file) ? new BackupEncryption([]) : null,
        };
    }

    /// <summary>A backup whose manifest can't be read now: nothing is known of it until it can.</summary>
    public Backup Unreadable(StoredFile artifact, string directory, BackupException failure) =>
        new(ManifestOf(artifact) with { Adopted = false }, directory, artifact, Verification: null) { Unreadable = failure };

    /// <summary>A backup whose manifest is damaged: corrupt, because nothing says what it should be.</summary>
    /// <param name="isIncrement">Whether its name says that it holds only what changed.</param>
    /// <param name="reason">What speaks against the manifest, as it follows a colon.</param>
    public Backup Damaged(StoredFile artifact, string manifestFile, string directory, bool isIncrement, string reason)
    {
        var manifest = ManifestOf(artifact) with { Adopted = false, Type = isIncrement ? BackupType.Incremental : BackupType.Full };
        var damaged = new Backup(manifest, directory, artifact, Verification: null)
        {
            ManifestTrouble = new SidecarTrouble(manifestFile, reason, $"bring it back from a copy of the store; until then nothing is restored from this backup and nothing pruned for it. A new one: nexus-backup backup '{source}'"),
        };
        var check = new CheckResult(VerificationCheck.Checksum, Passed: false, damaged.ManifestDamage!);
        return damaged with { Verification = new VerificationResult(manifest.Id, artifact.ModifiedAt, artifact.Length, Passed: false, [check]) };
    }
}
