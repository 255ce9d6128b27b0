using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;

namespace NexusBackupAgent.Http;

/// <summary>What an endpoint says of itself.</summary>
internal static class Descriptions
{
    public static RouteHandlerBuilder Described(this RouteHandlerBuilder endpoint, string summary, string description) => endpoint.WithSummary(summary).WithDescription(description);

    /// <summary>The statuses that it refuses by, each a problem document.</summary>
    public static RouteHandlerBuilder Problems(this RouteHandlerBuilder endpoint, params ReadOnlySpan<int> statuses)
    {
        foreach (var status in statuses)
            endpoint.ProducesProblem(status);
        return endpoint;
    }

    /// <summary>Answers bytes as they are, whole or in the part that Range asks for.</summary>
    public static RouteHandlerBuilder Streams(this RouteHandlerBuilder endpoint, string contentType) => endpoint.WithMetadata(new StreamedAnswer(contentType));
}

internal sealed record StreamedAnswer(string ContentType);

/// <summary>The description of the API: <c>/openapi/v1.json</c>, and <c>/docs</c>, which shows it to a person.</summary>
internal static class OpenApi
{
    private const string Bearer = "bearer";

    private static readonly Dictionary<Type, string> Examples = new()
    {
        [typeof(LoginRequest)] = """{"username": "admin", "password": "…"}""",
        [typeof(BackupRequest)] = """{"source": "itsm", "type": "full"}""",
        [typeof(VerifyRequest)] = """{"source": "itsm", "all": true}""",
        [typeof(SourceRequest)] = """{"source": "itsm"}""",
        [typeof(PruneRequest)] = """{"source": "itsm", "dryRun": true}""",
        [typeof(RestorePlanRequest)] = """{"source": "itsm", "at": "2026-02-14 02:00"}""",
        [typeof(RestoreOrder)] = """{"planId": "0123456789abcdef0123456789abcdef", "force": true, "confirm": "itsm"}""",
        [typeof(SessionDocument)] = """{"token": "eyJ…", "expiresAt": "2026-02-14T02:00:00Z", "user": "admin", "role": "admin"}""",
        [typeof(BackupDocument)] = """{"id": "20260213T170000Z-6c6db3", "source": "itsm", "schedule": "daily", "type": "full", "base": null, "capturedAt": "2026-02-13T17:00:00Z", "file": "/srv/backups/daily_20260214_020000.db.gz", "sizeBytes": 42363289, "contentBytes": 127926272, "sha256": "c8c7471f8daf5150b865529a85514d3d5e3f657e81ffe944b6c2d71d7ab9846a", "state": "good", "verifiedAt": "2026-02-13T17:00:02Z"}""",
        [typeof(RunDocument)] = """{"source": "itsm", "schedule": "manual", "type": "full", "fullBecause": null, "result": "success", "id": "20260213T170000Z-6c6db3", "file": "/srv/backups/manual_20260214_020000.db.gz", "sizeBytes": 42363289, "contentBytes": 127926272, "sha256": "c8c7471f8daf5150b865529a85514d3d5e3f657e81ffe944b6c2d71d7ab9846a", "seconds": 2.6, "failure": null, "class": null, "message": null, "hint": null}""",
        [typeof(OperationDocument)] = """{"id": "42", "url": "/api/v1/runs/42", "source": "itsm", "kind": "backup", "schedule": "manual", "type": "full", "startedAt": "2026-02-13T17:00:00Z", "endedAt": null, "result": "running", "backup": null, "detail": null, "failure": null, "message": null, "hint": null, "exitCode": null, "seconds": null, "by": "admin", "address": "127.0.0.1"}""",
        [typeof(ProblemDetails)] = """{"title": "Conflict", "status": 409, "detail": "another run of source 'itsm' is under way", "failure": "locked", "exitCode": 7, "hint": "wait for it to end (nexus-backup status shows it), then run the command again"}""",
    };

