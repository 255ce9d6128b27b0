using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
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
}

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
    };

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
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            if (context.Description.ActionDescriptor.EndpointMetadata.OfType<NeededRole>().LastOrDefault() is not { } needed)
                return Task.CompletedTask;
            operation.Description = $"{operation.Description} Role: {needed.Role.Word()}.";
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Bearer, context.Document)] = [] }];
            operation.Responses ??= [];
            foreach (var (status, what) in ((string, string)[])[("401", "Nobody is signed in."), ("403", "The role is not enough.")])
                operation.Responses.TryAdd(status, new OpenApiResponse { Description = what });
            return Task.CompletedTask;
        });
    });

    public static void Map(WebApplication app)
    {
        app.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous();
        DocsPage.Map(app);
    }
}
