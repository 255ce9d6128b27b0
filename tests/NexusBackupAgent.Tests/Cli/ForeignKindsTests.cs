

using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Http;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>
/// A source and a store of kinds that the product does not have go the whole way of the command line: a stream of unknown
/// length without scratch space, with a second part that is not compressed, into a store that can't rename and tells no room.
/// </summary>
public sealed class ForeignKindsTests : IDisposable
{
    private readonly MemoryStore main = new("main");
    private readonly MemoryStore other = new("other");
    private readonly Workplace place;

    public ForeignKindsTests()
    {
        place = new Workplace { Kinds = ForeignKinds.With(main, other) };
        Configure("main");
        TreeSource.Make(Tree, "first");
    }

    private string Tree => place.In("files");

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task A_backup_is_stored_read_back_and_listed_with_all_its_parts()
    {
        var backup = await place.RunAsync("backup", "papers");

        Assert.Equal((0, ""), (backup.Code, backup.Error));
        var stored = main.Paths.Where(path => path != StoreMarks.FileName).Select(path => path[(path.IndexOf(".tar.gz", StringComparison.Ordinal) + 1)..]);
        Assert.Equal(["tar.gz", "tar.gz.manifest.json", "tar.gz.names.txt", "tar.gz.sha256", "tar.gz.verification.json"], stored);

        var listed = (await place.RunAsync("list", "--json")).Json[0];
        Assert.Equal(("papers", "manual", "full", "good"), (Text(listed, "source"), Text(listed, "schedule"), Text(listed, "type"), Text(listed, "state")));
        var status = await place.RunAsync("status", "--json");
        Assert.Equal((0, "L1"), (status.Code, Text(status.Json, "level")));
        Assert.Equal((0, ""), await SummaryAsync("verify"));
    }

