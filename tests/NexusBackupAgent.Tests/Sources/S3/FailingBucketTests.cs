using System.Text;
using Amazon.S3.Model;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.S3;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.S3;

/// <summary>What goes wrong with buckets is told in one line; what somebody changes meanwhile is noticed.</summary>
public sealed class FailingBucketTests
{
    [SkippableFact]
    public async Task Each_failure_says_what_to_do_and_the_backup_before_it_stays_good()
    {
        using var bench = await BucketBench.NewAsync();
        for (var number = 0; number < 60; number++)
            await bench.PutAsync($"{number}", new string('x', 3000));
        await bench.DoAsync("backup");
        var snapshots = await BucketBench.ObjectsAsync(bench.Snapshots);

        bench.Configure(bucket: "no-such-bucket");
        Assert.Contains("there is no bucket no-such-bucket", await bench.RefusedAsync(3, "backup"), StringComparison.Ordinal);
        bench.Configure(snapshots: "no-such-bucket");
        Assert.Contains("there is no bucket no-such-bucket", await bench.RefusedAsync(3, "backup"), StringComparison.Ordinal);
        bench.Configure(secretKey: "not the key");
        Assert.Contains("correct access key and secret key", await bench.RefusedAsync(3, "backup"), StringComparison.Ordinal);
        Assert.Contains("SignatureDoesNotMatch", (await bench.Place.RunAsync("check-config")).Output, StringComparison.Ordinal);
        bench.Configure(keys: "include: nothing-has-this-name");
        Assert.Contains("holds no object that is to be backed up", await bench.RefusedAsync(3, "backup"), StringComparison.Ordinal);

        using (var proxy = new CuttingProxy(bench.Gateway.Endpoint.Port, after: 25_000, cut => cut.Cut()))
        {
            bench.Configure(port: proxy.Port);
            Assert.Contains("can't be reached or broke off", await bench.RefusedAsync(3, "backup"), StringComparison.Ordinal);
            Assert.True(proxy.WasReached);
        }

        using (var proxy = new CuttingProxy(bench.Gateway.Endpoint.Port, after: 25_000, cut => cut.Drop()))
        {
            bench.Configure(port: proxy.Port); // a network that comes back is no failure
            await bench.DoAsync("backup");
            Assert.True(proxy.WasReached);
        }

        bench.Configure();
        await bench.DoAsync("verify", "--all");
        var (kept, _) = await bench.Snapshots.ListFolderAsync("nightly/.nexus-backup/", CancellationToken.None);
        Assert.Equal(3, kept.Count); // two backups, and the mark of what was cut off, by which a later run finds it
        Assert.All(snapshots, before => Assert.Equal(before.Value, BucketBench.ObjectsAsync(bench.Snapshots, before.Key).GetAwaiter().GetResult().GetValueOrDefault(before.Key)));
    }

