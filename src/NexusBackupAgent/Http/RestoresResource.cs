using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using NexusBackupAgent.Access;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Http;

/// <summary>What somebody saw and may carry out.</summary>
/// <param name="User">Only he may.</param>
internal sealed record PlannedRestore(string Id, DateTimeOffset ExpiresAt, string? User, ScheduledSource Source, RestoreWish Wish, string? To, RestorePreview Preview)
{
    /// <summary>Whether what would be done now is what was seen.</summary>
    /// <exception cref="BackupException">It is not.</exception>
    public void Require(RestorePreview now)
    {
        var why = now switch
        {
            _ when now.Chosen.Backup.Id != Preview.Chosen.Backup.Id => $"it was to restore {Preview.Chosen.Backup.File}, and now it would be {now.Chosen.Backup.File}",
            _ when now.Chosen.Backup.Artifact != Preview.Chosen.Backup.Artifact => $"{Preview.Chosen.Backup.File} was changed since",
            _ when now.Chosen.StateOf != Preview.Chosen.StateOf => $"it was to be the state of {JsonTime.Utc(Preview.Chosen.StateOf)}, and now it would be that of {JsonTime.Utc(now.Chosen.StateOf)}",
            _ when now.Target.Location != Preview.Target.Location => $"it was to restore to {Preview.Target.Location}, and now it would be {now.Target.Location}",
            _ when (now.SafetyCopy is null) != (Preview.SafetyCopy is null) => now.SafetyCopy is null ? "what was to be replaced is gone" : "something has taken the place where nothing was",
            _ => null,
        };
        if (why is not null)
            throw new RefusedRequest(StatusCodes.Status409Conflict, FailureKind.Restore, $"the plan no longer holds: {why}", "make a new plan, and look at it");
    }
}

/// <summary>The plans that may still be carried out.</summary>
internal sealed class RestorePlans(TimeProvider timeProvider)
{
    private const int Most = 100;

    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, PlannedRestore> plans = new(StringComparer.Ordinal);

    public PlannedRestore Keep(Caller caller, ScheduledSource source, RestoreWish wish, string? to, RestorePreview preview)
    {
        var now = timeProvider.GetUtcNow();
        foreach (var old in plans.Values.Where(plan => plan.ExpiresAt <= now).Concat(plans.Values.OrderByDescending(plan => plan.ExpiresAt).Skip(Most)))
            plans.TryRemove(old.Id, out _);
        var kept = new PlannedRestore(RandomNumberGenerator.GetHexString(32, lowercase: true), now + Lifetime, caller.User, source, wish, to, preview);
        plans[kept.Id] = kept;
        return kept;
    }

    /// <summary>Finds a plan of the caller.</summary>
    /// <returns>Null when there is none, or it has expired.</returns>
    public PlannedRestore? Find(string id, Caller caller) =>
        plans.TryGetValue(id, out var plan) && plan.User == caller.User && plan.ExpiresAt > timeProvider.GetUtcNow() ? plan : null;

    /// <summary>Takes it, so that nobody carries it out twice.</summary>
    public bool Take(PlannedRestore plan) => plans.TryRemove(plan.Id, out _);
}

