using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Amazon;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using NexusBackupAgent.Common;
using Polly;
using Polly.Retry;

namespace NexusBackupAgent.ObjectStorage;

/// <summary>An object as a list tells it.</summary>
/// <param name="Key">Behind the address's prefix.</param>
/// <param name="Length">Bytes.</param>
/// <param name="ETag">Without quotes. Of content that came in one part, and that no key of the server's encrypts, its MD5.</param>
/// <param name="ModifiedAt">UTC.</param>
internal sealed record ListedObject(string Key, long Length, string ETag, DateTimeOffset ModifiedAt, string StorageClass);

/// <summary>An object as the server tells it alone; not its tags, which some servers do not even count here.</summary>
internal sealed record ObjectHead(long Length, string ETag, DateTimeOffset ModifiedAt, ObjectAttributes Attributes)
{
    /// <summary>Until when this version of it can't be deleted; null: it can, or the key may not ask.</summary>
    public DateTimeOffset? LockedUntil { get; init; }

    /// <summary>How it is locked, or was; null: it never was, or the key may not know.</summary>
    public ObjectLockWord? LockedBy { get; init; }
}

/// <summary>Who may take a lock away before its end.</summary>
internal enum ObjectLockWord
{
    /// <summary>Whoever has the right to.</summary>
    Governance,

    /// <summary>Nobody.</summary>
    Compliance,
}

/// <summary>Keeps a version of an object from being deleted or replaced.</summary>
/// <param name="Until">To the second.</param>
internal sealed record ObjectLock(ObjectLockWord Word, DateTimeOffset Until);

/// <summary>What goes with an object's content.</summary>
internal sealed record ObjectAttributes
{
    public static readonly ObjectAttributes None = new();

    /// <summary>By name: <c>Content-Type</c>, <c>Cache-Control</c>, <c>Content-Disposition</c>, <c>Content-Encoding</c>, <c>Content-Language</c>, <c>Expires</c>.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The users' own, by name without <c>x-amz-meta-</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Null: the server's usual one.</summary>
    public string? StorageClass { get; init; }

    /// <summary>Of what is written; null: none, or the bucket's usual one.</summary>
    public ObjectLock? Lock { get; init; }
}

/// <summary>When a request may change what is there.</summary>
internal enum WriteCondition
{
    Always,

    /// <summary>Only when nothing of that key is there.</summary>
    IfAbsent,
}

/// <summary>
/// Objects at one address, of any server that speaks S3. Keys stand behind the address's prefix. What fails and may succeed is
/// tried again, later each time; requests under way are limited, and fewer while the server asks for that.
/// Every failure is an <see cref="ObjectException"/>.
/// </summary>
internal sealed class ObjectClient : IDisposable
{
    /// <summary>Bytes that one request copies at most; larger objects are copied in parts.</summary>
    public const long MostOfOneCopy = 5L << 30;

    /// <summary>Bytes of a part of a copy: 10,000 parts at most make an object.</summary>
    private const long PartOfCopy = 512L << 20;

    /// <summary>A list's page, and objects of one deletion.</summary>
    public const int MostOfOneList = 1000;

    private const int Attempts = 6;

    /// <summary>What was written while the bucket kept no versions: a name that every server takes.</summary>
    private const string NoVersion = "null";

    /// <summary>How long what is left over may take to go: whoever waits has failed already, or was told to stop.</summary>
    private static readonly TimeSpan CleaningPatience = TimeSpan.FromSeconds(3);

    /// <summary>How long nothing may move in a request, or while its answer is awaited.</summary>
    internal static readonly TimeSpan UsualPatience = TimeSpan.FromMinutes(1);

    /// <summary>As many times as long as that a server may say nothing to anybody, before nothing is sent to it again.</summary>
    private const int MostSilences = 3;

    private static readonly TimeSpan ConnectTime = TimeSpan.FromSeconds(15);

    /// <summary>A server that copies a large object, or puts one together, answers when it is done; whether it is there at all, it is asked meanwhile.</summary>
    private static readonly TimeSpan AnswerTime = TimeSpan.FromMinutes(15);

    private readonly AmazonS3Client s3;
    private readonly RequestGate gate;
    private readonly ObjectFailures failures;
    private readonly ResiliencePipeline retries;
    private readonly long mostOfOneCopy;
    private readonly Lock looks = new();
    private ServerSilence? silence;
    private Task<string?>? look;

    static ObjectClient() => AWSConfigs.CorrectForClockSkew = false; // a clock that is wrong is told, not made up for

