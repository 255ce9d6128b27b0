using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using NexusBackupAgent.Access;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Http;

/// <summary>How the sources are: <c>status</c>, <c>sources</c>, <c>schedules</c>.</summary>
internal static class SourcesResource
{
    private const int MostDays = 400;
    private const int UsualDays = 84;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("status", StatusAsync).Needs(Role.Viewer).Described("Status", "The document of nexus-backup status --json.").Problems(503);
        api.MapGet("sources", ListAsync).Needs(Role.Viewer).Described("List the sources", "Each with its level, its newest good backup and its schedules. lang: en or ja, of the reasons.").Problems(400, 503);
        api.MapGet("sources/{source}", OneAsync).Needs(Role.Viewer).Described("One source", "As the list has it.").Problems(400, 404, 503);
        api.MapGet("sources/{source}/days", DaysAsync).Needs(Role.Viewer).Described("The days of a source", $"One state for each of the last days in the configured zone, oldest first (the runbook's daily review). count: 1 to {MostDays}, {UsualDays} by default.").Problems(400, 404, 503);
        api.MapGet("schedules", SchedulesAsync).Needs(Role.Viewer).Described("List the schedules", "Of every source, with the next run.").Problems(503);
    }

    private static async Task<Ok<StatusDocument>> StatusAsync(Agent agent, Caller caller, CancellationToken cancellationToken)
    {
        var look = await agent.States.ReadAsync(agent.Scheduler, cancellationToken);
        var sources = await look.OfAllAsync(caller.SourcesOf(agent), cancellationToken);
        return TypedResults.Ok(StatusDocument.Of(look.Agent, sources, agent.Commands, agent.Turns.IsUnderWay, await look.ForecastAsync(sources, agent.Roster.Current, cancellationToken)));
    }

    private static async Task<Ok<IReadOnlyList<OverviewDocument>>> ListAsync(string? lang, HttpContext context, Agent agent, Caller caller, CancellationToken cancellationToken) =>
        TypedResults.Ok(await ReadAsync(agent, caller.SourcesOf(agent), Caller.LanguageOf(context, lang), cancellationToken));

    private static async Task<Ok<OverviewDocument>> OneAsync(string source, string? lang, HttpContext context, Agent agent, Caller caller, CancellationToken cancellationToken) =>
        TypedResults.Ok((await ReadAsync(agent, caller.Choose(agent, source), Caller.LanguageOf(context, lang), cancellationToken))[0]);

    private static async Task<Ok<IReadOnlyList<ScheduleDocument>>> SchedulesAsync(Agent agent, Caller caller, CancellationToken cancellationToken)
    {
        var look = await agent.States.ReadAsync(agent.Scheduler, cancellationToken);
        return TypedResults.Ok<IReadOnlyList<ScheduleDocument>>([.. (await look.OfAllAsync(caller.SourcesOf(agent), cancellationToken)).SelectMany(ScheduleDocument.Of)]);
    }

    private static async Task<Results<Ok<IReadOnlyList<DayDocument>>, ProblemHttpResult>> DaysAsync(string source, int? count, Agent agent, Caller caller, CancellationToken cancellationToken)
    {
        if (Problems.OfNumber("count", count, MostDays) is { } wrong)
            return wrong;
        var chosen = caller.Choose(agent, source)[0];
        var look = await agent.States.ReadAsync(agent.Scheduler, cancellationToken);
        return TypedResults.Ok(DaysOf(await look.OfAsync(chosen, cancellationToken), agent.Journal, count ?? UsualDays));
    }

    private static async Task<IReadOnlyList<OverviewDocument>> ReadAsync(Agent agent, IReadOnlyList<ScheduledSource> sources, Language language, CancellationToken cancellationToken)
    {
        var look = await agent.States.ReadAsync(agent.Scheduler, cancellationToken);
        var running = agent.Journal.Open(OperationKind.Backup).GroupBy(run => run.Source, StringComparer.Ordinal).ToDictionary(runs => runs.Key, runs => runs.Max(run => run.Id), StringComparer.Ordinal);
        var states = await look.OfAllAsync(sources, cancellationToken);
        var forecasts = await look.ForecastAsync(states, agent.Roster.Current, cancellationToken);
        return [.. states.Select(state => OverviewDocument.Of(look.Agent, state, running.TryGetValue(state.Name, out var id) ? id : null, forecasts.GetValueOrDefault(state.Store.Name), language))];
    }

    private static IReadOnlyList<DayDocument> DaysOf(SourceState source, OperationJournal journal, int count)
    {
        var zone = source.Source.Source.Zone;
        DateOnly DayOf(DateTimeOffset instant) => DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(instant, zone).DateTime);
        var today = DayOf(source.Now);
        var first = today.AddDays(1 - count);
        var runs = journal.EndedBackups(source.Name, source.Now - TimeSpan.FromDays(count + 1)).ToLookup(run => DayOf(run.At), run => run.Succeeded);
        var backups = source.Backups.ToLookup(backup => DayOf(backup.CapturedAt), backup => backup.State);
        var missing = source.Reviews.SelectMany(review => review.Missing).Select(DayOf).ToHashSet();
        return [.. Enumerable.Range(0, count).Select(first.AddDays).Select(day => new DayDocument(
            day.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture), StateOf([.. runs[day]], [.. backups[day]], missing.Contains(day)), runs[day].Count(), runs[day].Count(succeeded => !succeeded)))];
    }

    private static string StateOf(IReadOnlyList<bool> runs, IReadOnlyList<BackupState> backups, bool isMissing) => (runs, backups) switch
    {
        _ when backups.Any(state => state is BackupState.Corrupt or BackupState.Quarantined) => "corrupt",
        _ when backups.Contains(BackupState.Good) || runs.Contains(true) => isMissing ? "missing" : "good",
        _ when runs.Count > 0 => "failed",
        _ => isMissing ? "missing" : "none",
    };
}
