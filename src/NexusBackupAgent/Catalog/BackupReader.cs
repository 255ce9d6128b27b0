using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>Tells what the files of a source's directory say: which are backups, and what is known of each.</summary>
/// <param name="source">The source's name.</param>
/// <param name="kind">The source's kind.</param>
/// <param name="zone">The zone of the times in file names.</param>
internal sealed class BackupReader(SourceDirectory directory, string source, string kind, TimeZoneInfo zone)
{
    /// <summary>The source's name.</summary>
    public string Source => source;

    private readonly CompanionReader<BackupManifest> manifests = new(directory, CatalogJson.Readable.BackupManifest);
    private readonly CompanionReader<ManifestFormat> formats = new(directory, CatalogJson.Readable.ManifestFormat);
    private readonly CompanionReader<VerificationResult> verifications = new(directory, CatalogJson.Readable.VerificationResult);
    private readonly CompanionReader<DrillResult> drills = new(directory, CatalogJson.Readable.DrillResult);
    private readonly HandMadeBackups handMade = new(source, kind, directory.Formats, zone);

    /// <returns>All backups, newest first, hand-made ones included.</returns>
    public async Task<IReadOnlyList<Backup>> ReadAsync(DirectoryFiles files, CancellationToken cancellationToken)
    {
        StoredFile[] artifacts = [.. files.Artifacts];
        var found = new Backup?[artifacts.Length];
        await Sections.DoAsync(artifacts.Length, ReadSectionAsync, cancellationToken);
        var backups = new List<Backup>(found.Length);
        var strangers = new Dictionary<BackupId, string>();
        foreach (var backup in found.OfType<Backup>())
        {
            if (backup.Source == source)
                backups.Add(files.StraysOf(backup.File, backup.Manifest.PartNames).Count > 0 ? backup with { IsScattered = true } : backup);
            else
                strangers[backup.Id] = backup.Source; // it belongs to another source, which alone prunes it
        }

        manifests.KeepOnly(files.ByName);
        formats.KeepOnly(files.ByName);
        verifications.KeepOnly(files.ByName);
        drills.KeepOnly(files.ByName);
        return BackupChains.Link(
            [.. backups.OrderByDescending(backup => backup.CapturedAt).ThenByDescending(backup => backup.File, StringComparer.Ordinal)], strangers);

        async ValueTask ReadSectionAsync(int from, int to, CancellationToken token)
        {
            for (var place = from; place < to; place++)
            {
                token.ThrowIfCancellationRequested(); // a store that reads in place does not look
                found[place] = await ReadAsync(files, artifacts[place], token);
            }
        }
    }

    /// <returns>Backups that name another source: the directory was given to a new source, or a source was renamed.</returns>
    public async Task<IReadOnlyList<Orphan>> StrangersAsync(DirectoryFiles files, CancellationToken cancellationToken)
    {
        var strangers = new List<Orphan>();
        foreach (var file in files.ByName.Values.Where(file => BackupFiles.ArtifactOfManifest(file.Name) is not null))
        {
            if (await ManifestAsync(file, cancellationToken) is ({ } manifest, _) && manifest.Source != source)
                strangers.Add(new Orphan(manifest.File, [], $"a backup of source {manifest.Source}; it does not count for {source} and is not pruned", file.ModifiedAt));
        }

        return strangers;
    }

    /// <returns>Null for what is no backup; another source's comes with nothing but its manifest.</returns>
    private async ValueTask<Backup?> ReadAsync(DirectoryFiles files, StoredFile artifact, CancellationToken cancellationToken)
    {
        var committed = files.TryGetCompanion(artifact.Name, BackupFiles.Manifest, out var manifestFile);
        if (!committed && (files.Has(BackupFiles.Pending(artifact.Name)) || files.IsIncrement(artifact.Name)))
            return null; // an orphan: reported as such

        var (manifest, unreadable) = committed ? await ManifestAsync(manifestFile!.Value, cancellationToken) : (handMade.ManifestOf(artifact), null);
        if (unreadable is not null)
            return handMade.Unreadable(artifact, directory.Path, unreadable);
        if (manifest is null)
            return await DamagedAsync(files, artifact, manifestFile!.Value.Name, cancellationToken);
        if (manifest.Source != source)
            return new Backup(manifest, directory.Path, artifact, Verification: null);

        var (verification, unknown) = await VerificationAsync(files, artifact, cancellationToken);
        var (drill, _) = files.TryGetCompanion(artifact.Name, BackupFiles.Drill, out var drilled)
            ? await drills.ReadAsync(drilled.Value, cancellationToken)
            : (null, null);
        return new Backup(manifest, directory.Path, artifact, verification?.Id == manifest.Id ? verification : null) // one of another backup says nothing
        {
            Drill = drill?.Id == manifest.Id ? drill : null,
            Unreadable = unknown,
            Parts = manifest.Parts.Count == 0 ? [] : [.. manifest.PartNames.Select(part => files.PartOf(artifact.Name, part))],
        };
    }