    [SkippableFact]
    public async Task A_gateway_that_stops_in_the_middle_of_a_snapshot_and_comes_back_leaves_nothing_half_done()
    {
        using var gateway = await S3Gateway.StartAsync(); // it is stopped here
        using var bench = await BucketBench.NewAsync(gateway);
        for (var number = 0; number < 60; number++)
            await bench.PutAsync($"{number}", new string('x', 3000));

        using var proxy = new CuttingProxy(gateway.Endpoint.Port, after: 25_000, _ => Task.Run(gateway.StopAsync).GetAwaiter().GetResult());
        bench.Configure(port: proxy.Port);
        Assert.Contains("can't be reached or broke off", await bench.RefusedAsync(3, "backup"), StringComparison.Ordinal);
        Assert.True(proxy.WasReached);
        await gateway.StartAgainAsync();

        Assert.Empty(await bench.ListAsync());
        Assert.InRange((await BucketBench.ObjectsAsync(bench.Snapshots, "nightly/2")).Count, 1, 59); // the fault came between two copies
        await bench.DoAsync("backup");
        bench.Place.Clock.Set(FileSystemClock.Now.AddDays(2)); // what died two days ago is swept by the next run
        await bench.DoAsync("backup");
        await bench.DoAsync("verify", "--all");

        Assert.Equal(["good", "good"], (await bench.ListAsync()).Select(backup => backup.State));
        var (marks, _) = await bench.Snapshots.ListFolderAsync("nightly/.nexus-backup/", CancellationToken.None);
        Assert.Equal(2, marks.Count);
        Assert.Equal(120, (await BucketBench.ObjectsAsync(bench.Snapshots, "nightly/2")).Count);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_diagnosis_names_what_a_capture_needs_and_does_not_find(bool archived)
    {
        using var bench = await BucketBench.NewAsync();
        bench.IsArchived = archived;
        const string All = "exclude: \"*.tmp\"";
        bench.Configure(keys: All);
        await bench.PutAsync("a", "one");
        await bench.DoAsync("backup");
        Assert.Equal("B", await CauseAsync("")); // nothing is wrong but that no agent runs

        bench.Configure(bucket: "no-such-bucket", keys: All);
        await bench.RefusedAsync(3, "backup");
        Assert.Equal("DB", await CauseAsync("there is no bucket no-such-bucket"));

        using (var proxy = new CuttingProxy(bench.Gateway.Endpoint.Port, after: 0, cut => cut.Cut()))
        {
            bench.Configure(port: proxy.Port, keys: All);
            await bench.RefusedAsync(3, "backup");
            Assert.Equal("DB", await CauseAsync("can't be reached or broke off"));
            Assert.True(proxy.WasReached);
        }

        if (!archived)
        {
            bench.Configure(snapshots: "no-such-bucket", keys: All);
            await bench.RefusedAsync(3, "backup");
            Assert.Equal("E", await CauseAsync("there is no bucket no-such-bucket"));
        }

        bench.Configure(keys: All);
        Assert.Equal("B", await CauseAsync("")); // its cause is over

        async Task<string?> CauseAsync(string evidence)
        {
            var diagnosis = (await bench.Place.RunAsync("diagnose", "--json", "--lang", "en")).Json[0];
            Assert.Contains(evidence, $"{diagnosis.GetProperty("evidence")}", StringComparison.Ordinal);
            return diagnosis.GetProperty("cause").GetString();
        }
    }

    [SkippableFact]
    public async Task What_changes_while_it_is_copied_is_copied_again_and_what_is_deleted_is_named()
    {
        using var life = await SnapshotLife.NewAsync();
        foreach (var key in (string[])["changed", "deleted", "same"])
            await life.PutAsync(key, "listed");

        var backup = await life.BackUpAsync(meanwhile: async () =>
        {
            await life.PutAsync("changed", "changed meanwhile");
            await life.Live.DeleteAsync("deleted", CancellationToken.None);
        });

        Assert.Equal(["changed", "same"], (await life.FolderAsync(backup)).Keys);
        var check = await life.CheckAsync(backup);
        Assert.Null(check.Finding);
        Assert.Contains("1 objects were deleted from the bucket before they could be copied: deleted", check.Note, StringComparison.Ordinal);

        // a bucket that is emptied while it is copied gives no backup, and leaves no folder
        var emptied = await Assert.ThrowsAsync<BackupException>(() => life.BackUpAsync(meanwhile: () => life.Live.DeleteAsync(["changed", "same"], CancellationToken.None)));
        Assert.Equal(FailureKind.SourceMissing, emptied.Kind);
        Assert.Equal([SnapshotPlace.NameOf(backup.CapturedAt)], await life.FoldersAsync());
    }

    [SkippableFact]
    public async Task Removing_a_backup_removes_its_own_objects_and_no_others()
    {
        using var life = await SnapshotLife.NewAsync();
        await life.PutAsync("a", "1");
        await life.PutAsync("b", "1");
        var full = await life.BackUpAsync();
        await life.PutAsync("b", "2");
        var (first, second) = (await life.BackUpAsync(BackupType.Differential, full), await life.BackUpAsync(BackupType.Differential, full));
        await life.Place.BeginAsync("killed", life.Clock.GetUtcNow(), CancellationToken.None);
        await life.Snapshots.PutAsync("killed/a", new byte[1], ObjectAttributes.None, WriteCondition.Always, CancellationToken.None);
        await life.Snapshots.PutAsync("20240321/a", new byte[1], ObjectAttributes.None, WriteCondition.Always, CancellationToken.None); // somebody's own
        var raw = (await S3Gateway.SharedAsync()).Raw;
        foreach (var key in (string[])["killed/large", "20240321/large"])
            await raw.InitiateMultipartUploadAsync(new InitiateMultipartUploadRequest { BucketName = life.Snapshots.Address.Bucket, Key = key });
        var young = life.Clock.GetUtcNow() - TimeSpan.FromHours(24);

        await Pruner.RemoveAsync(life.Catalog, life.Source.Remains, young, [first], CancellationToken.None);

        Assert.Equal(["20240321", SnapshotPlace.NameOf(full.CapturedAt), SnapshotPlace.NameOf(second.CapturedAt), "killed"], await life.FoldersAsync());
        Assert.Equal(2, (await life.FolderAsync(full)).Count);
        Assert.Null((await life.CheckAsync(second)).Finding);

        // a crash between the note and the removal: the backup is there, and so is all that it needs
        await life.Source.Remains!.ReleaseAsync([second.CapturedAt], CancellationToken.None);
        await Pruner.SettleAsync(life.Catalog, life.Source.Remains, young, CancellationToken.None);
        Assert.Null((await life.CheckAsync(second)).Finding);

        // pruned in one store, and kept in another one
        await new SharedRemains(life.Source.Remains, [life.Catalog], marks: null).ReleaseAsync([second.CapturedAt], CancellationToken.None);

        // a store in which nothing is found is no reason to remove anything that a backup once needed
        await life.Source.Remains.SettleAsync([], life.Clock.GetUtcNow() + TimeSpan.FromDays(9), CancellationToken.None);
        Assert.Equal(["20240321/large"], (await raw.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = life.Snapshots.Address.Bucket })).MultipartUploads.Select(upload => upload.Key));
        Assert.Equal(["20240321", SnapshotPlace.NameOf(full.CapturedAt), SnapshotPlace.NameOf(second.CapturedAt)], await life.FoldersAsync());
    }

    [SkippableFact]
    public async Task A_backup_stays_good_when_its_snapshots_go_to_another_place_from_now_on()
    {
        using var bench = await BucketBench.NewAsync();
        await bench.PutAsync("a", "1");
        await bench.DoAsync("backup", "--type", "full");
        var elsewhere = await bench.Gateway.NewBucketAsync();

        bench.Configure(snapshots: elsewhere);
        await bench.DoAsync("verify", "--all");
        await bench.DoAsync("drill");
        await bench.PutAsync("a", "ruined");
        await bench.DoAsync("restore", "files", "--force");
        await bench.DoAsync("restore", "files", "--to", bench.Place.In("out"));
        Assert.Equal("1", await File.ReadAllTextAsync(bench.Place.In("out/a")));
        Assert.Equal("1", await bench.Gateway.AwsAsync("s3", "cp", $"s3://{bench.LiveBucket}/a", "-"));

        // somebody brought the folders along, and the old bucket is gone
        await bench.Gateway.AwsAsync("s3", "sync", $"s3://{bench.SnapshotBucket}", $"s3://{elsewhere}");
        await bench.Gateway.AwsAsync("s3", "rb", "--force", $"s3://{bench.SnapshotBucket}");
        await bench.DoAsync("verify", "--all");

        // or did not: nothing is known about the backup
        bench.Configure(snapshots: await bench.Gateway.NewBucketAsync());
        Assert.Contains("which snapshots: names now", await bench.RefusedAsync(2, "verify", "--all"), StringComparison.Ordinal);
        Assert.Equal("good", Assert.Single(await bench.ListAsync()).State);
    }

    [SkippableFact]
    public async Task A_restore_over_a_bucket_leaves_alone_what_somebody_writes_meanwhile()
    {
        using var life = await SnapshotLife.NewAsync();
        await life.PutAsync("added", "1");
        await life.PutAsync("replaced", "1");
        var backup = await life.BackUpAsync();
        await life.Live.DeleteAsync("added", CancellationToken.None);
        await life.PutAsync("replaced", "2");
        await life.PutAsync("removed", "2");
        await life.PutAsync("removed too", "2");
        var context = new RestoreContext(life.Clock.GetUtcNow(), TimeZoneInfo.Utc, _ => { });

        await using (var restore = await PrepareAsync())
        {
            await restore.SaveAsync(context, CancellationToken.None);
            await life.PutAsync("removed", "newer");
            var failure = Assert.Throws<BackupException>(() => restore.Switch(context));
            Assert.Contains("/removed was changed by somebody else", failure.Message, StringComparison.Ordinal);
            Assert.Equal("added=1 removed=newer removed too=2 replaced=1", await life.LiveAsync());

            await life.PutAsync("added", "newer");
            Assert.Contains("stay as they are: added", restore.RollBack()!.Message, StringComparison.Ordinal);
            Assert.Equal("added=newer removed=newer removed too=2 replaced=2", await life.LiveAsync());
        }

        await life.Live.DeleteAsync("added", CancellationToken.None);
        await using (var restore = await PrepareAsync())
        {
            await restore.SaveAsync(context with { Now = context.Now.AddMinutes(1) }, CancellationToken.None);
            await life.PutAsync("added", "newest");
            Assert.Contains("/added was made by somebody else", Assert.Throws<BackupException>(() => restore.Switch(context)).Message, StringComparison.Ordinal);
            Assert.Null(restore.RollBack());
            Assert.Equal("added=newest removed=newer removed too=2 replaced=2", await life.LiveAsync());
        }

        Task<IPreparedRestore> PrepareAsync() =>
            life.Source.Target(to: null, RestoreChoices.None with { Deletes = true }).PrepareAsync(life.ChainOf(backup), at: null, CancellationToken.None);
    }

    [SkippableFact]
    public async Task A_restore_elsewhere_spares_the_bucket_and_whatever_is_there()
    {
        using var bench = await BucketBench.NewAsync();
        bench.Configure(keys: "prefix: 2026");
        await bench.PutAsync("2026/a", "1");
        await bench.PutAsync("another source's", "1");
        await bench.DoAsync("backup");
        var before = await BucketBench.ObjectsAsync(bench.Live);
        var other = await bench.Gateway.NewBucketAsync();
        await bench.Gateway.Raw.PutObjectAsync(new PutObjectRequest { BucketName = other, Key = "somebody's", ContentBody = "1" });

        foreach (var place in (string[])["", "2026/sub/"])
            Assert.Contains("overlaps", await bench.RefusedAsync(5, "restore", "files", "--to", $"s3://{bench.LiveBucket}/{place}", "--force"), StringComparison.Ordinal);
        Assert.Contains("--delete would remove", await bench.RefusedAsync(5, "restore", "files", "--to", $"s3://{other}/", "--force", "--delete"), StringComparison.Ordinal);

        Assert.Equal(before, await BucketBench.ObjectsAsync(bench.Live));
        await bench.DoAsync("restore", "files", "--to", $"s3://{other}/", "--force");
        Assert.Equal(["a", "somebody's"], (await bench.Gateway.AwsAsync("s3", "ls", "--recursive", $"s3://{other}")).Trim().Split('\n').Select(line => line.Split(' ', 4, StringSplitOptions.RemoveEmptyEntries)[3]));
    }

    [Theory]
    [InlineData("503 Slow Down", "SlowDown", ObjectProblem.Throttled, 6)]
    [InlineData("500 Internal Server Error", "InternalError", ObjectProblem.Broken, 6)]
    [InlineData("403 Forbidden", "RequestTimeTooSkewed", ObjectProblem.ClockSkew, 1)]
    [InlineData("403 Forbidden", "QuotaExceeded", ObjectProblem.Full, 1)]
    internal async Task What_a_server_answers_is_tried_again_where_that_can_help(string status, string code, ObjectProblem problem, int requests)
    {
        var text = $"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>";
        using var server = new HookListener($"{status}\r\nContent-Type: application/xml\r\nContent-Length: {text.Length}\r\nConnection: close\r\n\r\n{text}");
        using var temp = new TempDirectory();
        await File.WriteAllTextAsync(temp["secret"], "secret");
        var address = new ObjectAddress("bucket", "", new Uri($"http://{server.Host}"), "us-east-1", new ObjectCredentials(null, null, "AKID", temp["secret"], null), 8) { HasBucketInPath = true };
        using var client = new ObjectClient(address, ObjectRole.Store, RunningClock.Shared);

        var failure = await Assert.ThrowsAsync<ObjectException>(() => client.RequireBucketAsync(CancellationToken.None));

        Assert.Equal((problem, requests), (failure.Problem, server.Requests.Count));
        Assert.Equal(problem == ObjectProblem.Throttled ? 1 : 8, client.RequestLimit);
    }

    [Theory]
    [InlineData("a/b.txt", true)]
    [InlineData("folder/", true)]
    [InlineData("../up", false)]
    [InlineData("a/../../up", false)]
    [InlineData("/absolute", false)]
    [InlineData("a//b", false)]
    [InlineData("./a", false)]
    [InlineData("line\nbreak", false)]
    public void A_key_becomes_a_file_only_below_the_directory(string key, bool isFile) => Assert.Equal(isFile, FolderTarget.IsFileName(key));

    [Theory]
    [InlineData("*.tmp", "deep/down/a.tmp", true)]
    [InlineData("temp/*", "temp/a/b", true)]
    [InlineData("temp/*", "x/temp/a", false)]
    [InlineData("log-[0-9]?", "log-12", true)]
    [InlineData("log-[!0-9]", "log-1", false)]
    [InlineData("a.b", "aXb", false)]
    public void Patterns_are_those_of_aws_s3_sync(string pattern, string key, bool isExcluded) => Assert.Equal(!isExcluded, new KeyPatterns([], [pattern]).Has(key));

    [Fact]
    public void In_as_many_days_as_the_part_asks_for_each_object_is_read_once()
    {
        for (var number = 0; number < 200; number++)
            Assert.Single(Enumerable.Range(0, 20), day => ReadingTurn.At(Some.Instant + TimeSpan.FromDays(day), 0.05).Has($"key {number}"));
    }
}

