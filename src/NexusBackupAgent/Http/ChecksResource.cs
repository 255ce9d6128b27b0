using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using NexusBackupAgent.Access;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Http;

/// <summary>What proves backups, and what removes those past their retention: <c>verify</c>, <c>drill</c>, <c>prune</c>.</summary>
internal static class ChecksResource
{
    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapPost("verify", VerifyAsync).Needs(Role.Operator).Described("Read backups back", "The newest of each source, all of them, or one. What is corrupt is set aside.")
            .Produces<BegunDocument>(StatusCodes.Status202Accepted).Produces<IReadOnlyList<BackupDocument>>().Problems(400, 404, 409, 413, 415, 500, 503, 507);
        api.MapPost("drill", DrillAsync).Needs(Role.Operator).Described("Practise a restore", "Of the newest good backup, into scratch space.")
            .Produces<BegunDocument>(StatusCodes.Status202Accepted).Produces<IReadOnlyList<DrillDocument>>().Problems(400, 404, 409, 413, 415, 500, 503, 507);
        api.MapPost("prune", PruneAsync).Needs(Role.Viewer).Described("Apply retention", "dryRun tells what would go and why; without it, an admin removes it.")
            .Produces<IReadOnlyList<DecisionDocument>>().Problems(400, 403, 404, 409, 413, 415, 500, 503);
    }

    private static async Task<IResult> VerifyAsync(VerifyRequest? verify, bool? wait, Agent agent, Caller caller, LiveRuns runs, CancellationToken cancellationToken)
    {
        if (verify is { Id: not null, All: true })
            throw new BackupException(FailureKind.Configuration, "id and all exclude each other", "send one of them");
        var troubles = new List<ChoiceTrouble>();
        var sources = caller.Choose(agent, verify?.Source);
        var chosen = verify?.Id is { } id
            ? [await BackupsResource.FindAsync(id, agent, caller, cancellationToken)]
            : await new BackupChoice(sources, verify?.All ?? false, troubles.Add).ChooseAsync(verify?.Source is { } name ? [name] : [], cancellationToken);
        if (chosen.Count == 0)
        {
            var why = troubles.Find(trouble => trouble.Hint is not null) ?? troubles.FirstOrDefault();
            throw new BackupException(why?.Code == ExitCode.VerificationFailed ? FailureKind.Verification : FailureKind.NotFound, why?.Message ?? "there is no backup to verify", why?.Hint ?? "make one: POST /api/v1/backup");
        }

        return await runs.AnswerAsync<BackupDocument>([.. chosen.Select(one => Start(one.Source, one.Backup))], wait ?? false, cancellationToken);

        LiveRun Start(ProtectedSource source, Backup backup) => runs.Start(OperationKind.Verification, source.Name, caller, async (run, stopping) =>
        {
            var patience = chosen.Count > 1 ? source.TimeLimit : LiveRuns.Patience; // they wait for each other
            var verified = await agent.Verifications.VerifyAsync(source, backup, patience, run, stopping, run.Asker);
            return new RunEnd(BackupDocument.OfVerified(source.Catalog, verified), verified.State == BackupState.Good ? null : new RunFailure(
                FailureKind.Verification, $"backup '{source.Catalog.Locate(backup.File)}' of '{source.Name}' is {(verified.HasBrokenChain ? "not restorable" : "corrupt")}: {verified.Objection}", $"make a new one: nexus-backup backup '{source.Name}'"));
        }, besideOthers: chosen.Count > 1);
    }

    private static async Task<IResult> DrillAsync(SourceRequest? drill, bool? wait, Agent agent, Caller caller, LiveRuns runs, CancellationToken cancellationToken)
    {
        var sources = caller.Choose(agent, drill?.Source);
        if (sources.Count == 0)
            throw SourceChoice.Nothing(toDo: "practise with");
        return await runs.AnswerAsync<DrillDocument>([.. sources.Select(source => Start(source.Source))], wait ?? false, cancellationToken);

        LiveRun Start(ProtectedSource source) => runs.Start(OperationKind.Drill, source.Name, caller, async (run, stopping) =>
        {
            var practised = await agent.Drills.RunAsync(source, run, LiveRuns.Patience, stopping, run.Asker);
            return new RunEnd(DrillDocument.Of(source, practised), practised.Operation.Failure);
        });
    }

    private static async Task<IResult> PruneAsync(PruneRequest? prune, Agent agent, Caller caller, AccessSettings access, LiveRuns runs, CancellationToken cancellationToken)
    {
        var isDry = prune?.DryRun ?? false;
        if (!isDry && caller.Role != Role.Admin)
            return access.IsEmpty
                ? Problems.Of(StatusCodes.Status403Forbidden, Login.OnlyReading, Login.ConfigureUsers)
                : Problems.Of(StatusCodes.Status403Forbidden, $"'{caller.User}' is {caller.Role?.Word()}, and removing backups takes {Role.Admin.Word()}", "send dryRun: true to see what would go");
        var documents = new List<DecisionDocument>();
        foreach (var source in caller.Choose(agent, prune?.Source).Select(source => source.Source))
        {
            PruneRecord record;
            if (isDry)
            {
                record = await agent.Prunings.PlanAsync(source, cancellationToken);
            }
            else
            {
                var run = runs.Start(OperationKind.Prune, source.Name, caller, async (run, stopping) => new RunEnd(await agent.Prunings.RunAsync(source, LiveRuns.Patience, stopping, run.Asker), Failure: null));
                var end = await run.Ended.WaitAsync(cancellationToken);
                if (end.Failure is { } failure)
                    return Problems.Of(failure, Problems.StatusOf(failure.Kind), ExitCodes.Of(failure.Kind), [runs.Describe(run)]);
                record = (PruneRecord)end.Document!;
                if (record.Refusal is { } refusal)
                    throw new RefusedRequest(StatusCodes.Status409Conflict, refusal.Kind, refusal.Message, refusal.Hint);
            }

            documents.AddRange(record.Decisions.Select(decision => DecisionDocument.Of(source.Catalog, decision, record.Removed.Contains(decision.Backup))));
        }

        return TypedResults.Ok<IReadOnlyList<DecisionDocument>>(documents);
    }
}
