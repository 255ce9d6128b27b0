using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Storage;

namespace NexusBackupAgent.Catalog;

/// <summary>
/// The backups of one source, as the store tells them: nothing is remembered that the files do not say.
/// Order of writing: pending mark → artifact → <c>.sha256</c> → manifest (the commit) → mark away.
/// Order of deleting: pending mark → manifest → the rest → mark away. A crash at any instant leaves either the whole
/// backup, or files under a mark that count for nothing and are swept. An artifact with neither manifest nor mark was
/// made by somebody else: it is never swept, and is adopted as a manual backup once it verifies.
/// </summary>
/// <param name="store">Where the files are.</param>
/// <param name="directory">The source's directory in the store; empty for its root.</param>
/// <param name="source">The source's name.</param>
/// <param name="extension">What the artifacts' names end with: <c>.db.gz</c>.</param>
/// <param name="kind">The source's kind.</param>
/// <param name="zone">The zone of the times in file names.</param>
internal sealed class BackupCatalog(IArtifactStore store, string directory, string source, string kind, string extension, TimeZoneInfo zone)
{
    // Manifests never change, and a verification changes its time: what was read once need not be read again.
    private readonly ConcurrentDictionary<string, (StoredFile File, BackupManifest? Manifest)> manifests = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (StoredFile File, VerificationResult? Result)> verifications = new(StringComparer.Ordinal);

    public IArtifactStore Store => store;

    public string Directory => directory;

    /// <summary>Where a file of this catalog lies, for people.</summary>
    public string Locate(string file) => store.Locate(PathOf(file));

    public Task<Stream> OpenReadAsync(string file, CancellationToken cancellationToken) => store.OpenReadAsync(PathOf(file), cancellationToken);

    /// <summary>All backups, newest first, hand-made ones included.</summary>
    public async Task<IReadOnlyList<Backup>> ListAsync(CancellationToken cancellationToken)
    {
        var files = await FilesAsync(cancellationToken);
        var backups = new List<Backup>();
        foreach (var artifact in files.Values.Where(file => IsArtifact(file.Name)))
        {
            var committed = files.TryGetValue(BackupFiles.Manifest(artifact.Name), out var manifestFile);
            var manifest = committed ? await ManifestAsync(manifestFile, cancellationToken) : null;
            if (!committed && files.ContainsKey(BackupFiles.Pending(artifact.Name)))
                continue; // an orphan: reported by FindOrphansAsync

            var verification = files.TryGetValue(BackupFiles.Verification(artifact.Name), out var verificationFile)
                ? await VerificationAsync(verificationFile, cancellationToken)
                : null;
            if (committed && manifest is null)
            {
                backups.Add(Unreadable(artifact));
                continue;
            }

            manifest ??= HandMade(artifact);
            backups.Add(new Backup(manifest, directory, artifact, verification?.Id == manifest.Id ? verification : null)); // one of another backup says nothing
        }

        Forget(files);
        return [.. backups.OrderByDescending(backup => backup.CapturedAt).ThenByDescending(backup => backup.File, StringComparer.Ordinal)];
    }

    /// <summary>Chooses a name that is not taken and marks it as being written.</summary>
    public async Task<string> BeginAsync(string schedule, DateTimeOffset capturedAt, CancellationToken cancellationToken)
    {
        var files = await FilesAsync(cancellationToken);
        var duplicate = 0;
        string artifact;
        do
        {
            artifact = BackupFiles.Artifact(schedule, capturedAt, zone, duplicate++, extension);
        }
        while (files.ContainsKey(artifact) || files.ContainsKey(BackupFiles.Manifest(artifact)) || files.ContainsKey(BackupFiles.Pending(artifact)));

        await WriteTextAsync(BackupFiles.Pending(artifact), $"{artifact} is being written; without a manifest it is no backup\n", cancellationToken);
        return artifact;
    }

    /// <summary>Writes the artifact itself: whole or absent.</summary>
    public Task WriteArtifactAsync(string artifact, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) =>
        store.WriteAsync(PathOf(artifact), replace: false, write, cancellationToken);

    /// <summary>Makes a written artifact a backup.</summary>
    public async Task<Backup> CommitAsync(BackupManifest manifest, CancellationToken cancellationToken)
    {
        await WriteChecksumAsync(manifest, cancellationToken);
        await WriteManifestAsync(manifest, cancellationToken);
        await store.DeleteAsync(PathOf(BackupFiles.Pending(manifest.File)), cancellationToken);
        return new Backup(manifest, directory, new StoredFile(manifest.File, manifest.Stored.Length, manifest.CapturedAt), Verification: null);
    }

