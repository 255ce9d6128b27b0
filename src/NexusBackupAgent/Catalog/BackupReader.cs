using System.Collections.Concurrent;
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
    private const string Unsealed = "its last line, the seal, is gone";

    /// <summary>The source's name.</summary>
    public string Source => source;

    /// <summary>Whether a key is here that may open what is encrypted.</summary>
    public bool HasKey { get; init; }

    private readonly CompanionReader<BackupManifest> manifests = new(directory, CatalogJson.Readable.BackupManifest, CatalogJson.Strict.BackupManifest, OrdinaryJson.Manifest);
    private readonly CompanionReader<ManifestFormat> formats = new(directory, CatalogJson.Readable.ManifestFormat, CatalogJson.Readable.ManifestFormat);
    private readonly CompanionReader<VerificationResult> verifications = new(directory, CatalogJson.Readable.VerificationResult, CatalogJson.Strict.VerificationResult, OrdinaryJson.Verification);
    private readonly CompanionReader<DrillResult> drills = new(directory, CatalogJson.Readable.DrillResult, CatalogJson.Strict.DrillResult);
    private readonly HandMadeBackups handMade = new(source, kind, directory.Formats, zone);

    /// <returns>All backups, newest first, hand-made ones included.</returns>
    public async Task<IReadOnlyList<Backup>> ReadAsync(DirectoryFiles files, CancellationToken cancellationToken)
    {
        var found = await ReadAllAsync(files, [.. files.Artifacts], glance: null, cancellationToken);
        manifests.KeepOnly(files);
        formats.KeepOnly(files);
        verifications.KeepOnly(files);
        drills.KeepOnly(files);
        return Linked(files, found);
    }

    /// <summary>The same by one look, of which nothing is remembered.</summary>
    /// <returns>Null when anything there is out of the ordinary: a small file that is not what it should be, or one of another source. Then only a whole reading tells.</returns>
    public async Task<IReadOnlyList<Backup>?> GlanceAsync(DirectoryGlance glance, CancellationToken cancellationToken)
    {
        var found = await ReadAllAsync(glance.Files, [.. glance.Files.Artifacts], glance, cancellationToken);
        if (found.Count(backup => backup is { Manifest.IsCommitted: true }) < glance.Files.ManifestCount)
            return null; // one belongs to no artifact here, because that is gone, or is named as another kind of source names them: whose it is stands in it
        return glance.IsBlurred || Array.Exists(found, backup => backup is not null && (backup.Source != source || backup is not { Unreadable: null, ManifestTrouble: null, Troubles.Count: 0 }))
            ? null
            : Linked(glance.Files, found);
    }

    private async Task<Backup?[]> ReadAllAsync(DirectoryFiles files, StoredFile[] artifacts, DirectoryGlance? glance, CancellationToken cancellationToken)
    {
        var found = new Backup?[artifacts.Length];
        if (directory.Store.ReadsAtOnce is > 1 and var many)
            await Parallel.ForAsync(0, artifacts.Length, new ParallelOptions { MaxDegreeOfParallelism = many, CancellationToken = cancellationToken }, (place, token) => ReadSectionAsync(place, place + 1, token));
        else
            await Sections.DoAsync(artifacts.Length, ReadSectionAsync, cancellationToken);
        return found;

        async ValueTask ReadSectionAsync(int from, int to, CancellationToken token)
        {
            for (var place = from; place < to; place++)
            {
                token.ThrowIfCancellationRequested(); // a store that reads in place does not look
                if (glance?.IsBlurred == true)
                    return;
                found[place] = await ReadAsync(files, artifacts[place], glance, token);
            }
        }
    }

    private IReadOnlyList<Backup> Linked(DirectoryFiles files, Backup?[] found)
    {
        var backups = new List<Backup>(found.Length);
        var strangers = new Dictionary<BackupId, string>();
        foreach (var backup in found.OfType<Backup>())
        {
            if (backup.Source == source)
                backups.Add(files.StraysOf(backup.File, backup.Manifest.PartNames).Count > 0 ? backup with { IsScattered = true } : backup);
            else
                strangers[backup.Id] = backup.Source; // it belongs to another source, which alone prunes it
        }

        return BackupChains.Link(
            [.. backups.OrderByDescending(backup => backup.CapturedAt).ThenByDescending(backup => backup.File, StringComparer.Ordinal)], strangers);
    }

    /// <returns>Backups that name another source: the directory was given to a new source, or a source was renamed.</returns>
    public async Task<IReadOnlyList<Orphan>> StrangersAsync(DirectoryFiles files, CancellationToken cancellationToken)
    {
        var strangers = new List<Orphan>();
        foreach (var file in files.All.Where(file => BackupFiles.ArtifactOfManifest(file.Name) is not null))
        {
            if (await ManifestAsync(file, glance: null, cancellationToken) is { Value: { } manifest } && manifest.Source != source)
                strangers.Add(new Orphan(manifest.File, [], $"a backup of source {manifest.Source}; it does not count for {source} and is not pruned", file.ModifiedAt));
        }

        return strangers;
    }

    /// <returns>Null for what is no backup; another source's comes with nothing but its manifest.</returns>
    private async ValueTask<Backup?> ReadAsync(DirectoryFiles files, StoredFile artifact, DirectoryGlance? glance, CancellationToken cancellationToken)
    {
        var committed = files.TryGetCompanion(artifact.Name, BackupFiles.Manifest, out var manifestFile);
        if (!committed && (files.Has(BackupFiles.Pending(artifact.Name)) || files.IsIncrement(artifact.Name)))
            return null; // an orphan: reported as such

        OrdinaryJson.Expect(artifact.Name);
        var read = committed ? await ManifestAsync(manifestFile!.Value, glance, cancellationToken) : new Companion<BackupManifest>(handMade.ManifestOf(artifact));
        if (read.Failure is { } unreadable)
            return handMade.Unreadable(artifact, directory.Path, unreadable);
        if (glance?.IsBlurred == true)
            return null;
        if (read.Value is not { } manifest)
            return await DamagedAsync(files, artifact, manifestFile!.Value.Name, read.Damage!, cancellationToken);
        if (manifest.Source != source)
            return new Backup(manifest, directory.Path, artifact, Verification: null);

        var verification = await CompanionAsync(files, artifact, BackupFiles.Verification, verifications, manifest.IsSealed, result => result.ObjectionFor(manifest.Id), glance, cancellationToken);
        var drill = await CompanionAsync(files, artifact, BackupFiles.Drill, drills, manifest.IsSealed, result => result.ObjectionFor(manifest.Id), glance, cancellationToken);
        var backup = new Backup(manifest, directory.Path, artifact, verification.Value)
        {
            Drill = drill.Value,
            Unreadable = verification.Failure,
            AwaitsKey = !HasKey && manifest is { Encryption: not null, Adopted: true, IsCommitted: false },
            Parts = manifest.Parts.Count == 0 ? [] : [.. manifest.PartNames.Select(part => files.PartOf(artifact.Name, part))],
        };
        return !backup.IsSetAside && TroublesOf(files, backup, verification.Damage, drill.Damage ?? drill.Failure?.Message) is { Count: > 0 } troubles ? backup with { Troubles = troubles } : backup;
    }

    /// <summary>What is wrong with the small files beside a backup, as far as they are read with it.</summary>
    private IReadOnlyList<SidecarTrouble> TroublesOf(DirectoryFiles files, Backup backup, string? ofVerification, string? ofDrill)
    {
        if (backup.IsHandMade && directory.Formats.TraceOfAgent(backup.File, files) is { } trace && (ofVerification is not null || trace != BackupFiles.Verification(backup.File)))
        {
            return [new SidecarTrouble(
                BackupFiles.Manifest(backup.File), $"it is gone, and {trace} shows that the agent wrote one", "bring it back from a copy of the store; without it the file counts as one that somebody made by hand")];
        }

        return (ofVerification, ofDrill) is (null, null) ? [] : [.. new SidecarTrouble?[]
        {
            ofVerification is null ? null : new(BackupFiles.Verification(backup.File), ofVerification, $"nexus-backup verify {backup.Id} reads the backup back and writes it anew"),
            ofDrill is null ? null : new(BackupFiles.Drill(backup.File), ofDrill, $"delete it; nexus-backup drill '{source}' makes a new one"),
        }.OfType<SidecarTrouble>()];
    }

    /// <summary>A result beside a backup; one that speaks of another backup, contradicts itself, or lost its seal, is damaged.</summary>
    /// <param name="isSealed">Whether it was written with a seal.</param>
    private static async ValueTask<Companion<T>> CompanionAsync<T>(
        DirectoryFiles files, StoredFile artifact, Func<string, string> beside, CompanionReader<T> reader, bool isSealed, Func<T, string?> objection, DirectoryGlance? glance, CancellationToken cancellationToken)
        where T : class
    {
        if (!files.TryGetCompanion(artifact.Name, beside, out var file))
            return default;
        var read = await reader.ReadAsync(file.Value, glance, cancellationToken);
        return read.Value is { } value && (isSealed && !read.IsSealed ? Unsealed : objection(value)) is { } damage ? new Companion<T>(Value: null, damage) : read;
    }

    /// <summary>Of a result beside a damaged manifest nothing counts but that the backup was set aside.</summary>
    private async ValueTask<Backup> DamagedAsync(DirectoryFiles files, StoredFile artifact, string manifestFile, string damage, CancellationToken cancellationToken)
    {
        var damaged = handMade.Damaged(artifact, manifestFile, directory.Path, files.IsIncrement(artifact.Name), damage);
        var verification = await CompanionAsync(files, artifact, BackupFiles.Verification, verifications, isSealed: false, result => result.ObjectionFor(damaged.Id), glance: null, cancellationToken);
        return verification.Value is { SetAside: true } setAside ? damaged with { Verification = setAside } : damaged;
    }

    /// <returns>Damaged also when it belongs to another backup; a failure when it can't be read, or a newer agent wrote it.</returns>
    private async ValueTask<Companion<BackupManifest>> ManifestAsync(StoredFile file, DirectoryGlance? glance, CancellationToken cancellationToken)
    {
        var read = await manifests.ReadAsync(file, glance, cancellationToken);
        if (read.Failure is not null || glance?.IsBlurred == true)
            return read;
        // What a newer agent wrote may hold words that this one does not know; that is no damage, and only its version tells.
        var version = read.Value?.FormatVersion ?? (await formats.ReadAsync(file, glance: null, cancellationToken)).Value?.FormatVersion;
        if (version > BackupManifest.CurrentFormatVersion)
        {
            return new Companion<BackupManifest>(Failure: new BackupException(
                FailureKind.Verification,
                $"'{directory.Describe(file.Name)}' was written by a newer agent (format {version}; this one reads up to {BackupManifest.CurrentFormatVersion}), or is damaged",
                "update this agent; its other backups are not concerned"));
        }

        if (read.Value is not { } manifest)
            return read;
        var damage = manifest.IsSealed && !read.IsSealed ? Unsealed
            : BackupFiles.Original(BackupFiles.ArtifactOfManifest(file.Name)!) != manifest.File ? $"it is the one of {manifest.File}"
            : manifest.Source == source ? ManifestAgreement.ObjectionTo(manifest, directory.Formats)
            : null; // whose it is may name its files otherwise
        return damage is null ? read : new Companion<BackupManifest>(Damage: damage);
    }
}