/// <summary>Backups of a bucket by the parts of the agent that make and remove them.</summary>
internal sealed class SnapshotLife : IDisposable
{
    private readonly TempDirectory temp = new();
    private readonly ScratchDirectory scratch;

    private SnapshotLife(S3Gateway gateway, string live, string snapshots)
    {
        scratch = new ScratchDirectory(temp.Sub("scratch"));
        temp.Sub("store");
        var places = new BucketPlaces(gateway.Address(live), gateway.Address(snapshots), Clock);
        Source = new BucketSource(places, new BucketOptions(new KeyPatterns([], []), ReadBack: 1), scratch);
        Live = new ObjectClient(places.Live, ObjectRole.Source, RunningClock.Shared);
        Snapshots = new ObjectClient(places.Snapshots, ObjectRole.Store, RunningClock.Shared);
        Place = new SnapshotPlace(Snapshots, places.Identity);
        Catalog = new BackupCatalog(new LocalDirectoryStore("local", temp["store"]), "", "life", Source.Kind, new ArtifactFormats(Source.FormatOf), TimeZoneInfo.Utc);
    }

    public ManualClock Clock { get; } = new(Some.Instant);

    public IBackupSource Source { get; }

    public ObjectClient Live { get; }

    public ObjectClient Snapshots { get; }

