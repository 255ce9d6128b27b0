using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Artifacts.Age;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Verification;

/// <summary>An instant behind a backup's own that is to be restored to.</summary>
/// <param name="Through">The backups that lead there from it, each continuing the one before.</param>
internal sealed record LaterInstant(DateTimeOffset At, IReadOnlyList<Backup> Through);

/// <summary>
/// Re-reads a stored backup: size, SHA-256, encoding, content hash, and the source's own check of the content
/// (runbook §3.1 steps 3 and 4, §7). What it finds is kept beside the backup. A differential or incremental one is read with
/// all that it builds on: it is good when they give together what was captured.
/// </summary>
/// <param name="scratch">Room for kinds that expand content to check it.</param>
/// <param name="timeProvider">The clock.</param>
internal sealed class BackupVerifier(ScratchDirectory scratch, TimeProvider timeProvider)
{
    /// <summary>Verifies once, records the result, and adopts a hand-made file that passed. <see cref="Quarantine"/> is who acts on damage.</summary>
    /// <returns>
    /// The backup with its new state. Damage is a result; only being unable to look is an exception. A result that can't
    /// be kept is one all the same, and <see cref="Backup.NotRecorded"/> says why.
    /// </returns>
    /// <exception cref="DamagedBaseException">What it builds on seems damaged, so nothing is known of this one.</exception>
    public Task<Backup> VerifyAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, IProgress<long>? progress, CancellationToken cancellationToken) =>
        VerifyAsync(source, catalog, backup, Proof.Whole, progress, recordsDamage: true, cancellationToken);

    /// <summary>The same, but damage is not recorded: for a reading that another one is to confirm.</summary>
    /// <param name="enough">With <see cref="Proof.Chain"/> what an increment builds on is not read again, where its kind can do without.</param>
    public Task<Backup> GlanceAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, IProgress<long>? progress, CancellationToken cancellationToken, Proof enough = Proof.Whole) =>
        VerifyAsync(source, catalog, backup, enough, progress, recordsDamage: false, cancellationToken);

    /// <summary>The same while a restore is being prepared: after a passed verification its target has the content.</summary>
    /// <param name="target">Where it is prepared. How much room there is, the caller knows.</param>
    /// <param name="instant">Which later state of it is wanted; null: its own.</param>
    /// <param name="recordsDamage">False for a reading that another one is to confirm.</param>
    /// <returns>The backup with its new state, and what is prepared; null when there was nothing to prepare it from.</returns>
    public async Task<(Backup Backup, IPreparedRestore? Prepared)> PrepareAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, IRestoreTarget target, LaterInstant? instant, IProgress<long>? progress, bool recordsDamage, CancellationToken cancellationToken)
    {
        if (await ObstacleAsync(catalog, backup, cancellationToken) is { } obstacle)
            throw obstacle;
        IPreparedRestore? prepared = null;
        try
        {
            var read = await ReadBackAsync(
                source: null, // who restores needs none of its small files
                catalog,
                backup,
                async chain => ((prepared = await target.PrepareAsync(chain, instant?.At, cancellationToken)).Check, Proof.Whole),
                target.Volume,
                progress,
                recordsDamage,
                cancellationToken,
                instant?.Through);
            return (read, prepared);
        }
        catch
        {
            if (prepared is not null)
                await prepared.DisposeAsync();
            throw;
        }
    }

    /// <summary>Who needs the content can do without the last result, but neither without the manifest nor without what it builds on.</summary>
    private static async Task<BackupException?> ObstacleAsync(BackupCatalog catalog, Backup backup, CancellationToken cancellationToken) => backup switch
    {
        { BrokenChain: { } reason } => new BackupException(
            FailureKind.Verification, $"'{catalog.Locate(backup.File)}' cannot be restored: {reason}", $"choose another one that nexus-backup list '{backup.Source}' calls good"),
        _ when backup.Chain.Any(link => link.IsEncrypted) && await ClosedAsync(CatalogLink.ChainOf(catalog, backup, isJudged: false, progress: null), cancellationToken) is { } closed => await closed.RefusalAsync(cancellationToken),
        { Unreadable: { } unreadable } when !backup.Manifest.IsCommitted || (backup.Manifest.Type != BackupType.Full && backup.Bases.Count == 0) => unreadable,
        _ => null,
    };

    /// <summary>The first whose content can't be had; null: all of it can.</summary>
    private static async Task<CatalogLink?> ClosedAsync(StoredChain chain, CancellationToken cancellationToken)
    {
        foreach (var link in chain.Links.Cast<CatalogLink>())
        {
            if (!await link.IsOpenAsync(cancellationToken))
                return link;
        }

        return null;
    }

    private async Task<Backup> VerifyAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, Proof enough, IProgress<long>? progress, bool recordsDamage, CancellationToken cancellationToken)
    {
        if (backup.Unreadable is { } unreadable)
            throw unreadable;
        if (backup is { IsHandMade: true, IsEncrypted: true } && await ClosedAsync(CatalogLink.ChainOf(catalog, backup, isJudged: false, progress: null), cancellationToken) is { } unknown)
            throw await unknown.RefusalAsync(cancellationToken);
        return await ReadBackAsync(source, catalog, backup, CheckAsync, scratch.Path, progress, recordsDamage, cancellationToken);

        async Task<(ContentCheck?, Proof)> CheckAsync(StoredChain chain) =>
            enough == Proof.Chain && StandsOnProof(backup) && await source.ProveAsync(chain, scratch, cancellationToken) is { } proven ? (proven, Proof.Chain)
            : await ClosedAsync(chain, cancellationToken) is null ? (await source.CheckAsync(chain, scratch, cancellationToken), Proof.Whole)
            : (null, Proof.StoredBytes);
    }

    /// <summary>Whether the fingerprint of what an increment builds on was compared with its content: by expanding it, or by the same on what that builds on.</summary>
    private static bool StandsOnProof(Backup backup) =>
        backup is { IsSetAside: false, Manifest.Fingerprint: not null, Bases: [{ State: BackupState.Good, Manifest.Fingerprint: not null, Verification: { Passed: true, Proof: not (null or Proof.StoredBytes) } }, ..] };

    /// <param name="source">Looks at the small files of its kind's own as well; null: nobody does.</param>
    /// <param name="check">Reads the chain and makes the kind's own check.</param>
    /// <param name="place">Where that is done, for people.</param>
    private async Task<Backup> ReadBackAsync(
        IBackupSource? source, BackupCatalog catalog, Backup backup, Func<StoredChain, Task<(ContentCheck? Content, Proof Proof)>> check, string place, IProgress<long>? progress, bool recordsDamage, CancellationToken cancellationToken, IReadOnlyList<Backup>? later = null)
    {
        var chain = CatalogLink.ChainOf(catalog, backup, isJudged: true, progress, later);
        var (content, proof, damaged) = await ReadAsync(chain, backup, check, cancellationToken);
        if (damaged is not null && damaged != chain.Tip)
            throw new DamagedBaseException(await FoundDamagedAsync(catalog, damaged, recordsDamage, cancellationToken), damaged.Location);
        var reading = ((CatalogLink)chain.Tip).Reading!;
        var noted = await catalog.ReadChecksumsAsync(backup.File, cancellationToken);
        var unclear = UnclearOf(noted, backup);
        var isWhole = content is not null && proof == Proof.Whole;
        if (content is not null && ((CatalogLink)chain.Tip).IsJustMade)
            proof = Proof.Captured;
        var checks = new List<CheckResult>
        {
            Result(VerificationCheck.Checksum, ChecksumFinding(noted, backup, reading, content), unclear is null ? null : $"its .sha256 file tells nothing: {unclear}"),
            Result(VerificationCheck.Encoding, reading.Artifact.EncodingFailure, NoteOf(proof, backup, isWhole ? null : content?.Note)),
        };
        var isAsCommitted = backup.Manifest.IsCommitted && reading is { Artifact.EncodingFailure: null } && DamageOf(backup.Manifest, reading, content) is null;
        if (isWhole)
        {
            if (content is { Finding: { } finding, IsOfElsewhere: false } && isAsCommitted && backup.Verification is { Passed: true, Proof: null or Proof.Whole })
                throw HasPassedBefore(catalog.Locate(backup.File), place, finding);
            checks.Add(Result(VerificationCheck.Integrity, content!.Finding, content.Note) with { IsOfElsewhere = content.IsOfElsewhere });
        }

        var result = new VerificationResult(
            backup.Id, timeProvider.GetUtcNow(), reading.Artifact.Stored.Length, checks.TrueForAll(check => check.Passed), checks) { IsAsCommitted = isAsCommitted, IsOfStoredBytes = reading.Artifact is { Content: null, EncodingFailure: null } };
        if (proof == Proof.StoredBytes && isAsCommitted && backup.Verification is { Passed: true, Proof: { } before } && before > proof)
            proof = before; // what was proven of the same bytes stays so
        result = result with { Proof = result.Passed ? proof : null };
        backup = backup with
        {
            DoubtsOnlyManifest = backup.ManifestTrouble is not null && (content is { Finding: null } || proof == Proof.StoredBytes) && reading.Artifact.EncodingFailure is null
                && NotedOf(noted, backup) == reading.Artifact.Stored.Sha256,
            Troubles = await TroublesAsync(source, catalog, backup, chain.Tip, unclear, cancellationToken),
        };
        if (backup.State == BackupState.Quarantined || (!result.Passed && !recordsDamage))
            return backup with { Verification = result }; // what was set aside is evidence: nothing beside it changes
        return await KeepAsync(catalog, backup, result, reading.Artifact, cancellationToken);
    }

    /// <summary>Has the kind read the chain, and reads what it left out: nothing counts that was not read.</summary>
    /// <returns>What its check found, or which of them is damaged; neither when the backup is judged by its own bytes alone, because what it builds on is not there.</returns>
    private static async Task<(ContentCheck? Content, Proof Proof, CatalogLink? Damaged)> ReadAsync(
        StoredChain chain, Backup backup, Func<StoredChain, Task<(ContentCheck? Content, Proof Proof)>> check, CancellationToken cancellationToken)
    {
        try
        {
            var hasAll = backup.BrokenChain is null && (backup.Manifest.Type == BackupType.Full || backup.Bases.Count > 0);
            var (content, proof) = !hasAll ? (Content: null, Proof.Whole) : await ((CatalogLink)chain.Tip).IsOpenAsync(cancellationToken) ? await check(chain) : (Content: null, Proof.StoredBytes);
            foreach (var link in proof == Proof.Chain ? [(CatalogLink)chain.Tip] : chain.Links.Cast<CatalogLink>())
                await link.ReadRestAsync(cancellationToken);
            if (!hasAll)
                _ = chain.Tip.Refuse("what it builds on is not there");
            return (content, proof, Damaged: null);
        }
        catch (DamagedLinkException damaged)
        {
            var link = (CatalogLink)damaged.Link;
            try
            {
                if (link.Reading is null) // a part of it is damaged; its own bytes are judged all the same
                    await link.ReadArtifactAsync(cancellationToken);
            }
            catch (DamagedLinkException)
            {
                // The reading tells of it, and of the part.
            }

            return (Content: null, Proof.Whole, link);
        }
    }

    /// <summary>The base as a reading on the way to another one found it; whether the source calls its content sound, that did not ask.</summary>
    private Task<Backup> FoundDamagedAsync(BackupCatalog catalog, CatalogLink damaged, bool recordsDamage, CancellationToken cancellationToken)
    {
        var (@base, reading) = (damaged.Backup, damaged.Reading!);
        CheckResult[] checks = [Result(VerificationCheck.Checksum, reading.DamageOf(@base.Manifest)), Result(VerificationCheck.Encoding, reading.Artifact.EncodingFailure)];
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
        $"cannot check '{file}': it holds exactly what was captured and has passed this check before, and now the check of its copy in '{expandedIn}' says: {finding}; so the copy's disk, the memory or what checks it is at fault, not the backup",
        $"check that disk and the memory (dmesg | tail; df -h '{expandedIn}') and whether what checks it was updated, set scratch to another disk, then run the command again");

    /// <param name="told">What the kind itself has to say where it read less than the whole; null: nothing.</param>
    private static string? NoteOf(Proof proof, Backup backup, string? told)
    {
        var note = proof switch
        {
            Proof.StoredBytes => $"it is encrypted{(backup.Manifest.Encryption is { Recipients: { Count: > 0 } recipients } ? $" to {AgeRecipient.Shown(recipients)}" : "")} and no key that opens it is here, so only the stored bytes were read; the rest proves: nexus-backup verify {backup.Id} --identity FILE",
            Proof.Captured => "its content was checked before it was encrypted, and the stored bytes are those that age wrote; that a key opens them proves a drill with --identity FILE",
            _ => null,
        };
        return note is null || told is null ? note ?? told : $"{note}; {told}";
    }

    private static CheckResult Result(VerificationCheck check, string? finding, string? note = null) => new(check, finding is null, finding ?? note ?? "");

    /// <summary>The command that mends a <c>.sha256</c> file, once somebody found out who wrote it.</summary>
    public static string MendOfChecksum(BackupCatalog catalog, Backup backup) =>
        catalog.Store.Inspection.CommandFor(StoreQuestion.WhatIsItsSum, catalog.PathOf(backup.File)) is { } sum ? $"{sum} > '{BackupFiles.Checksum(backup.File)}'" : "delete it";

    private static string[] NamesOf(string file) => [file, BackupFiles.Original(file)];

    /// <summary>Why the <c>.sha256</c> file tells nothing of the backup, or not the same of a part as the manifest; null when there is none, or it tells what it should.</summary>
    public static string? UnclearOf(NotedSums? noted, Backup backup)
    {
        if (noted is null || (noted.IsEmpty && backup.Manifest.Adopted))
            return null; // sha256sum is still at work on it, or was never let finish: it claims nothing
        if (noted.Of(NamesOf(backup.File)).Problem is { } problem)
            return problem;
        return backup.Manifest.Adopted ? null : backup.Manifest.Parts
            .Select(part => (part.Stored.Sha256, Noted: noted.Of([.. NamesOf(backup.File).Select(file => BackupFiles.Part(file, part.Name))])))
            .Select(part => part.Noted.Problem ?? (part.Noted.Sha256 == part.Sha256 ? null : "it holds another SHA-256 of a part than the manifest"))
            .FirstOrDefault(problem => problem is not null);
    }

    /// <summary>The SHA-256 of the artifact that its <c>.sha256</c> file says; null when there is none, or it tells none.</summary>
    public static string? NotedOf(NotedSums? noted, Backup backup) => noted?.Of(NamesOf(backup.File)).Sha256;

    private static string? ChecksumFinding(NotedSums? noted, Backup backup, LinkReading reading, ContentCheck? content)
    {
        var (manifest, stored) = (backup.Manifest, reading.Artifact.Stored);
        if (NotedOf(noted, backup) is { } written && written != stored.Sha256)
            return $"its SHA-256 is {stored.Shown()} and its .sha256 file says {ArtifactDigest.Show(written)}";
        if (!manifest.IsCommitted)
            return manifest.Adopted ? null : backup.ManifestDamage ?? "its manifest can't be read";
        return DamageOf(manifest, reading, content);
    }

    /// <summary>What is wrong with the small files beside it, the manifest aside. None of it speaks against the backup.</summary>
    private async Task<IReadOnlyList<SidecarTrouble>> TroublesAsync(
        IBackupSource? source, BackupCatalog catalog, Backup backup, StoredLink link, string? unclear, CancellationToken cancellationToken)
    {
        var ofKind = source is not null && backup is { Manifest.IsCommitted: true, IsSetAside: false } ? await source.CheckSidecarsAsync(link, scratch, cancellationToken) : [];
        return (unclear, ofKind.Count) is (null, 0) ? backup.Troubles :
        [
            .. backup.Troubles,
            .. unclear is null ? (SidecarTrouble[])[] : [new(BackupFiles.Checksum(backup.File), unclear, $"find out who wrote it; then: {MendOfChecksum(catalog, backup)}")],
            .. ofKind.Select(trouble => new SidecarTrouble(backup.File + trouble.Ending, trouble.Reason, "delete it; it is made anew from the backup when it is needed")),
        ];
    }

    /// <summary>What speaks against the bytes that were read, and what they give; null when they are what was captured.</summary>
    private static string? DamageOf(BackupManifest manifest, LinkReading reading, ContentCheck? content) => content switch
    {
        _ when reading.DamageOf(manifest) is { } damage => damage,
        { Fingerprint: null } when manifest.Fingerprint is not null => "its check did not tell what it gives with what it builds on",
        { Fingerprint: { } fingerprint } when fingerprint != manifest.Fingerprint => manifest.Base is null ? "it is not of the state that was captured" : "with what it builds on it gives another state than was captured",
        { Fingerprint: not null, Restored: null } => null, // the same of the same state
        { Restored: null } when manifest.Restored is not null => "its check did not tell what it gives with what it builds on",
        { Restored: { } restored } when restored != manifest.Restored =>
            $"with what it builds on it gives {restored.Length} bytes, SHA-256 {restored.Shown()}, and what was captured had {manifest.Restored?.Length} bytes, {manifest.Restored?.Shown()}",
        _ => null,
    };
}
