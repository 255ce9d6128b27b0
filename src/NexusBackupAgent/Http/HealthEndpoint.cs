using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Http;

/// <summary>
/// <c>GET /api/v1/health</c> (runbook §3.3): 200 while the agent works, 503 when its scheduler is stuck or its journal can't be
/// used. <c>/-/healthy</c> and <c>/-/ready</c> say the same in a word, as those of Prometheus do. None of them asks who wants to know.
/// </summary>
internal static class HealthEndpoint
{
    public static void Map(WebApplication app)
    {
        app.MapGet("/-/healthy", (RequestDelegate)(context => context.Response.WriteAsync("Healthy.\n", context.RequestAborted))).AllowAnonymous();
        app.MapGet("/-/ready", (RequestDelegate)(async context =>
        {
            var health = await ReadAsync(context.RequestServices.GetRequiredService<Agent>(), context.RequestAborted);
            context.Response.StatusCode = StatusOf(health);
            await context.Response.WriteAsync(health.Problems.Count == 0 ? "Ready.\n" : "Not ready.\n", context.RequestAborted);
        })).AllowAnonymous();
    }

    public static void MapApi(IEndpointRouteBuilder api) =>
        api.MapGet("health", AnswerAsync).AllowAnonymous().Described("How the agent is", "503 when its scheduler is stuck or its journal can't be used. Late or failed backups do not make the agent unhealthy; level tells of them.")
            .Produces<HealthDocument>().Produces<HealthDocument>(StatusCodes.Status503ServiceUnavailable);

    private static async Task<IResult> AnswerAsync(Agent agent, CancellationToken cancellationToken)
    {
        var health = await ReadAsync(agent, cancellationToken);
        return TypedResults.Json(health, JsonDocuments.Readably.HealthDocument, statusCode: StatusOf(health));
    }

    private static int StatusOf(HealthDocument health) => health.Problems.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;

    public static async Task<HealthDocument> ReadAsync(Agent agent, CancellationToken cancellationToken)
    {
        var problems = new List<string>();
        var look = await LookAsync(agent, problems, cancellationToken);
        if (look.Agent.IsStuck)
            problems.Insert(0, $"the scheduler has not looked at its schedules since {look.Agent.LastBeat:O}; restart the agent and keep its log");
        foreach (var (name, since) in agent.Turns.Hanging)
            problems.Add($"work of source '{name}' has not stopped since {since:O}, probably because a disk does not answer; see which one (dmesg | tail), mount it again or restart the agent");
        problems.AddRange(agent.SilentPatterns.Select(silent => $"{silent.Message}; {silent.Hint}"));
        return HealthDocument.Of(look.Agent, [.. problems.Distinct(StringComparer.Ordinal)], await look.OfAllAsync(agent.Roster.Current, cancellationToken));
    }

    private static async Task<StateSnapshot> LookAsync(Agent agent, List<string> problems, CancellationToken cancellationToken)
    {
        if (agent.Scheduler.JournalFailure is { } unwritable)
            problems.Add(unwritable);
        try
        {
            return await agent.States.ReadAsync(agent.Scheduler, cancellationToken);
        }
        catch (BackupException unreadable)
        {
            problems.Add(unreadable.Message);
            return await agent.States.ReadWithoutJournalAsync(agent.Scheduler, cancellationToken);
        }
    }
}
