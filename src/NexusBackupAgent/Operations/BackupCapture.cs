using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Operations;

/// <summary>What a capture stored.</summary>
/// <param name="Backup">Committed and not yet read back.</param>
/// <param name="FullBecause">Why it is full though something else was asked for; null when it is what was asked for.</param>
internal sealed record CapturedBackup(Backup Backup, string? FullBecause);

/// <summary>Stores one state of a source: all of it, or what it has that an earlier backup had not.</summary>
internal sealed class BackupCapture(SpaceGuard space, BackupExaminer examiner, TimeProvider timeProvider)
{
    /// <exception cref="BackupException">Nothing was added.</exception>
    public async Task<CapturedBackup> CaptureAsync(
        ProtectedSource source, string schedule, BackupType type, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        var isClosed = source.Catalog.PlainCopies is not null; // what an increment needs can't be made from it later
        if (type == BackupType.Full)
            return new CapturedBackup(await StoreAsync(source, schedule, type, @base: null, source.TakesIncrements || isClosed, progress, cancellationToken), FullBecause: null);
        try
        {
            if (source.Source.FormatOf(type) is null)
                throw new NoIncrementException($"a source of kind {source.Source.Kind} has no {type.Word()} backups");
            var @base = IncrementBase.Choose(type, await source.Catalog.ListAsync(cancellationToken), timeProvider.GetUtcNow());
            return new CapturedBackup(await StoreAsync(source, schedule, type, @base, mayBeBase: true, progress, cancellationToken), FullBecause: null);
        }
        catch (NoIncrementException reason)
        {
            if (reason.Damaged is CatalogLink damaged)
                await ExamineAsync(source, damaged.Backup, cancellationToken);
            return new CapturedBackup(await StoreAsync(source, schedule, BackupType.Full, @base: null, mayBeBase: true, progress, cancellationToken), reason.Message);
        }
        catch (BackupException closed) when (closed.Kind == FailureKind.KeyMissing)
        {
            return new CapturedBackup(await StoreAsync(source, schedule, BackupType.Full, @base: null, mayBeBase: true, progress, cancellationToken), closed.Message);
        }
    }

    private async Task<Backup> StoreAsync(
        ProtectedSource source, string schedule, BackupType type, Backup? @base, bool mayBeBase, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        var chain = @base is null ? null : CatalogLink.ChainOf(source.Catalog, @base, isJudged: false, progress: null);
        var previous = !source.Source.LooksBack ? null : type == BackupType.Incremental ? @base : await NewestAsync(source, cancellationToken);
        var request = new CaptureRequest(type, chain, mayBeBase) { Previous = previous is null ? null : CatalogLink.ChainOf(source.Catalog, previous, isJudged: false, progress: null).Tip };
        await using var capture = await source.Source.CaptureAsync(request, cancellationToken);
        var copies = source.Catalog.PlainCopies is null ? 0 : SpaceGuard.Estimate(await source.Catalog.ListAsync(cancellationToken), type);
        await space.RequireAsync(source.Catalog, type, capture.ScratchNeeded + copies, cancellationToken);
        return await new BackupWriter(source.Catalog, source.Source, source.Compression, timeProvider, source.Origin).StoreAsync(
            capture, new BackupLabel(schedule, type, @base?.Id, previous?.Id) { LockedUntil = source.LockedUntil(schedule, capture.CapturedAt) }, RunProgress.In(RunStage.Capture, capture.Length ?? 0, progress), cancellationToken);
    }

    private async Task<Backup?> NewestAsync(ProtectedSource source, CancellationToken cancellationToken) =>
        (await source.Catalog.ListAsync(cancellationToken)).Where(backup => !backup.Manifest.Adopted).NewestGood(timeProvider.GetUtcNow());

    /// <summary>Before the full one that takes its place: one reading is no proof, and what a second one proves must not count as good.</summary>
    private async Task ExamineAsync(ProtectedSource source, Backup link, CancellationToken cancellationToken)
    {
        try
        {
            await examiner.ExamineAsync(source, link, progress: null, cancellationToken);
        }
        catch (BackupException)
        {
            // It can't be looked at now, and the next verification tells why; the full backup needs nothing of it.
        }
    }
}

/// <summary>Refuses a run that the store or the scratch space can't take, before anything is written.</summary>
/// <param name="scratch">Where verification expands the content.</param>
internal sealed class SpaceGuard(ScratchDirectory scratch)
{
    // The next artifact is a little larger than the last; the companions are tiny.
    private const double Growth = 1.1;
    private const long Companions = 1 << 20;

    /// <param name="newestFirst">The source's backups.</param>
    /// <param name="type">Of the next one: those of its own type tell what it will take.</param>
    /// <returns>Bytes that the next one will take in the store.</returns>
    public static long Estimate(IReadOnlyList<Backup> newestFirst, BackupType type) =>
        newestFirst.FirstOrDefault(backup => backup.Manifest.IsCommitted && backup.Manifest.Type == type) is { } last
            ? (long)(last.Manifest.StoredLength * Growth) + Companions
            : Companions;

    /// <param name="catalog">Whose store is asked, and whose newest backup of that type is the estimate.</param>
    /// <param name="type">Of the backup that will be made.</param>
    /// <param name="scratchNeeded">Bytes of scratch space that its check needs.</param>
    /// <exception cref="BackupException">There is no room (exit code 8).</exception>
    public async Task RequireAsync(BackupCatalog catalog, BackupType type, long scratchNeeded, CancellationToken cancellationToken)
    {
        var estimate = Estimate(await catalog.ListAsync(cancellationToken), type);
        var health = await catalog.Store.GetHealthAsync(cancellationToken);
        if (health.Down is { } down)
            throw down;
        if (health.Space is { } space && space.Available < estimate)
        {
            var howFull = catalog.Store.Inspection.CommandFor(StoreQuestion.HowFull, catalog.PathOf("")) is { } command ? $" ({command})" : "";
            throw new BackupException(
                FailureKind.StoreFull,
                $"store '{catalog.Store.Name}' has {ByteCount.Text(space.Available)} available and the backup needs about {ByteCount.Text(estimate)}",
                $"free space there{howFull}; nexus-backup prune --dry-run shows what retention would remove; then run the backup again");
        }

        if (scratchNeeded > 0)
            scratch.RequireRoom(scratchNeeded);
    }
}

