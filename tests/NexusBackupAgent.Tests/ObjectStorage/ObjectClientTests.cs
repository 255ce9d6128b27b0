using System.Security.Cryptography;
using System.Text;
using Amazon.S3.Model;
using NexusBackupAgent.Common;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Sources.S3;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.ObjectStorage;

/// <summary>The client of every kind that has to do with objects, with a real gateway.</summary>
public sealed class ObjectClientTests
{
    /// <summary>Everything that a key may have.</summary>
    public static readonly string[] OddKeys =
        ["plain.txt", "a b+c%20d&e=f?g#h.txt", "日本語/ファイル.txt", "quote'\"<>\\|*.txt", "dots/../up.txt", "./here.txt", "double//slash.txt", "trailing/", "tab\tnewline\n.txt", "~tilde!$()[]{}^`;:@,.txt", "%2F%00%zz", " lead and trail "];

    [SkippableFact]
    public async Task Objects_of_any_name_are_written_listed_read_copied_and_deleted_with_all_that_goes_with_them()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        using var first = new ObjectClient(gateway.Address(await gateway.NewBucketAsync(), "all of it/"), ObjectRole.Source, RunningClock.Shared);
        using var second = new ObjectClient(gateway.Address(await gateway.NewBucketAsync()), ObjectRole.Store, RunningClock.Shared);
        var attributes = new ObjectAttributes
        {
            Headers = new Dictionary<string, string> { ["Content-Type"] = "text/x-odd", ["Cache-Control"] = "max-age=3", ["Content-Disposition"] = "attachment", ["Content-Encoding"] = "identity", ["Content-Language"] = "ja" },
            Metadata = new Dictionary<string, string> { ["owner"] = "somebody" },
            Tags = new Dictionary<string, string> { ["class"] = "a b/c" },
        };
        foreach (var key in OddKeys)
            await first.PutAsync(key, Encoding.UTF8.GetBytes(key), attributes, WriteCondition.IfAbsent, CancellationToken.None);

        var listed = await first.ListAsync("", CancellationToken.None).ToListAsync();
        Assert.Equal(OddKeys.Order(StringComparer.Ordinal), listed.Select(found => found.Key).Order(StringComparer.Ordinal));
        foreach (var found in listed)
            await second.CopyAsync(first, found, "copy/" + found.Key, CancellationToken.None);
        foreach (var key in OddKeys)
        {
            var head = await second.HeadAsync("copy/" + key, CancellationToken.None);
            Assert.Equal(attributes.Headers.OrderBy(header => header.Key), head!.Attributes.Headers.OrderBy(header => header.Key));
            Assert.Equal(attributes.Metadata, head.Attributes.Metadata);
            Assert.Equal(attributes.Tags, await second.TagsAsync("copy/" + key, CancellationToken.None));
            await using var content = await second.OpenAsync("copy/" + key, head.ETag, CancellationToken.None);
            Assert.Equal(key, await new StreamReader(content).ReadToEndAsync());
        }

