using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Restore;

/// <summary>
/// Restores a backup. Order, so that a crash at any instant leaves the old file or the new one, whole and working:
/// restore and check beside it → stop the service → safety copy → switch → start the service. What happens in the middle, and
/// why no crash there leaves anything half, the source's kind knows.
/// </summary>
internal sealed class Restorer(BackupVerifier verifier, TimeProvider timeProvider)
{
    // What is just ending (the service that was stopped, somebody's sqlite3) is waited for.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    /// <summary>The agent's own directories and files, absolute: nothing is restored to there.</summary>
    public IReadOnlyList<string> Forbidden { get; init; } = [];

    /// <summary>Finds out what a restore would do, and changes nothing that is there (see <see cref="IRestoreTarget.Obstacle"/>).</summary>
    /// <exception cref="BackupException">There is no backup to restore, or the store can't be read.</exception>
    public async Task<RestorePreview> PreviewAsync(RestoreRequest request, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        var backups = await request.Catalog.ListAsync(cancellationToken);
        var plan = RestorePlan.Choose(request.Name, backups, request.Wish, now, request.Zone);
        var target = request.Source.Target(request.To);
        return new RestorePreview(
            request,
            plan,
            target,
            target.Exists ? target.SafetyName(now, request.Zone) : null,
            target.Users(),
            RoomFor(plan.Candidates[0].Backup, target),
            target.Available(),
            now)
        {
            Obstacle = target.Obstacle(Forbidden),
            Leftovers = target.Leftovers,
            HeldDeleted = target.IsLive ? request.Source.Inspection.HeldDeleted : null,
        };
    }

    /// <summary>Bytes that a restore writes at the target.</summary>
    public static long RoomFor(Backup backup, IRestoreTarget target) =>
        target.RoomFor(backup.Manifest.IsCommitted ? backup.ExpandedLength : backup.ActualLength);

    /// <summary>Does what a preview says.</summary>
    /// <param name="preview">Not older than the source's lock, which the caller holds.</param>
    /// <exception cref="BackupException">Nothing was restored: what was there before is there, and its service was started again if it was stopped.</exception>
    public async Task<RestoreOutcome> RestoreAsync(RestorePreview preview, RestoreEvents events, CancellationToken cancellationToken)
    {
        if (preview.Refusal is { } refusal)
            throw refusal;
        var started = timeProvider.GetTimestamp();
        var (target, settings) = (preview.Target, preview.Request.Settings);
        var context = new RestoreContext(preview.Now, preview.Request.Zone, events.Step) { MayReplace = preview.Request.Force };
        var service = new LiveService(target.IsLive ? settings : RestoreSettings.None, timeProvider, events);
        IPreparedRestore? prepared = null;
        RestoreCandidate restored;
        using var alone = target.Lock();
        if (preview.Leftovers.Count > 0)
            events.Step(new RestoreStep(RestoreStage.Plan, $"removed what a restore left that was killed: {string.Join(", ", preview.Leftovers)}"));
        try
        {
            events.Step(new RestoreStep(RestoreStage.Plan, $"restore {preview.Chosen.Backup.File}{RestorePlan.With(preview.Chosen.Backup)} to {target.Location}: {preview.Chosen.Reason}"));
            preview.Plan.Newer.ToList().ForEach(events.PassedOver);
            (restored, prepared) = await new BackupExpansion(verifier, preview, events).RunAsync(cancellationToken);
            await service.StopAsync(cancellationToken);
            events.Step(new RestoreStep(RestoreStage.Look, $"look who has {target.Location} open"));
            await RequireUnusedAsync(target, cancellationToken);
            if (target.Exists && !preview.Request.Force)
                throw preview.NotForced(); // it was not there before
            await prepared.SaveAsync(context, cancellationToken);
            await RequireUnusedAsync(target, cancellationToken); // who opened it while it was copied
            prepared.Switch(context);
        }
        catch (Exception failure)
        {
            var notGivenBack = prepared?.RollBack();
            if (prepared is not null)
                await prepared.DisposeAsync();
            throw Untouched(preview, failure, notGivenBack, await service.StartAsync(always: false));
        }

        await using var switched = prepared; // what it keeps beside the place goes, now that it was put there
        var problem = await CompleteAsync(prepared, service, cancellationToken);
        var place = prepared.Place;
        return new RestoreOutcome(restored, place, timeProvider.GetElapsedTime(started), problem is null ? null : Restored(preview.Request.Source.Noun.English, restored, place, problem));
    }

    private async Task RequireUnusedAsync(IRestoreTarget target, CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        while (target.Users() is { Count: > 0 } users)
        {
            if (timeProvider.GetElapsedTime(started) >= Patience)
                throw target.InUse(users);
            await Task.Delay(Poll, timeProvider, cancellationToken);
        }
    }

    /// <summary>What follows once the new one is in place. Whatever fails of it, the next is done.</summary>
    private static async Task<BackupException?> CompleteAsync(IPreparedRestore prepared, LiveService service, CancellationToken cancellationToken)
    {
        BackupException? failed = null;
        try
        {
            prepared.MakeDurable();
        }
        catch (BackupException failure)
        {
            failed = failure;
        }

        var notStarted = await service.StartAsync(always: true);
        failed ??= notStarted;
        try
        {
            var unwell = await service.WaitForHealthAsync(cancellationToken); // it may work although a command failed
            return failed ?? unwell;
        }
        catch (OperationCanceledException stopped)
        {
            return failed ?? new BackupException(FailureKind.Interrupted, "the wait for its service was stopped", "ask the service by hand", stopped);
        }
    }

    private static BackupException Untouched(RestorePreview preview, Exception failure, BackupException? notGivenBack, BackupException? notStarted)
    {
        var known = failure switch
        {
            BackupException foreseen => foreseen,
            OperationCanceledException => new BackupException(FailureKind.Interrupted, $"the restore of '{preview.Request.Name}' was stopped", "run the command again when it suits", failure),
            _ when IoFailure.IsKnown(failure) => IoFailure.Translate(failure, $"restore '{preview.Target.Location}'", preview.Target.Volume),
            _ => new BackupException(FailureKind.Unexpected, $"restoring '{preview.Target.Location}' failed: {failure.Message}", "run the command again with --verbose and report what it prints", failure),
        };
        var state = notGivenBack is not null ? $"BUT {notGivenBack.Message}" : preview.SafetyCopy is null ? "nothing was put in its place" : $"the old {preview.Request.Source.Noun.English} is untouched";
        if (notStarted is not null)
            state += $", but its service was not started again: {notStarted.Message}";
        // What was stopped on purpose says nothing, but this left a service or a source that somebody has to look after.
        var kind = known.Kind == FailureKind.Interrupted && (notGivenBack ?? notStarted) is { } left ? left.Kind : known.Kind;
        return new BackupException(kind, $"{known.Message}; {state}", known.Hint, failure);
    }

    private static BackupException Restored(string noun, RestoreCandidate restored, RestoredPlace place, BackupException problem)
    {
        var back = place.SafetyCopy is null ? "" : $"; to go back, stop the service and: {place.WayBack}";
        return new BackupException(problem.Kind, $"the {noun} IS restored from {restored.Backup.File}, but {problem.Message}", problem.Hint + back, problem);
    }
}
