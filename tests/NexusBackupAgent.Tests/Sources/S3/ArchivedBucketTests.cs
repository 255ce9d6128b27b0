using System.Text;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Tests.ObjectStorage;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.S3;

/// <summary>A small bucket goes into a store of files as an archive, and comes back by the agent and by <c>tar</c>.</summary>
public sealed class ArchivedBucketTests
{
    [SkippableFact]
    public async Task A_bucket_is_archived_fully_and_in_increments_verified_drilled_and_restored_by_agent_and_by_tar()
    {
        Need.Tool("aws");
        using var bench = await BucketBench.NewAsync();
        bench.IsArchived = true;
        bench.Configure(keys: "exclude: [\"*.tmp\", \"temp/*\"]");
        var large = new byte[3 << 20];
        new Random(7).NextBytes(large);
        var attributes = new ObjectAttributes
        {
            Headers = new Dictionary<string, string> { ["Content-Type"] = "text/x-odd", ["Cache-Control"] = "max-age=3" },
            Metadata = new Dictionary<string, string> { ["owner"] = "somebody" },
            Tags = new Dictionary<string, string> { ["class"] = "a b/c" },
        };
        foreach (var key in ObjectClientTests.OddKeys.Append("both").Append("both/of them"))
            await bench.Live.PutAsync(key, Encoding.UTF8.GetBytes("first " + key), attributes, WriteCondition.Always, CancellationToken.None);
        await bench.Live.PutAsync("large", large, attributes, WriteCondition.Always, CancellationToken.None);
        await bench.PutAsync("plain/one", "1");
        await bench.PutAsync("plain/two", "2");
        await bench.PutAsync("marker/", "");
        await bench.PutAsync("not.tmp", "x");
        await bench.DoAsync("check-config");

        await bench.DoAsync("backup", "--type", "full");
        var first = await BackedUpAsync(bench);
        var full = Assert.Single(await bench.ListAsync());
        Assert.Equal(("full", "good"), (full.Type, full.State));
        Assert.EndsWith(".tar.gz", full.File, StringComparison.Ordinal);
        await Shell.BashAsync($"cd '{bench.Store}' && sha256sum -c '{full.File}.sha256'");
        Assert.Contains("\nplain/one\n", await Shell.RunAsync("tar", "-tzf", Path.Combine(bench.Store, full.File)), StringComparison.Ordinal);

        await bench.PutAsync("plain/one", "changed");
        await bench.PutAsync("new", "new");
        await bench.Live.DeleteAsync(["plain/two", "both"], CancellationToken.None); // so that what is left of both can be called by its key
        await bench.DoAsync("backup", "--type", "incremental");
        var second = await BackedUpAsync(bench);
        var increment = (await bench.ListAsync())[0];
        Assert.Equal(("incremental", "good"), (increment.Type, increment.State));
        Assert.Equal(["new", "plain/one"], (await Shell.BashAsync($"tar -tzf '{bench.Store}/{increment.File}'")).Trim().Split('\n').Order(StringComparer.Ordinal));
        await bench.DoAsync("verify", "--all");
        await bench.DoAsync("drill");
        Assert.Contains("日本語/ファイル.txt", (await bench.DoAsync("list", "files", "--contents", increment.File, "日本語")).Output, StringComparison.Ordinal);

        // by hand
        var byHand = bench.Place.In("hand");
        Directory.CreateDirectory(byHand);
        await Shell.BashAsync($$"""
            cd '{{byHand}}' && mkdir restored && tar -xzf '{{bench.Store}}/{{full.File}}' -C restored
            gunzip -c '{{bench.Store}}/{{increment.File}}.deleted.gz' | (cd restored && xargs -0 -r rm -f --)
            tar -xzf '{{bench.Store}}/{{increment.File}}' -C restored
            """);
        Assert.Equal("changed", await File.ReadAllTextAsync(Path.Combine(byHand, "restored/plain/one")));
        Assert.False(File.Exists(Path.Combine(byHand, "restored/plain/two")));
        Assert.Equal(large, await File.ReadAllBytesAsync(Path.Combine(byHand, "restored/large")));
        Assert.Equal("", await bench.Gateway.AwsAsync("s3", "sync", "--dryrun", "--size-only", "--exclude", ".keys/*", Path.Combine(byHand, "restored"), $"s3://{bench.LiveBucket}"));

        // over the bucket, with all that goes with the objects, and the old ones kept
        await bench.PutAsync("large", "ruined");
        await bench.Live.DeleteAsync(["dots/../up.txt", "new"], CancellationToken.None);
        Assert.Contains("--force", await bench.RefusedAsync(5, "restore", "files"), StringComparison.Ordinal);
        await bench.DoAsync("restore", "files", "--force");
        Assert.Equal(second.Order(), (await BackedUpAsync(bench)).Order());
        Assert.Equal(attributes.Metadata, (await bench.Live.HeadAsync("large", CancellationToken.None))!.Attributes.Metadata);
        Assert.Equal("text/x-odd", (await bench.Live.HeadAsync("dots/../up.txt", CancellationToken.None))!.Attributes.Headers["Content-Type"]);
        Assert.Equal(attributes.Tags, await bench.Live.TagsAsync("dots/../up.txt", CancellationToken.None));
        var beside = (await bench.Live.ListFolderAsync(".nexus-backup/", CancellationToken.None)).Folders;
        Assert.StartsWith("pre_restore.", Assert.Single(beside, folder => folder != ".nexus-backup"), StringComparison.Ordinal);
        await bench.DoAsync("backup", "--type", "incremental"); // of which the old ones are no part
        Assert.DoesNotContain("pre_restore", (await bench.DoAsync("list", "files", "--contents", (await bench.ListAsync())[0].File)).Output, StringComparison.Ordinal);

        // the earlier point to another bucket; some objects to a directory, which can't take them all
        var other = await bench.Gateway.NewBucketAsync();
        await bench.DoAsync("restore", "files", "--id", full.File, "--to", $"s3://{other}/old");
        using (var restored = new ObjectClient(bench.Gateway.Address(other, "old/"), ObjectRole.Store, RunningClock.Shared))
            Assert.Equal(first.Order(), (await BackedUpAsync(restored)).Order());
        var out1 = bench.Place.In("out");
        Assert.Contains("can't be those of files", await bench.RefusedAsync(5, "restore", "files", "--to", out1), StringComparison.Ordinal);
        Assert.Contains("1 objects would be files and directories at once", await bench.RefusedAsync(5, "restore", "files", "--id", full.File, "--to", out1, "--path", "both"), StringComparison.Ordinal);
        Assert.Contains("holds nothing that --path names", await bench.RefusedAsync(5, "restore", "files", "--to", out1, "--path", "nothing"), StringComparison.Ordinal);
        Assert.Contains("holds nothing that --path names", await bench.RefusedAsync(5, "restore", "files", "--force", "--path", "nothing"), StringComparison.Ordinal);
        await bench.DoAsync("restore", "files", "--to", out1, "--path", "plain", "--path", "large");
        Assert.Equal(["large", "plain/one"], Directory.EnumerateFiles(out1, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(out1, file)).Order(StringComparer.Ordinal));

        // what it builds on is damaged
        Damage.FlipBit(Path.Combine(bench.Store, full.File));
        var damaged = await bench.Place.RunAsync("verify", "--all");
        Assert.Equal(4, damaged.Code);
        Assert.Contains(full.File, damaged.Error, StringComparison.Ordinal);
    }

