using System.Security.Cryptography;
using System.Text;
using Amazon.S3.Model;
using NexusBackupAgent.Common;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.S3;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Stores.S3;

/// <summary>A prefix of a bucket of a real gateway is a store as any other, without rename and without a disk.</summary>
public sealed class S3StoreTests : BackupStoreContract
{
    private const string Prefix = "backups of host a/";

    private readonly Lazy<string> bucket = new(() =>
    {
        S3Gateway.Require();
        return Task.Run(Gateway.NewBucketAsync).GetAwaiter().GetResult();
    });

    private IBackupStore? store;

    private static S3Gateway Gateway => Task.Run(S3Gateway.SharedAsync).GetAwaiter().GetResult();

    private protected override IBackupStore Store => store ??= NewStore();

    private protected override bool Renames => false;

    private protected override bool TellsSpace => false;

    [SkippableFact]
    public async Task A_file_of_unknown_length_comes_in_parts_whole_or_not_at_all_and_of_two_writers_the_later_loses()
    {
        var content = RandomNumberGenerator.GetBytes((2 * ObjectUpload.PartSize) + 12_345);
        await Store.PutAsync("d/large", replace: false, Durability.Now, (stream, token) => WriteAsync(stream, content, token), CancellationToken.None);
        await using (var stream = await Store.OpenAsync("d/large", CancellationToken.None))
            Assert.Equal(SHA256.HashData(content), await SHA256.HashDataAsync(stream));

        var refused = await Assert.ThrowsAsync<BackupException>(() => Store.PutAsync("d/raced", replace: false, Durability.Now, LoseAsync, CancellationToken.None));
        Assert.Equal((FailureKind.Io, true), (refused.Kind, refused.Message.Contains("it exists already", StringComparison.Ordinal)));
        Assert.Equal("faster", await ReadAsync("d/raced"));
        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => Store.PutAsync("d/cut", replace: false, Durability.Now, CutAsync, CancellationToken.None));
        Assert.Equal(["large", "raced"], (await Store.ListAsync("d", CancellationToken.None)).Select(file => file.Name));
        Assert.Empty(await UploadsAsync());

        async Task LoseAsync(Stream stream, CancellationToken token)
        {
            await WriteAsync(stream, content, token);
            await NewStore().PutAsync("d/raced", replace: false, Durability.Now, (other, stop) => other.WriteAsync("faster"u8.ToArray(), stop).AsTask(), token);
        }

