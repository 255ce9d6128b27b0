using System.Text.Json;
using Amazon.S3.Model;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.S3;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Stores.S3;

/// <summary>The real command line with its backups in a bucket of a real gateway.</summary>
public sealed class S3StoreCommandsTests : IDisposable
{
    private const string Prefix = "nexus/";

    private readonly List<Workplace> places = [];
    private S3Gateway gateway = null!;
    private string bucket = "";

    public void Dispose() => places.ForEach(place => place.Dispose());

    [SkippableFact]
    public async Task A_new_machine_with_an_empty_state_does_from_the_bucket_alone_what_the_old_one_did()
    {
        await BeginAsync(S3Gateway.SharedAsync);
        var old = NewPlace("offsite");
        old.MakeDatabase("itsm.db");

        await DoAsync(old, "check-config");
        await DoAsync(old, "backup", "--schedule", "daily");

        // the same names as in a directory, and nothing else; any client reads them, and the runbook's commands after it
        var artifact = Assert.Single((await KeysAsync("itsm/")).Keys, key => key.EndsWith(".db.gz", StringComparison.Ordinal));
        Assert.Equal(((string[])["", ".manifest.json", ".sha256", ".verification.json"]).Select(ending => artifact + ending), (await KeysAsync("itsm/")).Keys.Order(StringComparer.Ordinal));
        Assert.Equal([StoreMarks.FileName], (await KeysAsync("")).Keys.Where(key => !key.StartsWith("itsm/", StringComparison.Ordinal)));
        using var download = new TempDirectory();
        await gateway.AwsAsync("s3", "sync", $"s3://{bucket}/{Prefix}", download.Path);
        Assert.Equal("ok", (await Shell.BashAsync($"cd '{download.Path}/itsm' && sha256sum -c --quiet *.sha256 && gunzip -t *.db.gz && gunzip -c *.db.gz > a.db && sqlite3 a.db 'PRAGMA integrity_check'")).Trim());

        var place = NewPlace("offsite");
        place.Clock.Set(Workplace.Now.AddDays(9));
        var listed = Assert.Single((await DoAsync(place, "list", "--json")).Json.EnumerateArray());
        Assert.Equal(("daily", "good"), (Text(listed, "schedule"), Text(listed, "state")));
        await DoAsync(place, "verify", "--all");
        var restored = await DoAsync(place, "restore", "itsm", "--to", place.In("restored.db"));
        Assert.Contains("restored", restored.Output, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(5000, Count(place, "restored.db"));
        Assert.Equal("success", Text((await DoAsync(place, "drill", "--json")).Json[0], "result"));
        var store = (await DoAsync(place, "status", "--json")).Json.GetProperty("stores").EnumerateArray().Single(one => Text(one, "store") == "offsite");
        Assert.Equal((JsonValueKind.Null, JsonValueKind.Null), (store.GetProperty("usedRatio").ValueKind, store.GetProperty("error").ValueKind));

        await DoAsync(place, "restore", "itsm"); // where the live one was
        await DoAsync(place, "backup", "--schedule", "daily"); // the first one is past its day
        Assert.DoesNotContain(artifact, (await KeysAsync("itsm/")).Keys);
        Assert.Single((await DoAsync(place, "list", "--json")).Json.EnumerateArray());
        place.Clock.Set(Workplace.Now.AddDays(10));
        await DoAsync(place, "backup", "--schedule", "daily");
        place.Clock.Set(Workplace.Now.AddDays(17));
        await DoAsync(place, "prune");
        var last = Assert.Single((await KeysAsync("itsm/")).Keys, key => key.EndsWith(".db.gz", StringComparison.Ordinal));

        // what reads otherwise than it was written is set aside where it lies, and made anew
        var bytes = await BytesAsync(last);
        bytes[bytes.Length / 2] ^= 1;
        await gateway.Raw.PutObjectAsync(new PutObjectRequest { BucketName = bucket, Key = Prefix + last, InputStream = new MemoryStream(bytes) });
        Assert.Equal(4, (await place.RunAsync("verify")).Code);
        Assert.Equal(["good", "quarantined"], (await DoAsync(place, "list", "--json")).Json.EnumerateArray().Select(backup => Text(backup, "state")).Order());
        Assert.Equal(bytes, await BytesAsync(last));
        var metrics = (await DoAsync(place, "metrics")).Output;
        Assert.Contains("nexus_backup_store_up{store=\"offsite\"} 1", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("nexus_backup_disk_", string.Concat(metrics.Split('\n').Where(line => line.Contains("store=\"offsite\"", StringComparison.Ordinal))), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_bucket_takes_copies_of_a_directory_and_a_directory_those_of_a_bucket()
    {
        await BeginAsync(S3Gateway.SharedAsync);
        var place = NewPlace("[local, offsite]");
        place.MakeDatabase("itsm.db");
        await DoAsync(place, "backup");
        await DoAsync(place, "copy");
        var copies = await KeysAsync("itsm/");
        Assert.Equal(Directory.GetFiles(place.In("backups/itsm")).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal), copies.Keys.Select(key => key["itsm/".Length..]).Order(StringComparer.Ordinal));

        var other = NewPlace("[offsite, local]");
        other.MakeDatabase("itsm.db");
        await DoAsync(other, "backup");
        await DoAsync(other, "copy");
        Assert.Equal((await KeysAsync("itsm/")).Count, Directory.GetFiles(other.In("backups/itsm")).Length);
        Assert.Equal(2, (await DoAsync(other, "list", "--json")).Json.GetArrayLength());
    }

    [SkippableFact]
    public async Task A_run_that_is_killed_or_cut_off_in_an_upload_leaves_nothing_that_counts()
    {
        await BeginAsync(S3Gateway.StartAsync); // it is stopped here
        try
        {
            var place = NewPlace("offsite");
            place.MakeDatabase("itsm.db");
            Grow(place, "itsm.db");
            using (var proxy = new CuttingProxy(gateway.Endpoint.Port, after: ObjectUpload.PartSize + 1_000_000, network => network.Hang(), isFromClient: true))
            {
                Configure(place, "offsite", proxy.Port);
                using var run = Child.Start("command", $"{Workplace.Now:O}", place.Path, "backup");
                await Eventually.TrueAsync(() => proxy.WasReached, "the upload is under way");
                run.Kill();
                await run.WaitForExitAsync();
            }

            Configure(place, "offsite");
            Assert.Single((await UploadsAsync())!);
            Assert.Empty((await DoAsync(place, "list", "--json")).Json.EnumerateArray());
            Assert.Contains("itsm/" + WriterLease.FileName, (await KeysAsync("itsm/")).Keys);
            await DoAsync(place, "backup"); // the process that died holds nobody off
            Assert.Single((await DoAsync(place, "list", "--json")).Json.EnumerateArray());
            Assert.Single(await UploadsAsync()); // an hour ago it might have been somebody's

            // the server goes away in the middle, and comes back
            using (var proxy = new CuttingProxy(gateway.Endpoint.Port, after: ObjectUpload.PartSize + 1_000_000, _ => Task.Run(gateway.StopAsync).GetAwaiter().GetResult(), isFromClient: true))
            {
                Configure(place, "offsite", proxy.Port);
                var cut = await place.RunAsync("backup");
                Assert.True(proxy.WasReached);
                Assert.Equal(3, cut.Code);
                Assert.Contains("can't be reached or broke off", Assert.Single(cut.Errors), StringComparison.Ordinal);
            }

            Configure(place, "offsite");
            await gateway.StartAgainAsync();

            // it hangs, and somebody stops the run: what it waits for is not waited for
            using (var proxy = new CuttingProxy(gateway.Endpoint.Port, after: ObjectUpload.PartSize + 1_000_000, network => network.Hang(), isFromClient: true))
            using (var stop = new CancellationTokenSource())
            {
                Configure(place, "offsite", proxy.Port);
                var running = place.RunAsync(stop.Token, "backup");
                await Eventually.TrueAsync(() => proxy.WasReached, "the upload is under way");
                await stop.CancelAsync();
                var stopped = await running;
                Assert.NotEqual(0, stopped.Code);
                Assert.Matches("(was stopped while it waited for|probably because) store 'offsite' ", Assert.Single(stopped.Errors)); // the latter where the machine is too slow for the former
            }

            await gateway.StopAsync();
            Configure(place, "offsite");
            var away = await place.RunAsync("list");
            Assert.Contains("can't be reached or broke off", Assert.Single(away.Errors), StringComparison.Ordinal);
            await gateway.StartAgainAsync();
            Assert.Single((await DoAsync(place, "list", "--json")).Json.EnumerateArray());

            place.Clock.Set(FileSystemClock.Now.AddDays(2)); // what died two days ago is swept by the next run
            await DoAsync(place, "backup");
            Assert.Empty(await UploadsAsync());
            Assert.DoesNotContain((await KeysAsync("itsm/")).Keys, key => key.Contains("/.", StringComparison.Ordinal));
            Assert.Equal(2, (await DoAsync(place, "list", "--json")).Json.GetArrayLength());
            await DoAsync(place, "verify", "--all");
        }
        finally
        {
            gateway.Dispose();
        }
    }

    /// <summary>S3 signs each request with the time, and a server takes none that is a quarter of an hour wrong.</summary>
    [SkippableFact]
    public async Task A_clock_that_is_two_hours_wrong_is_told_with_what_to_do_and_counted()
    {
        await BeginAsync(S3Gateway.SharedAsync);
        var place = NewPlace("offsite");
        place.MakeDatabase("itsm.db");
        await DoAsync(place, "backup");

        var skewed = await Child.RunWithClockAsync(TimeSpan.FromHours(2), "command", $"{Workplace.Now:O}", place.Path, "backup");

        Assert.Contains("this machine's clock differs too much from that of", skewed.Error, StringComparison.Ordinal);
        Assert.Contains("set the clock (timedatectl; chronyc tracking)", skewed.Error, StringComparison.Ordinal);
        Assert.EndsWith("exit code 3", skewed.Output.TrimEnd(), StringComparison.Ordinal);
        Assert.Contains("nexus_backup_store_up{store=\"offsite\"} 0", (await Child.RunWithClockAsync(TimeSpan.FromHours(-2), "command", $"{Workplace.Now:O}", place.Path, "metrics")).Output, StringComparison.Ordinal);
        var metrics = (await DoAsync(place, "metrics")).Output; // once the clock is right
        Assert.Contains("nexus_backup_store_up{store=\"offsite\"} 1", metrics, StringComparison.Ordinal);
        Assert.Contains("nexus_backup_consecutive_failures{source=\"itsm\"} 1", metrics, StringComparison.Ordinal);
        await DoAsync(place, "backup");
        Assert.Contains("nexus_backup_consecutive_failures{source=\"itsm\"} 0", (await DoAsync(place, "metrics")).Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task What_comes_back_short_is_asked_for_again_and_what_comes_back_spoiled_once_is_read_twice()
    {
        await BeginAsync(S3Gateway.SharedAsync);
        var place = NewPlace("offsite");
        place.MakeDatabase("itsm.db");
        Grow(place, "itsm.db");
        await DoAsync(place, "backup");

        foreach (var fault in (Action<CuttingProxy>[])[line => line.Truncate(), line => line.Spoil()])
        {
            using var proxy = new CuttingProxy(gateway.Endpoint.Port, after: 8 << 20, fault);
            Configure(place, "offsite", proxy.Port);
            await DoAsync(place, "verify", "--all");
            Assert.True(proxy.WasReached);
        }

        using (var proxy = new CuttingProxy(gateway.Endpoint.Port, after: 8 << 20, line => line.Truncate()))
        {
            Configure(place, "offsite", proxy.Port);
            await DoAsync(place, "restore", "itsm", "--to", place.In("restored.db"));
            Assert.True(proxy.WasReached);
        }

        Configure(place, "offsite");
        Assert.Equal(5000, Count(place, "restored.db"));
        Assert.Equal("good", Text(Assert.Single((await DoAsync(place, "list", "--json")).Json.EnumerateArray()), "state"));
    }

    private async Task BeginAsync(Func<Task<S3Gateway>> start)
    {
        S3Gateway.Require();
        gateway = await start();
        bucket = await gateway.NewBucketAsync();
    }

    private Workplace NewPlace(string store)
    {
        var place = new Workplace();
        places.Add(place);
        Configure(place, store);
        return place;
    }

    private void Configure(Workplace place, string store, int? port = null)
    {
        File.WriteAllText(place.In("secret"), gateway.User.SecretKey + "\n");
        var endpoint = port is null ? gateway.Endpoint : new UriBuilder(gateway.Endpoint) { Port = port.Value }.Uri;
        File.WriteAllText(place.Configuration, $$"""
            timeZone: Asia/Tokyo
            agent: none
            stores:
              local: {path: backups}
              offsite: {s3: {bucket: {{bucket}}, prefix: {{Prefix}}, endpoint: "{{endpoint.GetLeftPart(UriPartial.Authority)}}", credentials: {accessKey: {{gateway.User.AccessKey}}, secretKeyFile: secret} } }
            sources:
              itsm:
                sqlite: itsm.db
                store: {{store}}
                retry: {attempts: 1}
                schedules:
                  daily: {cron: "0 2 * * *", retention: 1d}

            """);
    }

    private static async Task<CommandResult> DoAsync(Workplace place, params string[] arguments)
    {
        var result = await place.RunAsync(arguments);
        Assert.True(result.Code == 0, $"{string.Join(' ', arguments)}: {result.Code} {result.Output} {result.Error}");
        return result;
    }

    /// <summary>What lies in the store, by its path, with its ETag.</summary>
    private async Task<IReadOnlyDictionary<string, string>> KeysAsync(string prefix)
    {
        using var client = new ObjectClient(gateway.Address(bucket, Prefix), ObjectRole.Store, RunningClock.Shared);
        return await client.ListAsync(prefix, CancellationToken.None).ToDictionaryAsync(found => found.Key, found => found.ETag, StringComparer.Ordinal);
    }

    private async Task<byte[]> BytesAsync(string path)
    {
        using var said = await gateway.Raw.GetObjectAsync(bucket, Prefix + path);
        using var all = new MemoryStream();
        await said.ResponseStream.CopyToAsync(all);
        return all.ToArray();
    }

    private async Task<IReadOnlyList<MultipartUpload>> UploadsAsync() =>
        (await gateway.Raw.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = bucket })).MultipartUploads ?? [];

    /// <summary>Larger than two parts, however it is compressed.</summary>
    private static void Grow(Workplace place, string database)
    {
        using var connection = place.Open(database);
        Workplace.Execute(connection, "CREATE TABLE noise (bytes BLOB); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 36) INSERT INTO noise SELECT randomblob(1000000) FROM n; PRAGMA wal_checkpoint(TRUNCATE);");
    }

    private static long Count(Workplace place, string database)
    {
        using var connection = place.Open(database);
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM incidents";
        return (long)command.ExecuteScalar()!;
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();
}
