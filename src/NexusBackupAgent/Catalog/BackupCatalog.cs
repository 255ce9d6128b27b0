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
    private readonly CompanionReader<BackupManifest> manifests = new(store, CatalogJson.Readable.BackupManifest);
    private readonly CompanionReader<VerificationResult> verifications = new(store, CatalogJson.Readable.VerificationResult);
    private readonly CompanionReader<DrillResult> drills = new(store, CatalogJson.Readable.DrillResult);

    private readonly HandMadeBackups handMade = new(source, kind, zone);

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
        foreach (var artifact in files.Artifacts)
        {
            if (await ReadAsync(files, artifact, cancellationToken) is { } backup)
                backups.Add(backup with { IsScattered = files.StraysOf(artifact.Name).Count > 0 });
        }

        manifests.KeepOnly(files.ByName);
        verifications.KeepOnly(files.ByName);
        drills.KeepOnly(files.ByName);
        return [.. backups.OrderByDescending(backup => backup.CapturedAt).ThenByDescending(backup => backup.File, StringComparer.Ordinal)];
    }

    /// <returns>Null for what is no backup of this source.</returns>
    private async Task<Backup?> ReadAsync(DirectoryFiles files, StoredFile artifact, CancellationToken cancellationToken)
    {
        var committed = files.TryGetCompanion(artifact.Name, BackupFiles.Manifest, out var manifestFile);
        if (!committed && files.Has(BackupFiles.Pending(artifact.Name)))
            return null; // an orphan: reported by FindOrphansAsync

        var (manifest, unreadable) = committed ? await ManifestAsync(manifestFile!.Value, cancellationToken) : (handMade.ManifestOf(artifact), null);
        if (unreadable is not null)
            return handMade.Unreadable(artifact, directory, unreadable);
        if (manifest is null)
            return handMade.Damaged(artifact, manifestFile!.Value.Name, directory);
        if (manifest.Source != source)
            return null; // it says nothing of this source, and this source's retention nothing of it

        var (verification, unknown) = files.TryGetCompanion(artifact.Name, BackupFiles.Verification, out var result)
            ? await verifications.ReadAsync(result.Value, PathOf(result.Value.Name), cancellationToken)
            : (null, null);
        var (drill, _) = files.TryGetCompanion(artifact.Name, BackupFiles.Drill, out var drilled)
            ? await drills.ReadAsync(drilled.Value, PathOf(drilled.Value.Name), cancellationToken)
            : (null, null);
        return new Backup(manifest, directory, artifact, verification?.Id == manifest.Id ? verification : null) // one of another backup says nothing
        {
            Drill = drill?.Id == manifest.Id ? drill : null,
            Unreadable = unknown,
        };
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
        while (BackupFiles.AllOf(artifact).Concat(BackupFiles.AllOf(BackupFiles.SetAside(artifact))).Any(files.Has));

        await MarkAsync(artifact, cancellationToken);
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

    /// <summary>Takes back what was written of a backup, wherever that stopped: even a commit that failed may have left its manifest.</summary>
    /// <param name="artifact">The name that <see cref="BeginAsync"/> gave.</param>
    /// <param name="isWritten">Whether <see cref="WriteArtifactAsync"/> succeeded. If not, a file of that name may be somebody else's, and then stays.</param>
    public async Task AbandonAsync(string artifact, bool isWritten, CancellationToken cancellationToken)
    {
        var files = isWritten
            ? BackupFiles.AllOf(artifact)
            : (await FilesAsync(cancellationToken)).Has(BackupFiles.Manifest(artifact)) ? [] : await OwnFilesAsync(artifact, cancellationToken);
        await DeleteFilesAsync(files, cancellationToken);
    }

    /// <summary>Keeps the result of a verification beside the backup, in place of the one before.</summary>
    public async Task<Backup> RecordAsync(Backup backup, VerificationResult result, CancellationToken cancellationToken)
    {
        await WriteJsonAsync(BackupFiles.Verification(backup.File), result, CatalogJson.Readable.VerificationResult, cancellationToken);
        return backup with { Verification = result };
    }

    /// <summary>Keeps the result of a drill beside the backup, in place of the one before.</summary>
    public async Task<Backup> RecordAsync(Backup backup, DrillResult result, CancellationToken cancellationToken)
    {
        await WriteJsonAsync(BackupFiles.Drill(backup.File), result, CatalogJson.Readable.DrillResult, cancellationToken);
        return backup with { Drill = result };
    }

    /// <summary>Takes a hand-made file into the catalog, now that it was read back.</summary>
    public async Task<Backup> AdoptAsync(Backup handMade, ArtifactDigest content, ArtifactDigest stored, CancellationToken cancellationToken)
    {
        var manifest = handMade.Manifest with { Content = content, Stored = stored };
        if (string.IsNullOrEmpty(await ReadChecksumAsync(manifest.File, cancellationToken)))
            await WriteChecksumAsync(manifest, cancellationToken); // as the runbook does (§3.1 step 3); one that is there stays as its maker wrote it
        await WriteManifestAsync(manifest, cancellationToken);
        return handMade with { Manifest = manifest };
    }

    /// <summary>
    /// Gives a corrupt backup the name under which nothing takes it for a backup (runbook §3.2 [A]); not a byte of it
    /// changes. The artifact goes first; a crash then leaves companions that are still found, and that
    /// <see cref="GatherAsync"/> brings after it.
    /// </summary>
    /// <exception cref="BackupException">The name is taken, or the store refuses; the backup is where it was, or renamed in part.</exception>
    public async Task<Backup> SetAsideAsync(Backup backup, CancellationToken cancellationToken)
    {
        var target = BackupFiles.SetAside(BackupFiles.Original(backup.File));
        if (backup.File != target)
        {
            if ((await FilesAsync(cancellationToken)).Has(target))
            {
                throw new BackupException(
                    FailureKind.StoreUnavailable,
                    $"'{Locate(backup.File)}' is corrupt and cannot be set aside, because '{Locate(target)}' exists already",
                    "keep both for analysis: move the older one out of the store; the agent tries again within the hour");
            }

            await store.MoveAsync(PathOf(backup.File), PathOf(target), cancellationToken);
        }

        return await GatherAsync(backup with { Artifact = backup.Artifact with { Name = target } }, cancellationToken);
    }

    /// <summary>Tells a manifest that is damaged from one that only can't be read now.</summary>
    /// <exception cref="BackupException">It can't be read.</exception>
    public async Task RequireReadableManifestAsync(Backup backup, CancellationToken cancellationToken)
    {
        var file = BackupFiles.Manifest(backup.File);
        try
        {
            await using var manifest = await OpenReadAsync(file, cancellationToken);
            await manifest.CopyToAsync(Stream.Null, cancellationToken);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"read '{Locate(file)}'", Locate(""));
        }
    }

    /// <summary>Renames the companions that were left behind when the artifact was renamed.</summary>
    public async Task<Backup> GatherAsync(Backup backup, CancellationToken cancellationToken)
    {
        foreach (var (from, to) in (await FilesAsync(cancellationToken)).StraysOf(backup.File))
            await store.MoveAsync(PathOf(from), PathOf(to), cancellationToken);
        return backup with { IsScattered = false };
    }

    /// <summary>Removes a backup: from the first step on it counts for nothing.</summary>
    public async Task RemoveAsync(Backup backup, CancellationToken cancellationToken)
    {
        if (backup.IsScattered)
            await GatherAsync(backup, cancellationToken); // so that one set of names is deleted
        try
        {
            await MarkAsync(backup.File, cancellationToken);
        }
        catch (BackupException full) when (full.Kind == FailureKind.StoreFull)
        {
            // Deleting is what makes room. Without the mark, a crash before the artifact is gone leaves a file that is
            // adopted as a manual backup: nothing is lost by that.
        }

        await DeleteFilesAsync(BackupFiles.AllOf(backup.File), cancellationToken);
    }

    /// <summary>The SHA-256 in the <c>.sha256</c> file, which somebody may have made by hand, or null when there is none.</summary>
    /// <exception cref="BackupException">It can't be read.</exception>
    public async Task<string?> ReadChecksumAsync(string artifact, CancellationToken cancellationToken)
    {
        if (!(await FilesAsync(cancellationToken)).TryGetCompanion(artifact, BackupFiles.Checksum, out var checksum))
            return null;
        try
        {
            await using var stream = await OpenReadAsync(checksum.Value.Name, cancellationToken);
            using var reader = new StreamReader(stream);
            var line = await reader.ReadLineAsync(cancellationToken) ?? "";
            line = line.Trim().TrimStart('\\');
            var digest = line.StartsWith("SHA256", StringComparison.Ordinal) && line.Contains('=')
                ? line[(line.LastIndexOf('=') + 1)..].TrimStart() // sha256sum --tag: SHA256 (file) = digest
                : line.Split(' ', 2)[0];
            return digest.ToLowerInvariant();
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"read '{Locate(checksum.Value.Name)}'", Locate(""));
        }
    }

    /// <summary>Files that belong to no backup.</summary>
    public async Task<IReadOnlyList<Orphan>> FindOrphansAsync(CancellationToken cancellationToken)
    {
        var files = await FilesAsync(cancellationToken);
        return [.. Orphan.Among(files, extension), .. await StrangersAsync(files.ByName.Values, cancellationToken)];
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
            var files = BackupFiles.Original(orphan.File).EndsWith(extension, StringComparison.Ordinal) && !orphan.File.StartsWith('.') ? await OwnFilesAsync(orphan.File, cancellationToken) : orphan.Sweepable;
            await DeleteFilesAsync(files, cancellationToken);
            if (files.Count > 0)
                swept.Add(orphan);
        }

        return swept;
    }

    /// <summary>
    /// Which files of a marked artifact without a manifest are ours to delete. Its first bytes tell whether an agent wrote
    /// it: of a file that another program made of that name only the mark is ours, and of one that can't be read nothing
    /// is, for now.
    /// </summary>
    private async Task<IReadOnlyList<string>> OwnFilesAsync(string artifact, CancellationToken cancellationToken)
    {
        try
        {
            var header = new byte[GzipMember.HeaderSize];
            await using var stored = await OpenReadAsync(artifact, cancellationToken);
            var read = await stored.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken);
            return GzipMember.TryReadLength(header.AsSpan(0, read), out _) ? BackupFiles.AllOf(artifact) : [BackupFiles.Pending(artifact)];
        }
        catch (FileNotFoundException)
        {
            return BackupFiles.AllOf(artifact); // only companions and the mark are left
        }
        catch (Exception unreadable) when (unreadable is BackupException || IoFailure.IsKnown(unreadable))
        {
            return []; // it stays an orphan, which list and status report; a backup must not fail for it
        }
    }

    /// <summary>Backups in this directory that name another source: a directory that was given to a new source, or a source that was renamed.</summary>
    private async Task<IReadOnlyList<Orphan>> StrangersAsync(IEnumerable<StoredFile> files, CancellationToken cancellationToken)
    {
        var strangers = new List<Orphan>();
        foreach (var file in files.Where(file => BackupFiles.ArtifactOfManifest(file.Name) is not null))
        {
            if (await ManifestAsync(file, cancellationToken) is ({ } manifest, _) && manifest.Source != source)
                strangers.Add(new Orphan(manifest.File, [], $"a backup of source {manifest.Source}; it does not count for {source} and is not pruned", file.ModifiedAt));
        }

        return strangers;
    }

    // Empty: even a full disk has room for its name.
    private Task MarkAsync(string artifact, CancellationToken cancellationToken) => WriteTextAsync(BackupFiles.Pending(artifact), "", cancellationToken);

    private async Task DeleteFilesAsync(IReadOnlyList<string> files, CancellationToken cancellationToken)
    {
        foreach (var file in files)
            await store.DeleteAsync(PathOf(file), cancellationToken);
    }

    private string PathOf(string file) => directory.Length == 0 ? file : $"{directory}/{file}";

    private async Task<DirectoryFiles> FilesAsync(CancellationToken cancellationToken) =>
        new((await store.ListAsync(directory, cancellationToken)).ToDictionary(file => file.Name, StringComparer.Ordinal), extension);

    /// <returns>No value when it is damaged, or belongs to another backup; a failure when it can't be read.</returns>
    private async Task<(BackupManifest? Value, BackupException? Failure)> ManifestAsync(StoredFile file, CancellationToken cancellationToken)
    {
        var (manifest, failure) = await manifests.ReadAsync(file, PathOf(file.Name), cancellationToken);
        if (manifest is { FormatVersion: > BackupManifest.CurrentFormatVersion })
        {
            throw new BackupException(
                FailureKind.StoreUnavailable,
                $"'{Locate(file.Name)}' was written by a newer agent (format {manifest.FormatVersion}; this one reads up to {BackupManifest.CurrentFormatVersion})",
                "update this agent, or point it at another store directory");
        }

        return manifest is not null && BackupFiles.Original(BackupFiles.ArtifactOfManifest(file.Name)!) == manifest.File ? (manifest, null) : (null, failure);
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
