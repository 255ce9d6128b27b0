using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;
using NexusBackupAgent.Access;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Http;

/// <summary>The backups, and what makes one.</summary>
internal static partial class BackupsResource
{
    private const int MostListed = 1000;
    private const int UsuallyListed = 100;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("backups", ListAsync).Needs(Role.Viewer).Described("List the backups", $"Newest first, as nexus-backup list --json has them. limit: 1 to {MostListed}, {UsuallyListed} by default; after: the id of the last one of the page before; the header Link names the next page, X-Total-Count tells how many there are.").Problems(400, 404, 503);
        api.MapGet("backups/{id}", OneAsync).Needs(Role.Viewer).Described("One backup", "With its checks, its chain and the commands to restore it by hand.").Problems(404, 503);
        api.MapGet("backups/{id}/contents", ContentsAsync).Needs(Role.Operator).Described("List the files of a backup", $"Of a source that consists of files, in the order of their paths. pattern: a path, a directory, or a pattern such as *.conf; limit: 1 to {MostListed}, {UsuallyListed} by default; offset: how many are passed over; the header Link names the next page, X-Total-Count tells how many there are.").Problems(400, 404, 503);
        api.MapGet("backups/{id}/artifact", ArtifactAsync).Needs(Role.Operator).Described("Fetch the stored file", "As it lies in the store; takes Range.").Streams("application/octet-stream").Problems(404, 503);
        api.MapGet("backups/{id}/sha256", ChecksumAsync).Needs(Role.Operator).Described("Fetch its .sha256 file", "For sha256sum -c beside the stored file; takes Range.").Streams("text/plain").Problems(404, 503);
        api.MapPost("backup", BackUpAsync).Needs(Role.Operator).Described("Back up now", "One source, or every source without a body. Answers 202 with the runs; with ?wait=true what came of them.")
            .Produces<BegunDocument>(StatusCodes.Status202Accepted).Produces<IReadOnlyList<RunDocument>>().Problems(400, 404, 409, 413, 415, 503, 507);
    }

    private static async Task<Results<Ok<IReadOnlyList<BackupDocument>>, ProblemHttpResult>> ListAsync(
        string? source, string? schedule, string? state, int? limit, string? after, HttpContext context, Agent agent, Caller caller, CancellationToken cancellationToken)
    {
        if (Problems.OfNumber("limit", limit, MostListed) is { } wrong)
            return wrong;
        var most = limit ?? UsuallyListed;
        var wanted = EnumWord.Of<BackupState>(state);
        if (state is not null && wanted is null)
            return Problems.Of(StatusCodes.Status400BadRequest, $"'{state}' is no state of a backup", $"one of: {EnumWord.All<BackupState>()}");

        var listed = new List<(ProtectedSource Source, Backup Backup, BackupHolders? Holders)>();
        foreach (var chosen in caller.Choose(agent, source))
        {
            var listing = await agent.States.ListAsync(chosen, withOrphans: false, mayTake: false, cancellationToken);
            if (listing.Failure is { } failure && source is not null)
                throw failure;
            var holders = await BackupHolders.FindAsync(chosen.Source, async copy => (await agent.States.ListAsync(chosen.Source, copy, withOrphans: false, mayTake: false, cancellationToken)).Backups);
            listed.AddRange((listing.Backups ?? []).Where(backup => (schedule is null || backup.Schedule == schedule) && (wanted is null || backup.State == wanted)).Select(backup => (chosen.Source, backup, holders)));
        }

        var ordered = listed.OrderByDescending(one => one.Backup.CapturedAt).ThenByDescending(one => one.Backup.Id.Value, StringComparer.Ordinal).ToList();
        var start = after is null ? 0 : ordered.FindIndex(one => one.Backup.Id.Value == after) + 1;
        if (after is not null && start == 0)
            throw new BackupException(FailureKind.NotFound, $"there is no backup '{after}' to go on after", "begin with the first page: it may have been pruned meanwhile");
        var page = ordered.Skip(start).Take(most).ToList();
        context.Response.Headers["X-Total-Count"] = $"{ordered.Count}";
        if (start + page.Count < ordered.Count)
            context.Response.Headers.Link = $"<{NextPage(context.Request, "after", page[^1].Backup.Id.Value)}>; rel=\"next\"";
        return TypedResults.Ok<IReadOnlyList<BackupDocument>>([.. page.Select(one => BackupDocument.Of(one.Source.Catalog, one.Backup) with { Stores = one.Holders?.Of(one.Backup) })]);
    }

    private static string NextPage(HttpRequest request, string key, string from) =>
        request.Path + QueryString.Create([.. request.Query.Where(part => part.Key != key).SelectMany(part => part.Value.Select(value => KeyValuePair.Create(part.Key, value))), KeyValuePair.Create(key, (string?)from)]);

    private static async Task<Ok<StoredBackupDocument>> OneAsync(string id, Agent agent, Caller caller, CancellationToken cancellationToken)
    {
        var (source, backup) = await FindAsync(id, agent, caller, cancellationToken);
        IReadOnlyList<string> chain = [.. backup.Chain.Reverse().Select(link => link.File)];
        return TypedResults.Ok(StoredBackupDocument.Of(source.Catalog, backup, source.Source.HasFiles,
        [
            .. chain.Select(file => $"sha256sum -c {ToolProcess.Line([BackupFiles.Checksum(file)])}"),
            .. source.Source.CommandsByHand(chain),
        ]));
    }

    private static async Task<Results<Ok<IReadOnlyList<ContentDocument>>, ProblemHttpResult>> ContentsAsync(
        string id, string? pattern, int? limit, int? offset, HttpContext context, Agent agent, Caller caller, CancellationToken cancellationToken)
    {
        if (Problems.OfNumber("limit", limit, MostListed) is { } wrong)
            return wrong;
        if (offset < 0)
            return Problems.Of(StatusCodes.Status400BadRequest, "offset is below 0", "write for example offset=100");
        var (source, backup) = await FindAsync(id, agent, caller, cancellationToken);
        var (page, most, count) = (new List<ContentDocument>(), limit ?? UsuallyListed, 0);
        await foreach (var file in BackupContents.Read(source.Source, source.Catalog, backup, pattern is "" ? null : pattern, cancellationToken))
        {
            if (count++ >= (offset ?? 0) && page.Count < most)
                page.Add(ContentDocument.Of(file));
        }

        context.Response.Headers["X-Total-Count"] = $"{count}";
        if ((offset ?? 0) + page.Count is var next && next < count)
            context.Response.Headers.Link = $"<{NextPage(context.Request, "offset", $"{next}")}>; rel=\"next\"";
        return TypedResults.Ok<IReadOnlyList<ContentDocument>>(page);
    }

    private static async Task<IResult> ArtifactAsync(string id, HttpContext context, Agent agent, Caller caller, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var (source, backup) = await FindAsync(id, agent, caller, cancellationToken);
        if (!HttpMethods.IsHead(context.Request.Method) && context.Request.Headers.Range.Count == 0)
            Fetched(loggers.CreateLogger(nameof(BackupsResource)), caller.User ?? "", caller.Address, source.Name, backup.File);
        var tag = backup.Manifest.IsCommitted ? new EntityTagHeaderValue($"\"{backup.Manifest.Stored.Sha256}\"") : null;
        return TypedResults.Stream(await source.Catalog.OpenReadAsync(backup.File, cancellationToken), "application/octet-stream", backup.File, backup.Artifact.ModifiedAt, tag, enableRangeProcessing: true);
    }

    private static async Task<IResult> ChecksumAsync(string id, Agent agent, Caller caller, CancellationToken cancellationToken)
    {
        var (source, backup) = await FindAsync(id, agent, caller, cancellationToken);
        var file = BackupFiles.Checksum(backup.File);
        return TypedResults.Stream(await source.Catalog.OpenReadAsync(file, cancellationToken), "text/plain; charset=utf-8", file, enableRangeProcessing: true);
    }

    private static async Task<IResult> BackUpAsync(BackupRequest? backup, bool? wait, Agent agent, Caller caller, LiveRuns runs, CancellationToken cancellationToken)
    {
        var type = backup?.Type is not { } word ? BackupType.Full : EnumWord.Of<BackupType>(word) ?? throw new BackupException(
            FailureKind.Configuration, $"'{word}' is not a type of backup", $"write one of: {EnumWord.All<BackupType>()}");
        var sources = caller.Choose(agent, backup?.Source);
        if (sources.Count == 0)
            throw SourceChoice.Nothing(toDo: "back up");
        return await runs.AnswerAsync<RunDocument>([.. sources.Select(source => Start(source.Source))], wait ?? false, cancellationToken);

        LiveRun Start(ProtectedSource source) => runs.Start(OperationKind.Backup, source.Name, caller, async (run, stopping) =>
        {
            var record = await agent.Backups.RunAsync(source, BackupManifest.ManualSchedule, type, LiveRuns.Patience, run, stopping, run.Asker);
            return new RunEnd(RunDocument.Of(source.Catalog, record), record.Failure, record.Result == RunResult.Skipped);
        }, BackupManifest.ManualSchedule, type.Word());
    }

    /// <summary>The backup of an identity: nothing that is sent becomes part of a path.</summary>
    /// <exception cref="BackupException">There is none that the caller may see.</exception>
    internal static async Task<(ProtectedSource Source, Backup Backup)> FindAsync(string id, Agent agent, Caller caller, CancellationToken cancellationToken)
    {
        foreach (var source in caller.SourcesOf(agent))
        {
            var listing = await agent.States.ListAsync(source, withOrphans: false, mayTake: false, cancellationToken);
            if (listing.Backups?.FirstOrDefault(backup => backup.Id.Value == id) is { } found)
                return (source.Source, found);
        }

        throw new BackupException(FailureKind.NotFound, $"there is no backup '{id}'", "GET /api/v1/backups lists them");
    }

    [LoggerMessage(EventId = 4012, EventName = "artifact_fetched", Level = LogLevel.Information, Message = "{User} from {Address} fetches a backup of {Source}: {File}")]
    private static partial void Fetched(ILogger logger, string user, string address, string source, string file);
}
