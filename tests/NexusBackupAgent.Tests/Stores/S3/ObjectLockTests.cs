using System.Text;
using System.Text.Json.Nodes;
using Amazon.S3;
using Amazon.S3.Model;
using NexusBackupAgent.Common;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.S3;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Configuration;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Stores.S3;

/// <summary>Whoever steals the agent's key can't destroy what is locked; and the lock stands in nobody else's way.</summary>
public sealed class ObjectLockTests : IDisposable
{
    private const string Prefix = "host-a/";

    private readonly Workplace place = new();

    public void Dispose() => place.Dispose();

    [SkippableFact]
    public async Task A_stolen_key_destroys_no_backup_before_its_retention_ends_and_pruning_waits_for_that()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        var (bucket, agent) = (await gateway.NewLockedBucketAsync(), await gateway.NewUserAsync());
        var number = agent.AccessKey["AKIDOTHER".Length..];
        var policy = JsonNode.Parse(S3StorePolicy.For(gateway.Address(bucket, Prefix), isLocked: true, $"arn:aws:iam:::user/other{number}"))!; // what deploy/s3 gives, and nothing else
        policy["Statement"]!.AsArray().Add(JsonNode.Parse($$"""{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam:::user/test"}, "Action": "s3:*", "Resource": ["arn:aws:s3:::{{bucket}}", "arn:aws:s3:::{{bucket}}/*"]}""")); // the owner, of objects that another one wrote
        await gateway.Raw.PutBucketPolicyAsync(bucket, policy.ToJsonString());
        using var stolen = gateway.As(agent);
        var now = FileSystemClock.Now;
        place.Clock.Set(now);
        place.MakeDatabase("itsm.db");

        // the key of the bucket's owner may do more than the agent needs
        Configure(gateway, bucket, gateway.User, "governance");
        var warned = await DoAsync("check-config");
        Assert.Contains("the key may delete older versions, and past their lock", warned.Output, StringComparison.Ordinal);
        Assert.Contains("give it this policy alone: {\"Version\":\"2012-10-17\"", warned.Output, StringComparison.Ordinal);
        Configure(gateway, bucket, agent, "governance");
        Assert.DoesNotContain("stores.offsite", (await DoAsync("check-config")).Output, StringComparison.Ordinal);

        await DoAsync("backup", "--schedule", "daily");
        var first = (await KeysAsync()).ToList();
        var artifact = Assert.Single(first, key => key.EndsWith(".db.gz", StringComparison.Ordinal));
        Assert.All((string[])["", ".manifest.json", ".sha256", ".pages"], ending => Assert.InRange(LockOf(artifact + ending)!.Value, now.AddHours(1), FileSystemClock.Now.AddHours(1).AddSeconds(1)));
        Assert.All(((string[])["itsm/", ""]).SelectMany(folder => first.Where(key => key.EndsWith(".verification.json", StringComparison.Ordinal) || key == Prefix + StoreMarks.FileName)), key => Assert.Null(LockOf(key)));
        Change();
        await DoAsync("backup", "--schedule", "sixhourly"); // what it builds on is locked as long as itself
        Assert.All((string[])["", ".manifest.json", ".sha256"], ending => Assert.True(LockOf(artifact + ending) >= now.AddHours(2)));

        await DoAsync("backup"); // and one that is kept until somebody deletes it
        Assert.True(LockOf((await KeysAsync()).Single(key => key.Contains("manual_", StringComparison.Ordinal) && key.EndsWith(".db.gz", StringComparison.Ordinal))) >= now.AddHours(2));

        // a thief deletes all that the key lets him: it is hidden, and comes back
        foreach (var version in await VersionsAsync(stolen))
        {
            var refused = await Assert.ThrowsAsync<AmazonS3Exception>(() => stolen.DeleteObjectAsync(new DeleteObjectRequest { BucketName = bucket, Key = version.Key, VersionId = version.VersionId, BypassGovernanceRetention = true }));
            Assert.Equal("AccessDenied", refused.ErrorCode);
        }

