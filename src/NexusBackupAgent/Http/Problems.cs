using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Access;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Http;

/// <summary>A request that is refused with a status of its own.</summary>
internal sealed class RefusedRequest(int status, FailureKind kind, string message, string hint) : BackupException(kind, message, hint)
{
    public int Status { get; } = status;
}

/// <summary>Problem documents (RFC 9457) that carry what the command line would say: message, next step and exit code.</summary>
internal static class Problems
{
    public static ProblemHttpResult Of(BackupException failure) => Of(RunFailure.Of(failure), failure is RefusedRequest refused ? refused.Status : StatusOf(failure.Kind), ExitCodes.Of(failure.Kind));

    /// <param name="runs">What was begun, and how it ended.</param>
    public static ProblemHttpResult Of(RunFailure failure, int status, ExitCode exitCode, IReadOnlyList<OperationDocument>? runs = null)
    {
        var extensions = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["failure"] = failure.Kind.CamelWord(),
            ["exitCode"] = (int)exitCode,
        };
        if (failure.Hint.Length > 0)
            extensions["hint"] = failure.Hint;
        if (runs is not null)
            extensions["runs"] = runs.ToArray();
        return TypedResults.Problem(failure.Message, statusCode: status, extensions: extensions);
    }

    /// <summary>Of a request that is refused before anything is done.</summary>
    public static ProblemHttpResult Of(int status, string detail, string hint) => TypedResults.Problem(detail, statusCode: status, extensions: new Dictionary<string, object?>(StringComparer.Ordinal)
    {
        ["exitCode"] = (int)CodeOf(status),
        ["hint"] = hint,
    });

    /// <summary>A number that is not from 1 to the most that may be asked for; null when it is, or absent.</summary>
    public static ProblemHttpResult? OfNumber(string name, int? number, int most) =>
        number < 1 || number > most ? Of(StatusCodes.Status400BadRequest, $"{name} is not from 1 to {most}", $"write for example {name}={Math.Min(most, 100)}") : null;

    public static ProblemHttpResult OfOtherMedia() => Of(StatusCodes.Status415UnsupportedMediaType, "the body is not JSON", "send Content-Type: application/json, or no body where it is optional");

    public static ProblemHttpResult OfLargeBody() => Of(StatusCodes.Status413PayloadTooLarge, $"the body has more than the {Limits.Body} bytes that one may have", "the API is described at /docs");

    public static int StatusOf(FailureKind kind) => kind switch
    {
        FailureKind.Configuration => StatusCodes.Status400BadRequest,
        FailureKind.NotFound => StatusCodes.Status404NotFound,
        FailureKind.Locked => StatusCodes.Status409Conflict,
        FailureKind.StoreFull or FailureKind.StateFull => StatusCodes.Status507InsufficientStorage,
        FailureKind.TimedOut => StatusCodes.Status504GatewayTimeout,
        FailureKind.Permission or FailureKind.Io or FailureKind.Network or FailureKind.StoreUnavailable or FailureKind.Journal or FailureKind.Interrupted or FailureKind.KeyMissing => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status500InternalServerError,
    };

    /// <summary>What the command line would end with.</summary>
    private static ExitCode CodeOf(int status) => status switch
    {
        StatusCodes.Status404NotFound => ExitCode.NotFound,
        >= StatusCodes.Status500InternalServerError and not StatusCodes.Status503ServiceUnavailable => ExitCode.Unexpected,
        StatusCodes.Status503ServiceUnavailable => ExitCode.BackupFailed,
        _ => ExitCode.Usage,
    };

    /// <summary>What a status without a body says, in words.</summary>
    public static ProblemHttpResult OfStatus(HttpContext context, AccessSettings access)
    {
        var caller = Caller.Of(context);
        return context.Response.StatusCode switch
        {
            StatusCodes.Status401Unauthorized when access.IsEmpty => Of(StatusCodes.Status401Unauthorized, Login.NobodyConfigured, Login.ConfigureUsers),
            StatusCodes.Status401Unauthorized => Of(StatusCodes.Status401Unauthorized, "nobody is signed in, or the token is none of this agent, or it expired", "sign in: POST /api/v1/auth/login; then send Authorization: Bearer TOKEN"),
            StatusCodes.Status403Forbidden when access.IsEmpty => Of(StatusCodes.Status403Forbidden, Login.OnlyReading, Login.ConfigureUsers),
            StatusCodes.Status403Forbidden => Of(
                StatusCodes.Status403Forbidden,
                $"'{caller.User}' is {caller.Role?.Word() ?? "nobody"}, and this takes {context.GetEndpoint()?.Metadata.GetMetadata<NeededRole>()?.Role.Word() ?? "more"}",
                "ask who has that role, or have users or tokens in the configuration changed"),
            StatusCodes.Status400BadRequest => Of(StatusCodes.Status400BadRequest, "a value in the address or a header of the request is not what it takes", "the API is described at /docs"),
            StatusCodes.Status413PayloadTooLarge => OfLargeBody(),
            StatusCodes.Status404NotFound => Of(StatusCodes.Status404NotFound, $"there is nothing at {context.Request.Path}", "the API is described at /docs"),
            StatusCodes.Status405MethodNotAllowed => Of(StatusCodes.Status405MethodNotAllowed, $"{context.Request.Path} does not take {context.Request.Method}", "the API is described at /docs"),
            StatusCodes.Status415UnsupportedMediaType => OfOtherMedia(),
            StatusCodes.Status429TooManyRequests => Of(StatusCodes.Status429TooManyRequests, "too many requests from this address", "wait as long as Retry-After says"),
            var status => Of(status, $"the request failed with status {status}", "the API is described at /docs"),
        };
    }
}

/// <summary>Turns what a handler throws into a problem document.</summary>
internal sealed partial class FailedRequests(ILogger<FailedRequests> logger) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (httpContext.RequestAborted.IsCancellationRequested)
            return true;
        await Of(httpContext, exception).ExecuteAsync(httpContext);
        return true;
    }

    private ProblemHttpResult Of(HttpContext context, Exception exception)
    {
        switch (exception)
        {
            case BackupException failure:
                return Problems.Of(failure);
            case BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge }:
                return Problems.OfLargeBody();
            case BadHttpRequestException { StatusCode: StatusCodes.Status415UnsupportedMediaType }:
                return Problems.OfOtherMedia();
            case BadHttpRequestException { InnerException: JsonException wrong }:
                return Problems.Of(StatusCodes.Status400BadRequest, $"the body is not the JSON that this takes, at {wrong.Path ?? "$"}, line {wrong.LineNumber + 1}", "the API is described at /docs");
            case BadHttpRequestException bad:
                return Problems.Of(bad.StatusCode, $"the request can't be understood: {bad.Message}", "the API is described at /docs");
            case OperationCanceledException:
                return Problems.Of(StatusCodes.Status503ServiceUnavailable, "the agent is stopping", "send the request again in a moment");
            default:
                RequestBroke(exception, context.Request.Method, context.Request.Path);
                return Problems.Of(StatusCodes.Status500InternalServerError, $"unexpected: {exception.Message}", "look into the agent's log, and report what it says");
        }
    }

    [LoggerMessage(EventId = 4004, EventName = "request_broke", Level = LogLevel.Error, Message = "{Method} {Path}: unexpected error")]
    private partial void RequestBroke(Exception exception, string method, string path);
}
