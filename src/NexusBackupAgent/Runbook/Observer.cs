using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Runbook;

/// <summary>Looks at one source as the runbook's first diagnosis does: it reads, tries, and leaves nothing changed.</summary>
/// <param name="verifications">Reads the newest backup back.</param>
/// <param name="turns">Tells whether a run is under way.</param>
/// <param name="scratch">Where backups are expanded.</param>
internal sealed class Observer(VerifyOperation verifications, SourceTurns turns, string scratch, TimeProvider timeProvider)
{
    // Bytes of a page: a full disk may still take an empty file.
    private const int TrialLength = 4096;

    /// <summary>A run that is nearly done is waited for.</summary>
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(10);

    /// <param name="look">What was read of agent and journal.</param>
    /// <param name="source">The source.</param>
    /// <param name="evenStale">Whether the newest backup is read back however old it is.</param>
    /// <param name="progress">Of the reading.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<Observation> ObserveAsync(
        StateSnapshot look, ScheduledSource source, bool evenStale, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        var (catalog, inspection) = (source.Source.Catalog, source.Source.Source.Inspection);
        var wasHeld = turns.IsUnderWay(source.Name); // before the reading back, which may wait until a run ends
        var before = await look.OfAsync(source, cancellationToken);
        var readBack = (evenStale ? NewestUsable(before) : NewestFresh(before)) is { } newest ? await ReadBackAsync(source.Source, newest, progress, cancellationToken) : null;
        var isBusy = turns.IsUnderWay(source.Name);
        var state = await look.OfAsync(source, cancellationToken, withOrphans: true, now: timeProvider.GetUtcNow()); // what was set aside while it was read back is not of the future
        _ = (state.Records.History.Value, state.Lost); // read now: who decides from an observation reads nothing
        var writeFailure = await TryWriteAsync(catalog, cancellationToken);
        var (sourceFailure, scratchNeeded) = isBusy ? (null, 0) : await TryCaptureAsync(source.Source, cancellationToken); // a run that is under way has opened it
        return new Observation(
            state,
            look.Agent,
            inspection,
            catalog.Locate(""),
            readBack,
            writeFailure,
            sourceFailure,
            scratch,
            SpaceOf(scratch),
            SystemUser.Current.Name)
        {
            SafetyCopies = await TryAskAsync(source.Source, () => inspection.SafetyCopies, []),
            HeldDeleted = sourceFailure is { Kind: FailureKind.SourceMissing } ? await TryAskAsync(source.Source, () => inspection.HeldDeleted, null) : null,
            ScratchNeeded = scratchNeeded,
            IsRestored = state.Activity?.LastRunAt is { } lastRun && look.Reader.OperationsSince(source.Name, lastRun).Any(operation => operation.IsOverLive && operation.Succeeded),
            DiedRun = !wasHeld && before.Activity?.RunStartedAt is { } began && look.Reader.OperationsSince(source.Name, began).Any(run => run.Kind == OperationKind.Backup && run.StartedAt == began && run.EndedAt is null) ? began : null,
            IsStoreBare = state.Store.IsBare,
            IsEncrypting = catalog.Keys?.Encryption is not null,
            EncryptionFailure = catalog.Keys?.Encryption?.Failures().Select(found => found.Failure).FirstOrDefault(),
        };
    }

    /// <summary>The newest that was not set aside.</summary>
    private static Backup? NewestUsable(SourceState source) =>
        source.Backups.FirstOrDefault(backup => backup.State != BackupState.Quarantined && !backup.IsFromTheFuture(source.Now));

    /// <summary>The flowchart's 最新あり: younger than the RPO, and not set aside.</summary>
    private static Backup? NewestFresh(SourceState source) => source.Backups.FirstOrDefault(backup => !backup.IsFromTheFuture(source.Now)) is { } newest
        && newest.State != BackupState.Quarantined
        && source.Now - newest.CapturedAt < source.Source.RpoWarning ? newest : null;

    private async Task<ReadBack> ReadBackAsync(ProtectedSource source, Backup backup, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        try
        {
            var verified = await verifications.VerifyAsync(source, backup, LockTimeout, progress, cancellationToken);
            return new ReadBack(verified, timeProvider.GetElapsedTime(started), Failure: null);
        }
        catch (BackupException failure)
        {
            return new ReadBack(backup, timeProvider.GetElapsedTime(started), failure);
        }
    }

    private static async Task<BackupException?> TryWriteAsync(BackupCatalog catalog, CancellationToken cancellationToken)
    {
        try
        {
            // The agent makes the directory at its first run. If root made it here, the agent could not write to it.
            var directory = await IsThereAsync(catalog, cancellationToken) ? catalog.Directory + "/" : "";
            var trial = $"{directory}.nexus-backup-{Guid.NewGuid():N}.trial".TrimStart('/');
            return await catalog.AskAsync<BackupException?>(async () =>
            {
                await catalog.Store.PutAsync(trial, replace: false, Durability.Now, (stream, token) => stream.WriteAsync(new byte[TrialLength], token).AsTask(), cancellationToken);
                await catalog.Store.DeleteAsync(trial, Durability.Now, cancellationToken);
                return null;
            });
        }
        catch (BackupException failure)
        {
            return failure;
        }
    }

    private static async Task<bool> IsThereAsync(BackupCatalog catalog, CancellationToken cancellationToken)
    {
        if (catalog.Directory.Length == 0)
            return true;
        var cut = catalog.Directory.LastIndexOf('/');
        var (above, name) = cut < 0 ? ("", catalog.Directory) : (catalog.Directory[..cut], catalog.Directory[(cut + 1)..]);
        return (await catalog.AskAsync(() => catalog.Store.ListDirectoriesAsync(above, cancellationToken))).Contains(name, StringComparer.Ordinal);
    }

    private static async Task<(BackupException? Failure, long ScratchNeeded)> TryCaptureAsync(ProtectedSource source, CancellationToken cancellationToken)
    {
        try
        {
            return await source.AskAsync<(BackupException?, long)>(async () =>
            {
                await using var capture = await source.Source.CaptureAsync(new CaptureRequest(BackupType.Full, Base: null, MayBeBase: false), cancellationToken);
                return (null, capture.ScratchNeeded);
            });
        }
        catch (BackupException failure)
        {
            return (failure, 0);
        }
    }

    private static async Task<T> TryAskAsync<T>(ProtectedSource source, Func<T> look, T otherwise)
    {
        try
        {
            return await source.AskAsync(() => Task.FromResult(look()));
        }
        catch (BackupException)
        {
            return otherwise; // that its disk does not answer is told of the source
        }
    }

    /// <summary>The room at a path, or at the nearest directory above it that is there.</summary>
    private static StoreSpace? SpaceOf(string path)
    {
        try
        {
            var directory = path;
            while (!Directory.Exists(directory))
                directory = Path.GetDirectoryName(directory)!;
            return StoreSpace.At(directory);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            return null;
        }
    }
}