    /// <summary>
    /// Takes back what was written of a backup, wherever that stopped: even a commit that failed may have left its manifest.
    /// </summary>
    public async Task AbandonAsync(string artifact, CancellationToken cancellationToken)
    {
        await store.DeleteAsync(PathOf(BackupFiles.Manifest(artifact)), cancellationToken);
        await store.DeleteAsync(PathOf(BackupFiles.Verification(artifact)), cancellationToken);
        await store.DeleteAsync(PathOf(BackupFiles.Checksum(artifact)), cancellationToken);
        await store.DeleteAsync(PathOf(artifact), cancellationToken);
        await store.DeleteAsync(PathOf(BackupFiles.Pending(artifact)), cancellationToken);
    }

    /// <summary>Keeps the result of a verification beside the backup, in place of the one before.</summary>
    public async Task<Backup> RecordAsync(Backup backup, VerificationResult result, CancellationToken cancellationToken)
    {
        await WriteJsonAsync(BackupFiles.Verification(backup.File), result, CatalogJson.Readable.VerificationResult, cancellationToken);
        return backup with { Verification = result };
    }

    /// <summary>Takes a hand-made file into the catalog, now that it was read back.</summary>
    public async Task<Backup> AdoptAsync(Backup handMade, ArtifactDigest content, ArtifactDigest stored, CancellationToken cancellationToken)
    {
        var manifest = handMade.Manifest with { Content = content, Stored = stored };
        if (await ReadChecksumAsync(manifest.File, cancellationToken) is null)
            await WriteChecksumAsync(manifest, cancellationToken); // as the runbook does (§3.1 step 3); one that is there stays as its maker wrote it
        await WriteManifestAsync(manifest, cancellationToken);
        return handMade with { Manifest = manifest };
    }

    /// <summary>Removes a backup: from the first step on it counts for nothing.</summary>
    public async Task RemoveAsync(Backup backup, CancellationToken cancellationToken)
    {
        await WriteTextAsync(BackupFiles.Pending(backup.File), $"{backup.File} is being deleted\n", cancellationToken);
        await AbandonAsync(backup.File, cancellationToken);
    }

