using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Storage;

namespace NexusBackupAgent.Verification;

/// <summary>
/// Re-reads a stored backup: size, SHA-256, gzip, content hash, and the source's own check of the expanded content
/// (runbook §3.1 steps 3 and 4, §7). What it finds is kept beside the backup.
/// </summary>
/// <param name="scratch">Where content is expanded.</param>
/// <param name="timeProvider">The clock.</param>
internal sealed class BackupVerifier(ScratchDirectory scratch, TimeProvider timeProvider)
{
    /// <summary>Verifies once, records the result, and adopts a hand-made file that passed. <see cref="Quarantine"/> is who acts on damage.</summary>
    /// <returns>
    /// The backup with its new state. Damage is a result; only being unable to look is an exception. A result that can't
    /// be kept is one all the same, and <see cref="Backup.NotRecorded"/> says why.
    /// </returns>
    public Task<Backup> VerifyAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, IProgress<long>? progress, CancellationToken cancellationToken) =>
        VerifyAsync(source, catalog, backup, progress, recordsDamage: true, cancellationToken);

    /// <summary>The same, but damage is not recorded: for a reading that another one is to confirm.</summary>
    public Task<Backup> GlanceAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, IProgress<long>? progress, CancellationToken cancellationToken) =>
        VerifyAsync(source, catalog, backup, progress, recordsDamage: false, cancellationToken);

    /// <summary>The same, into a file that the caller gives and keeps: after a passed verification it holds the content.</summary>
    /// <param name="expanded">An existing empty file, which nobody else uses. How much room its place has, the caller knows.</param>
    /// <param name="recordsDamage">False for a reading that another one is to confirm.</param>
    public Task<Backup> ExpandAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, string expanded, IProgress<long>? progress, bool recordsDamage, CancellationToken cancellationToken) =>
        backup is { Unreadable: { } unreadable, Manifest.IsCommitted: false } // who needs the content can do without the last result, but not without the manifest
            ? Task.FromException<Backup>(unreadable)
            : ReadBackAsync(source, catalog, backup, expanded, progress, recordsDamage, cancellationToken);

    private async Task<Backup> VerifyAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, IProgress<long>? progress, bool recordsDamage, CancellationToken cancellationToken)
    {
        if (backup.Unreadable is { } unreadable)
            throw unreadable;
        if (backup.Manifest.IsCommitted) // of a hand-made file nobody knows the length
            scratch.RequireRoom(backup.Manifest.Content.Length);
        var expanded = scratch.NewFile();
        try
        {
            return await ReadBackAsync(source, catalog, backup, expanded, progress, recordsDamage, cancellationToken);
        }
        finally
        {
            File.Delete(expanded);
        }
    }

    private async Task<Backup> ReadBackAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, string expanded, IProgress<long>? progress, bool recordsDamage, CancellationToken cancellationToken)
    {
        var reading = await ReadAsync(catalog, backup, expanded, progress, cancellationToken);
        var checks = new List<CheckResult>
        {
            Result(VerificationCheck.Checksum, await ChecksumAsync(catalog, backup, reading, cancellationToken)),
            Result(VerificationCheck.Gzip, reading.GzipFailure),
        };
        var isAsCommitted = backup.Manifest.IsCommitted && reading.Stored == backup.Manifest.Stored && reading.Content == backup.Manifest.Content;
        if (reading.GzipFailure is null)
        {
            var finding = await source.CheckAsync(expanded, cancellationToken);
            if (finding is not null && isAsCommitted && backup.Verification is { Passed: true })
                throw HasPassedBefore(catalog.Locate(backup.File), Path.GetDirectoryName(expanded)!, finding);
            checks.Add(Result(VerificationCheck.Integrity, finding));
        }

        var result = new VerificationResult(
            backup.Id, timeProvider.GetUtcNow(), reading.Stored.Length, checks.TrueForAll(check => check.Passed), checks) { IsAsCommitted = isAsCommitted };
        if (backup.State == BackupState.Quarantined || (!result.Passed && !recordsDamage))
            return backup with { Verification = result }; // what was set aside is evidence: nothing beside it changes
        try
        {
            if (result.Passed && !backup.Manifest.IsCommitted)
                backup = await catalog.AdoptAsync(backup, reading.Content!.Value, reading.Stored, cancellationToken);
            return await catalog.RecordAsync(backup, result, cancellationToken);
        }
        catch (BackupException failure)
        {
            return backup with { Verification = result, NotRecorded = failure };
        }
    }

    /// <summary>The same bytes can't be sound once and damaged later: what looks at them errs.</summary>
    private static BackupException HasPassedBefore(string file, string expandedIn, string finding) => new(
        FailureKind.Io,
        $"cannot check '{file}': it holds exactly what was captured and has passed this check before, and now the check of its copy in '{expandedIn}' says: {finding}; so the copy's disk, the memory or SQLite is at fault, not the backup",
        $"check that disk and the memory (dmesg | tail; df -h '{expandedIn}') and whether SQLite was updated, set scratch to another disk, then run the command again");

    private static CheckResult Result(VerificationCheck check, string? finding) => new(check, finding is null, finding ?? "");

    private static async Task<string?> ChecksumAsync(BackupCatalog catalog, Backup backup, ArtifactReading reading, CancellationToken cancellationToken)
    {
        var (manifest, stored) = (backup.Manifest, reading.Stored);
        var written = await catalog.ReadChecksumAsync(backup.File, cancellationToken);
        if (written is { Length: 0 } && manifest.Adopted)
            written = null; // sha256sum is still at work on it, or was never let finish: it claims nothing
        if (written is not null && written != stored.Sha256)
            return $"its SHA-256 is {stored.Sha256} and its .sha256 file says {(written.Length == 0 ? "nothing" : written)}";
        if (!manifest.IsCommitted)
            return manifest.Adopted ? null : "its manifest is damaged or belongs to another backup";
        if (stored.Length != manifest.Stored.Length)
            return $"it has {stored.Length} bytes and was stored with {manifest.Stored.Length}";
        if (stored.Sha256 != manifest.Stored.Sha256)
            return $"its SHA-256 is {stored.Sha256} and it was stored with {manifest.Stored.Sha256}";
        if (reading.Content is { } content && content != manifest.Content)
            return $"its content ({content.Length} bytes, SHA-256 {content.Sha256}) is not what was captured ({manifest.Content.Length} bytes, {manifest.Content.Sha256})";
        return null;
    }

    private async Task<ArtifactReading> ReadAsync(
        BackupCatalog catalog, Backup backup, string expanded, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        try
        {
            await using var content = new FileStream(expanded, FileMode.Open, FileAccess.Write, FileShare.None, bufferSize: 0);
            await using var artifact = await catalog.OpenReadAsync(backup.File, cancellationToken);
            return await ArtifactReader.ReadAsync(artifact, content, progress, cancellationToken);
        }
        catch (FileNotFoundException gone)
        {
            throw new BackupException(FailureKind.NotFound, $"backup '{catalog.Locate(backup.File)}' is gone", "nexus-backup list shows what is left", gone);
        }
        catch (Exception failure) when (IoFailure.IsFull(failure))
        {
            throw IoFailure.Translate(failure, $"expand backup {backup.File} in '{Path.GetDirectoryName(expanded)}'", Path.GetDirectoryName(expanded)!);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"read back '{catalog.Locate(backup.File)}'", scratch.Path);
        }
    }
}
