using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Operations;

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
    public async Task<Backup> ExamineAsync(ProtectedSource source, Backup backup, IProgress<long>? progress, CancellationToken cancellationToken) =>
        (await ExamineChainAsync(source, backup, progress, cancellationToken)).Backup;

    /// <summary>The same, told with what came of examining one that it builds on, if that was what seemed damaged.</summary>
    public async Task<Examination> ExamineChainAsync(ProtectedSource source, Backup backup, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var examined = await quarantine.ExamineAsync(source.Source, source.Catalog, backup, progress, cancellationToken);
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
            0, source.Name, OperationKind.Quarantine, now, now, examined.Backup.Id, detail, examined.Refusal is { } refusal ? RunFailure.Of(refusal) : null));
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
