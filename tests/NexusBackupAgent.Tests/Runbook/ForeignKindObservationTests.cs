using NexusBackupAgent.Cli;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Runbook;

/// <summary>A source that is checked as it streams, in a store that tells no space and lies in no directory.</summary>
public sealed class ForeignKindObservationTests : IDisposable
{
    private static readonly Commands Commands = new(configuration: null);

    private readonly MemoryStore store = new("main");
    private readonly Workplace place;

    public ForeignKindObservationTests()
    {
        place = new Workplace { Kinds = ForeignKinds.With(store) };
        TreeSource.Make(place.In("files"), "first");
        File.WriteAllText(place.Configuration, """
            stores:
              main: {memory: main}
            sources:
              papers: {tree: files, retry: {attempts: 1}, schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}

            """);
    }

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task A_check_that_streams_needs_no_scratch_space()
    {
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        var seen = await ObserveAsync() with { ScratchSpace = new StoreSpace(1 << 30, Free: 0, Available: 0) };

        Assert.NotEmpty(seen.State.Backups);
        Assert.Null(FullDisk.Find(seen, Commands));
    }

    [Fact]
    public async Task A_store_that_tells_no_space_is_not_full_for_ever()
    {
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        FailRun(FailureKind.StoreFull);

        var seen = await ObserveAsync();

        Assert.Null(seen.Store.Space);
        Assert.Equal(FailureKind.StoreFull, seen.State.LastFailure?.Kind);
        Assert.True(LastFailure.IsOver(seen));
        Assert.Null(FullDisk.Find(seen, Commands));
    }

    [Theory]
    [InlineData(nameof(FailureKind.Permission))]
    [InlineData(nameof(FailureKind.StoreUnavailable))]
    [InlineData(nameof(FailureKind.StoreFull))]
    public async Task What_is_no_directory_is_asked_nothing_in_a_shell(string kind)
    {
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        var seen = await ObserveAsync() with { WriteFailure = new BackupException(Enum.Parse<FailureKind>(kind), "it is refused", "look closer") };

        var found = Flowchart.Walk(seen, Commands).Findings[0];

        Assert.Equal(kind == nameof(FailureKind.StoreFull) ? Cause.Disk : Cause.Permission, found.Cause);
        Assert.All(found.Next, command => Assert.StartsWith("nexus-backup ", command, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Its_texts_send_nobody_to_a_disk()
    {
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        var path = store.Paths.Single(path => path.EndsWith(".tar.gz", StringComparison.Ordinal));
        var bytes = await store.ReadAsync(path, CancellationToken.None);
        bytes[bytes.Length / 2] ^= 1;
        await store.PutAsync(path, replace: true, Durability.Now, (stream, token) => stream.WriteAsync(bytes, token).AsTask(), CancellationToken.None);

        var said = (await place.RunAsync("verify", "--no-replacement")).Error;

        Assert.Contains("check store 'main'; what is good is in", said, StringComparison.Ordinal);
        Assert.DoesNotContain("dmesg", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nor_does_the_refusal_of_a_checksum_that_somebody_wrote()
    {
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        var path = store.Paths.Single(path => path.EndsWith(".sha256", StringComparison.Ordinal));
        var line = System.Text.Encoding.UTF8.GetBytes($"{new string('0', 64)}  {path[(path.LastIndexOf('/') + 1)..^".sha256".Length]}\n");
        await store.PutAsync(path, replace: true, Durability.Now, (stream, token) => stream.WriteAsync(line, token).AsTask(), CancellationToken.None);

        var said = (await place.RunAsync("verify", "--no-replacement")).Error;

        Assert.Contains("once that is explained: delete it, and verify it again", said, StringComparison.Ordinal);
        Assert.DoesNotContain("sha256sum", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_that_is_told_of_it_calls_it_a_database()
    {
        List<string> said = [];
        TreeSource.Ruin(place.In("files"));
        said.Add((await place.RunAsync("backup")).Error); // captured damaged
        TreeSource.Make(place.In("files"), "second");
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        var restore = await place.RunAsync("restore", "papers", "--force");
        Assert.Equal(0, restore.Code);
        said.Add(restore.Output);
        RecordFailedRestore();
        foreach (var command in (string[][])[["diagnose", "--lang", "en"], ["diagnose", "--lang", "ja"], ["checklist"], ["report"], ["status"], ["verify"]])
        {
            var result = await place.RunAsync(command);
            said.Add(result.Output + result.Error);
        }

        Assert.Contains("the tree of source 'papers' is corrupt", said[0], StringComparison.Ordinal);
        Assert.Contains("the restore over the live tree failed", said[2], StringComparison.Ordinal);
        Assert.Contains("稼働中のtreeへのリストア", said[3], StringComparison.Ordinal);
        Assert.Contains("is the tree whole?", said[6], StringComparison.Ordinal);
        Assert.All(said, text => Assert.DoesNotMatch("the database|live database|database error|稼働中のDB|DB接続", text));
    }

    private async Task<Observation> ObserveAsync()
    {
        var (configuration, _) = ConfigurationFile.Load(place.Configuration, TimeZoneInfo.Utc, place.Kinds);
        using var session = await CommandSession.OpenAsync(configuration!, new Terminal(TextWriter.Null, TextWriter.Null, outputIsWatched: false, errorIsWatched: false), place.Clock, false);
        return await session.Agent.Observer.ObserveAsync(await session.Agent.States.ReadAsync(CancellationToken.None), session.Agent.Roster.Current.Single(), evenStale: false, progress: null, CancellationToken.None);
    }

    private void RecordFailedRestore()
    {
        using var journal = new OperationJournal(JournalDatabase.Open(place.In("state"), Workplace.Now, out _));
        var at = place.Clock.GetUtcNow();
        journal.Record(new Operation(0, "papers", OperationKind.Restore, at, at, Backup: null, "restore", new RunFailure(FailureKind.Restore, "it failed", "look closer")) { IsOverLive = true });
    }

    private void FailRun(FailureKind kind)
    {
        using var journal = new OperationJournal(JournalDatabase.Open(place.In("state"), Workplace.Now, out _));
        var (at, failure) = (place.Clock.GetUtcNow(), new RunFailure(kind, "it failed", "look closer"));
        var begun = Operation.BegunBackup("papers", "daily", BackupType.Full, at);
        journal.End(begun with { Id = journal.Begin(begun), EndedAt = at, Failure = failure }, new Attempt(1, at, at, failure));
    }
}