    /// <param name="mostOfOneCopy">For tests.</param>
    public ObjectClient(ObjectAddress address, ObjectRole role, TimeProvider timeProvider, long mostOfOneCopy = MostOfOneCopy)
    {
        (Address, Time, this.mostOfOneCopy) = (address, timeProvider, mostOfOneCopy);
        failures = new ObjectFailures(address, role);
        gate = new RequestGate(address.MostRequests);
        var settings = new AmazonS3Config
        {
            ForcePathStyle = address.HasBucketInPath,
            AuthenticationRegion = address.Region,
            MaxErrorRetry = 0,
            Timeout = Timeout.InfiniteTimeSpan, // each request has a watch of its own
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            HttpClientFactory = new Connections(address.MostRequests),
        };
        if (address.Endpoint is null)
            settings.RegionEndpoint = RegionEndpoint.GetBySystemName(address.Region);
        else
            settings.ServiceURL = address.Endpoint.GetLeftPart(UriPartial.Authority);
        s3 = new AmazonS3Client(address.Credentials.Open(), settings);
        retries = new ResiliencePipelineBuilder { TimeProvider = timeProvider }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<ObjectException>(failure => ObjectFailures.IsTransient(failure.Problem) && !(failure.Problem == ObjectProblem.Silent && Silence.IsOver)),
                MaxRetryAttempts = Attempts - 1,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = TimeSpan.FromMilliseconds(200),
                MaxDelay = TimeSpan.FromSeconds(10),
                OnRetry = retry =>
                {
                    if (retry.Outcome.Exception is ObjectException { Problem: ObjectProblem.Silent } failure)
                        Silent?.Invoke(failure, retry.AttemptNumber + 1);
                    return ValueTask.CompletedTask;
                },
            })
            .Build();
    }

    public ObjectAddress Address { get; }

    /// <summary>Of what is sent and read; null: as fast as it goes.</summary>
    public Pace? Pace { get; init; }

    /// <summary>Told of an attempt that ended because nothing moved, and is followed by another one: its number.</summary>
    public Action<ObjectException, int>? Silent { get; init; }

    /// <summary>Whose objects they are, for people: <c>store 'offsite'</c>; null: the server says enough.</summary>
    public string? Owner { get; init; }

    /// <summary>For tests.</summary>
    internal TimeSpan Patience { get; init; } = UsualPatience;

    /// <summary>What is known of the server's silence.</summary>
    internal ServerSilence Silence => LazyInitializer.EnsureInitialized(ref silence, () => new ServerSilence(MostSilences * Patience, Time));

    public ObjectFailures Failures => failures;

    /// <summary>How many requests may be under way now.</summary>
    public int RequestLimit => gate.Limit;

    internal TimeProvider Time { get; }

    public void Dispose() => s3.Dispose();

    /// <summary>Asks for the bucket itself.</summary>
    /// <exception cref="ObjectException">It is not there, or can't be listed.</exception>
    public Task RequireBucketAsync(CancellationToken cancellationToken) => HasAnyAsync(cancellationToken);

    /// <summary>Whether an object is there.</summary>
    /// <exception cref="ObjectException">The bucket is not there, or can't be listed.</exception>
    public Task<bool> HasAnyAsync(CancellationToken cancellationToken) => AskAsync(
        $"list {Address.Shown}",
        async token => (await ListOneAsync(token)).S3Objects is [_, ..],
        cancellationToken);

    private Task<ListObjectsV2Response> ListOneAsync(CancellationToken cancellationToken) => s3.ListObjectsV2Async(new ListObjectsV2Request { BucketName = Address.Bucket, Prefix = Address.Prefix, MaxKeys = 1 }, cancellationToken);

    /// <summary>All objects whose keys begin with something, in the order of their keys, page by page.</summary>
    public async IAsyncEnumerable<ListedObject> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var page in PagesAsync(prefix, folder: false, cancellationToken))
        {
            foreach (var found in page.Objects)
                yield return found;
        }
    }

    /// <summary>What lies directly in a folder: objects and the names of folders, without <c>/</c>, both behind <paramref name="folder"/>.</summary>
    /// <param name="folder">Empty, or ends with <c>/</c>.</param>
    public async Task<(IReadOnlyList<ListedObject> Objects, IReadOnlyList<string> Folders)> ListFolderAsync(string folder, CancellationToken cancellationToken)
    {
        var (objects, folders) = (new List<ListedObject>(), new List<string>());
        await foreach (var page in PagesAsync(folder, folder: true, cancellationToken))
        {
            objects.AddRange(page.Objects.Select(found => found with { Key = found.Key[folder.Length..] }));
            folders.AddRange(page.Folders.Select(name => name[folder.Length..].TrimEnd('/')));
        }

        return (objects, folders);
    }

    /// <returns>Null when there is no such object.</returns>
    public async Task<ObjectHead?> HeadAsync(string key, CancellationToken cancellationToken)
    {
        try
        {
            var said = await AskAsync($"look at {Address.Describe(key)}", token => s3.GetObjectMetadataAsync(new GetObjectMetadataRequest { BucketName = Address.Bucket, Key = FullKey(key) }, token), cancellationToken);
            return new ObjectHead(said.ContentLength, Bare(said.ETag), Utc(said.LastModified), AttributesOf(said.Headers, said.Metadata, said.ExpiresString, said.StorageClass)) { LockedUntil = LockOf(said.ObjectLockRetainUntilDate), LockedBy = WordOf(said.ObjectLockMode?.Value) };
        }
        catch (ObjectException failure) when (failure.Problem == ObjectProblem.NotFound)
        {
            return null;
        }
    }

    public async Task<IReadOnlyDictionary<string, string>> TagsAsync(string key, CancellationToken cancellationToken)
    {
        var said = await AskAsync($"read the tags of {Address.Describe(key)}", token => s3.GetObjectTaggingAsync(new GetObjectTaggingRequest { BucketName = Address.Bucket, Key = FullKey(key) }, token), cancellationToken);
        return (said.Tagging ?? []).ToDictionary(tag => tag.Key, tag => tag.Value, StringComparer.Ordinal);
    }

    /// <summary>Some servers forget the tags of what comes in parts.</summary>
    internal async Task PutTagsAsync(string key, IReadOnlyDictionary<string, string> tags, CancellationToken cancellationToken)
    {
        if (tags.Count == 0)
            return;
        var set = new Tagging { TagSet = [.. tags.Select(tag => new Tag { Key = tag.Key, Value = tag.Value })] };
        await AskAsync($"write the tags of {Address.Describe(key)}", token => s3.PutObjectTaggingAsync(new PutObjectTaggingRequest { BucketName = Address.Bucket, Key = FullKey(key), Tagging = set }, token), cancellationToken);
    }

    /// <summary>Reads an object; the stream goes on where it broke off.</summary>
    /// <param name="etag">The object must still have; null: whichever is there.</param>
    /// <param name="offset">Bytes that are left out.</param>
    public async Task<ObjectReadStream> OpenAsync(string key, string? etag, CancellationToken cancellationToken, long offset = 0)
    {
        var stream = new ObjectReadStream(this, key, etag, offset);
        await stream.StartAsync(cancellationToken);
        return stream;
    }

    internal Task<GetObjectResponse> GetAsync(string key, string? etag, long offset, CancellationToken cancellationToken) => AskAsync(
        $"read {Address.Describe(key)}",
        token => s3.GetObjectAsync(
            new GetObjectRequest { BucketName = Address.Bucket, Key = FullKey(key), EtagToMatch = etag is null ? null : Quoted(etag), ByteRange = offset == 0 ? null : new ByteRange($"bytes={offset}-") },
            token),
        cancellationToken);

    /// <summary>Writes a small object in one request.</summary>
    /// <param name="replaced">The ETag of the only object that it may replace; null: as <paramref name="condition"/> says.</param>
    /// <returns>Its ETag.</returns>
    public Task<string> PutAsync(string key, ReadOnlyMemory<byte> content, ObjectAttributes attributes, WriteCondition condition, CancellationToken cancellationToken, string? replaced = null) => AskAsync(
        $"write {Address.Describe(key)}",
        async (watch, token) =>
        {
            using var body = new ObjectBody(content, watch, Pace);
            var request = new PutObjectRequest
            {
                BucketName = Address.Bucket,
                Key = FullKey(key),
                InputStream = body,
                AutoCloseStream = false,
                MD5Digest = Digest(content.Span),
                IfNoneMatch = condition == WriteCondition.IfAbsent ? "*" : null,
                IfMatch = replaced, // bare: Ceph compares it with quotes and all
                TagSet = TagsOf(attributes),
                ServerSideEncryptionMethod = ServerEncryption,
            };
            if (attributes.StorageClass is { } kept)
                request.StorageClass = S3StorageClass.FindValue(kept);
            if (attributes.Lock is { } locked)
                (request.ObjectLockMode, request.ObjectLockRetainUntilDate) = (ModeOf(locked.Word), locked.Until.UtcDateTime);
            Fill(request.Headers, request.Metadata, attributes);
            return Bare((await s3.PutObjectAsync(request, token)).ETag);
        },
        cancellationToken);

    /// <summary>Writes an object of any length, whole or not at all: one that does not end well leaves nothing.</summary>
    /// <param name="write">Writes the content in order.</param>
    /// <param name="length">Its bytes; 0: nobody knows, and 156 GiB may come.</param>
    public async Task<WrittenObject> WriteAsync(string key, Func<Stream, CancellationToken, Task> write, ObjectAttributes attributes, WriteCondition condition, CancellationToken cancellationToken, long length = 0)
    {
        await using var upload = new ObjectUpload(this, key, attributes, condition, length, cancellationToken);
        try
        {
            await write(upload, cancellationToken);
            return await upload.CompleteAsync();
        }
        catch (OperationCanceledException stopped) when (cancellationToken.IsCancellationRequested && stopped is not StoppedWaitingException && upload.IsUnderWay)
        {
            throw Stopped($"write {Address.Describe(key)}", stopped, cancellationToken); // who makes the content heard of it sooner
        }
    }

    /// <summary>Copies an object on the server; nothing of it comes through here. Its attributes go with it.</summary>
    /// <param name="from">Another address at the same server.</param>
    /// <param name="source">As it was listed: one that was changed meanwhile is not copied.</param>
    /// <returns>The copy's ETag.</returns>
    public async Task<string> CopyAsync(ObjectClient from, ListedObject source, string key, CancellationToken cancellationToken)
    {
        if (source.Length > mostOfOneCopy)
            return await CopyPartsAsync(from, source, key, cancellationToken);
        var action = $"copy {from.Address.Describe(source.Key)} to {Address.Describe(key)}";
        var said = await AskAsync(
            action,
            token => s3.CopyObjectAsync(
                new CopyObjectRequest
                {
                    SourceBucket = from.Address.Bucket,
                    SourceKey = from.FullKey(source.Key),
                    DestinationBucket = Address.Bucket,
                    DestinationKey = FullKey(key),
                    ETagToMatch = Quoted(source.ETag),
                    MetadataDirective = S3MetadataDirective.COPY,
                    TaggingDirective = TaggingDirective.COPY,
                    StorageClass = S3StorageClass.FindValue(source.StorageClass),
                },
                token),
            cancellationToken,
            AnswerTime);
        var etag = await KnownAsync(key, said.ETag, cancellationToken);
        if (etag != source.ETag)
            await RequireSameAsync(from, source, action, cancellationToken);
        return etag;
    }

    /// <summary>Some servers copy whatever is there, and do not ask for the ETag.</summary>
    private async Task RequireSameAsync(ObjectClient from, ListedObject source, string action, CancellationToken cancellationToken)
    {
        if ((await from.HeadAsync(source.Key, cancellationToken))?.ETag != source.ETag)
            throw failures.New(ObjectProblem.PreconditionFailed, action, "");
    }

    /// <summary>Deletes an object; an absent one is success.</summary>
    public Task DeleteAsync(string key, CancellationToken cancellationToken) => AskAsync(
        $"delete {Address.Describe(key)}",
        token => s3.DeleteObjectAsync(new DeleteObjectRequest { BucketName = Address.Bucket, Key = FullKey(key) }, token),
        cancellationToken);

    /// <summary>Deletes many objects, a thousand in one request; absent ones are success.</summary>
    public async Task DeleteAsync(IEnumerable<string> keys, CancellationToken cancellationToken)
    {
        foreach (var page in keys.Chunk(MostOfOneList))
        {
            await AskAsync(
                $"delete {page.Length} objects of {Address.Shown}",
                token => s3.DeleteObjectsAsync(new DeleteObjectsRequest { BucketName = Address.Bucket, Quiet = true, Objects = [.. page.Select(key => new KeyVersion { Key = FullKey(key) })] }, token),
                cancellationToken,
                AnswerTime);
        }
    }

    /// <summary>Deletes all objects whose keys begin with something, page by page.</summary>
    public async Task DeleteBelowAsync(string prefix, CancellationToken cancellationToken)
    {
        await foreach (var page in PagesAsync(prefix, folder: false, cancellationToken))
            await DeleteAsync(page.Objects.Select(found => found.Key), cancellationToken);
    }

    /// <summary>Locks the newest version of an object for longer; a lock is never shortened.</summary>
    public async Task ExtendLockAsync(string key, ObjectLock wanted, CancellationToken cancellationToken)
    {
        if (await HeadAsync(key, cancellationToken) is not { } head || head.LockedUntil >= wanted.Until)
            return;
        await AskAsync(
            $"lock {Address.Describe(key)}",
            token => s3.PutObjectRetentionAsync(
                new PutObjectRetentionRequest { BucketName = Address.Bucket, Key = FullKey(key), Retention = new ObjectLockRetention { Mode = RetentionOf(wanted.Word), RetainUntilDate = wanted.Until.UtcDateTime } }, token),
            cancellationToken);
    }

    /// <summary>How the bucket locks every object that is written to it; null: it does not, or the key may not ask.</summary>
    public async Task<ObjectLockWord?> DefaultLockAsync(CancellationToken cancellationToken)
    {
        try
        {
            var said = await AskAsync($"read the lock of bucket {Address.Bucket}", token => s3.GetObjectLockConfigurationAsync(new GetObjectLockConfigurationRequest { BucketName = Address.Bucket }, token), cancellationToken);
            return WordOf(said.ObjectLockConfiguration?.Rule?.DefaultRetention?.Mode?.Value);
        }
        catch (ObjectException unknown) when (unknown.Problem is ObjectProblem.NotFound or ObjectProblem.AccessDenied or ObjectProblem.Refused)
        {
            return null;
        }
    }

    /// <summary>Whether objects of the bucket can be locked.</summary>
    /// <exception cref="ObjectException">The key may not ask, or the server does not know.</exception>
    public async Task<bool> CanLockAsync(CancellationToken cancellationToken)
    {
        try
        {
            var said = await AskAsync($"read the lock of bucket {Address.Bucket}", token => s3.GetObjectLockConfigurationAsync(new GetObjectLockConfigurationRequest { BucketName = Address.Bucket }, token), cancellationToken);
            return said.ObjectLockConfiguration?.ObjectLockEnabled == ObjectLockEnabled.Enabled;
        }
        catch (ObjectException none) when (none.Problem == ObjectProblem.NotFound)
        {
            return false;
        }
    }

    /// <summary>Whether what is deleted or replaced stays as an older version.</summary>
    /// <exception cref="ObjectException">The key may not ask, or the server does not know.</exception>
    public async Task<bool> KeepsVersionsAsync(CancellationToken cancellationToken) =>
        (await AskAsync($"read the versioning of bucket {Address.Bucket}", token => s3.GetBucketVersioningAsync(new GetBucketVersioningRequest { BucketName = Address.Bucket }, token), cancellationToken)).VersioningConfig?.Status == VersionStatus.Enabled;

    /// <summary>Whether the key may delete older versions for good. It asks for the deletion of one that there is not.</summary>
    /// <param name="key">Of no object.</param>
    /// <param name="past">Whether past a lock of governance.</param>
    public async Task<bool> MayDeleteVersionsAsync(string key, bool past, CancellationToken cancellationToken)
    {
        try
        {
            await AskAsync(
                $"ask for the rights in bucket {Address.Bucket}",
                token => s3.DeleteObjectAsync(new DeleteObjectRequest { BucketName = Address.Bucket, Key = FullKey(key), VersionId = NoVersion, BypassGovernanceRetention = past }, token),
                cancellationToken);
            return true;
        }
        catch (ObjectException refused) when (refused.Problem == ObjectProblem.AccessDenied)
        {
            return false;
        }
        catch (ObjectException unknown) when (!ObjectFailures.IsTransient(unknown.Problem))
        {
            return true; // it was looked for
        }
    }

    /// <summary>Ends the uploads in parts that nobody finished: their parts take room, and no list of objects shows them.</summary>
    /// <param name="before">Younger ones are left to whoever makes them.</param>
    /// <returns>How many.</returns>
    public async Task<int> AbortUploadsAsync(string prefix, DateTimeOffset before, CancellationToken cancellationToken, Func<string, bool>? isMeant = null)
    {
        var ended = 0;
        var request = new ListMultipartUploadsRequest { BucketName = Address.Bucket, Prefix = FullKey(prefix) };
        ListMultipartUploadsResponse page;
        do
        {
            page = await AskAsync($"list the unfinished uploads of {Address.Describe(prefix)}", token => s3.ListMultipartUploadsAsync(request, token), cancellationToken);
            foreach (var upload in (page.MultipartUploads ?? []).Where(upload => Utc(upload.Initiated) < before && isMeant?.Invoke(upload.Key[FullKey(prefix).Length..]) != false))
            {
                await AbortAsync(upload.Key, upload.UploadId, cancellationToken);
                ended++;
            }

            (request.KeyMarker, request.UploadIdMarker) = (page.NextKeyMarker, page.NextUploadIdMarker);
        }
        while (page.IsTruncated == true);
        return ended;
    }

    private ServerSideEncryptionMethod? ServerEncryption => Address.ServerEncryption is { } method ? ServerSideEncryptionMethod.FindValue(method) : null;

    internal Task<string> BeginPartsAsync(string key, ObjectAttributes attributes, CancellationToken cancellationToken) => AskAsync(
        $"write {Address.Describe(key)}",
        async token =>
        {
            var request = new InitiateMultipartUploadRequest { BucketName = Address.Bucket, Key = FullKey(key), TagSet = TagsOf(attributes), ServerSideEncryptionMethod = ServerEncryption };
            if (attributes.StorageClass is { } kept)
                request.StorageClass = S3StorageClass.FindValue(kept);
            if (attributes.Lock is { } locked)
                (request.ObjectLockMode, request.ObjectLockRetainUntilDate) = (ModeOf(locked.Word), locked.Until.UtcDateTime);
            Fill(request.Headers, request.Metadata, attributes);
            return (await s3.InitiateMultipartUploadAsync(request, token)).UploadId;
        },
        cancellationToken);

    internal Task<PartETag> PutPartAsync(string key, string upload, int number, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => AskAsync(
        $"write {Address.Describe(key)}",
        async (watch, token) =>
        {
            using var body = new ObjectBody(content, watch, Pace);
            var said = await s3.UploadPartAsync(
                new UploadPartRequest { BucketName = Address.Bucket, Key = FullKey(key), UploadId = upload, PartNumber = number, InputStream = body, PartSize = content.Length, MD5Digest = Digest(content.Span) },
                token);
            return new PartETag(number, said.ETag);
        },
        cancellationToken);

    internal async Task<string> CompletePartsAsync(string key, string upload, List<PartETag> parts, WriteCondition condition, CancellationToken cancellationToken)
    {
        var request = new CompleteMultipartUploadRequest { BucketName = Address.Bucket, Key = FullKey(key), UploadId = upload, PartETags = parts, IfNoneMatch = condition == WriteCondition.IfAbsent ? "*" : null };
        var said = await AskAsync($"write {Address.Describe(key)}", token => s3.CompleteMultipartUploadAsync(request, token), cancellationToken, AnswerTime);
        return await KnownAsync(key, said.ETag, cancellationToken);
    }

    /// <summary>Ceph completes an upload whatever is there: it heeds the condition only of what comes in one part, and not where the bucket keeps versions.</summary>
    internal async Task RequireAbsentAsync(string key, CancellationToken cancellationToken)
    {
        if (await HeadAsync(key, cancellationToken) is not null)
            throw failures.New(ObjectProblem.PreconditionFailed, $"write {Address.Describe(key)}", "");
    }

    internal Task AbortPartsAsync(string key, string upload, CancellationToken cancellationToken) => AbortAsync(FullKey(key), upload, cancellationToken);

    private async Task AbortAsync(string fullKey, string upload, CancellationToken cancellationToken)
    {
        try
        {
            await AskAsync(
                $"end an unfinished upload of s3://{Address.Bucket}/{fullKey}",
                token => s3.AbortMultipartUploadAsync(new AbortMultipartUploadRequest { BucketName = Address.Bucket, Key = fullKey, UploadId = upload }, token),
                cancellationToken);
        }
        catch (ObjectException failure) when (failure.Problem == ObjectProblem.NotFound)
        {
            // It was ended.
        }
    }

    private async Task<string> CopyPartsAsync(ObjectClient from, ListedObject source, string key, CancellationToken cancellationToken)
    {
        var action = $"copy {from.Address.Describe(source.Key)} to {Address.Describe(key)}";
        var head = await from.HeadAsync(source.Key, cancellationToken) ?? throw failures.New(ObjectProblem.NotFound, action, "");
        var tags = await from.TagsAsync(source.Key, cancellationToken);
        var upload = await BeginPartsAsync(key, head.Attributes with { Tags = tags, StorageClass = source.StorageClass }, cancellationToken);
        try
        {
            var size = Math.Max(5L << 20, Math.Min(PartOfCopy, mostOfOneCopy));
            while (source.Length / size >= 10_000)
                size *= 2;
            var parts = await Task.WhenAll(Enumerable.Range(0, (int)((source.Length + size - 1) / size)).Select(part => CopyPartAsync(part, size)));
            var etag = await CompletePartsAsync(key, upload, [.. parts], WriteCondition.Always, cancellationToken);
            await PutTagsAsync(key, tags, cancellationToken);
            await RequireSameAsync(from, source, action, cancellationToken);
            return etag;
        }
        catch
        {
            await EndAsync(token => AbortPartsAsync(key, upload, token));
            throw;
        }

        Task<PartETag> CopyPartAsync(int part, long size) => AskAsync(
            action,
            async token =>
            {
                var said = await s3.CopyPartAsync(
                    new CopyPartRequest
                    {
                        SourceBucket = from.Address.Bucket,
                        SourceKey = from.FullKey(source.Key),
                        DestinationBucket = Address.Bucket,
                        DestinationKey = FullKey(key),
                        UploadId = upload,
                        PartNumber = part + 1,
                        FirstByte = part * size,
                        LastByte = Math.Min(source.Length, (part + 1) * size) - 1,
                        ETagToMatch = [Quoted(source.ETag)],
                    },
                    token);
                return new PartETag(part + 1, said.ETag);
            },
            cancellationToken,
            AnswerTime);
    }

    /// <summary>Cleans up behind a failure, which is the one that is told.</summary>
    internal async Task EndAsync(Func<CancellationToken, Task> cleaning)
    {
        using var brief = new CancellationTokenSource(CleaningPatience, Time);
        try
        {
            await cleaning(brief.Token);
        }
        catch (Exception left) when (left is ObjectException or OperationCanceledException)
        {
            // What is left there is found by its age.
        }
    }

    private async IAsyncEnumerable<(IReadOnlyList<ListedObject> Objects, IReadOnlyList<string> Folders)> PagesAsync(string prefix, bool folder, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = new ListObjectsV2Request { BucketName = Address.Bucket, Prefix = FullKey(prefix), Delimiter = folder ? "/" : null, MaxKeys = MostOfOneList, Encoding = EncodingType.Url };
        ListObjectsV2Response page;
        do
        {
            page = await AskAsync($"list {Address.Describe(prefix)}", token => s3.ListObjectsV2Async(request, token), cancellationToken);
            var isEncoded = page.Encoding == EncodingType.Url;
            yield return (
                [.. (page.S3Objects ?? []).Select(found => new ListedObject(Behind(found.Key), found.Size ?? 0, Bare(found.ETag), Utc(found.LastModified), found.StorageClass?.Value ?? S3StorageClass.Standard.Value))],
                [.. (page.CommonPrefixes ?? []).Select(Behind)]);
            request.ContinuationToken = page.NextContinuationToken;

            string Behind(string key) => (isEncoded ? WebUtility.UrlDecode(key) : key)[Address.Prefix.Length..];
        }
        while (page.IsTruncated == true);
    }

    private string FullKey(string key) => Address.Prefix + key;

    /// <summary>One request, again while it may succeed.</summary>
    /// <param name="patience">How long its answer may take; null: as long as any.</param>
    private Task<T> AskAsync<T>(string action, Func<CancellationToken, Task<T>> request, CancellationToken cancellationToken, TimeSpan? patience = null) =>
        AskAsync(action, (_, token) => request(token), cancellationToken, patience);

    private async Task<T> AskAsync<T>(string action, Func<SilenceWatch, CancellationToken, Task<T>> request, CancellationToken cancellationToken, TimeSpan? patience = null) =>
        await retries.ExecuteAsync(async token => await AskOnceAsync(action, request, patience ?? Patience, token), cancellationToken);

    private async Task<T> AskOnceAsync<T>(string action, Func<SilenceWatch, CancellationToken, Task<T>> request, TimeSpan patience, CancellationToken cancellationToken)
    {
        await gate.EnterAsync(cancellationToken);
        var wasThrottled = false;
        using var watch = new SilenceWatch(patience, Time, cancellationToken);
        try
        {
            var answering = request(watch, watch.Token);
            if (patience > Patience)
                await LookAfterAsync(answering, watch);
            var answer = await answering;
            Silence.Heard();
            return answer;
        }
        catch (Exception cut) when (watch.IsOver && !IsAnswer(cut))
        {
            Silence.Noted(watch);
            throw failures.New(ObjectProblem.Silent, action, watch.Text, cut);
        }
        catch (OperationCanceledException stopped) when (cancellationToken.IsCancellationRequested)
        {
            throw Stopped(watch.Quiet is { TotalSeconds: >= 2 and var seconds } ? $"{action}; nothing had moved for {seconds:0} s" : action, stopped, cancellationToken);
        }
        catch (Exception failure) when (ObjectFailures.IsKnown(failure) || (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            if (IsAnswer(failure))
                Silence.Heard();
            var translated = failures.Translate(failure, action);
            wasThrottled = translated.Problem == ObjectProblem.Throttled;
            throw translated;
        }
        finally
        {
            gate.Leave(wasThrottled);
        }
    }

    /// <summary>Sees to it that a long answer is not waited for from a server that answers nothing else either.</summary>
    private async Task LookAfterAsync(Task answering, SilenceWatch watch)
    {
        while (!answering.IsCompleted && !watch.Token.IsCancellationRequested)
        {
            if (Patience - Silence.QuietSince(watch.Began) is { Ticks: > 0 } left)
            {
                await answering.WaitAsync(left, Time, watch.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }

            var looking = LookAsync();
            await Task.WhenAny(answering, looking);
            if (!answering.IsCompleted && await looking is { } nothing)
                watch.End($"it says nothing, {nothing}");
        }
    }

    /// <summary>Asks for something small: once for all who want to know whether the server is there.</summary>
    /// <returns>Null: it answered. Otherwise how it did not, for people.</returns>
    private Task<string?> LookAsync()
    {
        lock (looks)
            return look is { IsCompleted: false } underWay ? underWay : look = LookOnceAsync();
    }

    private async Task<string?> LookOnceAsync()
    {
        using var watch = new SilenceWatch(Patience, Time, CancellationToken.None); // who asked may go: it ends by itself
        try
        {
            await ListOneAsync(watch.Token);
        }
        catch (Exception failure) when (ObjectFailures.IsKnown(failure) || failure is OperationCanceledException)
        {
            if (!IsAnswer(failure))
                return watch.IsOver ? $"nor answered anything else for {Patience.TotalSeconds:0} s" : $"and can't be reached: {(failure.InnerException ?? failure).Message}";
        }

        Silence.Heard();
        return null;
    }

    /// <summary>Whether a failure is something that the server itself said.</summary>
    private bool IsAnswer(Exception failure) => ObjectFailures.IsKnown(failure) && failures.Translate(failure, "").Problem != ObjectProblem.Unreachable;

    private StoppedWaitingException Stopped(string action, Exception cause, CancellationToken stop) => new($"{Owner ?? Address.Server} ({action})", cause, stop);

    /// <summary>Some servers do not say in their answer what they made.</summary>
    private async Task<string> KnownAsync(string key, string? etag, CancellationToken cancellationToken) =>
        Bare(etag) is { Length: > 0 } said ? said : (await HeadAsync(key, cancellationToken))?.ETag ?? throw failures.New(ObjectProblem.NotFound, $"look at {Address.Describe(key)}", "");

    private static string Digest(ReadOnlySpan<byte> content) => Convert.ToBase64String(ETags.Md5(content));

    private static List<Tag>? TagsOf(ObjectAttributes attributes) => attributes.Tags.Count == 0 ? null : [.. attributes.Tags.Select(tag => new Tag { Key = tag.Key, Value = tag.Value })];

    private static void Fill(HeadersCollection headers, MetadataCollection metadata, ObjectAttributes attributes)
    {
        foreach (var (name, value) in attributes.Headers)
            headers[name] = value;
        foreach (var (name, value) in attributes.Metadata)
            metadata.Add(name, value);
    }

    /// <summary>What a server tells of an object beside its content; its tags are asked for by themselves.</summary>
    internal static ObjectAttributes AttributesOf(HeadersCollection headers, MetadataCollection metadata, string? expires, S3StorageClass? storageClass) => new()
    {
        Headers = HeadersOf(headers, expires),
        Metadata = metadata.Keys.ToDictionary(MetadataName, name => metadata[name], StringComparer.Ordinal),
        StorageClass = storageClass?.Value,
    };

    private static Dictionary<string, string> HeadersOf(HeadersCollection said, string? expires)
    {
        var headers = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in ((string, string?)[])[("Content-Type", said.ContentType), ("Cache-Control", said.CacheControl), ("Content-Disposition", said.ContentDisposition), ("Content-Encoding", said.ContentEncoding), ("Content-Language", said["Content-Language"]), ("Expires", expires)])
        {
            if (!string.IsNullOrEmpty(value))
                headers.Add(name, value);
        }

        return headers;
    }

    private static ObjectLockMode ModeOf(ObjectLockWord word) => word == ObjectLockWord.Governance ? ObjectLockMode.Governance : ObjectLockMode.Compliance;

    private static ObjectLockRetentionMode RetentionOf(ObjectLockWord word) => word == ObjectLockWord.Governance ? ObjectLockRetentionMode.Governance : ObjectLockRetentionMode.Compliance;

    private static ObjectLockWord? WordOf(string? mode) => mode == ObjectLockMode.Governance.Value ? ObjectLockWord.Governance : mode == ObjectLockMode.Compliance.Value ? ObjectLockWord.Compliance : null;

    private static DateTimeOffset? LockOf(DateTime? until) => until is { Year: > 1970 } known ? Utc(known) : null;

    private static string MetadataName(string name) => name.StartsWith("x-amz-meta-", StringComparison.OrdinalIgnoreCase) ? name["x-amz-meta-".Length..] : name;

    private static string Bare(string? etag) => etag?.Trim('"') ?? "";

    private static string Quoted(string etag) => $"\"{etag}\"";

    private static DateTimeOffset Utc(DateTime? time) => time is { } known ? new DateTimeOffset(known.ToUniversalTime()) : DateTimeOffset.UnixEpoch;

    /// <summary>Connections that are given up soon where nobody answers, and asked for again by name where an address changes.</summary>
    private sealed class Connections(int most) : HttpClientFactory
    {
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) => new(
            new SocketsHttpHandler { ConnectTimeout = ConnectTime, PooledConnectionLifetime = TimeSpan.FromMinutes(10), MaxConnectionsPerServer = 2 * most, AllowAutoRedirect = false, UseCookies = false })
        {
            Timeout = System.Threading.Timeout.InfiniteTimeSpan,
        };

        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

        public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;
    }
}

/// <summary>The digests that S3 itself calls ETags. They tell damage and change, no attack: what the agent trusts is a SHA-256.</summary>
internal static class ETags
{
    public const int DigestSize = 16;

#pragma warning disable CA5351, MA0115 // S3 wants MD5
    public static byte[] Md5(ReadOnlySpan<byte> content) => MD5.HashData(content);

    public static IncrementalHash NewMd5() => IncrementalHash.CreateHash(HashAlgorithmName.MD5);
#pragma warning restore CA5351, MA0115

    /// <summary>Whether it can be the MD5 of the content: then it came in one part.</summary>
    public static bool IsMd5(string etag) => etag.Length == 2 * DigestSize && etag.All(char.IsAsciiHexDigitLower);

    /// <summary>Of content that came in parts.</summary>
    public static string OfParts(IReadOnlyCollection<byte[]> parts) => $"{Convert.ToHexStringLower(Md5([.. parts.SelectMany(part => part)]))}-{parts.Count}";
}