    /// <summary>A list comes in pages, of a bucket that changes meanwhile.</summary>
    [SkippableFact]
    public async Task An_object_that_the_server_lists_twice_is_archived_once()
    {
        const string ETag = "9a0364b9e99bb480dd25e1f0284c8555"; // of "content"
        static string Listed(string key) => $"<Contents><Key>{key}</Key><LastModified>2026-02-14T03:00:00.000Z</LastModified><ETag>&quot;{ETag}&quot;</ETag><Size>7</Size><StorageClass>STANDARD</StorageClass></Contents>";
        using var server = new ScriptedServer(request =>
            request.Line.Contains("list-type=2", StringComparison.Ordinal) ? new("200 OK", $"<ListBucketResult><Name>b</Name><KeyCount>3</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{Listed("a")}{Listed("b")}{Listed("a")}</ListBucketResult>", "Content-Type: application/xml")
            : request.Line.EndsWith("?tagging", StringComparison.Ordinal) ? new("200 OK", "<Tagging><TagSet/></Tagging>", "Content-Type: application/xml")
            : new("200 OK", "content", $"ETag: \"{ETag}\"", "Last-Modified: Sat, 14 Feb 2026 03:00:00 GMT"));
        using var bench = await BucketBench.NewAsync();
        bench.IsArchived = true;
        bench.Configure(port: server.Address.Port, keys: "requests: 2");

        await bench.DoAsync("backup", "--type", "full");

        var file = Assert.Single(await bench.ListAsync()).File;
        Assert.Equal(["a", "b"], (await Shell.RunAsync("tar", "-tzf", Path.Combine(bench.Store, file))).Trim().Split('\n'));
        await bench.DoAsync("verify", "--all");
        var restored = bench.Place.In("restored");
        await bench.DoAsync("restore", "files", "--to", restored);
        Assert.Equal("content", await File.ReadAllTextAsync(Path.Combine(restored, "a")));
    }

    [SkippableFact]
    public async Task What_comes_spoiled_from_the_server_is_no_backup_and_the_one_before_stays_good()
    {
        using var bench = await BucketBench.NewAsync();
        bench.IsArchived = true;
        bench.Configure(keys: "requests: 2");
        var large = new byte[3 << 20];
        new Random(7).NextBytes(large);
        await bench.Live.PutAsync("large", large, ObjectAttributes.None, WriteCondition.Always, CancellationToken.None);
        await bench.PutAsync("small", "1");
        await bench.DoAsync("backup");

        using (var proxy = new CuttingProxy(bench.Gateway.Endpoint.Port, after: 1 << 20, spoilt => spoilt.Spoil()))
        {
            bench.Configure(port: proxy.Port, keys: "requests: 2");
            Assert.Contains("its MD5 is not the one that its ETag says", await bench.RefusedAsync(3, "backup", "--type", "full"), StringComparison.Ordinal);
            Assert.True(proxy.WasReached);
        }

        bench.Configure(keys: "requests: 2");
        await bench.DoAsync("verify", "--all");
        Assert.Equal("good", Assert.Single(await bench.ListAsync()).State);
    }

    private static Task<List<string>> BackedUpAsync(BucketBench bench) => BackedUpAsync(bench.Live);

    /// <summary>What counts of a bucket: keys and ETags.</summary>
    private static async Task<List<string>> BackedUpAsync(ObjectClient client) =>
        [.. (await BucketBench.ObjectsAsync(client)).Where(found => !found.Key.EndsWith(".tmp", StringComparison.Ordinal) && !found.Key.StartsWith(".nexus-backup/", StringComparison.Ordinal)).Select(found => $"{found.Key} {found.Value}")];
}
