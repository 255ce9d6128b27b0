using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Restore;

/// <summary>The runbook's loop (§3.3): tries the backups of a plan, newest first, until one expands and passes every check.</summary>
internal sealed class BackupExpansion(BackupVerifier verifier, RestorePreview preview, RestoreEvents events)
{
    private readonly RestoreRequest request = preview.Request;

    // Those that were known to be bad belong to the answer when no other is good.
    private readonly List<RestoreCandidate> failed = [.. preview.Plan.PassedOver];

    // Found on the way; what builds on them need not be read.
    private readonly HashSet<(BackupCatalog? Copy, BackupId Id)> damaged = [];

    /// <returns>The backup that is prepared beside the target.</returns>
    /// <exception cref="BackupException">None is good; or one could not be looked at, which is no reason to restore an older one.</exception>
    public async Task<(RestoreCandidate Backup, IPreparedRestore Prepared)> RunAsync(CancellationToken cancellationToken)
    {
        foreach (var candidate in preview.Plan.Candidates)
        {
            if (candidate.Backup.Bases.FirstOrDefault(link => damaged.Contains((candidate.Copy, link.Id))) is { } known)
            {
                PassOver(candidate with { Reason = $"{known.File}, which it needs, is damaged" });
                continue;
            }

            RequireRoom(candidate.Backup);
            events.Step(new RestoreStep(RestoreStage.Expand, $"expand and check {candidate.Backup.File}{RestorePlan.With(candidate.Backup)}"));
            if (await TryAsync(candidate, cancellationToken) is { } good)
                return good;
        }

        if (request.Wish.Id is null)
            throw RestorePlan.NoneIsGood(request.Name, failed, request.Wish.At, request.Zone);
        throw new BackupException(
            FailureKind.Verification, $"backup {failed[^1].Backup.File} of source '{request.Name}' {(damaged.Contains((failed[^1].Copy, failed[^1].Backup.Id)) ? "is corrupt" : "cannot be restored")}: {failed[^1].Reason}", "leave --id out: then the newest good one is restored");
    }

    /// <returns>Null when it is bad, or was deleted meanwhile.</returns>
    private async Task<(RestoreCandidate Backup, IPreparedRestore Prepared)?> TryAsync(RestoreCandidate candidate, CancellationToken cancellationToken)
    {
        var backup = candidate.Backup;
        IPreparedRestore? prepared;
        try
        {
            (backup, prepared) = await new ConfirmedExpansion(verifier).RunAsync(
                request.Source,
                candidate.Copy ?? request.Catalog,
                backup,
                preview.Target,
                candidate.Instant,
                new InPlaceProgress(done => events.Progress(done, candidate.Backup.LengthToRead)),
                doubt => events.Step(new RestoreStep(RestoreStage.Expand, $"read {candidate.Backup.File} again, because one reading is no proof: {doubt}")),
                cancellationToken);
            if (backup.NotRecorded is { } notRecorded)
                events.Step(new RestoreStep(RestoreStage.Expand, $"go on, although the result of the check can't be kept: {notRecorded.Message}"));
        }
        catch (DamagedBaseException found)
        {
            damaged.Add((candidate.Copy, found.Base.Id));
            events.ReadBack(found.Base);
            PassOver(candidate with { Reason = found.Message });
            return null;
        }
        catch (NotThatEarlyException early)
        {
            PassOver(candidate with { Reason = early.Message });
            return null;
        }
        catch (BackupException gone) when (gone.Kind == FailureKind.NotFound && (request.Wish.Id is null || HasTwinAfter(candidate)))
        {
            PassOver(candidate with { Reason = backup.Bases.Count == 0 ? "it is gone" : gone.Message });
            return null;
        }
        catch (BackupException failure) when (failure.Kind is FailureKind.Io or FailureKind.Permission or FailureKind.Network or FailureKind.StoreUnavailable)
        {
            if (HasTwinAfter(candidate))
            {
                PassOver(candidate with { Reason = failure.Message });
                return null;
            }

            var older = preview.Plan.Candidates.SkipWhile(other => other != candidate).Skip(1).FirstOrDefault();
            throw new BackupException(failure.Kind, failure.Message, failure.Hint + (older is null ? "" : $"; or restore an older one: --id {older.Backup.Id}"), failure);
        }

        events.ReadBack(backup);
        if (prepared is not null && backup.Verification is { Passed: true })
            return (candidate with { Backup = backup }, prepared);
        if (prepared is not null && request.Wish.Id is not null && backup.Verification is { DoubtsOnlyChecksumFile: true } doubt)
            return (Doubted(candidate with { Backup = backup }, doubt.FirstFailure!), prepared);
        if (prepared is not null)
            await prepared.DisposeAsync();
        damaged.Add((candidate.Copy, backup.Id));
        PassOver(new RestoreCandidate(backup, RestorePlan.Finding(backup)) { Copy = candidate.Copy });
        return null;
    }

    /// <summary>Its manifest, its encoding and its own check all say that it is whole; who names it gets it, and is told.</summary>
    private RestoreCandidate Doubted(RestoreCandidate chosen, string doubt)
    {
        var reason = $"{chosen.Reason}, although {doubt}: it holds exactly what was captured, so find out who wrote {BackupFiles.Checksum(chosen.Backup.File)}";
        events.Step(new RestoreStep(RestoreStage.Expand, $"go on: {reason}"));
        return chosen with { Reason = reason };
    }

    /// <summary>Whether another store's copy of the same backup comes later.</summary>
    private bool HasTwinAfter(RestoreCandidate candidate) =>
        preview.Plan.Candidates.SkipWhile(other => other != candidate).Skip(1).Any(other => other.Backup.Id == candidate.Backup.Id);

    private void PassOver(RestoreCandidate candidate)
    {
        failed.Add(candidate);
        events.PassedOver(candidate);
    }

    private void RequireRoom(Backup backup)
    {
        var needed = Restorer.RoomFor(backup, preview.Target);
        if (preview.Target.Available() is { } available && available < needed)
            throw RestorePreview.NoRoom(preview.Request.Source, preview.Target, needed, available);
    }
}
