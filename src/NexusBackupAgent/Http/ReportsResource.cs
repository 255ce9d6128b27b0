using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using NexusBackupAgent.Access;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Http;

/// <summary>What a person needs at 03:00: <c>checklist</c>, <c>diagnose</c>, <c>report</c>; and what an admin looks at: <c>config</c>, <c>audit</c>.</summary>
internal static class ReportsResource
{
    private const int MostAudited = 1000;
    private const int UsuallyAudited = 100;
    private const int LongestName = 100;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapPost("checklist", ChecklistAsync).Needs(Role.Operator).Described("The runbook's seven checks", "Measured now: the newest backup is read back. lang: en or ja.").Problems(400, 404, 413, 415, 503);
        api.MapPost("diagnose", DiagnoseAsync).Needs(Role.Operator).Described("The runbook's flowchart", "Walked now; names the cause and the next command. lang: en or ja.").Problems(400, 404, 413, 415, 503);
        api.MapGet("report", ReportAsync).Needs(Role.Viewer).Described("The escalation report", "Filled in and ready to paste. lang: en or ja; operator: who handles it.").Problems(400, 404, 503);
        api.MapGet("config", Config).Needs(Role.Admin).Described("The configuration", "As the file has it now, secrets masked, and the problems that check-config tells.").Problems(404);
        api.MapGet("audit", Audit).Needs(Role.Admin).Described("Who did what", $"What users, programs and commands asked for, newest first. limit: 1 to {MostAudited}, {UsuallyAudited} by default; before: the number of the last one of the page before.").Problems(400, 404, 503);
    }

    private static async Task<Ok<IReadOnlyList<ChecklistDocument>>> ChecklistAsync(SourceRequest? checklist, string? lang, HttpContext context, Agent agent, Caller caller, CancellationToken cancellationToken)
    {
        var (language, documents) = (Caller.LanguageOf(context, lang), new List<ChecklistDocument>());
        var look = await agent.States.ReadAsync(agent.Scheduler, cancellationToken);
        foreach (var source in Some(agent, caller, checklist?.Source))
        {
            var seen = await agent.Observer.ObserveAsync(look, source, evenStale: true, progress: null, cancellationToken);
            documents.Add(ChecklistDocument.Of(source.Name, RecoveryChecklist.Decide(seen, agent.Commands), RecoveryChecklist.Then(seen, agent.Commands), language));
        }

        return TypedResults.Ok<IReadOnlyList<ChecklistDocument>>(documents);
    }

    private static async Task<Ok<IReadOnlyList<DiagnosisDocument>>> DiagnoseAsync(SourceRequest? diagnose, string? lang, HttpContext context, Agent agent, Caller caller, CancellationToken cancellationToken)
    {
        var (language, documents) = (Caller.LanguageOf(context, lang), new List<DiagnosisDocument>());
        var look = await agent.States.ReadAsync(agent.Scheduler, cancellationToken);
        foreach (var source in Some(agent, caller, diagnose?.Source))
        {
            var seen = await agent.Observer.ObserveAsync(look, source, evenStale: false, progress: null, cancellationToken);
            var diagnosis = Flowchart.Walk(seen, agent.Commands);
            var log = await agent.LogSearch.FindAsync(diagnosis, seen.Zone, cancellationToken);
            documents.Add(DiagnosisDocument.Of(diagnosis, log, language));
        }

        return TypedResults.Ok<IReadOnlyList<DiagnosisDocument>>(documents);
    }

    private static async Task<Ok<IReadOnlyList<IncidentDocument>>> ReportAsync(string? source, string? lang, string? @operator, HttpContext context, Agent agent, Caller caller, CancellationToken cancellationToken)
    {
        var (language, who) = (Caller.LanguageOf(context, lang), @operator ?? caller.User ?? "");
        if (NameText.HasControlCharacter(who) || who.Length > LongestName)
            throw new BackupException(FailureKind.Configuration, "operator is no name", $"write a name of at most {LongestName} characters");
        var look = await agent.States.ReadAsync(agent.Scheduler, cancellationToken);
        var incidents = await IncidentReader.ReadAsync(look, Some(agent, caller, source), areNamed: source is not null, cancellationToken);
        var report = new IncidentReport(agent.Configuration.TimeZone, who);
        return TypedResults.Ok<IReadOnlyList<IncidentDocument>>([.. incidents.Select(incident => IncidentDocument.Of(incident, who, report.Text(incident, language), language))]);
    }

    private static async Task<Ok<SettingsDocument>> Config(Agent agent, Caller caller)
    {
        RequireAll(caller, "the configuration");
        var configuration = agent.Configuration;
        var problems = await ConfigurationFile.CheckAsync(configuration.File, configuration.TimeZone, configuration.Kinds, agent.TimeProvider.GetUtcNow());
        return TypedResults.Ok(new SettingsDocument(configuration.File, MaskedConfiguration.Read(configuration.File), ConfigurationDocument.Of(configuration.File, problems, next: null)));
    }

    private static Results<Ok<IReadOnlyList<AuditDocument>>, ProblemHttpResult> Audit(int? limit, long? before, Agent agent, Caller caller)
    {
        RequireAll(caller, "the audit");
        return Problems.OfNumber("limit", limit, MostAudited) is { } wrong
            ? wrong
            : TypedResults.Ok<IReadOnlyList<AuditDocument>>([.. agent.Journal.Asked(limit ?? UsuallyAudited, before ?? long.MaxValue).Select(AuditDocument.Of)]);
    }

    /// <summary>What tells of every source is not for a token of one.</summary>
    private static void RequireAll(Caller caller, string what)
    {
        if (caller.Source is not null)
            throw new RefusedRequest(StatusCodes.Status403Forbidden, FailureKind.Configuration, $"'{caller.User}' is for source '{caller.Source}' only, and {what} tells of all", "use a user or a token without source");
    }

    private static IReadOnlyList<ScheduledSource> Some(Agent agent, Caller caller, string? source) => SourceChoice.ChooseSome(caller.SourcesOf(agent), source is null ? [] : [source]);
}
