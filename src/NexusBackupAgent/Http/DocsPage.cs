using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Scalar.AspNetCore;

namespace NexusBackupAgent.Http;

/// <summary><c>/docs</c>: the API for a person to read, by Scalar, all of it from this program.</summary>
internal static class DocsPage
{
    // Scalar's script writes styles into the page, and nothing else that is inline; it is kept from asking any other host.
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

    private const string Page = """
        <!doctype html>
        <html lang="en">
        <head><meta charset="utf-8"><title>Nexus Backup Agent: API</title><meta name="viewport" content="width=device-width, initial-scale=1"></head>
        <body><script id="api-reference" data-url="/openapi/v1.json" data-configuration='{"withDefaultFonts":false,"telemetry":false,"hideClientButton":true,"showDeveloperTools":"never","agent":{"disabled":true},"defaultOpenAllTags":true}'></script><script src="/docs/scalar/scalar.js"></script></body>
        </html>

        """;

    public static void Map(WebApplication app)
    {
        app.MapScalarApiReference("/docs/scalar").AllowAnonymous();
        app.MapGet("/docs", (RequestDelegate)(context =>
        {
            context.Response.Headers.ContentSecurityPolicy = Policy;
            context.Response.ContentType = "text/html; charset=utf-8";
            return context.Response.WriteAsync(Page, context.RequestAborted);
        })).AllowAnonymous();
    }
}