/// <summary>Restores, in two steps: a plan to look at, then that plan and no other.</summary>
internal static class RestoresResource
{
    private const int MostChanges = 1000;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapPost("restore/plan", PlanAsync).Needs(Role.Admin).Described("Plan a restore", "Touches nothing. id: one backup; at: the newest captured at or before that time, or, within one of the source's recoveryWindows, exactly that instant; neither: the newest good one. to: an absolute path on the agent's host, or of a database on a server the name of a new one, instead of the live source. tablespaces: of a cluster, another directory for each that is not to go where it was, by its old one: {\"/srv/fast\": \"/srv/restored_fast\"}; the plan names all. Of directories: paths, the files or patterns that are restored (all without); delete, whether what was not backed up goes; owner, user:group. The plan holds for 10 minutes.")
            .Problems(400, 404, 413, 415, 500, 503);
        api.MapPost("restore", RestoreAsync).Needs(Role.Admin).Described("Carry out a plan", "By its id. A plan that no longer holds is refused (409). force and confirm, the source's name, where something is replaced.")
            .Produces<BegunDocument>(StatusCodes.Status202Accepted).Produces<IReadOnlyList<RestoreDocument>>().Problems(400, 404, 409, 413, 415, 500, 503, 507);
    }

    private static async Task<Ok<PlannedDocument>> PlanAsync(RestorePlanRequest plan, Agent agent, Caller caller, RestorePlans plans, CancellationToken cancellationToken)
    {
        var source = caller.Choose(agent, plan.Source)[0];
        var wish = WishOf(plan, source.Source.Zone);
        var to = plan.To is { } written ? source.Source.Source.PlaceOf(written, directory: null) : null;
        var preview = await agent.Restores.PreviewAsync(source.Source, wish, to, force: true, cancellationToken);
        var drill = (await (await agent.States.ReadAsync(agent.Scheduler, cancellationToken)).OfAsync(source, cancellationToken)).LastDrill;
        var kept = plans.Keep(caller, source, ExactlyOf(preview), to, preview);
        var document = RestoreDocument.Of(preview, drill, preview.Impossible is null ? await RestoreChanges.ReadAsync(preview, MostChanges, cancellationToken) : null);
        return TypedResults.Ok(new PlannedDocument(kept.Id, JsonTime.Utc(kept.ExpiresAt), document with { Plan = document.Plan! with { NeedsForce = preview.SafetyCopy is not null } }));
    }

    private static async Task<IResult> RestoreAsync(RestoreOrder order, bool? wait, Agent agent, Caller caller, RestorePlans plans, LiveRuns runs, CancellationToken cancellationToken)
    {
        var plan = plans.Find(order.PlanId, caller) ?? throw new RefusedRequest(StatusCodes.Status404NotFound, FailureKind.NotFound, "there is no such plan, or it was carried out or has expired", "make a new plan: POST /api/v1/restore/plan");
        var source = plan.Source.Source;
        if (plan.Preview.SafetyCopy is not null)
        {
            if (!order.Force)
                throw new RefusedRequest(StatusCodes.Status409Conflict, FailureKind.Restore, $"'{plan.Preview.Target.Location}' exists, and force is not set", $"force: true replaces it and keeps the old one as {plan.Preview.SafetyCopy}");
            if (order.Confirm != source.Name)
                throw new RefusedRequest(StatusCodes.Status400BadRequest, FailureKind.Configuration, "confirm is not the name of the source whose data is replaced", $"send confirm: \"{source.Name}\"");
        }

        plan.Require(await agent.Restores.PreviewAsync(source, plan.Wish, plan.To, order.Force, cancellationToken));
        if (!plans.Take(plan))
            throw new RefusedRequest(StatusCodes.Status409Conflict, FailureKind.Restore, "the plan is being carried out already", "watch it: GET /api/v1/runs");
        var run = runs.Start(OperationKind.Restore, source.Name, caller, async (run, stopping) =>
        {
            var passedOver = new List<RestoreCandidate>();
            var events = new RestoreEvents(_ => { }, (done, total) => run.Report(new RunProgress(RunStage.Verify, done, total)), _ => { }, passedOver.Add);
            var record = await agent.Restores.RestoreAsync(
                source, new RestoreWish(plan.Preview.Chosen.Backup.Id.Value, plan.Preview.Chosen.Instant?.At) { Choices = plan.Wish.Choices }, plan.To, order.Force, LiveRuns.Patience, events, stopping, run.Asker, plan.Require);
            return new RunEnd(RestoreDocument.Of(source.Name, record, passedOver, agent.TimeProvider.GetUtcNow()), record.Operation.Failure);
        });
        return await runs.AnswerAsync<RestoreDocument>([run], wait ?? false, cancellationToken);
    }

    /// <summary>What was shown. A backup that is made meanwhile makes the last known instant of a minute no other one.</summary>
    private static RestoreWish ExactlyOf(RestorePreview preview) => preview.Request.Wish is { At: not null } wish && preview.Request.Source.RecoversToInstants
        ? wish with { At = preview.Chosen.StateOf, AtFrom = null }
        : preview.Request.Wish;

    private static PlaceMove MoveOf(string from, string to) => PlaceMove.IsPlace(from) && PlaceMove.IsPlace(to)
        ? new PlaceMove(from.TrimEnd('/'), to)
        : throw new BackupException(FailureKind.Configuration, $"tablespaces: '{from}' to '{to}' is no move from one absolute path without .. to another", "write for example {\"/srv/fast\": \"/srv/restored_fast\"}");

    private static RestoreWish WishOf(RestorePlanRequest plan, TimeZoneInfo zone)
    {
        if (plan is { Id: not null, At: not null })
            throw new BackupException(FailureKind.Configuration, "id and at exclude each other", "send one of them");
        var choices = new RestoreChoices
        {
            Moves = [.. (plan.Tablespaces ?? new Dictionary<string, string>(StringComparer.Ordinal)).Select(move => MoveOf(move.Key, move.Value))],
            Paths = plan.Paths ?? [],
            Deletes = plan.Delete,
            Owner = plan.Owner,
        };
        return (plan.At is not { } at ? new RestoreWish(plan.Id) : RestoreTime.Parse(at, zone) ?? throw new BackupException(
            FailureKind.Configuration, $"at '{at}' is no time", "write 2026-02-14, 2026-02-14 02:00 in the configured zone, or 2026-02-13T17:00:00Z")) with { Choices = choices };
    }
}