    public SnapshotPlace Place { get; }

    public BackupCatalog Catalog { get; }

    public static async Task<SnapshotLife> NewAsync()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        return new SnapshotLife(gateway, await gateway.NewBucketAsync(), await gateway.NewBucketAsync());
    }

    public Task PutAsync(string key, string content) => Live.PutAsync(key, Encoding.UTF8.GetBytes(content), ObjectAttributes.None, WriteCondition.Always, CancellationToken.None);

    /// <param name="meanwhile">Happens between listing and copying.</param>
    public async Task<Backup> BackUpAsync(BackupType type = BackupType.Full, Backup? @base = null, Func<Task>? meanwhile = null)
    {
        var chain = @base is null ? null : CatalogLink.ChainOf(Catalog, @base, isJudged: false, progress: null);
        await using var capture = await Source.CaptureAsync(new CaptureRequest(type, chain, MayBeBase: true), CancellationToken.None);
        await (meanwhile?.Invoke() ?? Task.CompletedTask);
        var stored = await new BackupWriter(Catalog, Source, compression: 6, Clock).StoreAsync(capture, new BackupLabel("daily", type, @base?.Id), progress: null, CancellationToken.None);
        Clock.Advance(TimeSpan.FromHours(1));
        var backup = await Catalog.FindAgainAsync(stored, CancellationToken.None);
        await Pruner.SettleAsync(Catalog, Source.Remains, default, CancellationToken.None);
        return backup;
    }

    public StoredChain ChainOf(Backup backup) => CatalogLink.ChainOf(Catalog, backup, isJudged: true, progress: null);

    /// <summary>What is in the bucket, for people.</summary>
    public async Task<string> LiveAsync()
    {
        var texts = new List<string>();
        await foreach (var found in Live.ListAsync("", CancellationToken.None))
        {
            await using var content = await Live.OpenAsync(found.Key, etag: null, CancellationToken.None);
            texts.Add($"{found.Key}={await new StreamReader(content).ReadToEndAsync()}");
        }

        return string.Join(' ', texts);
    }

    public Task<ContentCheck> CheckAsync(Backup backup) => Source.CheckAsync(ChainOf(backup), scratch, CancellationToken.None);

    /// <summary>The objects that a backup copied itself.</summary>
    public async Task<IReadOnlyDictionary<string, string>> FolderAsync(Backup backup)
    {
        var folder = SnapshotPlace.NameOf(backup.CapturedAt) + "/";
        return (await BucketBench.ObjectsAsync(Snapshots, folder)).ToDictionary(found => found.Key[folder.Length..], found => found.Value, StringComparer.Ordinal);
    }

    /// <summary>All folders, without that of the marks.</summary>
    public async Task<IReadOnlyList<string>> FoldersAsync() =>
        [.. (await Snapshots.ListFolderAsync("", CancellationToken.None)).Folders.Where(folder => folder != ".nexus-backup").Order(StringComparer.Ordinal)];

    public void Dispose()
    {
        Live.Dispose();
        Snapshots.Dispose();
        scratch.Dispose();
        temp.Dispose();
    }
}
