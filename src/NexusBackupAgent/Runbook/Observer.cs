using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Runbook;

/// <summary>Looks at one source as the runbook's first diagnosis does: it reads, tries, and leaves nothing changed.</summary>
internal static class Observer
{
    // A page: on a disk without room even an empty file may still be made.
    private const int TrialLength = 4096;

    /// <param name="status">The agent.</param>
    /// <param name="source">The source.</param>
    /// <param name="evenStale">Whether the newest backup is read back however old it is.</param>
    /// <param name="progress">Of the reading.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<Observation> ObserveAsync(
        AgentStatus status, ScheduledSource source, bool evenStale, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        var (agent, catalog) = (status.Agent, source.Source.Catalog);
        var before = await status.OfAsync(source, cancellationToken);
        var readBack = (evenStale ? NewestUsable(before, status.Now) : NewestFresh(before, status.Now)) is { } newest ? await ReadBack.VerifyAsync(agent, source.Source, newest, progress, cancellationToken) : null;
        var isBusy = agent.Turns.IsUnderWay(source.Name);
        var database = DatabaseOf(agent.Configuration, source.Name);
        var after = status with { Now = agent.TimeProvider.GetUtcNow() }; // what was read back is known now, and what it set aside is not of the future
        var seen = await after.OfAsync(source, cancellationToken);
        return new Observation(
            seen,
            status.Condition,
            status.StoreOf(source),
            catalog.Locate(""),
            database,
            SafetyCopiesOf(database, ["-wal", "-shm", "-journal"]),
            readBack,
            await TryWriteAsync(catalog, cancellationToken),
            isBusy ? null : await TrySnapshotAsync(source.Source, cancellationToken), // a run that is under way has opened it
            agent.Configuration.ScratchDirectory,
            SpaceOf(agent.Configuration.ScratchDirectory),
            SystemUser.Current.Name,
            agent.Configuration.TimeZone,
            after.Now)
        {
            DatabaseLength = database is not null && FileStatus.Of(database) is { } file ? (long)file.Length : 0,
            IsRestored = seen.Activity?.LastRunAt is { } lastRun && agent.Journal.Since(source.Name, lastRun).Any(operation => operation.IsOverLive && operation.Succeeded),
            IsStoreBare = status.StoreOf(source).IsBare,
            IsRoot = SystemUser.Current.IsRoot,
            OtherOwner = StateAccess.OtherOwner(agent.Configuration.StateDirectory),
        };
    }

    /// <summary>The newest that was not set aside.</summary>
    private static Backup? NewestUsable(SourceStatus source, DateTimeOffset now) =>
        source.Backups.FirstOrDefault(backup => backup.State != BackupState.Quarantined && !backup.IsFromTheFuture(now));

    /// <summary>The flowchart's 最新あり: stored within the RPO, and still there to be read.</summary>
    private static Backup? NewestFresh(SourceStatus source, DateTimeOffset now) => source.Backups.FirstOrDefault(backup => !backup.IsFromTheFuture(now)) is { } newest
        && newest.State != BackupState.Quarantined
        && now - newest.CapturedAt < source.Source.RpoWarning ? newest : null;

    private static async Task<BackupException?> TryWriteAsync(BackupCatalog catalog, CancellationToken cancellationToken)
    {
        try
        {
            // A directory that is not there yet is the agent's to make: made by root here, the agent could not write to it.
            var directory = await IsThereAsync(catalog, cancellationToken) ? catalog.Directory + "/" : "";
            var trial = $"{directory}.nexus-backup-{Guid.NewGuid():N}.trial".TrimStart('/');
            await catalog.Store.PutAsync(trial, replace: false, Durability.Now, (stream, token) => stream.WriteAsync(new byte[TrialLength], token).AsTask(), cancellationToken);
            await catalog.Store.DeleteAsync(trial, Durability.Now, cancellationToken);
            return null;
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
        return (await catalog.Store.ListDirectoriesAsync(above, cancellationToken)).Contains(name, StringComparer.Ordinal);
    }

    private static async Task<BackupException?> TrySnapshotAsync(ProtectedSource source, CancellationToken cancellationToken)
    {
        try
        {
            await using var capture = await source.Source.CaptureAsync(new CaptureRequest(BackupType.Full, Base: null, MayBeBase: false), cancellationToken);
            return null;
        }
        catch (BackupException failure)
        {
            return failure;
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

    /// <summary>Of the same second the names differ by a number; what lies beside a copy is part of it.</summary>
    private static string[] SafetyCopiesOf(string? database, IReadOnlyList<string> companions)
    {
        try
        {
            return database is null ? [] : [.. Directory.EnumerateFiles(Path.GetDirectoryName(database)!)
                .Where(file => file.StartsWith(database + ".pre_restore.", StringComparison.Ordinal) && !companions.Any(ending => file.EndsWith(ending, StringComparison.Ordinal)))
                .OrderDescending(StringComparer.Ordinal)];
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            return []; // that its directory can't be read is told of the database
        }
    }

    /// <summary>Where a source's database lies; null when the configuration does not tell.</summary>
    public static string? DatabaseOf(AgentConfiguration configuration, string source) =>
        configuration.Sources.FirstOrDefault(configured => !configured.Settings.IsGroup && configured.Name == source)?.Settings.PlaceOf(source)
        ?? configuration.Sources
            .Where(configured => configured.Settings.CanName(source))
            .Select(configured => configured.Settings.PlaceOf(source))
            .OrderByDescending(File.Exists)
            .FirstOrDefault();
}
