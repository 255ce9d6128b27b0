using NexusBackupAgent.Artifacts.Age;
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
    private static readonly TimeSpan UntilClosed = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    /// <summary>The agent's own directories and files, absolute: nothing is restored to there.</summary>
    public IReadOnlyList<string> Forbidden { get; init; } = [];

    /// <summary>Finds out what a restore would do, and changes nothing that is there (see <see cref="IRestoreTarget.Obstacle"/>).</summary>
    /// <exception cref="BackupException">There is no backup to restore, or the store can't be read.</exception>
    public async Task<RestorePreview> PreviewAsync(RestoreRequest request, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        var plan = await PlanAsync(request, now, cancellationToken);
        var place = request.To ?? request.Source.Location;
        var preview = await new PatientLook(2 * Patience.ToAnswer, timeProvider).AskAsync( // it looks at the live one too, which may hang alone
            "target",
            () => Task.FromResult(Look(request, plan, now)),
            () => throw new BackupException(FailureKind.Io, $"'{place}', where the restore would go, does not answer, probably because its disk hangs; nothing was touched", "see which disk does not answer (findmnt; dmesg | tail), and mount it again, or restore to another one with --to"));
        return preview with
        {
            Key = await TryKeyAsync(preview, cancellationToken),
            Parts = await preview.Target.PartsAsync(CatalogLink.ChainOf(preview.ChosenCatalog, preview.Chosen.Backup, isJudged: false, progress: null), cancellationToken),
        };
    }

    /// <summary>
    /// Of all that would be read the first which no key here opens, else the first of which nobody can tell: each may be of other
    /// recipients. The key opens where it opens each. Null: nothing is encrypted.
    /// </summary>
    private static async Task<KeyTrial?> TryKeyAsync(RestorePreview preview, CancellationToken cancellationToken)
    {
        KeyTrial? whole = null;
        foreach (var link in preview.Chosen.Backup.Chain.Reverse().Concat(preview.Chosen.Instant?.Through ?? []))
        {
            var trial = await CatalogLink.TryKeyAsync(preview.ChosenCatalog, link, cancellationToken);
            if (trial?.Refusal is not null)
                return trial;
            whole = whole?.NotTried is null ? trial ?? whole : whole;
        }

        return whole;
    }

    /// <exception cref="BackupException">No store has a backup to restore; what the first one says of that.</exception>
    private static async Task<RestorePlan> PlanAsync(RestoreRequest request, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var (plans, refusals) = (new List<(BackupCatalog? Copy, RestorePlan Plan)>(), new List<BackupException>());
        foreach (var copy in request.Copies.Prepend(null))
        {
            try
            {
                var backups = await (copy ?? request.Catalog).ListAsync(cancellationToken);
                plans.Add((copy, RestorePlan.Choose(request.Name, backups, request.Wish, now, request.Zone, request.Source.RecoversToInstants)));
            }
            catch (BackupException refused) when (request.Copies.Count > 0)
            {
                refusals.Add(refused);
            }
        }

        return plans switch
        {
            [] => throw refusals[0],
            [(null, var only)] => only,
            _ => RestorePlan.Merge(plans, refusals),
        };
    }

    private RestorePreview Look(RestoreRequest request, RestorePlan plan, DateTimeOffset now)
    {
        var target = request.Source.Target(request.To, request.Wish.Choices);
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

    /// <summary>A restore that is about to begin.</summary>
    public OngoingRestore Begin(RestorePreview preview, RestoreEvents events) => new(preview, events, timeProvider);

    /// <summary>Does what a preview says.</summary>
    /// <param name="restore">Of a preview not older than the source's lock, which the caller holds.</param>
    /// <exception cref="BackupException">Nothing was restored: what was there before is there, and its service was started again if it was stopped.</exception>
    public async Task<RestoreOutcome> RestoreAsync(OngoingRestore restore, CancellationToken cancellationToken)
    {
        var (preview, service, events) = (restore.Preview, restore.Service, restore.EventsUntil(cancellationToken));
        if (preview.Refusal is { } refusal)
            throw refusal;
        var started = timeProvider.GetTimestamp();
        var target = preview.Target;
        var context = new RestoreContext(preview.Now, preview.Request.Zone, events.Step) { MayReplace = preview.Request.Force };
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
            await RequireAnswersAsync(preview, restored.Backup, prepared, cancellationToken);
            await service.StopAsync(cancellationToken);
            events.Step(new RestoreStep(RestoreStage.Look, $"look who has {target.Location} open"));
            await RequireUnusedAsync(target, cancellationToken);
            if (target.Exists && !preview.Request.Force)
                throw preview.NotForced(); // it was not there before
            await prepared.SaveAsync(context, cancellationToken);
            await RequireUnusedAsync(target, cancellationToken); // who opened it while it was copied
            prepared.Switch(context);
            restore.NoteSwitched();
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

    /// <summary>Asks the restored one what the configuration wants to know, while the live one still works.</summary>
    private static async Task RequireAnswersAsync(RestorePreview preview, Backup backup, IPreparedRestore prepared, CancellationToken cancellationToken)
    {
        foreach (var probe in preview.Target.IsLive ? preview.Request.Settings.Probes : [])
        {
            var result = ProbeJudge.Judge(probe, await prepared.ProbeAsync(probe.Sql, cancellationToken), backup.CapturedAt);
            if (!result.Passed)
                throw new BackupException(FailureKind.Restore, $"{backup.File} can be restored, but restore.probe \"{probe.Sql}\" expects {result.Expectation}: {result.Detail}", "look at it beside the live one (--to), or restore another one (--id)");
        }
    }

    private async Task RequireUnusedAsync(IRestoreTarget target, CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        while (target.Users() is { Count: > 0 } users)
        {
            if (timeProvider.GetElapsedTime(started) >= UntilClosed)
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
            OperationCanceledException => new BackupException(FailureKind.Interrupted, $"the restore of '{preview.Request.Name}' was stopped{StoppedWaitingException.While(failure)}", "run the command again when it suits", failure),
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

/// <summary>How far a restore has come, for whoever has to leave it because a disk hangs: its own thread can't be asked then.</summary>
internal sealed class OngoingRestore(RestorePreview preview, RestoreEvents events, TimeProvider timeProvider)
{
    private volatile RestoreStage stage = RestoreStage.Plan;
    private volatile bool isSwitched;

    public RestorePreview Preview => preview;

    /// <summary>What uses the target.</summary>
    public LiveService Service { get; } = new(preview.Target.IsLive ? preview.Request.Settings : RestoreSettings.None, timeProvider, events);

    /// <summary>Notes that the new one has taken the old one's place.</summary>
    public void NoteSwitched() => isSwitched = true;

    /// <summary>The same events. Once it was told to stop, no step begins that touches what is there: who left it counts on that.</summary>
    public RestoreEvents EventsUntil(CancellationToken stop) => events with
    {
        Step = step =>
        {
            stage = step.Stage;
            if (step.Stage is RestoreStage.Settle or RestoreStage.MoveAside or RestoreStage.Replace)
                stop.ThrowIfCancellationRequested();
            events.Step(step);
        },
    };

    /// <summary>Leaves it, which was told to stop and has not: starts the service if it was stopped and what is there is known, and says what is left.</summary>
    /// <param name="work">The restore itself. While it runs the commands of the service it does not hang: they have a limit of their own.</param>
    /// <returns>Null when it ended after all.</returns>
    public async Task<BackupException?> LeaveAsync(Task work, BackupException hung)
    {
        if (await Service.HasBegunToStartAsync(work))
            return work.IsCompleted ? null : Left(hung, StateOf(), Service.StartCommands.Count > 0 ? "; whether its service runs is not known" : "", hung.Hint);
        if (IsUnknown)
        {
            var start = Service.StartCommands is { Count: > 0 } commands ? $"; its service was not started, do so afterwards: {string.Join("; ", commands)}" : "";
            return Left(hung, StateOf(), service: "", $"{hung.Hint}; then look which one is there ({preview.Target.LookCommand}){start}", FailureKind.Restore);
        }

        var wasStopped = Service.IsStopped;
        var notStarted = await Service.StartAsync(always: isSwitched);
        return notStarted is null
            ? Left(hung, StateOf(), wasStopped ? "; its service was started again" : "", hung.Hint)
            : Left(hung, StateOf(), $", but its service was not started again: {notStarted.Message}", $"{hung.Hint}; {notStarted.Hint}", FailureKind.Restore);
    }

    /// <summary>Between these two steps the old one, its companions and the new one change places.</summary>
    private bool IsUnknown => !isSwitched && stage is RestoreStage.Settle or RestoreStage.MoveAside or RestoreStage.Replace;

    private string StateOf()
    {
        var (noun, target) = (preview.Request.Source.Noun.English, preview.Target);
        var old = preview.SafetyCopy is { } safety ? $"; the old one is kept as '{safety}'" : "";
        if (isSwitched)
            return $"the {noun} IS restored to '{target.Location}'{old}";
        if (IsUnknown)
            return $"the old {noun} or the restored one is at '{target.Location}', and nobody can tell which{old}";
        var left = $"'{target.UnfinishedForm}' may be left beside it, which the next restore removes";
        return preview.SafetyCopy is null ? $"nothing was put at '{target.Location}'; {left}"
            : $"the old {noun} is untouched; {left}{(stage == RestoreStage.Save ? $", and a safety copy '{preview.SafetyCopy}'" : "")}";
    }

    private static BackupException Left(BackupException hung, string state, string service, string hint, FailureKind? kind = null) => new(kind ?? hung.Kind, $"{hung.Message}; {state}{service}", hint, hung);
}
