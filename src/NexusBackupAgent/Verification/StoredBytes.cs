using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Verification;

/// <param name="Result">What was shown; null when it was not shown that the store holds what was stored. A verification of the whole tells more.</param>
internal sealed record StoredReading(Backup Backup, VerificationResult? Result);

/// <summary>
/// Reads each stored byte of backups and of what they build on, once and on all cores, and compares it with their manifests and
/// <c>.sha256</c> files. Nobody looks at what the bytes mean, so nothing is kept beside a backup: what an earlier reading
/// proved stands as it was, and the next verification of the whole is due as if this had not been.
/// </summary>
internal sealed class StoredBytes(TimeProvider timeProvider)
{
    /// <param name="catalog">As the store is now.</param>
    /// <param name="progress">Told the bytes so far, of <see cref="LengthOf"/>.</param>
    /// <returns>One for each backup, in order.</returns>
    public async Task<IReadOnlyList<StoredReading>> ReadAsync(IBackupSource source, BackupCatalog catalog, IReadOnlyList<Backup> backups, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var files = LinksOf(backups).SelectMany(FilesOf).OrderByDescending(file => file.Stored.Length).ToList(); // a long one begun last would keep one core at work alone
        var meter = new Meter(progress);
        var damaged = new HashSet<string>(StringComparer.Ordinal);
        await Parallel.ForEachAsync(files, new ParallelOptions { MaxDegreeOfParallelism = Cores.Used, CancellationToken = cancellationToken }, async (file, token) =>
        {
            if (await IsAsStoredAsync(catalog, file, meter, token))
                return;
            lock (damaged)
                damaged.Add(file.Link.File);
        });
        foreach (var link in LinksOf(backups).Where(link => !damaged.Contains(link.File)))
        {
            if (!await IsNotedAsync(catalog, link, cancellationToken))
                damaged.Add(link.File);
        }

        return [.. backups.Select(backup => new StoredReading(backup, !CanTell(backup) || backup.Chain.Any(link => damaged.Contains(link.File)) ? null : Shown(source, backup)))];
    }

    /// <summary>Bytes that a reading takes.</summary>
    public static long LengthOf(IReadOnlyList<Backup> backups) => LinksOf(backups).Sum(link => link.StoredLength);

    /// <summary>Whether its bytes alone tell anything: of what was made by hand, is corrupt or can't be restored they don't.</summary>
    private static bool CanTell(Backup backup) => backup is { Unreadable: null, State: BackupState.Good or BackupState.Unverified } && backup.Chain.All(link => link.Manifest.IsCommitted);

    private static IEnumerable<Backup> LinksOf(IReadOnlyList<Backup> backups) => backups.Where(CanTell).SelectMany(backup => backup.Chain).DistinctBy(link => link.File);

    private static IEnumerable<LinkFile> FilesOf(Backup link) =>
    [
        new(link, link.File, link.Manifest.Stored),
        .. link.Manifest.Parts.Select(part => new LinkFile(link, BackupFiles.Part(link.File, part.Name), part.Stored)),
    ];

    /// <summary>What can't be read is not shown to be damaged; the verification of the whole, which reads it next, says which of the two it is.</summary>
    private static async Task<bool> IsAsStoredAsync(BackupCatalog catalog, LinkFile file, Meter meter, CancellationToken cancellationToken)
    {
        try
        {
            await using var stored = await catalog.OpenReadAsync(file.Name, cancellationToken);
            return (await PlainArtifact.ReadAsync(stored, Stream.Null, meter.OfOne(), cancellationToken)).Stored == file.Stored;
        }
        catch (Exception unread) when (unread is BackupException || IoFailure.IsKnown(unread))
        {
            return false;
        }
    }

    private static async Task<bool> IsNotedAsync(BackupCatalog catalog, Backup link, CancellationToken cancellationToken)
    {
        try
        {
            var noted = await catalog.ReadChecksumsAsync(link.File, cancellationToken);
            return BackupVerifier.UnclearOf(noted, link) is null && BackupVerifier.NotedOf(noted, link) is var written && (written is null || written == link.Manifest.Stored.Sha256);
        }
        catch (BackupException)
        {
            return false;
        }
    }

    private VerificationResult Shown(IBackupSource source, Backup backup)
    {
        var elsewhere = source.Remains is null ? "" : "; what it keeps elsewhere than in the store was not read";
        var proven = backup.Proof is { } proof ? $"what is in them an earlier reading proved ({proof.CamelWord()})" : $"what is in them nobody has proven yet: nexus-backup verify {backup.Id}";
        var files = backup.Chain.Sum(link => 1 + link.Manifest.Parts.Count);
        return new VerificationResult(backup.Id, timeProvider.GetUtcNow(), backup.ActualLength, Passed: true, [new CheckResult(
            VerificationCheck.Checksum, Passed: true, $"only the stored bytes of {files} {(files == 1 ? "file" : "files")} were read, and nothing was expanded{elsewhere}; {proven}")]) { IsAsCommitted = true, IsOfStoredBytes = true, Proof = Proof.StoredBytes };
    }

    /// <param name="Name">In the catalog's directory now.</param>
    /// <param name="Stored">As its manifest says.</param>
    private sealed record LinkFile(Backup Link, string Name, ArtifactDigest Stored);

    /// <summary>Adds up what is read of several files at once.</summary>
    private sealed class Meter(IProgress<long>? progress)
    {
        private readonly Lock gate = new();
        private long done;

        public IProgress<long>? OfOne()
        {
            if (progress is null)
                return null;
            var before = 0L;
            return new InPlaceProgress(read =>
            {
                lock (gate)
                    progress.Report(done += read - before);
                before = read;
            });
        }
    }
}