        foreach (var key in (await KeysAsync()).Where(key => key.StartsWith(Prefix + "itsm/", StringComparison.Ordinal)))
            await stolen.DeleteObjectAsync(bucket, key);
        var owners = await Assert.ThrowsAsync<AmazonS3Exception>(async () => await gateway.Raw.DeleteObjectAsync(bucket, artifact, (await VersionsAsync(gateway.Raw)).First(version => version.Key == artifact).VersionId)); // by the lock, whatever the rights
        Assert.Equal("AccessDenied", owners.ErrorCode);
        Assert.DoesNotContain(Path.GetFileName(artifact), (await place.RunAsync("list", "--json")).Json.EnumerateArray().Select(backup => backup.GetProperty("file").GetString()));
        var gone = await place.RunAsync("verify", "--all");
        Assert.Equal(4, gone.Code);
        Assert.Contains($"s3api list-object-versions --bucket {bucket} --prefix {Prefix}itsm/ --query 'DeleteMarkers[?IsLatest]", gone.Error, StringComparison.Ordinal);
        await stolen.DeleteObjectAsync(bucket, Prefix + StoreMarks.FileName);
        Assert.Contains($"s3api list-object-versions --bucket {bucket} --prefix {Prefix} --query", (await place.RunAsync("list")).Error, StringComparison.Ordinal);
        foreach (var line in (await gateway.AwsAsync("s3api", "list-object-versions", "--bucket", bucket, "--prefix", Prefix, "--query", "DeleteMarkers[?IsLatest].[LastModified,Key,VersionId]", "--output", "text")).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            await gateway.Raw.DeleteObjectAsync(bucket, line.Split('\t')[1], line.Split('\t')[2]);
        await DoAsync("verify", "--all");

        // a new machine goes on locking
        await DoAsync("recover", $"s3://{bucket}/{Prefix}", "--endpoint", gateway.Endpoint.GetLeftPart(UriPartial.Authority), "--access-key", agent.AccessKey, "--secret-key-file", "secret", "--to", "recovered.yml");
        Assert.Contains("objectLock: governance", await File.ReadAllTextAsync(place.In("recovered.yml")), StringComparison.Ordinal);

        // for the agent's clock their hour is over, and newer ones are there; for the server they are locked
        place.Clock.Set(now.AddHours(3));
        await DoAsync("backup", "--schedule", "daily");
        Change();
        await DoAsync("backup", "--schedule", "sixhourly");
        var kept = await DoAsync("status", "--lang", "en");
        Assert.Contains("past retention, kept by", string.Join(' ', kept.Output.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.DoesNotContain("not deleted", kept.Output, StringComparison.Ordinal);
        var waiting = await DoAsync("prune");
        Assert.Equal(2, waiting.Output.Split('\n').Count(line => line.Contains("locked in store offsite until", StringComparison.Ordinal)));
        Assert.Equal(5, (await DoAsync("list", "--json")).Json.GetArrayLength());

        // an owner with the right to ends their locks: from then on they go
        foreach (var version in (await VersionsAsync(gateway.Raw)).Where(version => version.Key.StartsWith(artifact[..^"HHmmss.db.gz".Length], StringComparison.Ordinal) || version.Key.Contains("/sixhourly", StringComparison.Ordinal)).Where(version => LockOf(version.Key) < now.AddHours(3)))
        {
            await gateway.Raw.PutObjectRetentionAsync(new PutObjectRetentionRequest
            {
                BucketName = bucket, Key = version.Key, VersionId = version.VersionId, BypassGovernanceRetention = true, Retention = new ObjectLockRetention { Mode = ObjectLockRetentionMode.Governance, RetainUntilDate = FileSystemClock.Now.AddSeconds(10).UtcDateTime },
            });
        }

        await Eventually.TrueAsync(async () => (await DoAsync("prune", "--dry-run")).Output.Contains("2 would be removed", StringComparison.Ordinal), "the locks end");
        await DoAsync("prune");
        Assert.Equal(3, (await DoAsync("list", "--json")).Json.GetArrayLength());
        Assert.DoesNotContain(artifact, await KeysAsync());
        await DoAsync("verify", "--all");

        DateTimeOffset? LockOf(string key) =>
            gateway.Raw.GetObjectMetadataAsync(bucket, key).GetAwaiter().GetResult().ObjectLockRetainUntilDate is { Year: > 1970 } until ? new DateTimeOffset(until.ToUniversalTime()) : null;

        async Task<IEnumerable<string>> KeysAsync() => (await gateway.Raw.ListObjectsV2Async(new ListObjectsV2Request { BucketName = bucket, Prefix = Prefix })).S3Objects.Select(found => found.Key);

        async Task<IReadOnlyList<S3ObjectVersion>> VersionsAsync(AmazonS3Client client) => client == gateway.Raw
            ? [.. (await client.ListVersionsAsync(new ListVersionsRequest { BucketName = bucket })).Versions.Where(version => version.IsDeleteMarker != true)]
            : await VersionsAsync(gateway.Raw); // a thief may know the names
    }

    [SkippableFact]
    public async Task What_comes_in_parts_is_locked_too_a_compliance_lock_is_nobodys_to_take_away_and_a_bucket_that_has_none_is_named()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        var bucket = await gateway.NewLockedBucketAsync();
        var until = FileSystemClock.Now.AddHours(1);
        var store = new S3Store("offsite", gateway.Address(bucket, Prefix), new RunningClock(FileSystemClock.Now)) { Locks = ObjectLockWord.Compliance };
        foreach (var (path, length) in ((string, int)[])[("d/small", 10), ("d/large", ObjectUpload.PartSize + 1)])
        {
            await store.LockedUntil(until).PutAsync(path, replace: false, Durability.Now, (stream, token) => stream.WriteAsync(new byte[length], token).AsTask(), CancellationToken.None);
            Assert.InRange((await store.LockOfAsync(path, CancellationToken.None))!.Value, until, until.AddSeconds(1));
            var version = (await gateway.Raw.GetObjectMetadataAsync(bucket, Prefix + path)).VersionId;
            var refused = await Assert.ThrowsAsync<AmazonS3Exception>(() => gateway.Raw.DeleteObjectAsync(new DeleteObjectRequest { BucketName = bucket, Key = Prefix + path, VersionId = version, BypassGovernanceRetention = true }));
            Assert.Equal("AccessDenied", refused.ErrorCode);
        }

        await store.LockedUntil(FileSystemClock.Now.AddDays(-1)).PutAsync("d/late", replace: false, Durability.Now, (_, _) => Task.CompletedTask, CancellationToken.None); // its time is over
        Assert.Null(await store.LockOfAsync("d/late", CancellationToken.None));
        Assert.Null(await store.LockOfAsync("d/none", CancellationToken.None));
        await store.ExtendLockAsync("d/none", until, CancellationToken.None);

        place.MakeDatabase("itsm.db");
        Configure(gateway, bucket, gateway.User, word: null);
        Assert.Contains("the bucket has Object Lock, and objectLock is not set", (await DoAsync("check-config")).Output, StringComparison.Ordinal);
        Configure(gateway, await gateway.NewBucketAsync(), gateway.User, word: null);
        Assert.Contains("versioning is off and there is no Object Lock", (await DoAsync("check-config")).Output, StringComparison.Ordinal);
        Configure(gateway, await gateway.NewBucketAsync(), gateway.User, "compliance");
        var none = await place.RunAsync("check-config");
        Assert.Equal(2, none.Code);
        Assert.Contains("the bucket has no Object Lock", none.Output, StringComparison.Ordinal);
        place.Clock.Set(FileSystemClock.Now);
        var failed = await place.RunAsync("backup");
        Assert.Equal(3, failed.Code);
        Assert.Contains("InvalidRequest", Assert.Single(failed.Errors), StringComparison.Ordinal);
    }

    /// <summary>A server completes an upload and its answer is lost: nobody hears that from a real one at will.</summary>
    [Fact]
    public async Task What_was_completed_without_an_answer_is_locked_too_and_who_else_wrote_is_looked_for_right_before()
    {
        var (write, isThere) = ("", false);
        using var server = new ScriptedServer(request =>
        {
            var (isPost, completes) = (request.Line.StartsWith("POST ", StringComparison.Ordinal), request.Line.Contains("uploadId=u", StringComparison.Ordinal));
            if (isPost && !completes)
            {
                write = request.Headers["x-amz-meta-nexus-backup-write"];
                return new("200 OK", "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>d/large</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>", "Content-Type: application/xml");
            }

            if (isPost)
            {
                var wasThere = isThere;
                isThere = true;
                return wasThere ? ScriptedAnswer.Error("404 Not Found", "NoSuchUpload") : ScriptedAnswer.Error("500 Internal Server Error", "InternalError");
            }

            return request.Line switch
            {
                _ when request.Line.StartsWith("HEAD ", StringComparison.Ordinal) => isThere ? new("200 OK", "", "ETag: \"e\"", $"x-amz-meta-nexus-backup-write: {write}") : new("404 Not Found"),
                _ when request.Line.StartsWith("GET ", StringComparison.Ordinal) => new(
                    "200 OK", "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>d/large</Key><LastModified>2026-02-14T00:00:00.000Z</LastModified><ETag>e</ETag><Size>1</Size></Contents></ListBucketResult>", "Content-Type: application/xml"),
                _ when request.Line.StartsWith("DELETE ", StringComparison.Ordinal) => ScriptedAnswer.Error("404 Not Found", "NoSuchUpload"),
                _ => new("200 OK", "", "ETag: \"p\""),
            };
        });
        await File.WriteAllTextAsync(place.In("secret"), "secret");
        var store = new S3Store("offsite", new ObjectAddress("b", "", server.Address, "us-east-1", new ObjectCredentials(null, null, "AKID", place.In("secret"), null), 4) { HasBucketInPath = true }, new RunningClock(FileSystemClock.Now)) { Locks = ObjectLockWord.Governance };

        await store.LockedUntil(FileSystemClock.Now.AddHours(1)).PutAsync("d/large", replace: false, Durability.Now, (stream, token) => stream.WriteAsync(new byte[ObjectUpload.PartSize + 1], token).AsTask(), CancellationToken.None);

        var said = server.Requests.Select(request => request.Line).ToList();
        Assert.Equal(2, said.Count(line => line.StartsWith("POST ", StringComparison.Ordinal) && line.Contains("uploadId=u", StringComparison.Ordinal)));
        Assert.Single(said, line => line.StartsWith("PUT /b/d/large?retention", StringComparison.Ordinal));
        var completion = said.FindIndex(line => line.StartsWith("POST ", StringComparison.Ordinal) && line.Contains("uploadId=u", StringComparison.Ordinal));
        Assert.StartsWith("HEAD ", said[completion - 1], StringComparison.Ordinal); // the last part is there by then
    }

    /// <summary>The policy is proved above with a key that has it; the file is the same.</summary>
    [Fact]
    public void The_files_that_ship_are_the_policy_that_the_agent_prints_and_a_rule_that_makes_room()
    {
        var address = new ObjectAddress("nexus-backups", Prefix, Endpoint: null, "us-east-1", ObjectCredentials.OfTheMachine, 16);
        var shipped = JsonNode.Parse(File.ReadAllText(RepositoryFile.Find("deploy/s3/policy.json")));

        Assert.True(JsonNode.DeepEquals(shipped, JsonNode.Parse(S3StorePolicy.For(address, isLocked: true))));
        Assert.DoesNotContain(shipped!["Statement"]!.AsArray().SelectMany(statement => statement!["Action"]!.AsArray()), action => (string?)action is "s3:DeleteObjectVersion" or "s3:BypassGovernanceRetention" or "s3:*");
        Assert.DoesNotContain("Retention", S3StorePolicy.For(address, isLocked: false), StringComparison.Ordinal);
        var rule = JsonNode.Parse(File.ReadAllText(RepositoryFile.Find("deploy/s3/lifecycle.json")))!["Rules"]![0]!;
        Assert.Equal((Prefix, 7), ((string?)rule["Filter"]!["Prefix"], (int)rule["NoncurrentVersionExpiration"]!["NoncurrentDays"]!));
    }

    private void Configure(S3Gateway gateway, string bucket, S3User user, string? word)
    {
        File.WriteAllText(place.In("secret"), user.SecretKey + "\n");
        File.SetUnixFileMode(place.In("secret"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(place.Configuration, $$"""
            timeZone: Asia/Tokyo
            agent: none
            stores:
              offsite: {s3: {bucket: {{bucket}}, prefix: {{Prefix}}, endpoint: "{{gateway.Endpoint.GetLeftPart(UriPartial.Authority)}}", {{(word is null ? "" : $"objectLock: {word}, ")}}credentials: {accessKey: {{user.AccessKey}}, secretKeyFile: secret} } }
            sources:
              itsm:
                sqlite: itsm.db
                retry: {attempts: 1}
                schedules:
                  daily: {cron: "0 2 * * *", retention: 1h}
                  sixhourly: {cron: "0 */6 * * *", type: incremental, retention: 2h}

            """);
    }

    private void Change()
    {
        using var connection = place.Open("itsm.db");
        Workplace.Execute(connection, "UPDATE incidents SET token = hex(randomblob(32)) WHERE id < 100");
    }

    private async Task<CommandResult> DoAsync(params string[] arguments)
    {
        var result = await place.RunAsync(arguments);
        Assert.True(result.Code == 0, $"{string.Join(' ', arguments)}: {result.Code} {result.Output} {result.Error}");
        return result;
    }
}

/// <summary>A bucket that keeps versions, and whose objects are locked, is a store as any other.</summary>
public sealed class LockedStoreTests : BackupStoreContract
{
    private readonly Lazy<ObjectAddress> address = new(() =>
    {
        S3Gateway.Require();
        var gateway = Task.Run(S3Gateway.SharedAsync).GetAwaiter().GetResult();
        return gateway.Address(Task.Run(gateway.NewLockedBucketAsync).GetAwaiter().GetResult());
    });

    private IBackupStore? store;

    private protected override IBackupStore Store =>
        store ??= new S3Store("offsite", address.Value, new RunningClock(FileSystemClock.Now)) { Locks = ObjectLockWord.Governance }.LockedUntil(FileSystemClock.Now.AddHours(1));

    private protected override bool Renames => false;

    private protected override bool TellsSpace => false;

    /// <summary>A server that keeps versions may refuse each condition.</summary>
    [SkippableFact]
    public async Task A_lease_is_renewed_taken_over_and_lost_as_anywhere()
    {
        var clock = new ManualClock(Some.Instant);
        var machine = new S3Store("offsite", address.Value, clock) { Locks = ObjectLockWord.Governance };
        var held = (await machine.HoldAsync("d", CancellationToken.None))!;
        await Assert.ThrowsAsync<BackupException>(() => new S3Store("offsite", address.Value, clock).HoldAsync("d", CancellationToken.None));
        for (var time = 0; time < 2; time++)
        {
            var before = await NoteAsync();
            await Eventually.TrueAsync(
                async () =>
                {
                    PassToRenewal();
                    return await NoteAsync() != before;
                },
                "the lease is renewed");
        }

        await held.DisposeAsync();
        await PutAsync($"other\n{clock.GetUtcNow().AddMinutes(-1):O}\nfar\nelsewhere\n1\n"); // its time is over
        var taking = machine.HoldAsync("d", CancellationToken.None);
        await Eventually.TrueAsync(
            () =>
            {
                if (!taking.IsCompleted && clock.IsAwaited(TimeSpan.FromSeconds(5)))
                    clock.Advance(TimeSpan.FromSeconds(5)); // whether another one wrote at the same time
                return taking.IsCompleted;
            },
            "it is taken over");
        held = (await taking)!;
        await PutAsync($"other\n{clock.GetUtcNow().AddMinutes(20):O}\nfar\nelsewhere\n1\n");
        await Eventually.TrueAsync(
            () =>
            {
                PassToRenewal();
                return held.Lost.IsCancellationRequested;
            },
            "whoever writes is told");
        await held.DisposeAsync();

        // Only while nothing else waits: a request that is under way has a minute of this clock.
        void PassToRenewal()
        {
            if (!clock.IsAwaited(ObjectClient.UsualPatience) && clock.IsAwaited(TimeSpan.FromMinutes(4)))
                clock.Advance(TimeSpan.FromMinutes(4));
        }

        async Task<string> NoteAsync() => Encoding.UTF8.GetString(await machine.ReadAsync("d/" + WriterLease.FileName, CancellationToken.None));
        Task PutAsync(string text) => machine.PutAsync("d/" + WriterLease.FileName, replace: true, Durability.Now, (stream, token) => stream.WriteAsync(Encoding.UTF8.GetBytes(text), token).AsTask(), CancellationToken.None);
    }
}
