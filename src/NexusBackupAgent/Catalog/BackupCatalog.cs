using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Artifacts.Age;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>
/// The backups of one source, as the store tells them: nothing is remembered that the files do not say, and each question
/// looks anew. Who asks more than one opens a <see cref="CatalogSession"/>.
/// Order of writing: pending mark → artifact and further parts → <c>.sha256</c> → manifest (the commit) → mark away.
/// Order of deleting: pending mark → manifest → the rest → mark away. A crash at any instant leaves either the whole
/// backup, or files under a mark that count for nothing and are swept. An artifact with neither manifest nor mark was
/// made by somebody else: it is never swept, and is adopted as a manual backup once it verifies.
/// </summary>
/// <remarks>
/// What a power cut may take is decided by the <see cref="Durability"/> of each step, and rests on this: a file system
/// keeps the order in which names of one directory change (ext4, XFS and btrfs do). Six flushes a backup:
/// <list type="bullet">
/// <item>mark: none. It becomes durable with the artifact's name, before which there is nothing that it speaks of.</item>
/// <item>artifact, and each part: content, then name. Neither <c>.sha256</c> nor manifest can outlive it.</item>
/// <item><c>.sha256</c>: content alone. Its name becomes durable before the manifest's, in the same flush.</item>
/// <item>manifest: content, then name. This is the commit.</item>
/// <item>mark away: none. One that comes back speaks of what was committed, and is swept alone.</item>
/// <item>verification: content alone. If its name is lost, the next reading makes it again; whatever retention deletes
/// because of it makes that name durable first.</item>
/// </list>
/// Deleting: two. The manifest's name, with the mark before it; then the artifact's, with all that went before it. A mark
/// that comes back finds nothing more to speak of. Where a file system does not keep the order, the worst is an
/// artifact without manifest and mark, which is taken for one that somebody made by hand: nothing is lost by that.
/// </remarks>
internal class BackupCatalog
{
    private readonly SourceDirectory files;
    private readonly TimeZoneInfo zone;
    private readonly BackupReader reader;
    private readonly OrphanSweep orphans;
    private readonly BackupRemoval removal;
    private readonly PatientLook? looks;

    /// <param name="store">Where the files are.</param>
    /// <param name="directory">The source's directory in the store; empty for its root.</param>
    /// <param name="source">The source's name.</param>
    /// <param name="formats">How its artifacts are named and encoded.</param>
    /// <param name="kind">The source's kind.</param>
    /// <param name="zone">The zone of the times in file names.</param>
    /// <param name="looks">Gives up a look at the store while it does not answer; null: no look is given up.</param>
    /// <param name="keys">Encrypt and open its artifacts; null: none is encrypted, and what is stays closed.</param>
    public BackupCatalog(IBackupStore store, string directory, string source, string kind, ArtifactFormats formats, TimeZoneInfo zone, PatientLook? looks = null, ArtifactKeys? keys = null)
        : this(new SourceDirectory(store, directory, formats), source, kind, zone, looks, keys)
    {
    }

    /// <summary>The catalog as of one look at the directory. What the other one has read of unchanged files is known here too.</summary>
    private protected BackupCatalog(BackupCatalog other)
        : this(other.files.Remembering(), other.reader, other.zone, other.looks, other.Keys)
    {
    }

    private BackupCatalog(SourceDirectory files, string source, string kind, TimeZoneInfo zone, PatientLook? looks, ArtifactKeys? keys)
        : this(files, new BackupReader(files, source, kind, zone) { HasKey = keys?.Identity is not null }, zone, looks, keys)
    {
    }

    private BackupCatalog(SourceDirectory files, BackupReader reader, TimeZoneInfo zone, PatientLook? looks, ArtifactKeys? keys)
    {
        Keys = keys;
        this.files = files;
        this.reader = reader;
        orphans = new OrphanSweep(files, reader, zone);
        removal = new BackupRemoval(this, files);
        this.zone = zone;
        this.looks = looks;
        Source = reader.Source;
    }

    /// <summary>The source's name.</summary>
    public string Source { get; }

    public IBackupStore Store => files.Store;

    /// <summary>Encrypt and open its artifacts; null: none is encrypted, and what is stays closed.</summary>
    public ArtifactKeys? Keys { get; }

