using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Artifacts.Age;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Catalog;

/// <summary>What reading one stored file found.</summary>
/// <param name="Artifact">Of the file itself.</param>
/// <param name="Refusal">Why its content can't be applied to what it builds on; null when it can.</param>
internal sealed record LinkReading(ArtifactReading Artifact, string? Refusal)
{
    /// <summary>What speaks against the first of its further parts that is not what was stored; null when all are.</summary>
    public string? PartDamage { get; init; }

    /// <summary>What speaks against the bytes that were read, by the manifest alone; null when they are what was stored.</summary>
    public string? DamageOf(BackupManifest manifest) => this switch
    {
        { PartDamage: { } damage } => damage,
        _ when Artifact.Stored.Length != manifest.Stored.Length => $"it has {Artifact.Stored.Length} bytes and was stored with {manifest.Stored.Length}",
        _ when Artifact.Stored.Sha256 != manifest.Stored.Sha256 => $"its SHA-256 is {Artifact.Stored.Shown()} and it was stored with {manifest.Stored.Shown()}",
        _ when Artifact.Content is { } content && content != manifest.Content =>
            $"its content ({content.Length} bytes, SHA-256 {content.Shown()}) is not what was captured ({manifest.Content.Length} bytes, {manifest.Content.Shown()})",
        { Artifact.EncodingFailure: null, Refusal: { } refusal } => $"its content does not fit what it builds on: {refusal}",
        _ => null,
    };
}

/// <summary>A backup of a catalog as its kind reads it. What the reading found stays here for whoever judges it.</summary>
/// <param name="isJudged">Whether somebody judges it by all its digests afterwards: then only content that can't be had, or does not fit, ends the reading.</param>
internal sealed class CatalogLink(BackupCatalog catalog, Backup backup, bool isJudged, IProgress<long>? progress) : StoredLink
{
    /// <summary>Where content goes that can't be had: only the stored bytes are read.</summary>
    private static readonly Stream Closed = new ClosedStream();

    private readonly HashSet<string> readParts = new(StringComparer.Ordinal);
    private string? partDamage;
    private string? refusal;

    public Backup Backup => backup;

    /// <summary>What the reading found; null until it was read.</summary>
    public LinkReading? Reading { get; private set; }

    public override string Name => backup.File;

    public override string Location => catalog.Locate(backup.File);

    public override string Source => backup.Source;

    public override BackupType Type => backup.Manifest.Type;

    public override ArtifactDigest? Content => backup.Manifest.IsCommitted ? backup.Manifest.Content : null;

    public override string? Fingerprint => backup.Manifest.Fingerprint;

    /// <summary>Of an encrypted one each part is encrypted too, and its kind need not know.</summary>
    public override IReadOnlyList<string> Parts => backup.IsEncrypted ? [.. backup.Manifest.PartNames.Select(EncryptedName.Plain)] : backup.Manifest.PartNames;

    /// <summary>Whether its content can be had: of an encrypted one only with its key, or while it is being made.</summary>
    public async Task<bool> IsOpenAsync(CancellationToken cancellationToken) =>
        backup.Manifest.Encryption is not { } encryption || IsJustMade || (catalog.Keys is { } keys && await keys.OpensAsync(encryption.Recipients, cancellationToken));

    /// <summary>Whether its content is the one that was captured, and not that of what lies in the store.</summary>
    public bool IsJustMade => backup.IsEncrypted && catalog.PlainCopies is { } copies && copies.Has(backup.Manifest.File);

    /// <summary>The backup with all that it builds on.</summary>
    /// <param name="isJudged">Whether the backup itself is judged afterwards, and not only used.</param>
    /// <param name="progress">Told the stored bytes so far, of <see cref="Backup.LengthToRead"/>.</param>
    /// <param name="later">Those that continue it; null: none.</param>
    public static StoredChain ChainOf(BackupCatalog catalog, Backup backup, bool isJudged, IProgress<long>? progress, IReadOnlyList<Backup>? later = null)
    {
        var done = 0L;
        var links = new List<StoredLink>();
        foreach (var link in backup.Bases.Reverse().Append(backup))
        {
            var before = done;
            var told = progress is null ? null : new InPlaceProgress(read => progress.Report(before + read));
            links.Add(new CatalogLink(catalog, link, isJudged && ReferenceEquals(link, backup), told));
            done += link.StoredLength;
        }

        return new StoredChain(links, backup.Manifest.IsCommitted ? backup.ExpandedLength : null)
        {
            Later = [.. (later ?? []).Select(link => new CatalogLink(catalog, link, isJudged: false, progress: null))],
        };
    }

