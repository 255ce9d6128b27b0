using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Http;

/// <param name="Name">The source.</param>
/// <param name="LastSuccess">Capture time of its newest good backup, UTC; null when there is none.</param>
/// <param name="AgeSeconds">That backup's age; null when there is none.</param>
/// <param name="LastRunSuccess">Whether its last run succeeded; null when none ended.</param>
/// <param name="ConsecutiveFailures">Failed runs since the last success.</param>
/// <param name="Running">Whether a run is under way.</param>
/// <param name="NextRun">When it runs next, UTC; null when nothing is scheduled.</param>
/// <param name="Error">Why its backups can't be listed; null when they can.</param>
internal sealed record SourceHealth(
    string Name, DateTimeOffset? LastSuccess, double? AgeSeconds, bool? LastRunSuccess, int ConsecutiveFailures, bool Running, DateTimeOffset? NextRun, string? Error);

/// <param name="Status"><c>ok</c>, or <c>failing</c> when the agent itself can't do its work. Late or failed backups do not make the agent unhealthy: restarting it would not help them.</param>
/// <param name="Problems">Why it is failing; empty when ok.</param>
/// <param name="SchedulerHeartbeat">When the scheduler last looked at its schedules, UTC.</param>
/// <param name="Sources">Each source's state.</param>
internal sealed record Health(string Status, IReadOnlyList<string> Problems, DateTimeOffset SchedulerHeartbeat, IReadOnlyList<SourceHealth> Sources);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(Health))]
internal sealed partial class HealthJson : JsonSerializerContext;

/// <summary><c>GET /api/v1/health</c> (runbook §3.3): 200 while the agent works, 503 when its scheduler is stuck or its journal can't be written.</summary>
internal static class HealthEndpoint
{
    public static void Map(WebApplication app, Agent agent) => app.MapGet("/api/v1/health", (RequestDelegate)(async context =>
    {
        var health = await ReadAsync(agent, context.RequestAborted);
        context.Response.StatusCode = health.Problems.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        await context.Response.WriteAsJsonAsync(health, HealthJson.Default.Health, contentType: null, context.RequestAborted);
    }));

    public static async Task<Health> ReadAsync(Agent agent, CancellationToken cancellationToken)
    {
        var now = agent.TimeProvider.GetUtcNow();
        var problems = new List<string>();
        if (new AgentCondition(IsRunning: true, agent.Scheduler.LastBeat).IsStuck(now))
            problems.Add($"the scheduler has not looked at its schedules since {agent.Scheduler.LastBeat:O}; restart the agent and keep its log");
        if (agent.Scheduler.JournalFailure is { } failure)
            problems.Add(failure);

        var activities = Activities(agent, problems);
        var nextRuns = agent.Scheduler.NextRuns.ToLookup(run => run.Key.Source, run => run.Value, StringComparer.Ordinal);
        var sources = new List<SourceHealth>();
        foreach (var source in agent.Roster.Current)
            sources.Add(await ReadAsync(source, activities.GetValueOrDefault(source.Name), [.. nextRuns[source.Name]], now, cancellationToken));
        return new Health(problems.Count == 0 ? "ok" : "failing", [.. problems.Distinct(StringComparer.Ordinal)], agent.Scheduler.LastBeat, sources);
    }

    private static IReadOnlyDictionary<string, SourceActivity> Activities(Agent agent, List<string> problems)
    {
        try
        {
            return agent.Journal.Read().Sources;
        }
        catch (BackupException failure)
        {
            problems.Add(failure.Message);
            return new Dictionary<string, SourceActivity>(StringComparer.Ordinal);
        }
    }

    private static async Task<SourceHealth> ReadAsync(ScheduledSource source, SourceActivity? activity, IReadOnlyList<DateTimeOffset> nextRuns, DateTimeOffset now, CancellationToken cancellationToken)
    {
        Backup? good = null;
        string? error = null;
        try
        {
            good = (await source.Source.Catalog.ListAsync(cancellationToken)).NewestGood(now);
        }
        catch (BackupException failure)
        {
            error = $"{failure.Message}; next: {failure.Hint}";
        }

        return new SourceHealth(
            source.Name,
            good?.CapturedAt,
            good is null ? null : Math.Round((now - good.CapturedAt).TotalSeconds),
            activity?.LastRunAt is null ? null : activity.LastRunSucceeded,
            activity?.ConsecutiveFailures ?? 0,
            activity?.RunStartedAt is not null,
            nextRuns.Count == 0 ? null : nextRuns.Min(),
            error);
    }
}