    /// <summary>The SHA-256 in a <c>.sha256</c> file that somebody made by hand, or null when there is none.</summary>
    public async Task<string?> ReadChecksumAsync(string artifact, CancellationToken cancellationToken)
    {
        try
        {
            await using var stream = await OpenReadAsync(BackupFiles.Checksum(artifact), cancellationToken);
            using var reader = new StreamReader(stream);
            var line = await reader.ReadLineAsync(cancellationToken) ?? "";
            return line.TrimStart('\\').Split(' ', 2)[0].ToLowerInvariant();
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Files that belong to no backup: what a crash left, and manifests whose artifact is gone.</summary>
    public async Task<IReadOnlyList<Orphan>> FindOrphansAsync(CancellationToken cancellationToken)
    {
        var files = await FilesAsync(cancellationToken);
        var orphans = new List<Orphan>();
        foreach (var file in files.Values)
        {
            if (file.Name.StartsWith('.') && file.Name.EndsWith(LocalDirectoryStore.PartialSuffix, StringComparison.Ordinal))
                orphans.Add(new Orphan(file.Name, [file.Name], "an unfinished temporary file", file.ModifiedAt));
            else if (BackupFiles.ArtifactOfPending(file.Name) is { } artifact)
                orphans.Add(OrphanOf(artifact, file, committed: files.ContainsKey(BackupFiles.Manifest(artifact)) && files.ContainsKey(artifact)));
            else if (BackupFiles.IsManifest(file.Name) && file.Name[..^".manifest.json".Length] is var gone && !files.ContainsKey(gone))
                orphans.Add(new Orphan(file.Name, [], $"the manifest of {gone}, which is gone; delete it by hand once that is explained", file.ModifiedAt));
        }

        return orphans;
    }

    /// <summary>Deletes orphans older than <paramref name="grace"/>, as far as they are certainly an agent's own leftovers.</summary>
    /// <returns>What was deleted.</returns>
    public async Task<IReadOnlyList<Orphan>> SweepAsync(DateTimeOffset now, TimeSpan grace, CancellationToken cancellationToken)
    {
        var swept = new List<Orphan>();
        foreach (var orphan in await FindOrphansAsync(cancellationToken))
        {
            if (orphan.Sweepable.Count == 0 || now - orphan.ModifiedAt < grace)
                continue;
            foreach (var file in orphan.Sweepable) // the mark last: a crash here leaves an orphan still
                await store.DeleteAsync(PathOf(file), cancellationToken);
            swept.Add(orphan);
        }

        return swept;
    }

    private static Orphan OrphanOf(string artifact, StoredFile mark, bool committed) => committed
        ? new Orphan(mark.Name, [mark.Name], $"the mark of {artifact}, which was committed", mark.ModifiedAt)
        : new Orphan(
            artifact,
            [BackupFiles.Manifest(artifact), BackupFiles.Verification(artifact), BackupFiles.Checksum(artifact), artifact, mark.Name],
            "a backup whose writing or deleting was interrupted",
            mark.ModifiedAt);

    private bool IsArtifact(string file) => file.EndsWith(extension, StringComparison.Ordinal) && !file.StartsWith('.');

    private string PathOf(string file) => directory.Length == 0 ? file : $"{directory}/{file}";

    private async Task<Dictionary<string, StoredFile>> FilesAsync(CancellationToken cancellationToken) =>
        (await store.ListAsync(directory, cancellationToken)).ToDictionary(file => file.Name, StringComparer.Ordinal);

    private async Task<BackupManifest?> ManifestAsync(StoredFile file, CancellationToken cancellationToken)
    {
        if (manifests.TryGetValue(file.Name, out var known) && known.File == file)
            return known.Manifest;

        var manifest = await CatalogJson.TryReadAsync(store, PathOf(file.Name), CatalogJson.Readable.BackupManifest, cancellationToken);
        if (manifest is { FormatVersion: > BackupManifest.CurrentFormatVersion })
        {
            throw new BackupException(
                FailureKind.StoreUnavailable,
                $"'{Locate(file.Name)}' was written by a newer agent (format {manifest.FormatVersion}; this one reads up to {BackupManifest.CurrentFormatVersion})",
                "update this agent, or point it at another store directory");
        }

        if (manifest is not null && BackupFiles.Manifest(manifest.File) != file.Name)
            manifest = null; // copied from another backup
        manifests[file.Name] = (file, manifest);
        return manifest;
    }

    private async Task<VerificationResult?> VerificationAsync(StoredFile file, CancellationToken cancellationToken)
    {
        if (verifications.TryGetValue(file.Name, out var known) && known.File == file)
            return known.Result;
        var result = await CatalogJson.TryReadAsync(store, PathOf(file.Name), CatalogJson.Readable.VerificationResult, cancellationToken);
        verifications[file.Name] = (file, result);
        return result;
    }

    private BackupManifest HandMade(StoredFile artifact)
    {
        var capturedAt = BackupFiles.CapturedAt(artifact.Name, zone) ?? artifact.ModifiedAt;
        return new BackupManifest(
            BackupManifest.CurrentFormatVersion,
            BackupId.ForAdopted(capturedAt, artifact.Name),
            source,
            kind,
            BackupManifest.ManualSchedule,
            BackupType.Full,
            Base: null,
            capturedAt,
            artifact.Name,
            new ArtifactDigest(0, ""),
            new ArtifactDigest(artifact.Length, ""),
            Adopted: true,
            new Dictionary<string, string>(StringComparer.Ordinal));
    }

    private Backup Unreadable(StoredFile artifact)
    {
        var manifest = HandMade(artifact);
        var detail = $"its manifest {BackupFiles.Manifest(artifact.Name)} is damaged or belongs to another backup";
        return new Backup(
            manifest,
            directory,
            artifact,
            new VerificationResult(manifest.Id, artifact.ModifiedAt, artifact.Length, Passed: false, [new CheckResult(VerificationCheck.Checksum, Passed: false, detail)]));
    }

    private void Forget(Dictionary<string, StoredFile> files)
    {
        foreach (var name in manifests.Keys.Where(name => !files.ContainsKey(name)))
            manifests.TryRemove(name, out _);
        foreach (var name in verifications.Keys.Where(name => !files.ContainsKey(name)))
            verifications.TryRemove(name, out _);
    }

    private Task WriteChecksumAsync(BackupManifest manifest, CancellationToken cancellationToken) =>
        WriteTextAsync(BackupFiles.Checksum(manifest.File), $"{manifest.Stored.Sha256}  {manifest.File}\n", cancellationToken);

    private Task WriteManifestAsync(BackupManifest manifest, CancellationToken cancellationToken) =>
        WriteJsonAsync(BackupFiles.Manifest(manifest.File), manifest, CatalogJson.Readable.BackupManifest, cancellationToken);

    private Task WriteTextAsync(string file, string text, CancellationToken cancellationToken) =>
        store.WriteAsync(PathOf(file), replace: true, (stream, token) => stream.WriteAsync(Encoding.UTF8.GetBytes(text), token).AsTask(), cancellationToken);

    private Task WriteJsonAsync<T>(string file, T value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        store.WriteAsync(PathOf(file), replace: true, (stream, token) => JsonSerializer.SerializeAsync(stream, value, type, token), cancellationToken);
}