    public override async Task CopyContentAsync(Stream destination, CancellationToken cancellationToken)
    {
        var accepting = new AcceptingStream(destination);
        var reading = await ReadAsync(backup.File, backup.Manifest.Encoding, accepting, progress, cancellationToken);
        Reading = new LinkReading(reading, accepting.Refusal ?? refusal) { PartDamage = partDamage };
        if (Objection() is { } objection)
            throw new DamagedLinkException(this, objection);
    }

    public override async Task CopyPartAsync(string name, Stream destination, CancellationToken cancellationToken)
    {
        var stored = backup.IsEncrypted ? EncryptedName.Of(name) : name;
        var part = backup.Manifest.Parts.FirstOrDefault(part => part.Name == stored) ?? throw DamagedPart($"its manifest names no part {name}");
        var accepting = new AcceptingStream(destination);
        ArtifactReading reading;
        try
        {
            reading = await ReadAsync(BackupFiles.Part(backup.File, part.Name), part.Encoding, accepting, told: null, cancellationToken);
        }
        catch (BackupException gone) when (gone.Kind == FailureKind.NotFound)
        {
            throw DamagedPart($"its part {name} is gone");
        }

        readParts.Add(name);
        if (reading.EncodingFailure is { } undecodable)
            throw DamagedPart($"its part {name}: {undecodable}");
        if (reading.Stored != part.Stored || (reading.Content != part.Content && destination != Closed))
            throw DamagedPart($"its part {name} has {reading.Stored.Length} bytes, SHA-256 {reading.Stored.Shown()}, and was stored with {part.Stored.Length} bytes, {part.Stored.Shown()}");
        if (accepting.Refusal is { } refusal)
            throw DamagedPart($"its part {name}: {refusal}");
    }

    /// <summary>Reads what nobody read yet: nothing counts that was not read. Of what no key opens the stored bytes are read.</summary>
    /// <exception cref="DamagedLinkException">It is not what was stored.</exception>
    public async Task ReadRestAsync(CancellationToken cancellationToken)
    {
        if (Reading is null)
            await ReadArtifactAsync(cancellationToken);
        var isOpen = await IsOpenAsync(cancellationToken);
        foreach (var name in Parts.Where(name => !readParts.Contains(name)))
            await CopyPartAsync(name, isOpen ? Stream.Null : Closed, cancellationToken);
    }

    /// <summary>Whether a restore would open it: the key that is here is tried, and the rest is not read.</summary>
    /// <returns>Null when nothing is encrypted.</returns>
    public static async Task<KeyTrial?> TryKeyAsync(BackupCatalog catalog, Backup backup, CancellationToken cancellationToken)
    {
        if (backup.Manifest.Encryption is not { } encryption)
            return null;
        if (catalog.Keys is not { } keys)
            return KeyTrial.Refused(await RefusalAsync(catalog, backup.File, encryption.Recipients, cancellationToken));
        var location = catalog.Locate(backup.File);
        try
        {
            return await keys.TryAsync(location, encryption.Recipients, () => catalog.OpenReadAsync(backup.File, cancellationToken), cancellationToken);
        }
        catch (BackupException failure)
        {
            return failure.Kind is FailureKind.Configuration or FailureKind.Encryption ? KeyTrial.Refused(failure) : KeyTrial.Untold(failure.Message);
        }
        catch (FileNotFoundException)
        {
            return KeyTrial.Untold($"'{location}' is gone");
        }
        catch (Exception unread) when (IoFailure.IsKnown(unread))
        {
            return KeyTrial.Untold(IoFailure.Translate(unread, $"read '{location}'", catalog.Locate("")).Message);
        }
    }

    /// <summary>Reads the artifact alone.</summary>
    /// <exception cref="DamagedLinkException">It is not what was stored.</exception>
    public async Task ReadArtifactAsync(CancellationToken cancellationToken) => await CopyContentAsync(await IsOpenAsync(cancellationToken) ? Stream.Null : Closed, cancellationToken);

    public override DamagedLinkException Refuse(string reason)
    {
        if (Reading is null)
        {
            refusal = reason; // of a part, before the artifact was read: its reading will tell
            return new DamagedLinkException(this, reason);
        }

        Reading = Reading with { Refusal = reason };
        return new DamagedLinkException(this, Objection()!);
    }

    public override Task<Stream> OpenSidecarAsync(string ending, CancellationToken cancellationToken) =>
        catalog.OpenSidecarAsync(backup.File, ending, cancellationToken);

    public override Task KeepSidecarAsync(string ending, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) =>
        catalog.WriteSidecarAsync(backup.File, ending, write, cancellationToken);

    private DamagedLinkException DamagedPart(string damage)
    {
        partDamage ??= damage;
        if (Reading is not null)
            Reading = Reading with { PartDamage = partDamage };
        return new DamagedLinkException(this, damage);
    }

