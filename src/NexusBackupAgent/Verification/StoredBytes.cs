using System.Collections.Concurrent;
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
/// proved stands as it was, and the next verification of the whole is due as if this had not been. It is read in stints, so
/// that others get at the source between two of them.
/// </summary>
/// <param name="storeOption">What a command needs besides the backup to look at it in its store; empty for the first store.</param>
/// <param name="progress">Told the bytes so far, of <see cref="LengthOf"/>.</param>
internal sealed class StoredBytes(IBackupSource source, string storeOption, IReadOnlyList<Backup> backups, IProgress<long>? progress, TimeProvider timeProvider)
{
    /// <summary>How long files are begun for in one stint: half of what a command waits for another one.</summary>
    private static readonly TimeSpan Stint = TimeSpan.FromSeconds(5);

    private readonly Meter meter = new(progress);

    private readonly HashSet<string> chosen = backups.Select(backup => backup.File).ToHashSet(StringComparer.Ordinal);

    /// <summary>A long one begun last would keep one core at work alone.</summary>
    private readonly Queue<LinkFile> unread = new(LinksOf(backups).SelectMany(FilesOf).OrderByDescending(file => file.Stored.Length));

    /// <summary>By file that was read: whether it is as it was stored, or, of a <c>.sha256</c> file, says the same as the manifest.</summary>
    private readonly ConcurrentDictionary<string, bool> found = new(StringComparer.Ordinal);

    /// <summary>Files that no stint began with yet.</summary>
    public int Left => unread.Count;

    /// <summary>Reads what comes next, at least one file. What was begun and did not end, because it was stopped, is not read again.</summary>
    public Task ReadAsync(BackupCatalog catalog, CancellationToken cancellationToken) =>
        Parallel.ForEachAsync(Next(), new ParallelOptions { MaxDegreeOfParallelism = Cores.Used, CancellationToken = cancellationToken }, async (file, token) =>
        {
            found[file.Name] = await IsAsStoredAsync(catalog, file, token);
            if (file.Name == file.Link.File && chosen.Contains(file.Name)) // what the sum of one that it builds on says, a reading of that one judges
                found[BackupFiles.Checksum(file.Name)] = await IsNotedAsync(catalog, file.Link, token);
        });

    /// <returns>One for each backup whose reading showed something so far, in order.</returns>
    public IReadOnlyList<StoredReading> Readings() => [.. backups.SelectMany(ReadingOf)];

    /// <summary>Bytes that a reading takes.</summary>
    public static long LengthOf(IReadOnlyList<Backup> backups) => LinksOf(backups).Sum(link => link.StoredLength);

    /// <summary>What a reading of backups and of all that they build on took.</summary>
    public static string TextOf(IReadOnlyList<Backup> backups)
    {
        var files = LinksOf(backups).Sum(link => 1 + link.Manifest.Parts.Count);
        return $"only the stored bytes of {files} {(files == 1 ? "file" : "files")} were read, and nothing was expanded";
    }

    private IEnumerable<LinkFile> Next()
    {
        var began = timeProvider.GetTimestamp();
        while (unread.TryDequeue(out var file))
        {
            yield return file;
            if (timeProvider.GetElapsedTime(began) >= Stint)
                yield break;
        }
    }

    private IEnumerable<StoredReading> ReadingOf(Backup backup)
    {
        if (!CanTell(backup))
            return [new StoredReading(backup, Result: null)];
        var read = backup.Chain.SelectMany(FilesOf).Select(file => file.Name).Append(BackupFiles.Checksum(backup.File)).Select(file => found.TryGetValue(file, out var isSound) ? isSound : (bool?)null).ToList();
        return read.Contains(false) ? [new StoredReading(backup, Result: null)]
            : read.Contains(null) ? []
            : [new StoredReading(backup, Shown(backup))];
    }

    /// <summary>Whether its bytes alone tell anything: of what was made by hand, is corrupt or can't be restored they don't.</summary>
    private static bool CanTell(Backup backup) => backup is { Unreadable: null, IsUsable: true } && backup.Chain.All(link => link.Manifest.IsCommitted);

    private static IEnumerable<Backup> LinksOf(IReadOnlyList<Backup> backups) => backups.Where(CanTell).SelectMany(backup => backup.Chain).DistinctBy(link => link.File);

    private static IEnumerable<LinkFile> FilesOf(Backup link) =>
    [
        new(link, link.File, link.Manifest.Stored),
        .. link.Manifest.Parts.Select(part => new LinkFile(link, BackupFiles.Part(link.File, part.Name), part.Stored)),
    ];

    /// <summary>What can't be read is not shown to be damaged; the verification of the whole, which reads it next, says which of the two it is.</summary>
    private async Task<bool> IsAsStoredAsync(BackupCatalog catalog, LinkFile file, CancellationToken cancellationToken)
    {
        try
        {
            await using var stored = await catalog.OpenReadAsync(file.Name, cancellationToken);
            return (await PlainArtifact.ReadAsync(stored, Stream.Null, meter.OfOne(), cancellationToken)).Stored == file.Stored;
        }
        catch (Exception closed) when (!cancellationToken.IsCancellationRequested && (closed is BackupException || IoFailure.IsKnown(closed)))
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
        catch (BackupException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private VerificationResult Shown(Backup backup)
    {
        var elsewhere = source.Remains is null ? "" : "; what it keeps elsewhere than in the store was not read";
        return new VerificationResult(backup.Id, timeProvider.GetUtcNow(), backup.ActualLength, Passed: true, [new CheckResult(
            VerificationCheck.Checksum, Passed: true, $"{TextOf([backup])}{elsewhere}; {ProvenOf(backup)}")]) { Proof = Proof.StoredBytes };
    }

    private string ProvenOf(Backup backup) => backup.Proof switch
    {
        Proof.Whole => "what is in them an earlier reading proved (whole)",
        Proof.Chain => "what is in them an earlier reading proved (chain)",
        Proof.Captured => "what is in them was checked before it was encrypted",
        var proof => $"what is in them nobody has proven yet: nexus-backup verify {backup.Id}{storeOption}{(proof is null ? "" : " --identity FILE")}",
    };

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
