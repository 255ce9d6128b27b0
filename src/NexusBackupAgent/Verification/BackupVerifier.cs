using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Verification;

/// <summary>
/// Re-reads a stored backup: size, SHA-256, gzip, content hash, and the source's own check of the expanded content
/// (runbook §3.1 steps 3 and 4, §7). What it finds is kept beside the backup. A differential or incremental one is read with
/// all that it builds on: it is good when they give together what was captured.
/// </summary>
/// <param name="scratch">Where content is expanded.</param>
/// <param name="timeProvider">The clock.</param>
internal sealed class BackupVerifier(ScratchDirectory scratch, TimeProvider timeProvider)
{
    private readonly ChainReader reader = new(scratch);

    /// <summary>Verifies once, records the result, and adopts a hand-made file that passed. <see cref="Quarantine"/> is who acts on damage.</summary>
    /// <returns>
    /// The backup with its new state. Damage is a result; only being unable to look is an exception. A result that can't
    /// be kept is one all the same, and <see cref="Backup.NotRecorded"/> says why.
    /// </returns>
    /// <exception cref="DamagedBaseException">What it builds on seems damaged, so nothing is known of this one.</exception>
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
        Obstacle(catalog, backup) is { } obstacle
            ? Task.FromException<Backup>(obstacle)
            : ReadBackAsync(source, catalog, backup, expanded, progress, recordsDamage, cancellationToken);

    /// <summary>Who needs the content can do without the last result, but neither without the manifest nor without what it builds on.</summary>
    private static BackupException? Obstacle(BackupCatalog catalog, Backup backup) => backup switch
    {
        { BrokenChain: { } reason } => new BackupException(
            FailureKind.Verification, $"'{catalog.Locate(backup.File)}' cannot be restored: {reason}", $"choose another one that nexus-backup list '{backup.Source}' calls good"),
        { Unreadable: { } unreadable } when !backup.Manifest.IsCommitted || (backup.Manifest.Type != BackupType.Full && backup.Bases.Count == 0) => unreadable,
        _ => null,
    };

    private async Task<Backup> VerifyAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, IProgress<long>? progress, bool recordsDamage, CancellationToken cancellationToken)
    {
        if (backup.Unreadable is { } unreadable)
            throw unreadable;
        if (backup.Manifest.IsCommitted) // of a hand-made file nobody knows the length
            scratch.RequireRoom(backup.ExpandedLength);
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
        var reading = await reader.ReadAsync(source, catalog, backup, expanded, progress, cancellationToken);
        if (reading.DamagedBase is { } damaged)
            throw new DamagedBaseException(await FoundDamagedAsync(catalog, damaged, reading.Tip, recordsDamage, cancellationToken), catalog.Locate(damaged.File));
        var checking = reading.IsWhole ? source.CheckAsync(expanded, cancellationToken) : Task.FromResult<string?>(null);
        var digesting = reading.IsWhole ? ChainReader.DigestAsync(backup, expanded, cancellationToken) : Task.FromResult<ArtifactDigest?>(null);
        await Task.WhenAll(checking, digesting); // both read the same file, each on a core of its own
        reading = reading with { Restored = await digesting };
        var checks = new List<CheckResult>
        {
            Result(VerificationCheck.Checksum, await ChecksumAsync(catalog, backup, reading, cancellationToken)),
            Result(VerificationCheck.Gzip, reading.Tip.Artifact.GzipFailure),
        };
        var isAsCommitted = backup.Manifest.IsCommitted && reading.Tip is { Artifact.GzipFailure: null } && DamageOf(backup.Manifest, reading) is null;
        if (reading.IsWhole)
        {
            var finding = await checking;
            if (finding is not null && isAsCommitted && backup.Verification is { Passed: true })
                throw HasPassedBefore(catalog.Locate(backup.File), Path.GetDirectoryName(expanded)!, finding);
            checks.Add(Result(VerificationCheck.Integrity, finding));
        }

        var result = new VerificationResult(
            backup.Id, timeProvider.GetUtcNow(), reading.Tip.Artifact.Stored.Length, checks.TrueForAll(check => check.Passed), checks) { IsAsCommitted = isAsCommitted };
        if (backup.State == BackupState.Quarantined || (!result.Passed && !recordsDamage))
            return backup with { Verification = result }; // what was set aside is evidence: nothing beside it changes
        return await KeepAsync(catalog, backup, result, reading.Tip.Artifact, cancellationToken);
    }

    /// <summary>The base as a reading on the way to another one found it; whether the source calls its content sound, that did not ask.</summary>
    private Task<Backup> FoundDamagedAsync(BackupCatalog catalog, Backup @base, LinkReading reading, bool recordsDamage, CancellationToken cancellationToken)
    {
        CheckResult[] checks = [Result(VerificationCheck.Checksum, reading.DamageOf(@base.Manifest)), Result(VerificationCheck.Gzip, reading.Artifact.GzipFailure)];
        var result = new VerificationResult(@base.Id, timeProvider.GetUtcNow(), reading.Artifact.Stored.Length, Passed: false, checks);
        return recordsDamage ? KeepAsync(catalog, @base, result, reading.Artifact, cancellationToken) : Task.FromResult(@base with { Verification = result });
    }

    private static async Task<Backup> KeepAsync(BackupCatalog catalog, Backup backup, VerificationResult result, ArtifactReading reading, CancellationToken cancellationToken)
    {
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

    private static async Task<string?> ChecksumAsync(BackupCatalog catalog, Backup backup, ChainReading reading, CancellationToken cancellationToken)
    {
        var (manifest, stored) = (backup.Manifest, reading.Tip.Artifact.Stored);
        var written = await catalog.ReadChecksumAsync(backup.File, cancellationToken);
        if (written is { Length: 0 } && manifest.Adopted)
            written = null; // sha256sum is still at work on it, or was never let finish: it claims nothing
        if (written is not null && written != stored.Sha256)
            return $"its SHA-256 is {stored.Sha256} and its .sha256 file says {(written.Length == 0 ? "nothing" : written)}";
        if (!manifest.IsCommitted)
            return manifest.Adopted ? null : "its manifest is damaged or belongs to another backup";
        return DamageOf(manifest, reading);
    }

    /// <summary>What speaks against the bytes that were read, and what they give; null when they are what was captured.</summary>
    private static string? DamageOf(BackupManifest manifest, ChainReading reading) => reading switch
    {
        _ when reading.Tip.DamageOf(manifest) is { } damage => damage,
        { Restored: { } restored } when restored != manifest.Restored =>
            $"with what it builds on it gives {restored.Length} bytes, SHA-256 {restored.Sha256}, and what was captured had {manifest.Restored?.Length} bytes, {manifest.Restored?.Sha256}",
        _ => null,
    };
}