/// <summary>What a small file beside an artifact holds; nothing of it is set where there is none.</summary>
/// <param name="Value">What it says.</param>
/// <param name="Damage">Why it is not what it should be, as it follows a colon.</param>
/// <param name="Failure">Why it can't be read now, which is no damage.</param>
internal readonly record struct Companion<T>(T? Value = null, string? Damage = null, BackupException? Failure = null)
    where T : class
{
    /// <summary>Whether it bears a seal that agrees.</summary>
    public bool IsSealed { get; init; }
}

/// <summary>
/// Reads one kind of the small files beside artifacts, and remembers each until its time or size changes: what was read
/// once need not be read at every scrape.
/// </summary>
/// <typeparam name="T">What the file holds.</typeparam>
/// <param name="ordinary">Reads sooner what has nothing unusual in it; null: nothing does.</param>
internal sealed class CompanionReader<T>(SourceDirectory directory, JsonTypeInfo<T> sealedType, JsonTypeInfo<T> strictType, OrdinaryReader<T>? ordinary = null)
    where T : class
{
    /// <summary>Bytes; a larger file is read as any other.</summary>
    private const int MostAtAGlance = 8 << 10;

    private readonly ConcurrentDictionary<string, (StoredFile File, Companion<T> Read)> known = new(StringComparer.Ordinal);

    /// <returns>As of the other one.</returns>
    public ValueTask<Companion<T>> ReadAsync(StoredFile file, CancellationToken cancellationToken) => ReadAsync(file, glance: null, cancellationToken);

    /// <param name="glance">Where it is read and not remembered; null: it is. What is damaged there or can't be read blurs the glance, and nothing is told of it.</param>
    /// <returns>What is wrong with one file hides nothing of the rest of the catalog, so nothing is thrown for it.</returns>
    public ValueTask<Companion<T>> ReadAsync(StoredFile file, DirectoryGlance? glance, CancellationToken cancellationToken) =>
        glance is not null ? new(ReadAtAGlance(file, glance))
        : known.TryGetValue(file.Name, out var before) && before.File == file ? new(before.Read)
        : ReadAnewAsync(file, cancellationToken);

    /// <summary>Forgets the files that are gone.</summary>
    public void KeepOnly(DirectoryFiles files)
    {
        foreach (var (name, _) in known)
        {
            if (!files.Has(name))
                known.TryRemove(name, out _);
        }
    }

    private Companion<T> ReadAtAGlance(StoredFile file, DirectoryGlance glance)
    {
        Span<byte> text = stackalloc byte[MostAtAGlance];
        if (glance.Read(file.Name, text) is >= 0 and var length && Parse(text[..length]) is { Damage: null } read)
            return read;
        glance.Blur();
        return default;
    }

    private async ValueTask<Companion<T>> ReadAnewAsync(StoredFile file, CancellationToken cancellationToken)
    {
        if (file.WhyNotSmall(SealedJson.Largest) is { } problem)
            return new Companion<T>(Damage: problem);
        try
        {
            var text = await directory.ReadAsync(file.Name, cancellationToken);
            var read = Parse(text);
            if (read.Damage is not null && text.Length != file.Length)
                throw new IOException($"of its {file.Length} bytes {text.Length} came"); // replaced meanwhile, or a network's file system gave less than it has
            known[file.Name] = (file, read);
            return read;
        }
        catch (BackupException failure)
        {
            return new Companion<T>(Failure: failure); // not remembered: it may be readable again
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            return new Companion<T>(Failure: IoFailure.Translate(failure, $"read '{directory.Describe(file.Name)}'", directory.Describe("")));
        }
    }

    private Companion<T> Parse(ReadOnlySpan<byte> text)
    {
        try
        {
            return new Companion<T>(SealedJson.Read(text, sealedType, strictType, out var isSealed, ordinary)) { IsSealed = isSealed };
        }
        catch (InvalidDataException wrong)
        {
            return new Companion<T>(Damage: wrong.Message);
        }
    }
}
