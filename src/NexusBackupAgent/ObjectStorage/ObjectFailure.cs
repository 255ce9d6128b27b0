using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.ObjectStorage;

/// <summary>Why a request for an object failed.</summary>
internal enum ObjectProblem
{
    /// <summary>The server can't be reached, broke off, or does not go on.</summary>
    Unreachable,

    /// <summary>The server is there and does not go on.</summary>
    Silent,

    /// <summary>The server failed by itself.</summary>
    Broken,

    /// <summary>The server asks for fewer requests.</summary>
    Throttled,

    /// <summary>The access key is unknown, or the secret key is not its.</summary>
    WrongKey,

    AccessDenied,

    BucketMissing,

    /// <summary>This machine's clock differs too much from the server's.</summary>
    ClockSkew,

    NotFound,

    /// <summary>The object is not the one that was asked for, or one is there and none was expected.</summary>
    PreconditionFailed,

    /// <summary>Another request for the same object is under way, and the server heeds that: who comes later looks again.</summary>
    Conflict,

    /// <summary>What arrived is not what was sent.</summary>
    Damaged,

    /// <summary>A quota is used up.</summary>
    Full,

    /// <summary>The server does not know what was asked, or does not want to.</summary>
    Refused,
}

/// <summary>What the objects are to the agent; it decides which kind of failure it is.</summary>
internal enum ObjectRole
{
    Source,
    Store,
}

internal sealed class ObjectException(ObjectProblem problem, FailureKind kind, string message, string hint, Exception? innerException = null)
    : BackupException(kind, message, hint, innerException)
{
    public ObjectProblem Problem => problem;
}

/// <summary>Turns what server and network say into what an operator can act on.</summary>
/// <param name="address">For people.</param>
internal sealed class ObjectFailures(ObjectAddress address, ObjectRole role)
{
    /// <summary>Whether another attempt may succeed.</summary>
    public static bool IsTransient(ObjectProblem problem) => problem is ObjectProblem.Unreachable or ObjectProblem.Silent or ObjectProblem.Broken or ObjectProblem.Throttled or ObjectProblem.Damaged;

    /// <summary>Whether <see cref="Translate"/> can name it.</summary>
    public static bool IsKnown(Exception exception) => exception is AmazonServiceException or AmazonClientException or HttpRequestException or IOException or SocketException or TimeoutException;

    /// <param name="action">As a clause: <c>read s3://photos/a.jpg</c>.</param>
    public ObjectException Translate(Exception exception, string action) =>
        exception as ObjectException ?? New(ProblemOf(exception), action, exception is AmazonServiceException said ? Words(said) : (exception.InnerException ?? exception).Message, exception);