/// <summary>
/// Reads backups back for runs and verifications alike, and keeps in journal and log what came of it: the checks of the
/// reading that counts, and each backup that was set aside. The caller holds the source's lock.
/// </summary>
internal sealed partial class BackupExaminer(
    Quarantine quarantine, OperationJournal journal, TimeProvider timeProvider, ILogger<BackupExaminer> logger)
{
    /// <returns>
    /// The backup as it is now: good, quarantined (also when its chain is broken), or corrupt when it could not be set aside.
    /// </returns>
    /// <exception cref="BackupException">It could not be looked at.</exception>
    /// <param name="enough">What a first reading that finds no damage has to prove.</param>
    public async Task<Backup> ExamineAsync(ProtectedSource source, Backup backup, IProgress<long>? progress, CancellationToken cancellationToken, Proof enough = Proof.Whole) =>
        (await ExamineChainAsync(source, backup, progress, cancellationToken, enough)).Backup;

    /// <summary>The same, told with what came of examining one that it builds on, if that was what seemed damaged.</summary>
    public async Task<Examination> ExamineChainAsync(ProtectedSource source, Backup backup, IProgress<long>? progress, CancellationToken cancellationToken, Proof enough = Proof.Whole)
    {
        var examined = await quarantine.ExamineAsync(source.Source, source.Catalog, backup, progress, cancellationToken, enough);
        for (var @base = examined.Base; @base is not null; @base = @base.Base)
            Keep(source, @base);
        if (backup.State != BackupState.Quarantined) // its damage was counted when it was set aside
            Keep(source, examined);
        return examined;
    }

    /// <summary>What to add to a result that could not be kept beside the backup; empty when it is kept.</summary>
    public static string UnkeptOf(Backup backup) => backup.NotRecorded is { } failure ? $"; the result can't be kept beside it: {failure.Message}" : "";

    private void Keep(ProtectedSource source, Examination examined)
    {
        var found = examined.Backup;
        if (found.HasBrokenChain)
            return; // nothing was read of it
        var file = source.Catalog.Locate(BackupFiles.Original(found.File));
        if (examined.FirstReadingOnly is { } passing)
            ReadingErred(source.Name, file, passing);
        if (found is { State: BackupState.Good, Verification.Note: { } note })
            GoodWithNote(source.Name, file, note);
        if (examined.Refusal is { } refused)
            QuarantineRefused(source.Name, file, refused.Message, refused.Hint);
        else if (examined.WasSetAside)
            Quarantined(source.Name, file, found.File, found.Objection, $"{source.Catalog.Store.CheckDisk()}; delete the file when it is no longer needed for analysis");
        try
        {
            journal.Count(source.Name, found.Verification!);
            if (examined.WasSetAside || examined.Refusal is not null)
                Record(source, examined);
        }
        catch (BackupException unjournalled) when (found.State != BackupState.Good)
        {
            DamageUnrecorded(source.Name, found.File, unjournalled.Message, unjournalled.Hint); // a full state disk must not hide it
        }
    }

    private void Record(ProtectedSource source, Examination examined)
    {
        var (now, reason, before) = (timeProvider.GetUtcNow(), examined.Backup.Objection, BackupFiles.Original(examined.Backup.File));
        var detail = examined.WasSetAside ? $"{before} was set aside{(examined.Backup.File == before ? "" : $" as {examined.Backup.File}")}: {reason}" : $"{before} could not be set aside: {reason}";
        journal.Record(new Operation(
            0, source.Name, OperationKind.Quarantine, now, now, examined.Backup.Id, detail, examined.Refusal is { } refusal ? RunFailure.Of(refusal) : null) { Store = source.CopyStore });
    }

    [LoggerMessage(EventId = 1103, EventName = "reading_erred", Level = LogLevel.Warning, Message = "backup {File} of {Source} seemed damaged in a first reading and is good in a second one, so it counts as good; found first: {Reason}. Check memory, cables and the disk's log (dmesg | tail)")]
    private partial void ReadingErred(string source, string file, string reason);

    [LoggerMessage(EventId = 1113, EventName = "backup_noted", Level = LogLevel.Information, Message = "backup {File} of {Source} is good; its check says: {Note}")]
    private partial void GoodWithNote(string source, string file, string note);

    [LoggerMessage(EventId = 1104, EventName = "backup_quarantined", Level = LogLevel.Error, Message = "backup {File} of {Source} is corrupt and was set aside as {NewName}: {Reason}. Next: {Hint}")]
    private partial void Quarantined(string source, string file, string newName, string reason, string hint);

    [LoggerMessage(EventId = 1105, EventName = "quarantine_refused", Level = LogLevel.Error, Message = "backup {File} of {Source} is corrupt and was not set aside: {Reason}. Next: {Hint}")]
    private partial void QuarantineRefused(string source, string file, string reason, string hint);

    [LoggerMessage(EventId = 1111, EventName = "damage_unrecorded", Level = LogLevel.Error, Message = "backup {File} of {Source} is corrupt, but the journal could not record it: {Reason}. Next: {Hint}")]
    private partial void DamageUnrecorded(string source, string file, string reason, string hint);
}
