using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Verification;

/// <summary>What came of examining a backup.</summary>
/// <param name="Backup">As it is now, with what its last reading found.</param>
/// <param name="FirstReadingOnly">What only the first of two readings found; null when it found what the last one did.</param>
/// <param name="WasSetAside">Whether it was set aside now.</param>
/// <param name="Refusal">Why it is corrupt and still bears its name; null when it is not, or does not.</param>
internal sealed record Examination(Backup Backup, string? FirstReadingOnly = null, bool WasSetAside = false, BackupException? Refusal = null)
{
    /// <summary>What came of examining one that it builds on, which had seemed damaged; null when none had.</summary>
    public Examination? Base { get; init; }
}

/// <summary>
/// Reads backups back and sets the corrupt ones aside (runbook §3.2 [A]). One reading is no proof: memory, a cable or a
/// network may have erred once, so damage counts when a second reading finds it as well. Not being able to read is no
/// damage at all.
/// </summary>
internal sealed class Quarantine(BackupVerifier verifier, TimeProvider timeProvider)
{
    /// <summary>A file that somebody else made and that changed so lately may still be being written.</summary>
    public static readonly TimeSpan HandMadeSettles = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Reads a backup back, twice when it seems damaged, and sets it aside when it is. When it is one that it builds on that
    /// seems damaged, the same is done with that one.
    /// </summary>
    /// <param name="enough">Of the first reading; the one that confirms its damage is always of the whole.</param>
    /// <returns>Without a reading of its own when its chain is broken.</returns>
    /// <exception cref="BackupException">It could not be looked at, or is gone.</exception>
    public async Task<Examination> ExamineAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, IProgress<long>? progress, CancellationToken cancellationToken, Proof enough = Proof.Whole)
    {
        if (backup.Unreadable is { } unreadable)
            throw unreadable;
        if (backup.Manifest.Type != BackupType.Full)
            backup = await catalog.FindAsync(backup, cancellationToken); // what it builds on may have been set aside since it was listed
        if (backup.HasBrokenChain)
            return new Examination(backup);
        try
        {
            return await ReadTwiceAsync(source, catalog, backup, enough, progress, cancellationToken);
        }
        catch (DamagedBaseException found)
        {
            return await ExamineBaseAsync(source, catalog, backup, found.Base, progress, cancellationToken);
        }
    }

    /// <summary>The backup can't be judged by the damage of another one, so that one is examined in its place.</summary>
    private async Task<Examination> ExamineBaseAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, Backup @base, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var examined = await ExamineAsync(source, catalog, await catalog.FindAgainAsync(@base, cancellationToken), progress, cancellationToken);
        var again = await catalog.FindAgainAsync(backup, cancellationToken);
        if (examined.Backup.State == BackupState.Good) // that reading erred
            return await ReadTwiceAsync(source, catalog, again, Proof.Whole, progress, cancellationToken) with { Base = examined };
        return new Examination(again with { BrokenChain = again.BrokenChain ?? $"{BackupFiles.Original(@base.File)}, which it needs, is corrupt: {examined.Backup.Objection}" }) { Base = examined };
    }

    private async Task<Examination> ReadTwiceAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, Proof enough, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        backup = await GatherAsync(catalog, backup, cancellationToken);
        var first = await verifier.GlanceAsync(source, catalog, backup, progress, cancellationToken, enough);
        if (!IsDamaged(first))
            return new Examination(first);

        // From the list again: its manifest too may have been misread.
        var again = await catalog.FindAgainAsync(backup, cancellationToken);
        var second = await verifier.VerifyAsync(source, catalog, again, progress, cancellationToken);
        return IsDamaged(second)
            ? await SetAsideAsync(catalog, second, cancellationToken)
            : new Examination(second, FirstReadingOnly: first.Verification!.FirstFailure ?? "its size had changed");
    }

    /// <summary>What lies beside it under its other name is found there too, so a store that takes no change keeps nobody from looking.</summary>
    private static async Task<Backup> GatherAsync(BackupCatalog catalog, Backup backup, CancellationToken cancellationToken)
    {
        try
        {
            return backup.IsScattered ? await catalog.GatherAsync(backup, cancellationToken) : backup;
        }
        catch (BackupException)
        {
            return backup; // a store that can't be read either fails the reading
        }
    }

    // By the reading, too: of a file whose size changed since it was listed, the state is unverified.
    private static bool IsDamaged(Backup read) => read.State == BackupState.Corrupt || (read.State != BackupState.Quarantined && !read.Verification!.Passed);

    private async Task<Examination> SetAsideAsync(BackupCatalog catalog, Backup corrupt, CancellationToken cancellationToken)
    {
        try
        {
            await RequireDamagedAsync(catalog, corrupt, cancellationToken);
            return new Examination(await catalog.SetAsideAsync(corrupt, cancellationToken), WasSetAside: true);
        }
        catch (BackupException refusal)
        {
            return new Examination(corrupt, Refusal: refusal); // that it is corrupt is the news; whoever tells it tells this too
        }
    }

    /// <exception cref="BackupException">Only the <c>.sha256</c> is wrong, somebody is at work on the file, or its manifest can't be read, which is not the artifact's fault.</exception>
    private async Task RequireDamagedAsync(BackupCatalog catalog, Backup corrupt, CancellationToken cancellationToken)
    {
        if (corrupt.Verification is { DoubtsOnlyChecksumFile: true })
        {
            var (file, checksum) = (catalog.Locate(corrupt.File), BackupFiles.Checksum(corrupt.File));
            throw new BackupException(
                FailureKind.Verification,
                $"'{file}' holds exactly what was captured, and only {checksum} says otherwise, so it is left where it is",
                $"find out who wrote {checksum}; once that is explained: {BackupVerifier.MendOfChecksum(catalog, corrupt)}, and verify it again");
        }

        if (corrupt is { DoubtsOnlyManifest: true, ManifestTrouble: { } manifest })
        {
            var away = catalog.Store.Inspection.Rename(catalog.PathOf(manifest.File), catalog.PathOf(manifest.File + ".damaged")) ?? $"move {manifest.File} away";
            throw new BackupException(
                FailureKind.Verification,
                $"'{catalog.Locate(corrupt.File)}' is what its .sha256 file says and passes its checks, and only its manifest is damaged, so it is left where it is",
                $"bring {manifest.File} back from a copy of the store; if there is none: {away}, and verify it again: it then counts as one that somebody made by hand, and can be restored");
        }

        var now = await catalog.FindAgainAsync(corrupt, cancellationToken);
        if (now.Artifact != corrupt.Artifact || (corrupt.IsHandMade && timeProvider.GetUtcNow() - now.Artifact.ModifiedAt < HandMadeSettles))
        {
            throw new BackupException(
                FailureKind.Verification,
                $"'{catalog.Locate(corrupt.File)}' changed less than {HandMadeSettles.TotalMinutes:0} minutes ago, so somebody may still be writing it, and it is left where it is",
                "the agent reads it again within the hour; if nobody is writing it, delete it or make it anew");
        }

        if (!corrupt.Manifest.IsCommitted && !corrupt.IsHandMade)
            await catalog.RequireReadableManifestAsync(corrupt, cancellationToken);
    }
}
