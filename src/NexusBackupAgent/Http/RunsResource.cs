using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using NexusBackupAgent.Access;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Http;

/// <summary>What was done, and what is being done; and what reads backups back.</summary>
internal static class RunsResource
{
    private const int MostListed = 500;
    private const int UsuallyListed = 50;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("runs", List).Needs(Role.Viewer).Described("List what was done", $"Backups, verifications, drills, restores and prunes, newest first. kind: one of these; limit: 1 to {MostListed}, {UsuallyListed} by default; before: the number of the last one of the page before.").Problems(400, 404, 503);
        api.MapGet("runs/{id}", One).Needs(Role.Viewer).Described("One of them", "With its attempts, and while it is at work how far it is.").Problems(404, 503);
        api.MapGet("runs/{id}/events", Events).Needs(Role.Viewer).Described("Watch one", "Server-sent events, whoever began it: progress, and at the end end with the run. Comments in between keep a proxy from ending it. What another process has at work tells no progress.").Produces<string>(StatusCodes.Status200OK, "text/event-stream").Problems(404, 503);
    }

    private static Results<Ok<IReadOnlyList<OperationDocument>>, ProblemHttpResult> List(string? source, string? kind, int? limit, long? before, Agent agent, Caller caller, LiveRuns runs)
    {
        if (Problems.OfNumber("limit", limit, MostListed) is { } wrong)
            return wrong;
        var wanted = EnumWord.Of<OperationKind>(kind);
        if (kind is not null && wanted is null)
            return Problems.Of(StatusCodes.Status400BadRequest, $"'{kind}' is no kind of run", "one of: backup, verification, drill, restore, prune, quarantine");
        if (source is not null)
            caller.Choose(agent, source);
        var only = source ?? caller.Source;
        IEnumerable<OperationDocument> waiting = before is null ? runs.Open.Where(run => run.Number is null && (only is null || run.Source == only) && (wanted is null || run.Kind == wanted)).Select(runs.Describe) : [];
        return TypedResults.Ok<IReadOnlyList<OperationDocument>>([.. waiting, .. agent.Journal.Newest(only, wanted, limit ?? UsuallyListed, before ?? long.MaxValue).Select(OperationDocument.Of)]);
    }

    private static Ok<OperationDocument> One(string id, Agent agent, Caller caller, LiveRuns runs)
    {
        var document = Find(id, agent, caller, runs).Document;
        return TypedResults.Ok(long.TryParse(document.Id, out var number) && document.Kind == OperationKind.Backup.Word()
            ? document with { Attempts = [.. agent.Journal.Attempts(number).Select(AttemptDocument.Of)] }
            : document);
    }

    private static EventStream Events(string id, Agent agent, Caller caller, LiveRuns runs, CancellationToken cancellationToken)
    {
        var (_, live) = Find(id, agent, caller, runs);
        return new EventStream(live is null ? Look(id, agent, caller, runs, cancellationToken) : Watch(live, runs, agent.TimeProvider, cancellationToken), agent.TimeProvider);
    }

    private static async IAsyncEnumerable<SseItem<string>> Watch(LiveRun run, LiveRuns runs, TimeProvider timeProvider, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var last = timeProvider.GetTimestamp();
        var isFirst = true;
        while (!run.Ended.IsCompleted)
        {
            var moved = run.Moved;
            if (run.Progress is { } progress && (isFirst || timeProvider.GetElapsedTime(last) >= Interval))
            {
                (last, isFirst) = (timeProvider.GetTimestamp(), false);
                yield return Of(progress);
            }

            await Task.WhenAny(moved, run.Ended).WaitAsync(cancellationToken);
        }

        yield return End(runs.Describe(run));
    }

    /// <summary>One that a schedule or a command began: the journal tells when it has ended, and how far it is what this process has of it.</summary>
    private static async IAsyncEnumerable<SseItem<string>> Look(string id, Agent agent, Caller caller, LiveRuns runs, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, runs.Stopping);
        ProgressDocument? told = null;
        while (true)
        {
            var document = Find(id, agent, caller, runs).Document;
            if (document.EndedAt is not null)
            {
                yield return End(document);
                yield break;
            }

            var meter = agent.MeterOf(long.Parse(document.Id, System.Globalization.CultureInfo.InvariantCulture));
            if (meter is not null && ProgressDocument.Of(meter) is { } progress && (progress.Stage, progress.Bytes) != (told?.Stage, told?.Bytes))
                yield return Of(told = progress);
            await Task.Delay(meter is null ? LookInterval : Interval, agent.TimeProvider, either.Token);
        }
    }

    private static SseItem<string> Of(ProgressDocument progress) => new(JsonSerializer.Serialize(progress, JsonDocuments.InOneLine.ProgressDocument), "progress");

    private static SseItem<string> End(OperationDocument document) => new(JsonSerializer.Serialize(document, JsonDocuments.InOneLine.OperationDocument), "end");

    private static (OperationDocument Document, LiveRun? Live) Find(string id, Agent agent, Caller caller, LiveRuns runs)
    {
        var live = runs.Find(id);
        var document = live is not null ? runs.Describe(live)
            : long.TryParse(id, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number) && agent.Journal.Find(number) is { } operation ? OperationDocument.Of(operation) with { Progress = agent.MeterOf(number) is { } meter ? ProgressDocument.Of(meter) : null }
            : null;
        return document is not null && (caller.Source is null || document.Source == caller.Source)
            ? (document, live)
            : throw new BackupException(FailureKind.NotFound, $"there is no run '{id}'", "GET /api/v1/runs lists them");
    }
}