    private async ValueTask<(VerificationResult? Value, BackupException? Failure)> VerificationAsync(DirectoryFiles files, StoredFile artifact, CancellationToken cancellationToken) =>
        files.TryGetCompanion(artifact.Name, BackupFiles.Verification, out var result) ? await verifications.ReadAsync(result.Value, cancellationToken) : (null, null);

    /// <summary>Of a result beside a damaged manifest nothing counts but that the backup was set aside.</summary>
    private async ValueTask<Backup> DamagedAsync(DirectoryFiles files, StoredFile artifact, string manifestFile, CancellationToken cancellationToken)
    {
        var damaged = handMade.Damaged(artifact, manifestFile, directory.Path, files.IsIncrement(artifact.Name));
        var (verification, _) = await VerificationAsync(files, artifact, cancellationToken);
        return verification is { SetAside: true } && verification.Id == damaged.Id ? damaged with { Verification = verification } : damaged;
    }

    /// <returns>No value when it is damaged, or belongs to another backup; a failure when it can't be read.</returns>
    private async ValueTask<(BackupManifest? Value, BackupException? Failure)> ManifestAsync(StoredFile file, CancellationToken cancellationToken)
    {
        var (manifest, failure) = await manifests.ReadAsync(file, cancellationToken);
        var version = manifest?.FormatVersion;
        if (manifest is null && failure is null)
        {
            // What a newer agent wrote may hold words that this one does not know; that is no damage, and only its version tells.
            (var format, failure) = await formats.ReadAsync(file, cancellationToken);
            version = format?.FormatVersion;
        }

        if (version > BackupManifest.CurrentFormatVersion)
        {
            throw new BackupException(
                FailureKind.StoreUnavailable,
                $"'{directory.Describe(file.Name)}' was written by a newer agent (format {version}; this one reads up to {BackupManifest.CurrentFormatVersion})",
                "update this agent, or point it at another store directory");
        }

        return manifest is not null && BackupFiles.Original(BackupFiles.ArtifactOfManifest(file.Name)!) == manifest.File ? (manifest, null) : (null, failure);
    }
}

/// <summary>
/// Reads one kind of the small files beside artifacts, and remembers each until its time or size changes: what was read
/// once need not be read at every scrape.
/// </summary>
/// <typeparam name="T">What the file holds.</typeparam>
internal sealed class CompanionReader<T>(SourceDirectory directory, JsonTypeInfo<T> type)
    where T : class
{
    private readonly ConcurrentDictionary<string, (StoredFile File, T? Value)> known = new(StringComparer.Ordinal);

    /// <returns>
    /// No value when the file is not what it should be, and a failure when it can't be read now, which is no damage.
    /// Neither may hide the rest of the catalog.
    /// </returns>
    public ValueTask<(T? Value, BackupException? Failure)> ReadAsync(StoredFile file, CancellationToken cancellationToken) =>
        known.TryGetValue(file.Name, out var read) && read.File == file ? new((read.Value, null)) : ReadAnewAsync(file, cancellationToken);

    /// <summary>Forgets the files that are gone.</summary>
    public void KeepOnly(IReadOnlyDictionary<string, StoredFile> files)
    {
        foreach (var (name, _) in known)
        {
            if (!files.ContainsKey(name))
                known.TryRemove(name, out _);
        }
    }

    private async ValueTask<(T? Value, BackupException? Failure)> ReadAnewAsync(StoredFile file, CancellationToken cancellationToken)
    {
        try
        {
            var text = await directory.ReadAsync(file.Name, cancellationToken);
            var value = TryParse(text);
            if (value is null && text.Length != file.Length)
                throw new IOException($"of its {file.Length} bytes {text.Length} came"); // replaced meanwhile, or a network's file system gave less than it has
            known[file.Name] = (file, value);
            return (value, null);
        }
        catch (BackupException failure)
        {
            return (null, failure); // not remembered: it may be readable again
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            return (null, IoFailure.Translate(failure, $"read '{directory.Describe(file.Name)}'", directory.Describe("")));
        }
    }

    private T? TryParse(byte[] text)
    {
        try
        {
            return Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // An editor may have put a byte order mark before it.
    private T? Parse(ReadOnlySpan<byte> text) => JsonSerializer.Deserialize(text.StartsWith(Encoding.UTF8.Preamble) ? text[Encoding.UTF8.Preamble.Length..] : text, type);
}