    [Fact]
    public async Task It_is_restored_to_another_place_and_over_the_live_one()
    {
        await place.RunAsync("backup");
        TreeSource.Make(Tree, "second");

        Assert.Equal((0, ""), await SummaryAsync("restore", "papers", "--to", place.In("elsewhere"), "--force"));
        Assert.Equal((0, ""), await SummaryAsync("restore", "papers", "--force"));

        Assert.StartsWith("a.txt: first\n", await File.ReadAllTextAsync(Path.Combine(place.In("elsewhere"), "a.txt")), StringComparison.Ordinal);
        Assert.StartsWith("c.txt: first\n", await File.ReadAllTextAsync(Path.Combine(Tree, "c.txt")), StringComparison.Ordinal);
        var kept = Assert.Single(Directory.GetDirectories(place.Path, "files.pre_restore.*"));
        Assert.StartsWith("c.txt: second\n", await File.ReadAllTextAsync(Path.Combine(kept, "c.txt")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_drill_restores_it_and_asks_its_question()
    {
        Configure("main", "drill: {probe: {sql: b.txt, expect: \"b.txt: first\"}}");
        await place.RunAsync("backup");

        var drill = (await place.RunAsync("drill", "--json")).Json[0];

        Assert.Equal(("success", "b.txt: first"), (Text(drill, "result"), Text(drill.GetProperty("probes")[0], "answer")));
        Assert.Contains(main.Paths, path => path.EndsWith(".drill.json", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(".tar.gz")]
    [InlineData(".names.txt")]
    public async Task A_damaged_one_is_set_aside_under_the_name_that_it_has(string damaged)
    {
        await place.RunAsync("backup");
        var before = main.Paths;
        await FlipAsync(main.Paths.Single(path => path.EndsWith(damaged, StringComparison.Ordinal)));

        var verify = await place.RunAsync("verify");

        Assert.Equal(4, verify.Code);
        Assert.Contains("is set aside under its own name", verify.Errors[0], StringComparison.Ordinal);
        var states = (await place.RunAsync("list", "--json")).Json.EnumerateArray().Select(backup => Text(backup, "state"));
        Assert.Equal(["good", "quarantined"], states.Order()); // what was found damaged is replaced at once
        Assert.Subset(main.Paths.ToHashSet(), before.ToHashSet());
        var again = await place.RunAsync("verify", Text((await place.RunAsync("list", "--json")).Json[1], "id")!);
        Assert.Contains("it was set aside before", Assert.Single(again.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_source_is_found_by_its_own_check()
    {
        TreeSource.Ruin(Tree);

        var backup = await place.RunAsync("backup");

        Assert.Equal(3, backup.Code);
        Assert.Contains("b.txt is not what was sealed", backup.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_copy_of_the_files_in_another_store_is_as_good()
    {
        await place.RunAsync("backup");
        foreach (var path in main.Paths)
            await other.PutAsync(path, replace: false, Durability.Now, await BytesAsync(path), CancellationToken.None);
        Configure("other");

        Assert.Equal((0, ""), await SummaryAsync("verify"));
        Assert.Equal((0, ""), await SummaryAsync("restore", "papers", "--to", place.In("elsewhere"), "--force"));
    }

    [Fact]
    public async Task The_self_test_damages_a_specimen_of_it()
    {
        var test = await place.RunAsync("verify", "--self-test");
        Assert.Equal("", test.Error);

        Assert.Equal((0, ""), (test.Code, test.Error));
        Assert.Contains("a damaged tree, stored without a flaw", test.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("diagnose")]
    [InlineData("checklist")]
    [InlineData("report")]
    public async Task The_runbook_speaks_of_it(string command)
    {
        await place.RunAsync("backup");

        var said = await place.RunAsync(command, "papers");

        Assert.Equal("", said.Error);
        Assert.Contains("papers", said.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("sqlite", said.Output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task The_agent_backs_it_up_by_schedule_prunes_what_is_due_and_tells_its_metrics()
    {
        const string Good = "nexus_backup_backups{source=\"papers\",schedule=\"daily\",state=\"good\"}";
        const string Newest = "nexus_backup_last_success_timestamp_seconds{source=\"papers\"}";
        using var home = new TempDirectory();
        TreeSource.Make(home["files"], "first");
        var clock = new ManualClock(Workplace.Now);
        await using var service = await RunningService.StartAsync(home, clock, (await File.ReadAllTextAsync(place.Configuration)).Replace("7d", "1d", StringComparison.Ordinal), place.Kinds);

        await Eventually.TrueAsync(async () => (await ScrapeAsync(service)).GetValueOrDefault(Good) == 1, "the backup that was missed is made");
        var first = await ScrapeAsync(service);
        Assert.Equal(1, first["nexus_backup_source_info{source=\"papers\",kind=\"tree\",store=\"main\"}"]);
        Assert.Equal(1, first["nexus_backup_store_up{store=\"main\"}"]);
        Assert.DoesNotContain(first.Keys, name => name.StartsWith("nexus_backup_disk_", StringComparison.Ordinal));

        clock.SetWallClock(Workplace.Now.AddDays(9));
        await Eventually.TrueAsync(
            async () =>
            {
                clock.Advance(TimeSpan.FromSeconds(15));
                var series = await ScrapeAsync(service);
                return series[Newest] > first[Newest] && series[Good] == 1;
            },
            "the next backup is made and the first one pruned");
        Assert.DoesNotContain(main.Paths, path => path.Contains("daily_20260214", StringComparison.Ordinal));
    }

    private static async Task<IReadOnlyDictionary<string, double>> ScrapeAsync(RunningService service) => Scrape.Series(await service.Http.GetStringAsync("metrics"));

    private static string? Text(System.Text.Json.JsonElement element, string name) => element.GetProperty(name).GetString();

    private void Configure(string store, string more = "") => File.WriteAllText(place.Configuration, $$"""
        timeZone: Asia/Tokyo
        stores:
          {{store}}: {memory: {{store}}}
        sources:
          papers:
            tree: files
            retry: {attempts: 1}
            schedules:
              daily: {cron: "0 2 * * *", retention: 7d}
            {{more}}

        """);

    private async Task<(int Code, string Error)> SummaryAsync(params string[] arguments)
    {
        var result = await place.RunAsync(arguments);
        return (result.Code, result.Error);
    }

    private async Task<Func<Stream, CancellationToken, Task>> BytesAsync(string path)
    {
        var bytes = await main.ReadAsync(path, CancellationToken.None);
        return (stream, token) => stream.WriteAsync(bytes, token).AsTask();
    }

    private async Task FlipAsync(string path)
    {
        var bytes = await main.ReadAsync(path, CancellationToken.None);
        bytes[^5] ^= 1;
        await main.PutAsync(path, replace: true, Durability.Now, (stream, token) => stream.WriteAsync(bytes, token).AsTask(), CancellationToken.None);
    }
}