        var (objects, folders) = await second.ListFolderAsync("copy/", CancellationToken.None);
        Assert.Contains(objects, found => found.Key == "plain.txt");
        Assert.Contains("日本語", folders);
        var taken = await Assert.ThrowsAsync<ObjectException>(() => first.PutAsync("plain.txt", new byte[1], attributes, WriteCondition.IfAbsent, CancellationToken.None));
        Assert.Equal(ObjectProblem.PreconditionFailed, taken.Problem);
        await second.DeleteAsync(OddKeys.Select(key => "copy/" + key), CancellationToken.None);
        Assert.Empty(await second.ListAsync("", CancellationToken.None).ToListAsync());
        Assert.Null(await second.HeadAsync("copy/plain.txt", CancellationToken.None));
    }

    [SkippableFact]
    public async Task A_large_object_is_written_and_copied_in_parts_and_one_that_is_cut_off_leaves_nothing()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        var bucket = await gateway.NewBucketAsync();
        using var client = new ObjectClient(gateway.Address(bucket), ObjectRole.Store, RunningClock.Shared, mostOfOneCopy: 6 << 20);
        var content = RandomNumberGenerator.GetBytes((2 * ObjectUpload.PartSize) + 12345);
        var attributes = ObjectAttributes.None with { Metadata = new Dictionary<string, string> { ["kept"] = "yes" }, Tags = new Dictionary<string, string> { ["t"] = "v" } };

        var written = await client.WriteAsync("large", async (stream, token) => await stream.WriteAsync(content, token), attributes, WriteCondition.IfAbsent, CancellationToken.None);
        Assert.Equal(ETags.OfParts([.. content.Chunk(ObjectUpload.PartSize).Select(part => ETags.Md5(part))]), written.ETag);
        var listed = Assert.Single(await client.ListAsync("", CancellationToken.None).ToListAsync());
        Assert.Equal((content.Length, written.ETag), (listed.Length, listed.ETag));
        await client.CopyAsync(client, listed, "copied", CancellationToken.None);
        await using (var copy = await client.OpenAsync("copied", etag: null, CancellationToken.None))
            Assert.Equal(SHA256.HashData(content), await SHA256.HashDataAsync(copy));
        var head = await client.HeadAsync("copied", CancellationToken.None);
        Assert.Equal("yes", head!.Attributes.Metadata["kept"]);
        Assert.Equal(attributes.Tags, await client.TagsAsync("copied", CancellationToken.None));
        await using (var rest = await client.OpenAsync("large", written.ETag, CancellationToken.None, offset: content.Length - 5))
            Assert.Equal(content[^5..], await ReadAllAsync(rest));

        await Assert.ThrowsAsync<InvalidDataException>(() => client.WriteAsync(
            "cut",
            async (stream, token) =>
            {
                await stream.WriteAsync(content, token);
                throw new InvalidDataException("it ended too early");
            },
            attributes,
            WriteCondition.Always,
            CancellationToken.None));
        Assert.Null(await client.HeadAsync("cut", CancellationToken.None));
        Assert.Empty((await gateway.Raw.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = bucket })).MultipartUploads ?? []);

        await gateway.Raw.InitiateMultipartUploadAsync(new InitiateMultipartUploadRequest { BucketName = bucket, Key = "left by a kill" });
        Assert.Equal(0, await client.AbortUploadsAsync("", listed.ModifiedAt - TimeSpan.FromHours(1), CancellationToken.None));
        Assert.Equal(1, await client.AbortUploadsAsync("", listed.ModifiedAt + TimeSpan.FromHours(1), CancellationToken.None));
        var changed = await Assert.ThrowsAsync<ObjectException>(() => client.CopyAsync(client, listed with { ETag = new string('0', 32), Length = 1 }, "never", CancellationToken.None));
        Assert.Equal(ObjectProblem.PreconditionFailed, changed.Problem);
    }

    [Theory]
    [InlineData(0, 16)]
    [InlineData(10_000L * (16 << 20), 32)]
    [InlineData(5L << 40, 1024)]
    public void Ten_thousand_parts_make_any_object(long length, int size)
    {
        Assert.Equal(size << 20, ObjectUpload.PartSizeOf(length));
        Assert.InRange(length / ObjectUpload.PartSizeOf(length), 0, 9999);
    }

    [SkippableFact]
    public async Task Few_large_objects_pass_through_at_once_and_small_ones_beside_them()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        var bucket = await gateway.NewBucketAsync();
        using var from = new ObjectClient(gateway.Address(bucket), ObjectRole.Source, RunningClock.Shared);
        using var to = new ObjectClient(gateway.Address(bucket, "copy/"), ObjectRole.Store, RunningClock.Shared); // another key: the server does not copy
        await from.PutAsync("large", new byte[ObjectCopy.Large], ObjectAttributes.None, WriteCondition.Always, CancellationToken.None);
        await from.PutAsync("small", new byte[10], ObjectAttributes.None, WriteCondition.Always, CancellationToken.None);
        var objects = await from.ListAsync("", CancellationToken.None).ToDictionaryAsync(found => found.Key, StringComparer.Ordinal);
        for (var taken = 0; taken < ObjectCopy.LargeStreams.Limit; taken++)
            await ObjectCopy.LargeStreams.EnterAsync(CancellationToken.None);

        var waiting = ObjectCopy.RunAsync(from, objects["large"], to, "large", CancellationToken.None);
        for (var copies = 0; copies < 10; copies++)
            await ObjectCopy.RunAsync(from, objects["small"], to, $"small {copies}", CancellationToken.None);
        Assert.Null(await to.HeadAsync("large", CancellationToken.None));

        for (var taken = 0; taken < ObjectCopy.LargeStreams.Limit; taken++)
            ObjectCopy.LargeStreams.Leave(wasThrottled: false);
        await waiting;
        Assert.Equal(ObjectCopy.Large, (await to.HeadAsync("large", CancellationToken.None))!.Length);
    }

    [SkippableFact]
    public async Task Each_failure_is_told_by_its_own_kind_with_the_next_step()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        var bucket = await gateway.NewBucketAsync();
        var other = await gateway.NewUserAsync();

        await ExpectAsync(gateway.Address("no-such-bucket-here"), ObjectProblem.BucketMissing, FailureKind.SourceMissing, FailureKind.StoreUnavailable);
        await ExpectAsync(gateway.Address(bucket, credentials: gateway.Credentials(accessKey: "AKIDNOBODY")), ObjectProblem.WrongKey, FailureKind.SourceRefused, FailureKind.Permission);
        await ExpectAsync(gateway.Address(bucket, credentials: gateway.Credentials(secretKey: "wrong")), ObjectProblem.WrongKey, FailureKind.SourceRefused, FailureKind.Permission);
        await ExpectAsync(gateway.Address(bucket, credentials: gateway.Credentials(other.AccessKey, other.SecretKey)), ObjectProblem.AccessDenied, FailureKind.SourceRefused, FailureKind.Permission);
        await ExpectAsync(gateway.Address(bucket, port: 1), ObjectProblem.Unreachable, FailureKind.SourceUnreachable, FailureKind.Network);

        static async Task ExpectAsync(ObjectAddress address, ObjectProblem problem, FailureKind asSource, FailureKind asStore)
        {
            foreach (var (role, kind) in ((ObjectRole, FailureKind)[])[(ObjectRole.Source, asSource), (ObjectRole.Store, asStore)])
            {
                using var client = new ObjectClient(address, role, RunningClock.Shared);
                var failure = await Assert.ThrowsAsync<ObjectException>(() => client.RequireBucketAsync(CancellationToken.None));
                Assert.Equal((problem, kind), (failure.Problem, failure.Kind));
                Assert.DoesNotContain('\n', failure.Message + failure.Hint);
                Assert.DoesNotContain("secret", failure.Message, StringComparison.OrdinalIgnoreCase);
            }
        }
    }

    [SkippableFact]
    public async Task A_read_goes_on_where_the_connection_broke()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        var bucket = await gateway.NewBucketAsync();
        var content = RandomNumberGenerator.GetBytes(3 << 20);
        using (var direct = new ObjectClient(gateway.Address(bucket), ObjectRole.Store, RunningClock.Shared))
            await direct.PutAsync("a", content, ObjectAttributes.None, WriteCondition.Always, CancellationToken.None);
        using var proxy = new CuttingProxy(gateway.Endpoint.Port, after: 1 << 20, cut => cut.Drop());
        using var client = new ObjectClient(gateway.Address(bucket, port: proxy.Port), ObjectRole.Store, RunningClock.Shared);

        await using var stream = await client.OpenAsync("a", etag: null, CancellationToken.None);

        Assert.Equal(content, await ReadAllAsync(stream));
        Assert.True(proxy.WasReached);
    }

    /// <summary>A server that hangs is not waited for until the whole request's time is over, and only the part that did not come is sent again.</summary>
    [SkippableFact]
    public async Task An_upload_in_which_nothing_moves_is_told_and_its_part_alone_is_sent_again()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        var bucket = await gateway.NewBucketAsync();
        var content = RandomNumberGenerator.GetBytes((2 * ObjectUpload.PartSize) + 12345);
        using var proxy = new CuttingProxy(gateway.Endpoint.Port, after: ObjectUpload.PartSize + (4 << 20), hung => hung.Freeze(), isFromClient: true);
        var told = new List<(ObjectException Failure, int Attempt)>();
        using var client = new ObjectClient(gateway.Address(bucket, port: proxy.Port), ObjectRole.Store, RunningClock.Shared)
        {
            Patience = TimeSpan.FromSeconds(3),
            Silent = (failure, attempt) =>
            {
                lock (told)
                    told.Add((failure, attempt));
            },
        };

        await client.WriteAsync("a", async (stream, token) => await stream.WriteAsync(content, token), ObjectAttributes.None, WriteCondition.IfAbsent, CancellationToken.None);

        Assert.True(proxy.WasReached);
        Assert.NotEmpty(told);
        Assert.All(told, one => Assert.Contains("does not go on: nothing moved for 3 s", one.Failure.Message, StringComparison.Ordinal));
        Assert.InRange(proxy.Sent, content.Length, content.Length + (2 * ObjectUpload.PartSize) + (1 << 20)); // the parts that were under way
        await using var stream = await client.OpenAsync("a", etag: null, CancellationToken.None);
        Assert.Equal(content, await ReadAllAsync(stream));
    }

    [SkippableFact]
    public async Task A_read_in_which_nothing_moves_goes_on_from_the_byte_it_reached()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        var bucket = await gateway.NewBucketAsync();
        var content = RandomNumberGenerator.GetBytes(24 << 20); // more than the buffers of the way
        using (var direct = new ObjectClient(gateway.Address(bucket), ObjectRole.Store, RunningClock.Shared))
            await direct.PutAsync("a", content, ObjectAttributes.None, WriteCondition.Always, CancellationToken.None);
        using var proxy = new CuttingProxy(gateway.Endpoint.Port, after: 16 << 20, hung => hung.Freeze());
        var told = 0;
        using var client = new ObjectClient(gateway.Address(bucket, port: proxy.Port), ObjectRole.Store, RunningClock.Shared) { Patience = TimeSpan.FromSeconds(3), Silent = (_, _) => told++ };

        await using (var stream = await client.OpenAsync("a", etag: null, CancellationToken.None))
            Assert.Equal(content, await ReadAllAsync(stream));

        Assert.True(proxy.WasReached);
        Assert.True(told > 0);
        Assert.InRange(proxy.Received, content.Length, content.Length + (12 << 20)); // not from the beginning
    }

    /// <summary>Whoever asks: the parts of an upload, and what is asked after it.</summary>
    [SkippableFact]
    public async Task A_server_that_says_nothing_at_all_any_more_is_left_after_three_silences()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        using var proxy = new CuttingProxy(gateway.Endpoint.Port, after: ObjectUpload.PartSize + (4 << 20), hung => hung.Hang(), isFromClient: true);
        var (clock, told) = (new ManualClock(Some.Instant), 0);
        using var client = new ObjectClient(gateway.Address(await gateway.NewBucketAsync(), port: proxy.Port), ObjectRole.Store, clock) { Silent = (_, attempt) => InterlockedMax(ref told, attempt) };

        var writing = Task.Run(() => client.WriteAsync("a", async (stream, token) => await stream.WriteAsync(new byte[4 * ObjectUpload.PartSize], token), ObjectAttributes.None, WriteCondition.IfAbsent, CancellationToken.None));
        await Eventually.TrueAsync(() => proxy.WasReached, "the server hangs");
        await WaitAsync(clock, writing);

        var left = await Assert.ThrowsAsync<ObjectException>(() => writing);
        Assert.Equal((ObjectProblem.Silent, FailureKind.StoreUnavailable), (left.Problem, left.Kind));
        Assert.False(left.Kind.IsTransient()); // or the run would wait as long once more
        Assert.InRange(told, 1, 3); // of five
        told = 0;
        var asking = client.HasAnyAsync(CancellationToken.None);
        await WaitAsync(clock, asking);
        Assert.Equal(ObjectProblem.Silent, (await Assert.ThrowsAsync<ObjectException>(() => asking)).Problem);
        Assert.Equal(0, told);

        static void InterlockedMax(ref int most, int value)
        {
            for (var seen = Volatile.Read(ref most); seen < value; seen = Volatile.Read(ref most))
                Interlocked.CompareExchange(ref most, value, seen);
        }
    }

    [Fact]
    public void Silence_counts_from_the_last_word_and_not_while_something_moves()
    {
        var clock = new ManualClock(Some.Instant);
        var silence = new ServerSilence(TimeSpan.FromMinutes(3), clock);
        Fall(silence, clock);
        Fall(silence, clock);
        Assert.False(silence.IsOver);
        silence.Heard();
        Fall(silence, clock);
        Fall(silence, clock, ServerSilence.Buffers, TimeSpan.FromSeconds(1)); // buffers that fill are no line that goes on
        Assert.False(silence.IsOver);
        Fall(silence, clock, ServerSilence.Buffers + 1, TimeSpan.FromMinutes(9)); // a slow line
        Fall(silence, clock);
        Assert.False(silence.IsOver);
        Fall(silence, clock);
        Assert.True(silence.IsOver);
    }

    [Fact]
    public void Buffers_that_fill_slowly_because_little_may_be_sent_are_no_line_that_goes_on()
    {
        var clock = new ManualClock(Some.Instant);
        var silence = new ServerSilence(TimeSpan.FromMinutes(3), clock);
        Fall(silence, clock, taken: 1 << 20, moving: TimeSpan.FromMinutes(4));
        Assert.False(silence.IsOver);
        Fall(silence, clock, taken: 1 << 20, moving: TimeSpan.FromMinutes(4));
        Assert.True(silence.IsOver);
    }

    [Fact]
    public void A_word_to_somebody_else_ends_the_silence_of_a_request_that_began_before_it()
    {
        var clock = new ManualClock(Some.Instant);
        var silence = new ServerSilence(TimeSpan.FromMinutes(3), clock);
        using var request = new SilenceWatch(TimeSpan.FromMinutes(15), clock, CancellationToken.None);
        clock.Advance(TimeSpan.FromMinutes(14));
        silence.Heard();
        clock.Advance(TimeSpan.FromMinutes(1));
        silence.Noted(request);
        Assert.False(silence.IsOver);
    }

    /// <summary>The agent has one client for all its life, and a bad minute each night.</summary>
    [Fact]
    public void A_silence_after_which_nobody_asked_is_no_part_of_the_next_one()
    {
        var clock = new ManualClock(Some.Instant);
        var silence = new ServerSilence(TimeSpan.FromMinutes(3), clock);
        Fall(silence, clock);
        clock.Advance(TimeSpan.FromHours(1));
        Fall(silence, clock);
        Fall(silence, clock);
        Assert.False(silence.IsOver);
        Fall(silence, clock);
        Assert.True(silence.IsOver);
    }

    /// <summary>A request that ends after a silent minute.</summary>
    /// <param name="taken">Bytes of it before.</param>
    /// <param name="moving">How long that took.</param>
    private static void Fall(ServerSilence silence, ManualClock clock, long taken = 0, TimeSpan moving = default)
    {
        using var request = new SilenceWatch(TimeSpan.FromMinutes(15), clock, CancellationToken.None);
        clock.Advance(moving);
        request.Pulse(taken);
        clock.Advance(TimeSpan.FromMinutes(1));
        silence.Noted(request);
    }

    [SkippableFact]
    public async Task A_line_on_which_each_answer_takes_long_is_waited_for()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        var (clock, delays) = (new ManualClock(Some.Instant), 0);
        using var proxy = new CuttingProxy(gateway.Endpoint.Port, after: 1, _ => { })
        {
            Waits = () =>
            {
                var delay = Task.Delay(TimeSpan.FromSeconds(25), clock); // a write has two of them: that it may go on, and that it is done
                Interlocked.Increment(ref delays); // the clock waits for it
                return delay;
            },
        };
        var told = 0;
        using var client = new ObjectClient(gateway.Address(await gateway.NewBucketAsync(), port: proxy.Port), ObjectRole.Store, clock) { Silent = (_, _) => told++ };
        var began = clock.GetTimestamp();

        var asking = Task.Run(async () =>
        {
            await client.PutAsync("a", "slow"u8.ToArray(), ObjectAttributes.None, WriteCondition.Always, CancellationToken.None);
            var found = await client.ListAsync("", CancellationToken.None).SingleAsync();
            await using var content = await client.OpenAsync(found.Key, found.ETag, CancellationToken.None);
            return await new StreamReader(content).ReadToEndAsync();
        });
        for (var passed = 0; !asking.IsCompleted; passed++)
        {
            await Eventually.TrueAsync(() => asking.IsCompleted || Volatile.Read(ref delays) > passed, "an answer is held back");
            clock.Advance(TimeSpan.FromSeconds(25));
        }

        Assert.Equal("slow", await asking);
        Assert.Equal(0, told);
        Assert.True(proxy.WasReached);
        Assert.InRange(clock.GetElapsedTime(began).TotalSeconds, 75, double.MaxValue);
    }

    [SkippableFact]
    public async Task A_long_answer_is_waited_for_while_the_server_answers_something_else()
    {
        await using var bench = await LongAnswers.NewAsync();
        var (copying, held) = await bench.BeginCopyAsync();

        await bench.PassMinuteAsync();
        await bench.PassMinuteAsync();
        Assert.False(copying.IsCompleted);
        Assert.Equal(2, bench.Proxy.Gets);
        held.SetResult();

        Assert.Equal(bench.Found.ETag, await copying);
        Assert.Equal(0, bench.Told);
    }

    [SkippableFact]
    public async Task A_long_answer_is_asked_for_again_when_its_time_is_over_and_the_server_answers_something_else()
    {
        await using var bench = await LongAnswers.NewAsync();
        var (copying, _) = await bench.BeginCopyAsync();

        for (var minute = 1; minute < 15; minute++)
            await bench.PassMinuteAsync();
        Assert.Equal(0, bench.Told);
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        await WaitAsync(bench.Clock, copying, within: TimeSpan.FromSeconds(1));

        Assert.Equal(bench.Found.ETag, await copying);
        Assert.Equal(1, bench.Told);
    }

    [SkippableFact]
    public async Task A_long_answer_is_asked_for_again_when_the_server_answered_something_else_and_then_is_silent()
    {
        await using var bench = await LongAnswers.NewAsync();
        var (copying, _) = await bench.BeginCopyAsync();
        await bench.PassMinuteAsync();

        bench.Hold();
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        await bench.HeldAsync(2); // the second look
        bench.Pass();
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        await WaitAsync(bench.Clock, copying, within: TimeSpan.FromSeconds(1));

        Assert.Equal(bench.Found.ETag, await copying);
        Assert.Equal(1, bench.Told);
    }

    [SkippableFact]
    public async Task A_long_answer_counts_when_it_comes_while_the_server_is_asked_something_else()
    {
        await using var bench = await LongAnswers.NewAsync();
        var held = bench.Hold();
        var copying = bench.CopyAsync(etag: new string('0', 32));
        await bench.HeldAsync(1);
        bench.Hold();
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        await bench.HeldAsync(2); // the look

        bench.Pass(); // an answer comes in pieces
        held.SetResult();
        await Eventually.TrueAsync(() => copying.IsCompleted, "the answer counts");
        Assert.Equal(ObjectProblem.PreconditionFailed, (await Assert.ThrowsAsync<ObjectException>(() => copying)).Problem);
    }

    [SkippableFact]
    public async Task Those_who_wait_for_long_answers_ask_together_whether_the_server_is_there()
    {
        await using var bench = await LongAnswers.NewAsync();
        var held = bench.Hold();
        Task<string>[] copying = [.. Enumerable.Range(0, 4).Select(number => bench.CopyAsync($"{number}"))];
        await bench.HeldAsync(4);
        bench.Pass();

        await bench.PassMinuteAsync();
        await bench.PassMinuteAsync();
        Assert.Equal(2, bench.Proxy.Gets);
        held.SetResult();
        await Task.WhenAll(copying);
    }

    [SkippableFact]
    public async Task A_long_answer_is_not_waited_for_where_the_server_answers_nothing_else()
    {
        await using var bench = await LongAnswers.NewAsync();
        bench.Hold();
        var began = bench.Clock.GetTimestamp();

        var copying = bench.CopyAsync();
        await bench.HeldAsync(1);
        await WaitAsync(bench.Clock, copying);

        var left = await Assert.ThrowsAsync<ObjectException>(() => copying);
        Assert.Contains("nor answered anything else for 60 s", left.Message, StringComparison.Ordinal);
        Assert.Equal(1, bench.Told);
        Assert.InRange(bench.Clock.GetElapsedTime(began).TotalMinutes, 4, 6); // of fifteen, six times
    }

    [SkippableFact]
    public async Task A_long_answer_is_not_waited_for_where_the_server_can_not_be_reached_any_more()
    {
        await using var bench = await LongAnswers.NewAsync();
        bench.Hold();
        var began = bench.Clock.GetTimestamp();

        var copying = bench.CopyAsync();
        await bench.HeldAsync(1);
        bench.Proxy.Close(); // as if the host were switched off: what is open stays so
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        await Eventually.TrueAsync(() => bench.Told > 0, "the copy is given up");
        await WaitAsync(bench.Clock, copying, within: TimeSpan.FromSeconds(10)); // between its attempts

        Assert.Equal(ObjectProblem.Unreachable, (await Assert.ThrowsAsync<ObjectException>(() => copying)).Problem);
        Assert.Equal(1, bench.Told);
        Assert.InRange(bench.Clock.GetElapsedTime(began).TotalMinutes, 1, 6);
    }

    /// <summary>Lets time pass while nothing but time ends something.</summary>
    /// <param name="within">How soon it has to be waited for; null: the usual patience.</param>
    private static async Task WaitAsync(ManualClock clock, Task awaited, TimeSpan? within = null)
    {
        while (!awaited.IsCompleted)
        {
            await Eventually.TrueAsync(() => awaited.IsCompleted || clock.IsAwaited(within ?? ObjectClient.UsualPatience), "the client waits");
            if (!awaited.IsCompleted)
                clock.Advance(within ?? TimeSpan.FromSeconds(10));
        }
    }

    /// <summary>An object that a server copies while a test holds back its answers, on a clock that the test moves.</summary>
    private sealed class LongAnswers : IAsyncDisposable
    {
        private volatile Task holding = Task.CompletedTask;
        private int held;
        private int told;

        private LongAnswers(S3Gateway gateway, string bucket, ListedObject found)
        {
            Found = found;
            Proxy = new CuttingProxy(gateway.Endpoint.Port, after: 1, _ => { })
            {
                Waits = () =>
                {
                    var answer = holding;
                    if (!answer.IsCompleted)
                        Interlocked.Increment(ref held);
                    return answer;
                },
            };
            Client = new ObjectClient(gateway.Address(bucket, port: Proxy.Port), ObjectRole.Store, Clock) { Silent = (_, _) => Interlocked.Increment(ref told) };
        }

        public ManualClock Clock { get; } = new(Some.Instant);

        public CuttingProxy Proxy { get; }

        public ObjectClient Client { get; }

        public ListedObject Found { get; }

        public int Told => Volatile.Read(ref told);

        public static async Task<LongAnswers> NewAsync()
        {
            S3Gateway.Require();
            var gateway = await S3Gateway.SharedAsync();
            var (bucket, found) = await NewObjectAsync(gateway);
            return new LongAnswers(gateway, bucket, found);
        }

        /// <param name="etag">That it must have; null: its own.</param>
        public Task<string> CopyAsync(string key = "b", string? etag = null) => Task.Run(() => Client.CopyAsync(Client, Found with { ETag = etag ?? Found.ETag }, key, CancellationToken.None));

        /// <summary>Holds back answers from now on, until the source is set.</summary>
        public TaskCompletionSource Hold()
        {
            var hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            holding = hold.Task;
            return hold;
        }

        /// <summary>Holds back no further answer.</summary>
        public void Pass() => holding = Task.CompletedTask;

        public Task HeldAsync(int answers) => Eventually.TrueAsync(() => Volatile.Read(ref held) >= answers, "an answer is held back");

        /// <summary>Begins a copy and holds back its answer, until the source is set; what is asked after it is answered.</summary>
        public async Task<(Task<string> Copying, TaskCompletionSource Answer)> BeginCopyAsync()
        {
            var answer = Hold();
            var copying = CopyAsync();
            await HeldAsync(1);
            Pass();
            return (copying, answer);
        }

        /// <summary>Lets a minute pass, at whose end the server answers something.</summary>
        public async Task PassMinuteAsync()
        {
            Clock.Advance(TimeSpan.FromMinutes(1));
            await Eventually.TrueAsync(() => Client.Silence.QuietSince(0) == TimeSpan.Zero, "the server answers something");
        }

        public ValueTask DisposeAsync()
        {
            Client.Dispose();
            Proxy.Dispose();
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>A bucket with one object.</summary>
    private static async Task<(string Bucket, ListedObject Found)> NewObjectAsync(S3Gateway gateway)
    {
        var bucket = await gateway.NewBucketAsync();
        using var direct = new ObjectClient(gateway.Address(bucket), ObjectRole.Store, RunningClock.Shared);
        await direct.PutAsync("a", new byte[1], ObjectAttributes.None, WriteCondition.Always, CancellationToken.None);
        return (bucket, await direct.ListAsync("", CancellationToken.None).SingleAsync());
    }

    /// <summary>Real bytes, to a real server, on a clock that a test moves: so many in an hour of that clock, and no more.</summary>
    [SkippableFact]
    public async Task What_is_sent_and_read_keeps_to_the_limit_of_the_hour()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        var clock = new ManualClock(new DateTimeOffset(2026, 2, 14, 7, 59, 50, TimeSpan.Zero));
        var pace = new Pace([new BandwidthLimit(50_000, new TimeOnly(8, 0), new TimeOnly(18, 0)), new BandwidthLimit(200_000, TimeOnly.MinValue, TimeOnly.MinValue)], TimeZoneInfo.Utc, clock);
        using var client = new ObjectClient(gateway.Address(await gateway.NewBucketAsync()), ObjectRole.Store, RunningClock.Shared) { Pace = pace };
        var content = RandomNumberGenerator.GetBytes(2_500_000);

        var sending = client.PutAsync("a", content, ObjectAttributes.None, WriteCondition.Always, CancellationToken.None);
        Assert.InRange(await PassAsync(sending), 15, 21); // 2 MB in 10 s, the rest in 10 s more
        var reading = Task.Run(async () =>
        {
            await using var stream = await client.OpenAsync("a", etag: null, CancellationToken.None);
            return await ReadAllAsync(stream);
        });
        Assert.InRange(await PassAsync(reading), 45, 51); // 50 s at 50 kB/s
        Assert.Equal(content, await reading);

        // Time passes only while the transfer waits for it.
        async Task<double> PassAsync(Task transfer)
        {
            var began = clock.GetTimestamp();
            while (!transfer.IsCompleted)
            {
                await Eventually.TrueAsync(() => transfer.IsCompleted || clock.IsAwaited(TimeSpan.FromMinutes(1)), "the transfer waits, or is done");
                if (!transfer.IsCompleted)
                    clock.Advance(TimeSpan.FromMilliseconds(50));
            }

            return clock.GetElapsedTime(began).TotalSeconds;
        }
    }

    [Fact]
    public async Task The_gate_halves_when_the_server_asks_for_fewer_and_opens_again_slowly()
    {
        var gate = new RequestGate(8);
        for (var request = 0; request < 8; request++)
            await gate.EnterAsync(CancellationToken.None);
        var ninth = gate.EnterAsync(CancellationToken.None);
        Assert.False(ninth.IsCompleted);
        gate.Leave(wasThrottled: true);
        Assert.Equal(4, gate.Limit);
        Assert.False(ninth.IsCompleted); // seven are under way, and four may
        for (var request = 0; request < 4; request++)
            gate.Leave(wasThrottled: false);
        await ninth;
        for (var request = 0; request < 16; request++)
        {
            gate.Leave(wasThrottled: false);
            await gate.EnterAsync(CancellationToken.None);
        }

        Assert.Equal(5, gate.Limit);
    }

    [Theory]
    [InlineData("AES256")]
    [InlineData("aws:kms")]
    public async Task A_server_is_asked_to_encrypt_whether_an_object_comes_in_one_part_or_in_many(string method)
    {
        using var server = new HookListener("200 OK\r\nETag: \"00000000000000000000000000000000\"\r\nContent-Length: 0");
        using var temp = new TempDirectory();
        await File.WriteAllTextAsync(temp["secret"], "secret");
        var address = new ObjectAddress("bucket", "", new Uri($"http://{server.Host}"), "us-east-1", new ObjectCredentials(null, null, "AKID", temp["secret"], null), 1) { HasBucketInPath = true, ServerEncryption = method };
        using var client = new ObjectClient(address, ObjectRole.Store, RunningClock.Shared);

        await client.PutAsync("one", new byte[10], new ObjectAttributes(), WriteCondition.Always, CancellationToken.None);
        await Record.ExceptionAsync(() => client.BeginPartsAsync("many", new ObjectAttributes(), CancellationToken.None)); // this server names no upload

        Assert.Contains(server.Requests, request => request.StartsWith("PUT /bucket/one", StringComparison.Ordinal));
        Assert.Contains(server.Requests, request => request.StartsWith("POST /bucket/many?uploads", StringComparison.Ordinal));
        Assert.All(server.Requests, request => Assert.Contains($"x-amz-server-side-encryption: {method}\r\n", request, StringComparison.OrdinalIgnoreCase));
    }

    [SkippableFact]
    public async Task A_read_that_ends_too_early_goes_on_and_one_that_comes_spoiled_is_no_object()
    {
        S3Gateway.Require();
        var gateway = await S3Gateway.SharedAsync();
        var bucket = await gateway.NewBucketAsync();
        var content = RandomNumberGenerator.GetBytes(3 << 20);
        using (var direct = new ObjectClient(gateway.Address(bucket), ObjectRole.Store, RunningClock.Shared))
            await direct.PutAsync("a", content, ObjectAttributes.None, WriteCondition.Always, CancellationToken.None);

        using (var proxy = new CuttingProxy(gateway.Endpoint.Port, after: 1 << 20, cut => cut.Truncate()))
        {
            Assert.Equal(content, await ReadAsync(proxy));
            Assert.True(proxy.WasReached);
        }

        using (var proxy = new CuttingProxy(gateway.Endpoint.Port, after: 1, spoilt => spoilt.Spoil(), isFromClient: true))
        {
            using var client = new ObjectClient(gateway.Address(bucket, port: proxy.Port), ObjectRole.Store, RunningClock.Shared);
            Assert.Equal("a", (await client.ListAsync("", CancellationToken.None).SingleAsync()).Key); // a list that is no XML is asked for again
            Assert.True(proxy.WasReached);
        }

        using (var proxy = new CuttingProxy(gateway.Endpoint.Port, after: 1 << 20, spoilt => spoilt.Spoil()))
        {
            var damaged = await Assert.ThrowsAsync<ObjectException>(() => ReadAsync(proxy));
            Assert.Equal(ObjectProblem.Damaged, damaged.Problem);
            Assert.True(proxy.WasReached);
        }

        async Task<byte[]> ReadAsync(CuttingProxy proxy)
        {
            using var client = new ObjectClient(gateway.Address(bucket, port: proxy.Port), ObjectRole.Store, RunningClock.Shared);
            await using var stream = await client.OpenAsync("a", etag: null, CancellationToken.None);
            return await ReadAllAsync(stream);
        }
    }

    private static async Task<byte[]> ReadAllAsync(Stream stream)
    {
        var all = new MemoryStream();
        await stream.CopyToAsync(all);
        return all.ToArray();
    }
}