    /// <param name="reason">What the server said, or what was found.</param>
    public ObjectException New(ObjectProblem problem, string action, string reason, Exception? cause = null)
    {
        var server = address.Endpoint?.GetLeftPart(UriPartial.Authority) ?? $"Amazon S3 in {address.Region}";
        var (why, hint) = problem switch
        {
            ObjectProblem.Unreachable => ($"{server} can't be reached or broke off: {reason}", $"see whether it runs and can be reached (curl -sS {address.Endpoint?.ToString() ?? "https://s3.amazonaws.com/"}), then run the command again"),
            ObjectProblem.Silent => ($"{server} does not go on: {reason}", $"see whether it hangs, or the line to it is cut (curl -sS {address.Endpoint?.ToString() ?? "https://s3.amazonaws.com/"}), then run the command again"),
            ObjectProblem.Broken => ($"{server} failed: {reason}", "see the server's log, then run the command again"),
            ObjectProblem.Throttled => ($"{server} asks for fewer requests, also after waiting: {reason}", "lower requests: below s3:, or run it when less goes on"),
            ObjectProblem.WrongKey => ($"{server} does not accept the {address.Credentials.Shown}: {reason}", "correct access key and secret key (credentials: below s3:)"),
            ObjectProblem.AccessDenied => ($"the {address.Credentials.Shown} may not do that: {reason}", $"give it that right for bucket {address.Bucket} in the bucket's or the user's policy"),
            ObjectProblem.BucketMissing => ($"there is no bucket {address.Bucket} at {server}", "correct bucket: and endpoint:, or make the bucket"),
            ObjectProblem.ClockSkew => ($"this machine's clock differs too much from that of {server}", "set the clock (timedatectl; chronyc tracking), then run the command again"),
            ObjectProblem.NotFound => ("there is no such object", $"look what is there (aws {address.AwsOptions}s3 ls {address.Shown})"),
            ObjectProblem.PreconditionFailed => ("it was changed or made meanwhile", "run the command again"),
            ObjectProblem.Conflict => ("another request changes it at the same time", "see who else writes there, then run the command again"),
            ObjectProblem.Damaged => ($"what arrived is not what was sent: {reason}", "see whether the network or a proxy damages data, then run the command again"),
            ObjectProblem.Full => ($"the quota is used up: {reason}", $"free space in bucket {address.Bucket}, or have its quota raised"),
            _ => ($"{server} refuses: {reason}", "correct bucket:, endpoint:, region: or pathStyle: below s3:"),
        };
        return new ObjectException(problem, KindOf(problem), $"cannot {action}: {why}", hint, cause);
    }

    private static ObjectProblem ProblemOf(Exception exception) => exception switch
    {
        AmazonServiceException said => ProblemOf(said),
        _ => ObjectProblem.Unreachable,
    };

    private static ObjectProblem ProblemOf(AmazonServiceException said) => said.ErrorCode switch
    {
        "InvalidAccessKeyId" or "SignatureDoesNotMatch" or "InvalidToken" or "ExpiredToken" => ObjectProblem.WrongKey,
        "RequestTimeTooSkewed" or "RequestExpired" => ObjectProblem.ClockSkew,
        "NoSuchBucket" => ObjectProblem.BucketMissing,
        "NoSuchKey" or "NoSuchUpload" or "NoSuchVersion" or "ObjectLockConfigurationNotFoundError" => ObjectProblem.NotFound,
        "SlowDown" or "Throttling" or "ThrottlingException" or "TooManyRequests" or "RequestLimitExceeded" => ObjectProblem.Throttled,
        "BadDigest" or "InvalidDigest" or "XAmzContentSHA256Mismatch" or "IncompleteBody" or "RequestTimeout" => ObjectProblem.Damaged,
        "QuotaExceeded" => ObjectProblem.Full,
        "ConditionalRequestConflict" or "OperationAborted" => ObjectProblem.Conflict,
        _ => said.StatusCode switch
        {
            HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized => ObjectProblem.AccessDenied,
            HttpStatusCode.NotFound => ObjectProblem.NotFound,
            HttpStatusCode.PreconditionFailed or HttpStatusCode.NotModified => ObjectProblem.PreconditionFailed,
            HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests => ObjectProblem.Throttled,
            HttpStatusCode.InsufficientStorage => ObjectProblem.Full,
            HttpStatusCode.NotImplemented => ObjectProblem.Refused,
            >= HttpStatusCode.InternalServerError => ObjectProblem.Broken,
            default(HttpStatusCode) => ObjectProblem.Unreachable,
            _ => ObjectProblem.Refused,
        },
    };

    private static string Words(AmazonServiceException said) => string.IsNullOrEmpty(said.ErrorCode) ? $"it answered {(int)said.StatusCode}" : $"it answered {(int)said.StatusCode} {said.ErrorCode}";

    private FailureKind KindOf(ObjectProblem problem) => (role, problem) switch
    {
        (ObjectRole.Source, ObjectProblem.Unreachable or ObjectProblem.Silent or ObjectProblem.Broken or ObjectProblem.Throttled) => FailureKind.SourceUnreachable,
        (ObjectRole.Source, ObjectProblem.WrongKey or ObjectProblem.AccessDenied or ObjectProblem.ClockSkew or ObjectProblem.Refused) => FailureKind.SourceRefused,
        (ObjectRole.Source, ObjectProblem.BucketMissing or ObjectProblem.NotFound) => FailureKind.SourceMissing,
        (_, ObjectProblem.Unreachable or ObjectProblem.Broken or ObjectProblem.Throttled) => FailureKind.Network,
        (_, ObjectProblem.Silent) => FailureKind.StoreUnavailable, // minutes have passed: the run does not begin anew
        (_, ObjectProblem.WrongKey or ObjectProblem.AccessDenied or ObjectProblem.ClockSkew) => FailureKind.Permission,
        (_, ObjectProblem.BucketMissing or ObjectProblem.Refused) => FailureKind.StoreUnavailable,
        (_, ObjectProblem.NotFound) => FailureKind.NotFound,
        (_, ObjectProblem.Full) => FailureKind.StoreFull,
        _ => FailureKind.Io,
    };
}
