using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using NexusBackupAgent.ObjectStorage;

namespace NexusBackupAgent.Stores.S3;

/// <summary>The rights that a store's key needs, as the policy that gives them and no others. <c>deploy/s3/policy.json</c> is one of them.</summary>
internal static class S3StorePolicy
{
    /// <summary>Names are listed of the whole bucket: whom a condition holds to a prefix, S3 refuses an object that is not there, as one that is secret.</summary>
    private static readonly string[] OfBucket = ["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketVersioning"];

    private static readonly string[] OfLockedBucket = [.. OfBucket, "s3:GetBucketObjectLockConfiguration"];
    private static readonly string[] OfObjects = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"];

    /// <summary>A lock is written with an object, made longer, and read before something is pruned.</summary>
    private static readonly string[] OfLockedObjects = [.. OfObjects, "s3:PutObjectRetention", "s3:GetObjectRetention"];

    /// <returns>JSON in one line.</returns>
    /// <param name="principal">Whose rights they are, in the policy of a bucket; null: in that of a user or role.</param>
    public static string For(ObjectAddress address, bool isLocked, string? principal = null)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            var bucket = $"arn:aws:s3:::{address.Bucket}";
            json.WriteStartObject();
            json.WriteString("Version", "2012-10-17");
            json.WriteStartArray("Statement");
            Statement(json, "List", isLocked ? OfLockedBucket : OfBucket, bucket, principal);
            Statement(json, "Keep", isLocked ? OfLockedObjects : OfObjects, $"{bucket}/{address.Prefix}*", principal);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void Statement(Utf8JsonWriter json, string name, IReadOnlyList<string> actions, string resource, string? principal)
    {
        json.WriteStartObject();
        json.WriteString("Sid", name);
        json.WriteString("Effect", "Allow");
        if (principal is not null)
        {
            json.WriteStartObject("Principal");
            json.WriteString("AWS", principal);
            json.WriteEndObject();
        }

        json.WriteStartArray("Action");
        foreach (var action in actions)
            json.WriteStringValue(action);
        json.WriteEndArray();
        json.WriteString("Resource", resource);
        json.WriteEndObject();
    }
}
