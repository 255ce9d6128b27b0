using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.ObjectStorage;

/// <summary>Where objects lie, and how they are reached.</summary>
/// <param name="Prefix">What all their keys begin with; empty: the whole bucket. Otherwise it ends with <c>/</c>.</param>
/// <param name="Endpoint">Null: Amazon's own in <paramref name="Region"/>.</param>
/// <param name="MostRequests">That are under way at once.</param>
internal sealed record ObjectAddress(string Bucket, string Prefix, Uri? Endpoint, string Region, ObjectCredentials Credentials, int MostRequests)
{
    /// <summary>Whether the bucket stands in the path rather than in the host's name.</summary>
    public bool HasBucketInPath { get; init; }

    /// <summary>How the server is asked to encrypt what is written: <c>AES256</c>, <c>aws:kms</c>; null: as the bucket says.</summary>
    public string? ServerEncryption { get; init; }

    /// <summary>For people, and as other clients write it; no secret is in it.</summary>
    public string Shown => Describe("");

    /// <summary>What a person adds to <c>aws</c> so that it asks the same server, in front of the command's own words.</summary>
    public string AwsOptions => Endpoint is null ? $"--region {Region} " : $"--endpoint-url {Endpoint.GetLeftPart(UriPartial.Authority)} ";

    /// <param name="key">Behind the prefix.</param>
    public string Describe(string key) => $"s3://{Bucket}/{Prefix}{key}";

    /// <summary>Equal for two places of one server.</summary>
    public string Server => Endpoint?.GetLeftPart(UriPartial.Authority) ?? $"aws:{Region}";
}

/// <summary>Reads the keys that say where objects lie, for every kind that keeps or protects some.</summary>
internal static class ObjectAddressBinder
{
    public const string Example = "{bucket: photos, endpoint: \"https://s3.example\", region: us-east-1}";

    private const int UsualRequests = 16;

    public static IReadOnlyList<string> Keys { get; } = ["bucket", "prefix", "endpoint", "region", "pathStyle", "credentials", "requests"];

    private static readonly string[] CredentialKeys = ["profile", "file", "accessKey", "secretKeyFile", "secretKeyEnv"];

    /// <summary>The levels of the file below the section's own.</summary>
    /// <param name="place">The section's.</param>
    public static IReadOnlyList<LevelKeys> Levels(string place) => [new($"{place}.credentials", CredentialKeys)];

    /// <summary>Reads a section; the caller reports the keys that are none.</summary>
    /// <param name="outer">Says what the section does not: another bucket of the same server.</param>
    /// <returns>Null when it is not usable; that was reported.</returns>
    public static ObjectAddress? Bind(Section section, string baseDirectory, ObjectAddress? outer = null)
    {
        var bucket = section.Find("bucket") is { } named ? named.Parse(ParseBucket, fallback: null!, "photos") : null;
        if (section.Find("bucket") is null)
            section.Error("does not say which bucket", "write for example bucket: photos");
        var prefix = section.Find("prefix")?.Parse(ParsePrefix, fallback: "", "2026/") ?? "";
        var endpoint = section.Find("endpoint") is { } server ? server.Parse(ParseEndpoint, fallback: null, "https://s3.example") : outer?.Endpoint;
        var isLost = endpoint is null && section.Find("endpoint") is not null; // without it another server would be asked
        var region = section.Find("region")?.Text("us-east-1") ?? outer?.Region ?? "us-east-1";
        var inPath = section.Find("pathStyle") is not null ? section.Flag("pathStyle") : outer?.HasBucketInPath ?? endpoint is not null;
        var credentials = section.FindSection("credentials", "{profile: backup}") is { } found ? BindCredentials(found, baseDirectory) : outer?.Credentials ?? ObjectCredentials.OfTheMachine;
        var requests = section.Number("requests", outer?.MostRequests ?? UsualRequests, least: 1, most: 256);
        return bucket is null || isLost ? null : new ObjectAddress(bucket, prefix, endpoint, region, credentials, requests) { HasBucketInPath = inPath };
    }

    /// <summary>The same keys of an address that is known. Of its credentials those that name where they are kept.</summary>
    public static MappingNode Write(ObjectAddress address) => DocumentText.Mapping(
        ("bucket", DocumentText.Value(address.Bucket)),
        ("prefix", DocumentText.Value(address.Prefix)),
        ("endpoint", DocumentText.Value(address.Endpoint?.GetLeftPart(UriPartial.Authority))),
        ("region", DocumentText.Value(address.Region)),
        ("pathStyle", address.HasBucketInPath == (address.Endpoint is not null) ? null : DocumentText.Value(address.HasBucketInPath ? "true" : "false")),
        ("credentials", address.Credentials is { Profile: null, ProfileFile: null } ? null : DocumentText.Mapping(("profile", DocumentText.Value(address.Credentials.Profile)), ("file", DocumentText.Value(address.Credentials.ProfileFile)))));

    private static ObjectCredentials BindCredentials(Section section, string baseDirectory)
    {
        new LevelKeys(section.Path, CredentialKeys).ReportOthers(section);
        var credentials = new ObjectCredentials(
            section.Find("profile")?.Text("backup"),
            section.Find("file")?.Parse(text => PathText.Parse(text, baseDirectory), fallback: null!, "/etc/nexus-backup/s3.credentials"),
            section.Find("accessKey")?.Text("AKIAEXAMPLE"),
            section.Find("secretKeyFile")?.Parse(text => PathText.Parse(text, baseDirectory), fallback: null!, "/etc/nexus-backup/s3.secret"),
            section.Find("secretKeyEnv")?.Text("S3_SECRET_KEY"));
        var hasSecret = credentials.SecretKeyFile is not null || credentials.SecretKeyVariable is not null;
        if (credentials is { SecretKeyFile: not null, SecretKeyVariable: not null })
            section.Error("has secretKeyFile and secretKeyEnv, and one secret key is used", "keep one of them");
        if (credentials.AccessKey is not null != hasSecret)
            section.Error(credentials.AccessKey is null ? "has a secret key and no accessKey" : "has an accessKey and no secret key", "write accessKey, and secretKeyFile (a file that only the agent's user may read) or secretKeyEnv");
        if (credentials.AccessKey is not null && (credentials.Profile is not null || credentials.ProfileFile is not null))
            section.Error("has both a key and a profile", "keep one of them");
        return credentials;
    }

    private static string ParseBucket(string text) => text.Length is >= 3 and <= 63 && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_')
        ? text
        : throw new WrongTextException("is no name of a bucket", "write the bucket's name alone, for example photos");

    private static string ParsePrefix(string text)
    {
        var prefix = text.TrimStart('/');
        return NameText.HasControlCharacter(prefix) ? throw new FormatException("contains a control character") : prefix.Length == 0 || prefix.EndsWith('/') ? prefix : prefix + "/";
    }

    private static Uri? ParseEndpoint(string text) => Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" && address.UserInfo.Length == 0 && address.PathAndQuery == "/"
        ? address
        : throw new WrongTextException("is no address of a server", "write scheme, host and port alone, for example https://s3.example");
}
