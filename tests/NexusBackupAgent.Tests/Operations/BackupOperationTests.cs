using System.Buffers.Binary;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

public sealed class BackupOperationTests : IDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly ManualClock clock = new(Some.Instant);
    private readonly List<Workbench> benches = [];

    public void Dispose() => benches.ForEach(bench => bench.Dispose());

    [SkippableFact]
    public async Task What_may_pass_is_tried_again_with_growing_pauses()
    {
        var bench = Bench(ScriptedSource.Fails(FailureKind.SourceBusy), ScriptedSource.Fails(FailureKind.Io));
        var running = bench.RunAsync();
        await AwaitedAsync(2 * Minute);
        clock.Advance(Minute);
        await AwaitedAsync(3 * Minute);
        clock.Advance(2 * Minute);
        var run = await running;

        Assert.Equal((RunResult.Success, 3, 3 * Minute), (run.Result, run.Attempts, run.EndedAt - run.StartedAt));
        Assert.Equal("1|SourceBusy|0\n2|Io|60\n3||180", await bench.JournalAsync($"SELECT attempt, failure, (started_at - {Some.Instant.ToUnixTimeMilliseconds()}) / 1000 FROM attempts"));
        Assert.Equal("success|1", await bench.JournalAsync("SELECT result, count FROM operation_counts"));
    }

    [SkippableFact]
    public async Task After_the_last_attempt_the_run_has_failed()
    {
        var bench = Bench([.. Enumerable.Repeat(ScriptedSource.Fails(FailureKind.Network), 3)]);
        var running = bench.RunAsync();
        await AwaitedAsync(2 * Minute);
        clock.Advance(Minute);
        await AwaitedAsync(3 * Minute);
        clock.Advance(2 * Minute);

        var run = await running;
        Assert.Equal((RunResult.Failure, FailureKind.Network, 3), (run.Result, run.Failure!.Kind, run.Attempts));
        Assert.Equal(1, bench.Journal.Read().Sources["itsm"].ConsecutiveFailures); // one run, however many attempts
        Assert.Empty(TempDirectory.FilesIn(bench.StorePath));
    }

    [SkippableTheory]
    [InlineData(nameof(FailureKind.SourceMissing))]
    [InlineData(nameof(FailureKind.SourceInvalid))]
    [InlineData(nameof(FailureKind.SourceCorrupt))]
    [InlineData(nameof(FailureKind.Permission))]
    [InlineData(nameof(FailureKind.StoreFull))]
    [InlineData(nameof(FailureKind.StoreUnavailable))]
    [InlineData(nameof(FailureKind.Configuration))]
    [InlineData(nameof(FailureKind.Verification))]
    public async Task What_cannot_pass_is_not_tried_again(string kind)
    {
        var bench = Bench(ScriptedSource.Fails(Enum.Parse<FailureKind>(kind)));
        var run = await bench.RunAsync();
        Assert.Equal((RunResult.Failure, kind, 1), (run.Result, run.Failure!.Kind.ToString(), run.Attempts));
        Assert.Equal($"1|{kind}|scripted {kind}|do nothing", await bench.JournalAsync("SELECT attempt, failure, message, hint FROM attempts"));
    }

    [SkippableTheory]
    [InlineData("nothing", 1)]
    [InlineData("moved", 2)]
    [InlineData("truncated", 2)]
    public async Task What_an_operator_takes_away_during_a_run_justifies_no_removal(string what, int dailies)
    {
        var source = new ScriptedSource(clock);
        var bench = Bench(source);
        var expired = (await bench.RunAsync()).Outcome!.Backup;
        clock.Advance(TimeSpan.FromDays(1));
        var cover = (await bench.RunAsync()).Outcome!.Backup;
        var file = Path.Combine(bench.StorePath, cover.File);
        clock.Advance(TimeSpan.FromDays(9));
        source.Checking = _ =>
        {
            if (what == "moved")
                File.Move(file, Path.Combine(bench.Root, cover.File));
            else if (what == "truncated")
                File.WriteAllBytes(file, []);
            return Task.CompletedTask;
        };

        var run = await bench.RunAsync("hourly");

        Assert.Null(run.Failure);
        Assert.Equal(what != "nothing", File.Exists(Path.Combine(bench.StorePath, expired.File)));
        Assert.Equal(dailies, (await bench.BackupsAsync()).Count(backup => backup.Schedule == "daily") + (what == "moved" ? 1 : 0));
    }

    [Fact]
    public async Task A_defect_is_recorded_as_one()
    {
        var run = await Bench(_ => throw new InvalidTimeZoneException("oops")).RunAsync();
        Assert.Equal((RunResult.Failure, FailureKind.Unexpected), (run.Result, run.Failure!.Kind));
        Assert.Contains("oops", run.Failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_log_says_what_a_failure_is_about()
    {
        var bench = Bench(ScriptedSource.Fails(FailureKind.SourceCorrupt));

        await bench.RunAsync();

        Assert.Contains(bench.BackupsLog.Lines, line => line.Contains("cause SourceCorrupt, class database", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_run_that_takes_too_long_is_stopped_and_says_so()
    {
        var running = Bench(token => Task.Delay(Timeout.InfiniteTimeSpan, clock, token)).RunAsync();
        await AwaitedAsync(TimeSpan.FromHours(1));
        clock.Advance(TimeSpan.FromHours(1));
        var run = await running;
        Assert.Equal((RunResult.Failure, FailureKind.TimedOut), (run.Result, run.Failure!.Kind));
        Assert.Contains("01:00:00", run.Failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_time_limit_holds_for_all_attempts_together()
    {
        var bench = Bench(_ =>
        {
            clock.Advance(TimeSpan.FromMinutes(59.5));
            throw new BackupException(FailureKind.SourceBusy, "busy", "wait");
        });
        var running = bench.RunAsync();
        await AwaitedAsync(Minute);
        clock.Advance(Minute);
        Assert.Equal(FailureKind.TimedOut, (await running).Failure!.Kind);
    }

    [Fact]
    public async Task A_run_that_is_stopped_leaves_nothing_and_is_in_the_journal()
    {
        using var stop = new CancellationTokenSource();
        var bench = Bench(async token =>
        {
            await stop.CancelAsync();
            token.ThrowIfCancellationRequested();
        });
        var run = await bench.RunAsync(cancellationToken: stop.Token);
        Assert.Equal((RunResult.Failure, FailureKind.Interrupted, 1), (run.Result, run.Failure!.Kind, run.Attempts));
        Assert.Empty(TempDirectory.FilesIn(bench.StorePath));
        Assert.Null(bench.Journal.LastStarted("itsm", "daily")); // so that it is caught up on
    }

    /// <summary>Ctrl-C reaches the tools of a run as it reaches the agent, and one of them may be the first to say so.</summary>
    [Theory]
    [InlineData(nameof(FailureKind.SourceUnreachable))]
    [InlineData(nameof(FailureKind.Encryption))]
    [InlineData(nameof(FailureKind.Io))]
    public async Task What_a_tool_fails_by_when_the_run_is_stopped_is_no_failure_in_a_row(string kind)
    {
        using var stop = new CancellationTokenSource();
        var bench = Bench(async _ =>
        {
            await stop.CancelAsync();
            throw new BackupException(Enum.Parse<FailureKind>(kind), "the tool was killed by signal 2", "look");
        });

        var run = await bench.RunAsync(cancellationToken: stop.Token);

        Assert.Equal((FailureKind.Interrupted, 1), (run.Failure!.Kind, run.Attempts));
        Assert.Contains("the tool was killed by signal 2", run.Failure.Message, StringComparison.Ordinal);
        Assert.Equal(0, bench.Journal.Read().Sources["itsm"].ConsecutiveFailures);
    }

    [SkippableFact]
    public async Task A_run_that_is_stopped_between_two_attempts_keeps_the_one_that_it_made()
    {
        using var stop = new CancellationTokenSource();
        var bench = Bench(ScriptedSource.Fails(FailureKind.SourceBusy));
        var running = bench.RunAsync(cancellationToken: stop.Token);
        await AwaitedAsync(2 * Minute);
        await stop.CancelAsync();

        var run = await running;
        Assert.Equal((FailureKind.Interrupted, 1), (run.Failure!.Kind, run.Attempts));
        Assert.Equal("1|SourceBusy", await bench.JournalAsync("SELECT attempt, failure FROM attempts"));
    }

    [Fact]
    public async Task A_good_run_waits_twice_for_the_disk_of_the_journal()
    {
        var bench = Bench();
        var before = Commits(bench);

        await bench.RunAsync();

        Assert.Equal(2, Commits(bench) - before);
        Assert.Equal(1, bench.Journal.Read().Verifications[("itsm", "checksum", "success")]);
    }

    [Fact]
    public async Task A_run_that_was_stopped_before_it_began_never_was()
    {
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        var bench = Bench();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => bench.RunAsync(cancellationToken: stop.Token));
        Assert.Empty(bench.Journal.Read().Runs);
        Assert.Empty(bench.Journal.Read().Sources);
    }

    [Fact]
    public async Task A_second_run_of_the_source_is_skipped_and_recorded_as_skipped()
    {
        var opened = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        var bench = Bench(_ =>
        {
            opened.SetResult();
            return go.Task;
        });
        var first = bench.RunAsync();
        await opened.Task;
        var second = await bench.RunAsync("weekly");
        go.SetResult();

        Assert.Equal((RunResult.Skipped, FailureKind.Locked), (second.Result, second.Failure!.Kind));
        Assert.Equal(RunResult.Success, (await first).Result);
        Assert.Equal(1, bench.Journal.Read().Runs[("itsm", "weekly", "skipped")]);
        Assert.Equal(0, bench.Journal.Read().Sources["itsm"].ConsecutiveFailures);
    }

    [Fact]
    public async Task Another_process_that_holds_the_lock_is_respected_until_it_dies()
    {
        var bench = Bench();
        using (var holder = Child.Start("hold-lock", bench.State, "itsm"))
        {
            Assert.Equal("held", await holder.StandardOutput.ReadLineAsync());
            Assert.Equal(RunResult.Skipped, (await bench.RunAsync()).Result);
            holder.Kill();
            await holder.WaitForExitAsync();
        }

        Assert.Equal(RunResult.Success, (await bench.RunAsync()).Result);
    }

    [Fact]
    public async Task Nothing_is_pruned_after_a_failed_verification()
    {
        var source = new ScriptedSource(clock);
        var bench = Bench(source);
        for (var day = 0; day < 3; day++)
        {
            await bench.RunAsync();
            clock.Advance(TimeSpan.FromDays(1));
        }

        clock.Advance(TimeSpan.FromDays(30));
        source.Finding = "page 7 is mad";
        var run = await bench.RunAsync();
        Assert.Equal((RunResult.Failure, FailureKind.SourceCorrupt), (run.Result, run.Failure!.Kind));
        Assert.Contains("page 7 is mad", run.Failure.Message, StringComparison.Ordinal);
        Assert.Equal(3, (await bench.BackupsAsync()).Count(backup => backup.State == BackupState.Good));

        source.Finding = null;
        Assert.Equal(RunResult.Success, (await bench.RunAsync()).Result);
        Assert.Single(await bench.BackupsAsync(), backup => backup.State == BackupState.Good); // now they may go
    }

    [SkippableFact]
    public async Task A_store_without_room_is_refused_before_anything_is_written()
    {
        await using var small = await SmallFileSystem.MountAsync("size=500k");
        var bench = Bench(new ScriptedSource(clock), small.Path);
        var run = await bench.RunAsync();
        Assert.Equal((FailureKind.StoreFull, 1), (run.Failure!.Kind, run.Attempts));
        Assert.Contains("available", run.Failure.Message, StringComparison.Ordinal);
        Assert.Empty(TempDirectory.FilesIn(small.Path));
    }

    [SkippableFact]
    public async Task A_store_that_fills_up_in_the_middle_is_left_as_it_was()
    {
        await using var small = await SmallFileSystem.MountAsync("size=2m");
        var bench = Bench(source: null, small.Path);
        await SqliteSamples.SqlAsync(bench.Database, "CREATE TABLE t (x); INSERT INTO t VALUES (randomblob(5000000));");
        var run = await bench.RunAsync();
        Assert.Equal((FailureKind.StoreFull, 1), (run.Failure!.Kind, run.Attempts));
        Assert.Contains("no space left", run.Failure.Message, StringComparison.Ordinal);
        Assert.Empty(TempDirectory.FilesIn(small.Path));
    }

    /// <summary>Transactions in the journal's -wal file: frames that say how long the database is after them.</summary>
    private static int Commits(Workbench bench)
    {
        using var file = new FileStream(Path.Combine(bench.State, "journal.db-wal"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var wal = new byte[file.Length];
        file.ReadExactly(wal);
        var frame = 24 + BinaryPrimitives.ReadInt32BigEndian(wal.AsSpan(8));
        return Enumerable.Range(0, (wal.Length - 32) / frame).Count(each => BinaryPrimitives.ReadInt32BigEndian(wal.AsSpan(32 + (each * frame) + 4)) != 0);
    }

    private Workbench Bench(params Func<CancellationToken, Task>[] script) => Bench(new ScriptedSource(clock, script));

    private Workbench Bench(ScriptedSource? source, string? store = null)
    {
        var bench = new Workbench(clock, store: store is null ? null : new NexusBackupAgent.Stores.Local.LocalDirectoryStore("local", store), source: source);
        benches.Add(bench);
        return bench;
    }

    private Task AwaitedAsync(TimeSpan within) => Eventually.TrueAsync(() => clock.IsAwaited(within), "somebody waits on the clock");
}
