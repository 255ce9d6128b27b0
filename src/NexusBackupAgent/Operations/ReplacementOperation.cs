using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Operations;

/// <summary>Replaces a corrupt backup: one full run, on the lost backup's schedule, whatever its type was: what builds on it is lost with it.</summary>
internal sealed partial class ReplacementOperation(BackupOperation backups, OperationJournal journal, TimeProvider timeProvider, ILogger<ReplacementOperation> logger)
{
    /// <summary>Brings back from another store what is damaged in the first one; null: there is none.</summary>
    public CopyOperation? Copies { get; init; }

    /// <summary>Makes the replacement if one is due: of a copy in another store where there is one, else by a new run.</summary>
    /// <param name="patience">How long another operation of the source is waited for.</param>
    /// <param name="broughtBack">Told what came back from another store.</param>
    /// <returns>How that run ended; null when none is due, or the source is busy.</returns>
    public async Task<RunRecord?> RunIfDueAsync(ProtectedSource source, TimeSpan patience, IProgress<RunProgress>? progress, CancellationToken cancellationToken, Action<CopyRecord>? broughtBack = null)
    {
        foreach (var record in Copies is null ? [] : await BringBackAsync(source, patience, cancellationToken))
            broughtBack?.Invoke(record);
        if ((await DecideAsync(source, cancellationToken)).Corrupt is null)
            return null; // without taking the lock, which a command may want at this moment
        return await backups.RunIfDueAsync(source, token => ScheduleAsync(source, token), patience, progress, cancellationToken);
    }

    /// <summary>Why <see cref="RunIfDueAsync"/> made none: what keeps it from being due, or else that the source is busy.</summary>
    public async Task<string> WhyNotAsync(ProtectedSource source, CancellationToken cancellationToken) =>
        await DecideAsync(source, cancellationToken) is { Corrupt: null } decision ? decision.WhyNot : "another run or operation of it is under way (nexus-backup status); a running agent makes it within a minute after that";

    private async Task<ReplacementDecision> DecideAsync(ProtectedSource source, CancellationToken cancellationToken)
    {
        var stored = await source.Catalog.ListAsync(cancellationToken);
        return stored.Any(backup => backup.IsSetAside)
            ? ReplacementBackup.Decide(
                source.Source.Noun.English, stored, source.Retention, source.Zone, journal.LastStarts(source.Name, 2, BackupType.Full), timeProvider.GetUtcNow(),
                source.Catalog.Store.Inspection.CommandFor(StoreQuestion.IsTheDiskSound, ""), encrypts: source.Catalog.Keys?.Encryption is not null)
            : ReplacementBackup.NothingLost;
    }

    private async Task<IReadOnlyList<CopyRecord>> BringBackAsync(ProtectedSource source, TimeSpan patience, CancellationToken cancellationToken)
    {
        try
        {
            return await Copies!.MendFirstAsync(source, patience, evenLost: false, progress: null, cancellationToken);
        }
        catch (BackupException busy) when (busy.Kind == FailureKind.Locked)
        {
            return []; // at the next upkeep
        }
    }

    /// <returns>The schedule to run; null when another process made the replacement meanwhile.</returns>
    private async Task<string?> ScheduleAsync(ProtectedSource source, CancellationToken cancellationToken)
    {
        if ((await DecideAsync(source, cancellationToken)).Corrupt is not { } corrupt)
            return null;
        var schedule = source.Retention.ContainsKey(corrupt.Schedule) ? corrupt.Schedule : BackupManifest.ManualSchedule;
        Replacing(source.Name, corrupt.File, schedule);
        return schedule;
    }

    [LoggerMessage(EventId = 1106, EventName = "replacing_backup", Level = LogLevel.Warning, Message = "backup of {Source}: {File} is corrupt; a backup that replaces it starts now, schedule {Schedule}")]
    private partial void Replacing(string source, string file, string schedule);
}