        async Task CutAsync(Stream stream, CancellationToken token)
        {
            await WriteAsync(stream, content, token);
            throw new InvalidTimeZoneException("mine");
        }
    }

    [SkippableFact]
    public async Task What_a_killed_upload_left_is_in_no_listing_and_is_ended_once_it_is_old()
    {
        foreach (var key in (string[])["d/a.db.gz", "other/b.db.gz", "d/e/c.db.gz", "d/film.mp4"])
            await Gateway.Raw.InitiateMultipartUploadAsync(new InitiateMultipartUploadRequest { BucketName = BucketName, Key = Prefix + key });
        var (yesterday, tomorrow) = (FileSystemClock.Now.AddDays(-1), FileSystemClock.Now.AddDays(1));

        Assert.Empty(await Store.ListAsync("d", CancellationToken.None));
        await Store.EndUnfinishedAsync("d", IsOurs, yesterday, CancellationToken.None);
        Assert.Equal(4, (await UploadsAsync()).Count);
        await Store.EndUnfinishedAsync("d", IsOurs, tomorrow, CancellationToken.None);
        Assert.Equal([Prefix + "d/e/c.db.gz", Prefix + "d/film.mp4", Prefix + "other/b.db.gz"], (await UploadsAsync()).Select(upload => upload.Key).Order(StringComparer.Ordinal)); // a bucket may be shared

        static bool IsOurs(string name) => name.EndsWith(".db.gz", StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_listing_takes_as_many_requests_as_it_has_pages()
    {
        using (var client = new ObjectClient(Gateway.Address(BucketName, Prefix, requests: 32), ObjectRole.Store, RunningClock.Shared))
        {
            await Parallel.ForAsync(0, (2 * ObjectClient.MostOfOneList) + 1, new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (number, token) =>
                await client.PutAsync($"d/{number:00000}.db.gz", Array.Empty<byte>(), ObjectAttributes.None, WriteCondition.Always, token));
        }

        using var proxy = new CuttingProxy(Gateway.Endpoint.Port, after: long.MaxValue, _ => { });
        var listed = await NewStore(proxy.Port).ListAsync("d", CancellationToken.None);

        Assert.Equal(((2 * ObjectClient.MostOfOneList) + 1, 3), (listed.Count, proxy.Gets));
    }

    [SkippableFact]
    public async Task A_folder_that_a_console_made_is_no_file()
    {
        foreach (var key in (string[])["", "d/"])
            await Gateway.Raw.PutObjectAsync(new PutObjectRequest { BucketName = BucketName, Key = Prefix + key, ContentBody = "" });
        await WriteAsync("d/a", "1");

        Assert.Equal(["a"], (await Store.ListAsync("d", CancellationToken.None)).Select(file => file.Name));
        Assert.Empty(await Store.ListAsync("", CancellationToken.None));
    }

    [SkippableFact]
    public async Task Of_the_machines_that_write_in_a_directory_one_does_and_who_died_gives_way()
    {
        var clock = new ManualClock(Some.Instant);
        S3Store[] machines = [.. Enumerable.Range(0, 6).Select(_ => NewStore(clock: clock))];

        var taken = await Task.WhenAll(machines.Select(TryHoldAsync));
        var (winner, failures) = (Assert.Single(taken, one => one.Lease is not null).Lease!, taken.Select(one => one.Failure).OfType<BackupException>().ToList());
        Assert.Equal(5, failures.Count);
        Assert.All(failures, failure => Assert.Equal((FailureKind.Locked, true), (failure.Kind, failure.Message.Contains($"process {Environment.ProcessId} on {Environment.MachineName} writes in store 'offsite'", StringComparison.Ordinal))));
        Assert.NotNull(await machines[0].HoldAsync("other", CancellationToken.None)); // another source's directory
        var first = await NoteAsync();
        clock.Advance(TimeSpan.FromSeconds(241)); // a request that is under way has a minute of this clock
        await Eventually.TrueAsync(async () => await NoteAsync() != first, "the lease is renewed");
        await winner.DisposeAsync();
        Assert.Empty(await Store.ListAsync("d", CancellationToken.None));

        // another machine, of which nobody knows whether it lives; and a process of this one that does not
        await WriteAsync("d/" + WriterLease.FileName, $"other\n{clock.GetUtcNow().AddMinutes(20):O}\nfar\nelsewhere\n1\n");
        Assert.Contains("process 1 on far writes in store", (await TryHoldAsync(machines[1])).Failure!.Message, StringComparison.Ordinal);
        clock.Advance(TimeSpan.FromMinutes(21));
        await (await TryHoldAsync(machines[1])).Lease!.DisposeAsync();

        // one of this process that could not be given back
        await WriteAsync("d/" + WriterLease.FileName, first.Replace("2026", "9999", StringComparison.Ordinal));
        await (await TryHoldAsync(machines[3])).Lease!.DisposeAsync();

        // and one that another machine takes from who holds it
        var robbed = (await TryHoldAsync(machines[4])).Lease!;
        Assert.False(robbed.Lost.IsCancellationRequested);
        await WriteAsync("d/" + WriterLease.FileName, $"other\n{clock.GetUtcNow().AddMinutes(20):O}\nfar\nelsewhere\n1\n", replace: true);
        await Eventually.TrueAsync(
            () =>
            {
                clock.Advance(TimeSpan.FromSeconds(5));
                return robbed.Lost.IsCancellationRequested;
            },
            "whoever writes is told");
        await robbed.DisposeAsync();
        Assert.Contains("far", await NoteAsync(), StringComparison.Ordinal); // not taken from the other one
        await WriteAsync("d/" + WriterLease.FileName, first.Replace($"\n{Environment.ProcessId}\n", "\n0\n", StringComparison.Ordinal).Replace("2026", "9999", StringComparison.Ordinal), replace: true);
        await (await TryHoldAsync(machines[2])).Lease!.DisposeAsync();

        async Task<string> NoteAsync() => Encoding.UTF8.GetString(await Store.ReadAsync("d/" + WriterLease.FileName, CancellationToken.None));

        static async Task<(IStoreHold? Lease, BackupException? Failure)> TryHoldAsync(S3Store machine)
        {
            try
            {
                return (await machine.HoldAsync("d", CancellationToken.None), null);
            }
            catch (BackupException failure)
            {
                return (null, failure);
            }
        }
    }

    /// <summary>Two machines that want it at the same instant, one of them scripted.</summary>
    [Fact]
    public async Task A_lease_that_another_machine_takes_at_the_same_time_is_that_ones()
    {
        var clock = new ManualClock(Some.Instant);
        string Lease(int minutes, string host) => $"other\n{clock.GetUtcNow().AddMinutes(minutes):O}\n{host}\nelsewhere\n1\n";
        var (heedsConditions, looks, stored) = (true, 0, Lease(-1, "dead"));
        using var server = new ScriptedServer(request =>
        {
            if (!request.Line.StartsWith("PUT ", StringComparison.Ordinal))
            {
                if (heedsConditions && ++looks == 3)
                    stored = Lease(20, "faster"); // what was under way is there now
                return new("200 OK", stored, $"ETag: \"{stored.GetHashCode(StringComparison.Ordinal):x}-1\"");
            }

            if (request.Headers.ContainsKey("if-match"))
                return heedsConditions ? ScriptedAnswer.Error("409 Conflict", "ConditionalRequestConflict") : ScriptedAnswer.Error("412 Precondition Failed", "PreconditionFailed");
            stored = request.Body;
            return new("200 OK", "", "ETag: \"mine-1\"");
        });
        using var temp = new TempDirectory();
        await File.WriteAllTextAsync(temp["secret"], "secret");
        var machine = new S3Store("offsite", new ObjectAddress("b", "", server.Address, "us-east-1", new ObjectCredentials(null, null, "AKID", temp["secret"], null), 4) { HasBucketInPath = true }, clock);

        // the server heeds conditions, and another request was first
        var refused = await Assert.ThrowsAsync<BackupException>(() => machine.HoldAsync("d", CancellationToken.None));
        Assert.Contains("process 1 on faster writes in store", refused.Message, StringComparison.Ordinal);
        Assert.All(server.Requests.Where(request => request.Line.StartsWith("PUT ", StringComparison.Ordinal)), request => Assert.Contains("if-match", request.Headers.Keys));

        // it does not, and another one writes after it
        (heedsConditions, stored) = (false, Lease(-1, "dead"));
        var taking = machine.HoldAsync("d", CancellationToken.None);
        await Eventually.TrueAsync(() => taking.IsCompleted || clock.IsAwaited(TimeSpan.FromSeconds(5)), "it waits for others");
        Assert.False(taking.IsCompleted);
        stored = Lease(20, "later");
        clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Contains("process 1 on later writes in store", (await Assert.ThrowsAsync<BackupException>(() => taking)).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_bucket_that_is_not_there_is_no_empty_store()
    {
        S3Gateway.Require();
        var missing = new S3Store("offsite", Gateway.Address("no-such-bucket-here"), RunningClock.Shared);

        Assert.Contains("there is no bucket no-such-bucket-here", (await missing.GetHealthAsync(CancellationToken.None)).Down!.Message, StringComparison.Ordinal);
        Assert.Equal(FailureKind.StoreUnavailable, (await Assert.ThrowsAsync<ObjectException>(() => missing.ListAsync("", CancellationToken.None))).Kind);
        await Assert.ThrowsAsync<ObjectException>(() => missing.ReadAsync("a", CancellationToken.None)); // which is no FileNotFoundException
    }

    private string BucketName => bucket.Value;

    private S3Store NewStore(int? port = null, TimeProvider? clock = null) => new("offsite", Gateway.Address(BucketName, Prefix, port), clock ?? RunningClock.Shared);

    private async Task<IReadOnlyList<MultipartUpload>> UploadsAsync() =>
        (await Gateway.Raw.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = BucketName })).MultipartUploads ?? [];

    private static async Task WriteAsync(Stream stream, byte[] content, CancellationToken cancellationToken)
    {
        foreach (var piece in content.Chunk(100_000))
            await stream.WriteAsync(piece, cancellationToken);
    }
}
