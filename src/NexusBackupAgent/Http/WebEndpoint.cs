using System.IO.Compression;
using System.Reflection;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace NexusBackupAgent.Http;

/// <summary>The web page at <c>/</c>: files of <c>Http/Web</c>, which are part of the program. What it shows it asks of the API.</summary>
internal static class WebEndpoint
{
    /// <summary>Nothing from elsewhere, nothing inline, nobody around it.</summary>
    public const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    private const string Prefix = "web/";

    private static readonly Dictionary<string, string> MediaTypes = new(StringComparer.Ordinal)
    {
        [".html"] = "text/html; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".svg"] = "image/svg+xml",
        [".txt"] = "text/plain; charset=utf-8",
    };

    /// <summary>By their names below <c>Http/Web</c>, with forward slashes. What nobody has asked for is not read.</summary>
    private static readonly Dictionary<string, Lazy<WebFile>> Files = Assembly.GetExecutingAssembly().GetManifestResourceNames()
        .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
        .ToDictionary(name => name[Prefix.Length..], name => new Lazy<WebFile>(() => WebFile.Read(name)), StringComparer.Ordinal);

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/", (RequestDelegate)(context => AnswerAsync(context, "index.html"))).AllowAnonymous();
        app.MapGet("/assets/{**path}", (RequestDelegate)(context => AnswerAsync(context, (string?)context.Request.RouteValues["path"] ?? ""))).AllowAnonymous();
    }

    private static async Task AnswerAsync(HttpContext context, string name)
    {
        if (!Files.TryGetValue(name, out var found))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        var file = found.Value;
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-cache"; // kept, and asked for each time: a page of yesterday's agent would ask today's in yesterday's words
        headers.ETag = file.ETag;
        headers.Vary = HeaderNames.AcceptEncoding;
        if (context.Request.Headers.IfNoneMatch == file.ETag)
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        var packed = context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.OrdinalIgnoreCase);
        if (packed)
            headers.ContentEncoding = "gzip";
        var bytes = packed ? file.Packed : file.Content;
        context.Response.ContentType = MediaTypes[Path.GetExtension(name)];
        context.Response.ContentLength = bytes.Length;
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
    }

    private sealed record WebFile(byte[] Content, byte[] Packed, string ETag)
    {
        public static WebFile Read(string name)
        {
            using var resource = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
            using var content = new MemoryStream();
            resource.CopyTo(content);
            using var packed = new MemoryStream();
            using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
                gzip.Write(content.ToArray());
            return new WebFile(content.ToArray(), packed.ToArray(), $"\"{Convert.ToHexStringLower(SHA256.HashData(content.ToArray()))[..32]}\"");
        }
    }
}
