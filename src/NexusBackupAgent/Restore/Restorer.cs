using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Restore;

/// <summary>
/// Restores a backup. Order, so that a crash at any instant leaves the old file or the new one, whole and working:
/// expand and check beside it → stop the service → safety copy → bring the old one's WAL into it → its companions aside →
/// rename → start the service. The old one is without its companions what its service would make of it with them before
/// they go, and they are gone before another file takes its name.
/// </summary>
internal sealed class Restorer(BackupVerifier verifier, TimeProvider timeProvider)
{
    // What is just ending (the service that was stopped, somebody's sqlite3) is waited for.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    /// <summary>The agent's own directories and files, absolute: nothing is restored to there.</summary>
    public IReadOnlyList<string> Forbidden { get; init; } = [];

    /// <summary>Finds out what a restore would do; touches nothing.</summary>
    /// <exception cref="BackupException">There is no backup to restore, or the store can't be read.</exception>
    public async Task<RestorePreview> PreviewAsync(RestoreRequest request, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        var backups = await request.Catalog.ListAsync(cancellationToken);
        var plan = RestorePlan.Choose(request.Name, backups, request.Wish, now, request.Zone);
        var target = RestoreTarget.Of(request.Source, request.To, Forbidden);
        return new RestorePreview(
            request,
            plan,
            target,
            target.Exists ? target.SafetyName(now, request.Zone) : null,
            target.Users(),
            RoomFor(plan.Candidates[0].Backup, target),
            Directory.Exists(target.Directory) ? target.Available() : null,
            now);
    }

    /// <summary>Bytes that a restore writes beside the target.</summary>
    public static long RoomFor(Backup backup, RestoreTarget target) =>
        (backup.Manifest.IsCommitted ? backup.ExpandedLength : backup.ActualLength) + target.Length;

    /// <summary>Does what a preview says.</summary>
    /// <param name="preview">Not older than the source's lock, which the caller holds.</param>
    /// <exception cref="BackupException">Nothing was restored: what was there before is there, and its service was started again if it was stopped.</exception>
    public async Task<RestoreOutcome> RestoreAsync(RestorePreview preview, RestoreEvents events, CancellationToken cancellationToken)
    {
        if (preview.Refusal is { } refusal)
            throw refusal;
        var started = timeProvider.GetTimestamp();
        var (target, settings) = (preview.Target, preview.Request.Settings);
        var service = new LiveService(target.IsLive ? settings : RestoreSettings.None, timeProvider, events);
        var way = new OldFiles(target, () => target.SafetyName(preview.Now, preview.Request.Zone), events);
        var file = "";
        RestoreCandidate restored;
        FileOwner owner;
        using var alone = target.Lock();
        try
        {
            events.Step(new RestoreStep(RestoreStage.Plan, $"restore {preview.Chosen.Backup.File}{RestorePlan.With(preview.Chosen.Backup)} to {target.Path}: {preview.Chosen.Reason}"));
            preview.Plan.Newer.ToList().ForEach(events.PassedOver);
            target.RemoveLeftovers();
            file = target.NewFile();
            restored = await new BackupExpansion(verifier, preview, events).RunAsync(file, cancellationToken);
            await service.StopAsync(cancellationToken);
            events.Step(new RestoreStep(RestoreStage.Look, $"look who has {target.Path} open"));
            await RequireUnusedAsync(target, cancellationToken);
            if (target.Exists && !preview.Request.Force)
                throw preview.NotForced(); // it was not there before
            owner = target.Prepare(file);
            await way.SaveAsync(cancellationToken);
            await RequireUnusedAsync(target, cancellationToken); // who opened it while it was copied
            way.MoveAside();
            events.Step(new RestoreStep(RestoreStage.Replace, $"put the restored file in place of {target.Path}"));
            way.RequireUnchanged();
            target.Replace(file, isKept: way.SafetyCopy is not null);
        }
        catch (Exception failure)
        {
            RestoreTarget.TryDelete(file);
            throw Untouched(preview, failure, way.GiveBack(), await service.StartAsync(always: false));
        }

        var problem = await CompleteAsync(target, service, cancellationToken);
        return new RestoreOutcome(
            restored, target.Path, owner, way.SafetyCopy, way.SetAside, timeProvider.GetElapsedTime(started), problem is null ? null : Restored(preview, restored, way, problem))
        {
            Chown = target.IsLive && way.SafetyCopy is null ? $"sudo chown USER:GROUP {ToolProcess.Line([target.Path])}" : null,
        };
    }

    private async Task RequireUnusedAsync(RestoreTarget target, CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        while (target.Users() is { Count: > 0 } users)
        {
            if (timeProvider.GetElapsedTime(started) >= Patience)
                throw RestorePreview.InUse(target, users);
            await Task.Delay(Poll, timeProvider, cancellationToken);
        }
    }

    /// <summary>What follows once the new one is in place. Whatever fails of it, the next is done.</summary>
    private static async Task<BackupException?> CompleteAsync(RestoreTarget target, LiveService service, CancellationToken cancellationToken)
    {
        BackupException? failed = null;
        try
        {
            target.Sync();
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
            _ when IoFailure.IsKnown(failure) => IoFailure.Translate(failure, $"restore '{preview.Target.Path}'", preview.Target.Directory),
            _ => new BackupException(FailureKind.Unexpected, $"restoring '{preview.Target.Path}' failed: {failure.Message}", "run the command again with --verbose and report what it prints", failure),
        };
        var state = notGivenBack is not null ? $"BUT {notGivenBack.Message}" : preview.SafetyCopy is null ? "nothing was put in its place" : "the old database is untouched";
        if (notStarted is not null)
            state += $", but its service was not started again: {notStarted.Message}";
        // What was stopped on purpose says nothing, but this left a service or a database that somebody has to look after.
        var kind = known.Kind == FailureKind.Interrupted && (notGivenBack ?? notStarted) is { } left ? left.Kind : known.Kind;
        return new BackupException(kind, $"{known.Message}; {state}", known.Hint, failure);
    }

    private static BackupException Restored(RestorePreview preview, RestoreCandidate restored, OldFiles old, BackupException problem)
    {
        var back = old.SafetyCopy is null ? "" : $"; to go back, stop the service and: {WayBack(preview, old)}";
        return new BackupException(problem.Kind, $"the database IS restored from {restored.Backup.File}, but {problem.Message}", problem.Hint + back, problem);
    }

    /// <summary>What belongs to the restored one goes, and the old one comes with all that belongs to it: without its WAL or journal it may be torn.</summary>
    private static string WayBack(RestorePreview preview, OldFiles old)
    {
        var path = preview.Target.Path;
        var companions = preview.Request.Source.Companions.Select(ending => $"'{path}{ending}'");
        var back = old.SetAside.Prepend(old.SafetyCopy!).Select(file => $"mv '{file}' '{path}{file[old.SafetyCopy!.Length..]}'");
        return $"rm -f {string.Join(' ', companions)}; {string.Join("; ", back)}";
    }
}