    /// <summary>What each parameter means, wherever it stands.</summary>
    private static readonly Dictionary<string, string> Parameters = new(StringComparer.Ordinal)
    {
        ["after"] = "The id of the last backup of the page before.",
        ["before"] = "The number of the last one of the page before.",
        ["count"] = "How many days, to today.",
        ["id"] = "As its list has it.",
        ["kind"] = "Only those of a kind: backup, verification, drill, restore, prune, quarantine.",
        ["lang"] = "Of the words for people: en or ja.",
        ["limit"] = "How many at most.",
        ["offset"] = "How many are passed over.",
        ["operator"] = "Who handles it; whoever asks, when absent.",
        ["pattern"] = "Only those that it names: a path, a directory with all below it, or a pattern.",
        ["schedule"] = "Only those of a schedule, or manual.",
        ["source"] = "A source's name; as a question, only what is of it.",
        ["state"] = $"Only those in a state: {EnumWord.All<BackupState>()}.",
        ["wait"] = "true answers when it has ended, with what came of it.",
    };

    /// <summary>What a problem document has beside RFC 9457's own members.</summary>
    private static readonly (string Name, JsonSchemaType Type, string What)[] ProblemMembers =
    [
        ("failure", JsonSchemaType.String, "The kind of failure, in one word; absent when the request itself is refused."),
        ("exitCode", JsonSchemaType.Integer, "The exit code of the command line for the same."),
        ("hint", JsonSchemaType.String, "What to do next."),
    ];

    public static void AddServices(IServiceCollection services) => services.AddOpenApi(options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Nexus Backup Agent",
                Version = ThisAgent.Version.Split('+')[0],
                Description = "Backups, verifications, drills and restores of one host. Documents have the fields that the command line's --json prints; errors are problem documents (RFC 9457) with the command line's message, hint and exit code.",
            };
            document.Servers = [new OpenApiServer { Url = "/" }];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
            {
                [Bearer] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = Bearer, Description = "The token of POST /api/v1/auth/login, or one of the configuration's tokens." },
            };
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, context, _) =>
        {
            if (Examples.TryGetValue(context.JsonTypeInfo.Type, out var example))
                schema.Examples = [JsonNode.Parse(example)!];
            if (context.JsonTypeInfo.Type == typeof(ProblemDetails))
            {
                schema.Description = "RFC 9457: detail is the command line's message.";
                foreach (var (name, type, what) in ProblemMembers)
                    (schema.Properties ??= new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal))[name] = new OpenApiSchema { Type = type, Description = what };
            }

            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            foreach (var parameter in operation.Parameters ?? [])
                parameter.Description = Parameters.GetValueOrDefault(parameter.Name!);
            foreach (var stream in context.Description.ActionDescriptor.EndpointMetadata.OfType<StreamedAnswer>())
                operation.Responses!["200"] = new OpenApiResponse { Description = "The file.", Content = ContentOf(stream.ContentType, new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" }) };
            if (context.Description.ActionDescriptor.EndpointMetadata.OfType<NeededRole>().LastOrDefault() is not { } needed)
                return Task.CompletedTask;
            operation.Description = $"{operation.Description} Role: {needed.Role.Word()}.";
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Bearer, context.Document)] = [] }];
            operation.Responses ??= [];
            foreach (var (status, what) in ((string, string)[])[("401", "Nobody is signed in."), ("403", "The role is not enough.")])
                operation.Responses.TryAdd(status, new OpenApiResponse { Description = what, Content = ContentOf("application/problem+json", new OpenApiSchemaReference(nameof(ProblemDetails), context.Document)) });
            return Task.CompletedTask;
        });
    });

    private static Dictionary<string, OpenApiMediaType> ContentOf(string contentType, IOpenApiSchema schema) => new(StringComparer.Ordinal) { [contentType] = new OpenApiMediaType { Schema = schema } };

    public static void Map(WebApplication app)
    {
        app.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous();
        DocsPage.Map(app);
    }
}