    /// <summary>What artifacts hold that the run under way encrypted; null: it encrypts none, or opens them again with a key.</summary>
    public PlainCopies? PlainCopies { get; private set; }

    /// <summary>From now on what is written stays readable here until that is disposed.</summary>
    /// <returns>Null where that is not needed.</returns>
    public async Task<PlainCopies?> KeepPlainCopiesAsync(CancellationToken cancellationToken) => PlainCopies = Keys is null ? null : await Keys.NewPlainCopiesAsync(cancellationToken);

    public string Directory => files.Path;

    /// <summary>What the store calls a file of this catalog; the directory, when it is empty.</summary>
    public string PathOf(string file) => files.PathOf(file);

    /// <summary>Where a file of this catalog lies, for people; where the directory does, when it is empty.</summary>
    public string Locate(string file) => files.Describe(file);

    public Task<Stream> OpenReadAsync(string file, CancellationToken cancellationToken) => files.OpenAsync(file, cancellationToken);

    /// <summary>Asks something of the store, for as long as it answers at all.</summary>
    /// <exception cref="BackupException">It does not.</exception>
    public Task<T> AskAsync<T>(Func<Task<T>> question) =>
        looks is null ? question() : looks.AskAsync(Store, question);

    /// <summary>Does something while no other machine writes here, as far as the store can see to that.</summary>
    /// <exception cref="BackupException">Another one writes here (<see cref="FailureKind.Locked"/>), or began to meanwhile.</exception>
    public async Task<T> AloneAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        await using var hold = await Store.HoldAsync(Directory, cancellationToken);
        if (hold is null)
            return await work(cancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, hold.Lost);
        try
        {
            return await work(stop.Token);
        }
        catch (OperationCanceledException) when (hold.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new BackupException(
                FailureKind.StoreUnavailable,
                $"another machine may write in '{Locate("")}' by now, so this was stopped",
                "see that the store can be reached all the time; if two agents have the same source, give one of them another directory");
        }
    }

    /// <summary>Looks at the directory, once for a whole operation. The caller holds the source's lock for as long as it changes something.</summary>
    /// <exception cref="BackupException">The store can't be listed.</exception>
    public async Task<CatalogSession> OpenAsync(CancellationToken cancellationToken)
    {
        var session = new CatalogSession(this);
        await AskAsync(() => ((BackupCatalog)session).files.ListAsync(cancellationToken));
        return session;
    }

    /// <summary>All backups, newest first, hand-made ones included.</summary>
    public Task<IReadOnlyList<Backup>> ListAsync(CancellationToken cancellationToken) =>
        AskAsync<IReadOnlyList<Backup>>(async () => await reader.ReadAsync(await files.ListAsync(cancellationToken), cancellationToken));

    /// <summary>The same as the store tells it now, also to a session.</summary>
    public Task<IReadOnlyList<Backup>> ListAgainAsync(CancellationToken cancellationToken)
    {
        files.Forget();
        return ListAsync(cancellationToken);
    }

    /// <summary>All backups, newest first, and the files that belong to none, of one and the same look at the directory.</summary>
    public Task<(IReadOnlyList<Backup> Backups, IReadOnlyList<Orphan> Orphans)> ListWithOrphansAsync(CancellationToken cancellationToken) => AskAsync(async () =>
    {
        var found = await files.ListAsync(cancellationToken);
        var backups = await reader.ReadAsync(found, cancellationToken);
        return (backups, await orphans.FindAsync(found, cancellationToken));
    });

    /// <summary>
    /// The same for who looks once and is gone: where nothing is out of the ordinary, half the questions to the store and half the memory
    /// do. Otherwise it is looked at again as <see cref="ListWithOrphansAsync"/> does.
    /// </summary>
    /// <param name="withOrphans">Whether files that belong to no backup are looked for as well.</param>
    public Task<(IReadOnlyList<Backup> Backups, IReadOnlyList<Orphan> Orphans)> ListOnceAsync(bool withOrphans, CancellationToken cancellationToken) => AskAsync(async () =>
    {
        using (var glance = await files.GlanceAsync(cancellationToken))
        {
            if (glance is not null && await reader.GlanceAsync(glance, cancellationToken) is { } read)
                return (read, withOrphans ? [.. Orphan.Among(glance.Files, files.Formats)] : []);
        }

        var found = await files.ListAsync(cancellationToken);
        var backups = await reader.ReadAsync(found, cancellationToken);
        return (backups, withOrphans ? await orphans.FindAsync(found, cancellationToken) : (IReadOnlyList<Orphan>)[]);
    });

    /// <summary>The backup as the store tells it now, by its file's name. A session looks at the directory anew for it: where damage is suspected, what was seen before is no witness.</summary>
    /// <exception cref="BackupException">It is gone (<see cref="FailureKind.NotFound"/>), or the store can't be listed.</exception>
    public Task<Backup> FindAgainAsync(Backup backup, CancellationToken cancellationToken)
    {
        files.Forget();
        return FindAsync(backup, cancellationToken);
    }

    /// <summary>The same, as a session knows it.</summary>
    /// <exception cref="BackupException">It is gone (<see cref="FailureKind.NotFound"/>), or the store can't be listed.</exception>
    public async Task<Backup> FindAsync(Backup backup, CancellationToken cancellationToken) =>
        (await ListAsync(cancellationToken)).FirstOrDefault(listed => listed.File == backup.File)
        ?? throw new BackupException(FailureKind.NotFound, $"backup '{Locate(backup.File)}' is gone", "nexus-backup list shows what is left");

    /// <summary>Chooses a name that is not taken and marks it as being written.</summary>
    public async Task<string> BeginAsync(string schedule, BackupType type, DateTimeOffset capturedAt, CancellationToken cancellationToken)
    {
        var taken = await files.ListAsync(cancellationToken);
        var duplicate = 0;
        string artifact;
        do
        {
            artifact = BackupFiles.Artifact(schedule, capturedAt, zone, duplicate++, files.Formats.Of(type).Extension);
        }
        while (files.Formats.AllOf(artifact).Concat(files.Formats.AllOf(BackupFiles.SetAside(artifact))).Any(taken.Has) || taken.MarkedPartsOf(artifact).Count > 0);

        await files.MarkAsync(artifact, cancellationToken);
        return artifact;
    }

    /// <summary>How an artifact of a type is encoded.</summary>
    public ArtifactEncoding EncodingOf(BackupType type) => files.Formats.Of(type).Encoding;

    /// <summary>Writes the artifact itself: whole or absent.</summary>
    /// <param name="lockedUntil">As of all files of the backup: nobody is to delete it before, where the store has locks.</param>
    public Task WriteArtifactAsync(string artifact, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken, DateTimeOffset? lockedUntil = null) =>
        files.PutAsync(artifact, replace: false, Durability.Now, write, cancellationToken, lockedUntil);

    /// <summary>Keeps a small file of the kind's own beside an artifact, in place of the one that was there. It needs no flush: one that a power cut damages is made anew from the artifact.</summary>
    public Task WriteSidecarAsync(string artifact, string ending, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken, DateTimeOffset? lockedUntil = null) =>
        EncryptedName.Is(artifact) && Keys is null ? Task.CompletedTask // it would show what the artifact hides
        : files.PutAsync(artifact + ending, replace: true, Durability.Later, EncryptedName.Is(artifact) ? (stored, token) => Keys!.EncryptSmallAsync(stored, write, token) : write, cancellationToken, lockedUntil);

    /// <summary>Opens such a file.</summary>
    /// <exception cref="FileNotFoundException">There is none, or no key of this machine opens it.</exception>
    public async Task<Stream> OpenSidecarAsync(string artifact, string ending, CancellationToken cancellationToken)
    {
        var stored = await OpenReadAsync(artifact + ending, cancellationToken);
        if (!EncryptedName.Is(artifact))
            return stored;
        await using (stored)
            return Keys is null ? throw new FileNotFoundException("no key opens it", Locate(artifact + ending)) : await Keys.OpenSmallAsync(Locate(artifact + ending), stored, cancellationToken);
    }

    /// <summary>Writes a further part of the same backup: whole or absent. The manifest that is committed must name it.</summary>
    /// <param name="part">What tells it from the others; see <see cref="BackupPart.Name"/>.</param>
    public async Task WritePartAsync(string artifact, string part, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken, DateTimeOffset? lockedUntil = null)
    {
        var file = BackupFiles.Part(artifact, part);
        if (files.Formats.CompanionsOf(artifact).Append(BackupFiles.SetAside(artifact)).Contains(file, StringComparer.Ordinal))
            throw new ArgumentException($"a part can't be named {part}: that is what a backup's own files are called", nameof(part));
        await files.MarkAsync(file, cancellationToken);
        await files.PutAsync(file, replace: false, Durability.Now, write, cancellationToken, lockedUntil);
    }

    /// <summary>Makes a written artifact a backup.</summary>
    /// <returns>The backup with all that it builds on.</returns>
    /// <exception cref="BackupException">What it builds on is gone or set aside by now, or the store refuses.</exception>
    public async Task<Backup> CommitAsync(BackupManifest manifest, CancellationToken cancellationToken, DateTimeOffset? lockedUntil = null)
    {
        var @base = manifest.Base is { } id ? await RequireBaseAsync(id, manifest.File, cancellationToken) : null;
        await ExtendLocksAsync(@base, lockedUntil, cancellationToken);
        await ChecksumFile.WriteAsync(files, manifest, cancellationToken, lockedUntil);
        await WriteManifestAsync(manifest, cancellationToken, lockedUntil);
        await files.DeleteAsync(BackupFiles.MarksOf(manifest.File, manifest.PartNames), cancellationToken);
        return new Backup(manifest, Directory, new StoredFile(manifest.File, manifest.Stored.Length, manifest.CapturedAt), Verification: null)
        {
            Parts = [.. manifest.Parts.Select(part => (StoredFile?)new StoredFile(BackupFiles.Part(manifest.File, part.Name), part.Stored.Length, manifest.CapturedAt))],
            Bases = @base is null ? [] : new BackupBases(@base),
        };
    }

    /// <summary>Takes back what was written of a backup, wherever that stopped: even a commit that failed may have left its manifest.</summary>
    /// <param name="artifact">The name that <see cref="BeginAsync"/> gave.</param>
    /// <param name="isWritten">Whether <see cref="WriteArtifactAsync"/> succeeded. If not, a file of that name may be somebody else's, and then stays.</param>
    public async Task AbandonAsync(string artifact, bool isWritten, CancellationToken cancellationToken)
    {
        if ((await removal.NeededAsync(cancellationToken)).ContainsKey(artifact))
            return; // whoever builds on it knows it as a backup
        var found = await files.ListAsync(cancellationToken);
        var committed = (await ListAsync(cancellationToken)).FirstOrDefault(backup => backup.File == artifact)?.Manifest.PartNames ?? [];
        var own = isWritten
            ? files.Formats.AllOf(artifact, [.. found.MarkedPartsOf(artifact).Union(committed, StringComparer.Ordinal)])
            : found.Has(BackupFiles.Manifest(artifact)) ? [] : await orphans.OwnFilesAsync(artifact, cancellationToken);
        await files.DeleteAsync(own, cancellationToken);
    }

    /// <summary>Keeps the result of a verification beside the backup, in place of the one before.</summary>
    public async Task<Backup> RecordAsync(Backup backup, VerificationResult result, CancellationToken cancellationToken)
    {
        await files.PutJsonAsync(BackupFiles.Verification(backup.File), result, CatalogJson.Readable.VerificationResult, result.SetAside ? Durability.Now : Durability.NameLater, cancellationToken);
        return backup with { Verification = result };
    }

    /// <summary>Keeps the result of a drill beside the backup, in place of the one before.</summary>
    public async Task<Backup> RecordAsync(Backup backup, DrillResult result, CancellationToken cancellationToken)
    {
        await files.PutJsonAsync(BackupFiles.Drill(backup.File), result, CatalogJson.Readable.DrillResult, Durability.NameLater, cancellationToken);
        return backup with { Drill = result };
    }

    /// <summary>Copies a good backup of another store here, under the same names, and reads the copy back. What it builds on is here.</summary>
    /// <param name="fromOption">What a command needs to look at the other store; empty for the first one.</param>
    /// <returns>The copy, which is good.</returns>
    /// <exception cref="BackupException">Nothing that counts was added.</exception>
    public async Task<Backup> CopyHereAsync(BackupCatalog from, Backup backup, TimeProvider timeProvider, IProgress<long>? progress, CancellationToken cancellationToken, DateTimeOffset? lockedUntil = null, string fromOption = "")
    {
        var here = await ListAsync(cancellationToken);
        var replaces = here.Any(twin => twin.Id == backup.Id && twin.IsSetAside && twin.File == backup.Manifest.File);
        await ExtendLocksAsync(here.FirstOrDefault(@base => @base.Id == backup.Manifest.Base), lockedUntil, cancellationToken);
        return await new BackupCopy(from.files, files, backup, replaces, timeProvider, progress, lockedUntil, fromOption).RunAsync(cancellationToken);
    }

    /// <summary>Until when a backup can't be deleted; null: it can, or nobody knows.</summary>
    public async Task<DateTimeOffset?> LockOfAsync(Backup backup, CancellationToken cancellationToken) =>
        (await Task.WhenAll(LockedFilesOf(backup).Select(file => Store.LockOfAsync(files.PathOf(file), cancellationToken)))).Max();

    /// <summary>What a backup builds on is locked as long as the backup itself.</summary>
    private async Task ExtendLocksAsync(Backup? @base, DateTimeOffset? lockedUntil, CancellationToken cancellationToken)
    {
        if (lockedUntil is not { } until)
            return;
        foreach (var file in (@base?.Chain ?? []).SelectMany(LockedFilesOf))
            await files.ExtendLockAsync(file, until, cancellationToken);
    }

    /// <summary>Without which it can't be restored or is not known.</summary>
    private static IEnumerable<string> LockedFilesOf(Backup backup) =>
        [backup.File, BackupFiles.Manifest(backup.File), BackupFiles.Checksum(backup.File), .. backup.Manifest.PartNames.Select(part => BackupFiles.Part(backup.File, part))];

    /// <summary>Takes a hand-made file into the catalog, now that it was read back.</summary>
    public async Task<Backup> AdoptAsync(Backup handMade, ArtifactDigest content, ArtifactDigest stored, CancellationToken cancellationToken)
    {
        var manifest = handMade.Manifest with { Content = content, Stored = stored };
        if (await ReadChecksumsAsync(manifest.File, cancellationToken) is null or { IsEmpty: true })
            await ChecksumFile.WriteAsync(files, manifest, cancellationToken); // as the runbook does (§3.1 step 3); one that is there stays as its maker wrote it
        await WriteManifestAsync(manifest, cancellationToken);
        return handMade with { Manifest = manifest };
    }

    /// <summary>
    /// Gives a corrupt backup the name under which nothing takes it for a backup (runbook §3.2 [A]); not a byte of it
    /// changes. The artifact goes first; a crash then leaves companions that are still found, and that
    /// <see cref="GatherAsync"/> brings after it. Where the store can't rename, the last verification says it.
    /// </summary>
    /// <exception cref="BackupException">The name is taken, or the store refuses; the backup is where it was, or renamed in part.</exception>
    public async Task<Backup> SetAsideAsync(Backup backup, CancellationToken cancellationToken)
    {
        var target = BackupFiles.SetAside(BackupFiles.Original(backup.File));
        if (backup.File != target)
        {
            if ((await files.ListAsync(cancellationToken)).Has(target))
            {
                throw new BackupException(
                    FailureKind.StoreUnavailable,
                    $"'{Locate(backup.File)}' is corrupt and cannot be set aside, because '{Locate(target)}' exists already",
                    "keep both for analysis: move the older one out of the store; the agent tries again within the hour");
            }

            if (!await files.TryRenameAsync(backup.File, target, cancellationToken))
            {
                var found = backup.Verification ?? new VerificationResult(backup.Id, backup.Artifact.ModifiedAt, backup.ActualLength, Passed: false, []);
                return await RecordAsync(backup, found with { SetAside = true }, cancellationToken);
            }
        }

        return await GatherAsync(backup with { Artifact = backup.Artifact with { Name = target } }, cancellationToken);
    }

    /// <summary>Tells a manifest that is damaged from one that only can't be read now.</summary>
    /// <exception cref="BackupException">It can't be read.</exception>
    public async Task RequireReadableManifestAsync(Backup backup, CancellationToken cancellationToken)
    {
        var file = BackupFiles.Manifest(backup.File);
        if ((await files.ListAsync(cancellationToken)).TryGetCompanion(backup.File, BackupFiles.Manifest, out var listed) && listed.Value.WhyNotSmall(SealedJson.Largest) is { } problem)
            throw new BackupException(FailureKind.Verification, $"'{Locate(listed.Value.Name)}' is no manifest: {problem}", $"move it away, and bring the manifest back from a copy; without one the backup is restored by hand (docs/runbook.md)");
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
    /// <returns>Scattered still, where the store can't rename.</returns>
    public async Task<Backup> GatherAsync(Backup backup, CancellationToken cancellationToken)
    {
        foreach (var (from, to) in (await files.ListAsync(cancellationToken)).StraysOf(backup.File, backup.Manifest.PartNames))
        {
            if (!await files.TryRenameAsync(from, to, cancellationToken))
                return backup with { IsScattered = true };
        }

        return backup with { IsScattered = false };
    }

    /// <summary>Removes a backup: from the first step on it counts for nothing.</summary>
    /// <exception cref="BackupException">Another one builds on it, or the store refuses.</exception>
    public Task RemoveAsync(Backup backup, CancellationToken cancellationToken) => RemoveAsync([backup], cancellationToken);

    /// <summary>Removes backups one after another in the order given, in which none may come before one that builds on it.</summary>
    /// <exception cref="BackupException">Another one builds on one of them, or the store refuses; those before it are removed.</exception>
    public Task RemoveAsync(IReadOnlyCollection<Backup> backups, CancellationToken cancellationToken) => removal.RemoveAsync(backups, cancellationToken);

    /// <summary>What the <c>.sha256</c> file says, which somebody may have made by hand; null when there is none.</summary>
    /// <exception cref="BackupException">It can't be read now.</exception>
    public Task<NotedSums?> ReadChecksumsAsync(string artifact, CancellationToken cancellationToken) => ChecksumFile.ReadAsync(files, artifact, cancellationToken);

    /// <summary>Deletes orphans older than <paramref name="grace"/>, as far as they are certainly an agent's own leftovers.</summary>
    /// <returns>What was deleted.</returns>
    public Task<IReadOnlyList<Orphan>> SweepAsync(DateTimeOffset now, TimeSpan grace, CancellationToken cancellationToken) => orphans.SweepAsync(now, grace, cancellationToken);

    private async Task<Backup> RequireBaseAsync(BackupId id, string artifact, CancellationToken cancellationToken) =>
        (await ListAsync(cancellationToken)).FirstOrDefault(backup => backup.Id == id && backup.IsUsable) is { } @base
        && await IsStillThereAsync(@base, cancellationToken) ? @base : throw new BackupException(
            FailureKind.Io, $"backup {id}, which '{Locate(artifact)}' builds on, was removed or set aside meanwhile", "run the backup again: it chooses another base, or becomes a full one");

    /// <summary>Whether artifact and manifest lie where the last look saw them. An operator who deletes or renames one holds no lock.</summary>
    private async Task<bool> IsStillThereAsync(Backup backup, CancellationToken cancellationToken)
    {
        try
        {
            (await files.ListAsync(cancellationToken)).TryGetCompanion(backup.File, BackupFiles.Manifest, out var manifest);
            await files.ReadAsync(manifest?.Name ?? BackupFiles.Manifest(backup.File), cancellationToken);
            await using (await files.OpenAsync(backup.File, cancellationToken))
                return true;
        }
        catch (FileNotFoundException)
        {
            files.Forget();
            return false;
        }
    }

    private Task WriteManifestAsync(BackupManifest manifest, CancellationToken cancellationToken, DateTimeOffset? lockedUntil = null) =>
        files.PutJsonAsync(BackupFiles.Manifest(manifest.File), manifest, CatalogJson.Readable.BackupManifest, Durability.Now, cancellationToken, lockedUntil);
}

/// <summary>
/// A catalog for one operation: it looked at the directory when it was opened, and knows afterwards what it wrote, committed,
/// recorded, removed and set aside itself. It looks again only after a change of its own failed, because nobody knows how far
/// that came, and where <see cref="BackupCatalog.FindAgainAsync"/> or <see cref="BackupCatalog.ListAgainAsync"/> asks for it.
/// </summary>
/// <param name="catalog">Whose directory it is.</param>
internal sealed class CatalogSession(BackupCatalog catalog) : BackupCatalog(catalog);
