using System.Reflection;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Operations;

/// <summary>What a capture stored.</summary>
/// <param name="Backup">Committed and not yet read back.</param>
/// <param name="FullBecause">Why it is full though something else was asked for; null when it is what was asked for.</param>
internal sealed record CapturedBackup(Backup Backup, string? FullBecause);

/// <summary>Stores one state of a source: all of it, or what it has that an earlier backup had not.</summary>
internal sealed class BackupCapture(SpaceGuard space, PageIndexes indexes, BackupExaminer examiner, TimeProvider timeProvider)
{
    private static readonly string AgentVersion =
        typeof(BackupCapture).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <exception cref="BackupException">Nothing was added.</exception>
    public async Task<CapturedBackup> CaptureAsync(
        ProtectedSource source, string schedule, BackupType type, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        if (type == BackupType.Full)
            return new CapturedBackup(await CaptureFullAsync(source, schedule, source.TakesIncrements, progress, cancellationToken), FullBecause: null);
        try
        {
            return new CapturedBackup(await CaptureIncrementAsync(source, schedule, type, progress, cancellationToken), FullBecause: null);
        }
        catch (NoIncrementException reason)
        {
            if (reason is DamagedLinkException { Link: var link })
                await ExamineAsync(source, link, cancellationToken);
            return new CapturedBackup(await CaptureFullAsync(source, schedule, source.Source.IncrementExtension is not null, progress, cancellationToken), reason.Message);
        }
    }

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

    private async Task<Backup> CaptureFullAsync(
        ProtectedSource source, string schedule, bool isIndexed, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        await using var snapshot = await source.Source.OpenSnapshotAsync(cancellationToken);
        await space.RequireAsync(source.Catalog, BackupType.Full, snapshot.Length, cancellationToken);
        if (!isIndexed || snapshot.PageSize == 0)
            return await StoreAsync(source, new State(schedule, BackupType.Full, snapshot), snapshot.CopyToAsync, index: null, progress, cancellationToken);

        using var index = indexes.NewDraft();
        return await StoreAsync(
            source,
            new State(schedule, BackupType.Full, snapshot),
            async (content, token) =>
            {
                await using var indexing = source.Source.IndexPages(isIncrement: false, index, content);
                await snapshot.CopyToAsync(indexing, token);
                indexing.Complete();
            },
            index,
            progress,
            cancellationToken);
    }

    private async Task<Backup> CaptureIncrementAsync(
        ProtectedSource source, string schedule, BackupType type, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        if (source.Source.IncrementExtension is null)
            throw new NoIncrementException($"a source of kind {source.Source.Kind} has full backups only");
        var @base = IncrementBase.Choose(type, await source.Catalog.ListAsync(cancellationToken), timeProvider.GetUtcNow());
        using var earlier = await indexes.OpenAsync(source, @base, cancellationToken);

        await using var snapshot = await source.Source.OpenSnapshotAsync(cancellationToken);
        if (snapshot.PageSize != earlier.PageSize)
            throw new NoIncrementException(snapshot.PageSize == 0 ? "the file does not consist of whole pages" : $"its pages have {snapshot.PageSize} bytes now, and {earlier.PageSize} in {@base.File}");
        await space.RequireAsync(source.Catalog, type, snapshot.Length, cancellationToken);

        using var index = indexes.NewDraft();
        var state = new State(schedule, type, snapshot) { Base = @base.Id };
        var report = RunProgress.In(RunStage.Capture, snapshot.Length, progress);
        return await StoreAsync(
            source,
            state,
            async (content, token) => state.Restored = await source.Source.CopyChangesAsync(snapshot, earlier, index, content, report, token),
            index,
            progress: null, // what is stored is only a part of what is looked at
            cancellationToken);
    }

    private async Task<Backup> StoreAsync(
        ProtectedSource source, State state, Func<Stream, CancellationToken, Task> capture, PageIndexDraft? index, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        var catalog = source.Catalog;
        var artifact = await catalog.BeginAsync(state.Schedule, state.Type, state.Snapshot.CapturedAt, cancellationToken);
        var isWritten = false;
        try
        {
            var digests = default(ArtifactDigests);
            await catalog.WriteArtifactAsync(
                artifact,
                async (stored, token) => digests = await ArtifactWriter.WriteAsync(
                    stored, source.CompressionLevel, Guarded(source, capture), RunProgress.In(RunStage.Capture, state.Snapshot.Length, progress), token),
                cancellationToken);
            isWritten = true;
            if (index is { IsComplete: true })
                await catalog.WritePagesAsync(artifact, (stored, token) => index.WriteToAsync(stored, digests.Content.Sha256, token), cancellationToken);
            return await catalog.CommitAsync(ManifestOf(source, state, artifact, digests), cancellationToken);
        }
        catch
        {
            using var brief = new CancellationTokenSource(TimeSpan.FromSeconds(30), timeProvider);
            await AbandonAsync(catalog, artifact, isWritten, brief.Token);
            throw;
        }
    }

    /// <summary>A read that fails is the source's failure; without this it would be told as one of the store that is being written.</summary>
    private static Func<Stream, CancellationToken, Task> Guarded(ProtectedSource source, Func<Stream, CancellationToken, Task> capture) => async (content, token) =>
    {
        try
        {
            await capture(content, token);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            if (IoFailure.IsFull(failure)) // reading fills nothing: it was the page index
                throw new BackupException(FailureKind.StoreFull, "the scratch space is full", "free space there, or set scratch to a directory on a larger disk; then run the command again", failure);
            throw new BackupException(FailureKind.Io, $"cannot read source '{source.Name}': {failure.Message}", "check the source's disk (dmesg | tail; smartctl -H), then run the backup again", failure);
        }
    };

    private static async Task AbandonAsync(BackupCatalog catalog, string artifact, bool isWritten, CancellationToken cancellationToken)
    {
        try
        {
            await catalog.AbandonAsync(artifact, isWritten, cancellationToken);
        }
        catch (Exception leftover) when (leftover is BackupException or OperationCanceledException)
        {
            // The failure that brought us here is the one to tell. The mark is still there, so the rest is swept later.
        }
    }

    private static BackupManifest ManifestOf(ProtectedSource source, State state, string artifact, ArtifactDigests digests) => new(
        BackupManifest.CurrentFormatVersion,
        BackupId.New(state.Snapshot.CapturedAt),
        source.Name,
        source.Source.Kind,
        state.Schedule,
        state.Type,
        state.Base,
        state.Snapshot.CapturedAt.ToUniversalTime(),
        artifact,
        digests.Content,
        digests.Stored,
        Adopted: false,
        new Dictionary<string, string>(source.Source.Tools, StringComparer.Ordinal) { ["nexus-backup"] = AgentVersion })
    {
        Restored = state.Restored,
    };

    /// <summary>What is being stored.</summary>
    private sealed record State(string Schedule, BackupType Type, SourceSnapshot Snapshot)
    {
        public BackupId? Base { get; init; }

        /// <summary>Of an increment, known once it was captured.</summary>
        public ArtifactDigest? Restored { get; set; }
    }
}