    private async Task<ArtifactReading> ReadAsync(string file, ArtifactEncoding encoding, AcceptingStream destination, IProgress<long>? told, CancellationToken cancellationToken)
    {
        var location = catalog.Locate(file);
        try
        {
            if (backup.Manifest.Encryption is { } encryption)
                return await ReadEncryptedAsync(file, encoding, encryption, destination, told, cancellationToken);
            await using var stored = await catalog.OpenReadAsync(file, cancellationToken);
            return await ArtifactReader.ReadAsync(encoding, stored, destination, told, cancellationToken);
        }
        catch (Exception failure) when (ReferenceEquals(failure, destination.Failure))
        {
            throw; // of where the content goes, which its owner can name
        }
        catch (FileNotFoundException gone)
        {
            throw new BackupException(FailureKind.NotFound, $"backup '{location}' is gone", "nexus-backup list shows what is left", gone);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"read back '{location}'", catalog.Locate(""));
        }
    }

    /// <summary>With a key it is decrypted. Without one every stored byte is read, and the content comes from what the run that makes it still has, if it has it.</summary>
    private async Task<ArtifactReading> ReadEncryptedAsync(
        string file, ArtifactEncoding encoding, BackupEncryption encryption, AcceptingStream destination, IProgress<long>? told, CancellationToken cancellationToken)
    {
        if (!IsJustMade && catalog.Keys is { } keys && await keys.OpensAsync(encryption.Recipients, cancellationToken))
            return await keys.ReadAsync(catalog.Locate(file), encryption.Recipients, StoredOf(file), encoding, () => catalog.OpenReadAsync(file, cancellationToken), destination, told, cancellationToken);
        if (!IsJustMade && !destination.IsClosed)
            throw await RefusalAsync(catalog, file, encryption.Recipients, cancellationToken);
        AgePass pass;
        await using (var stored = await catalog.OpenReadAsync(file, cancellationToken))
            pass = await AgeStream.PassAsync(stored, told, cancellationToken);
        if (pass.HeaderFailure(encryption.Recipients) is { } failure)
            return new ArtifactReading(pass.Stored, Content: null, failure);
        if (!IsJustMade)
            return new ArtifactReading(pass.Stored, Content: null, EncodingFailure: null);
        await using var plain = catalog.PlainCopies!.Open(file);
        return await ArtifactReader.ReadAsync(encoding, plain, destination, progress: null, cancellationToken) with { Stored = pass.Stored };
    }

    /// <summary>Why what is closed can't be had.</summary>
    public Task<BackupException> RefusalAsync(CancellationToken cancellationToken) => RefusalAsync(catalog, backup.File, backup.Manifest.Encryption?.Recipients ?? [], cancellationToken);

    private static Task<BackupException> RefusalAsync(BackupCatalog catalog, string file, IReadOnlyList<string> recipients, CancellationToken cancellationToken) =>
        catalog.Keys?.RefusalAsync(catalog.Locate(file), recipients, cancellationToken) ?? Task.FromResult(ArtifactKeys.Missing(catalog.Locate(file), recipients));

    private ArtifactDigest? StoredOf(string file) => !backup.Manifest.IsCommitted ? null
        : file == backup.File ? backup.Manifest.Stored
        : backup.Manifest.Parts.First(part => BackupFiles.Part(backup.File, part.Name) == file).Stored;

    /// <summary>What is stored as it comes has no encoding that would object first: its digest does.</summary>
    private string? Objection() => Reading!.Artifact.EncodingFailure
        ?? (isJudged && !(backup.Manifest is { IsCommitted: true, Encoding: ArtifactEncoding.None } manifest && Reading.Artifact.Stored != manifest.Stored) ? Reading.Refusal : Reading.DamageOf(backup.Manifest));

    /// <summary>
    /// Hands content on until that is refused, and takes the rest all the same, so that the digests of the whole are known:
    /// only they tell damage from content that was wrong when it was stored.
    /// </summary>
    private sealed class AcceptingStream(Stream destination) : ForwardWriteStream
    {
        /// <summary>Whether nobody wants the content.</summary>
        public bool IsClosed => destination == Closed;

        /// <summary>Why the content was refused; null as long as it was not.</summary>
        public string? Refusal { get; private set; }

        /// <summary>What the destination threw.</summary>
        public Exception? Failure { get; private set; }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            try
            {
                if (Refusal is null)
                    await destination.WriteAsync(buffer, cancellationToken);
            }
            catch (InvalidDataException refused)
            {
                Refusal = refused.Message;
            }
            catch (Exception failure)
            {
                Failure = failure;
                throw;
            }
        }
    }

    private sealed class ClosedStream : ForwardWriteStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;
    }
}
