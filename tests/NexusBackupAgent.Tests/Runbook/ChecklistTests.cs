using System.Text.Json;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Runbook;

/// <summary>The runbook's seven recovery checks (§6).</summary>
public sealed class ChecklistTests : IDisposable
{
    private readonly NightWatch night = new();

    private Workplace Place => night.Place;

    public void Dispose() => night.Dispose();

    [Fact]
    public async Task All_seven_pass_on_a_healthy_source_with_what_was_measured()
    {
        await Place.RunAsync("backup");

        var (checks, code) = await CheckAsync();

        Assert.Equal(0, code);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], checks.Select(check => check.GetProperty("number").GetInt32()));
        Assert.Empty(Failed(checks));
        Assert.Matches("^active .running., heartbeat [0-9]+ s ago$", Measured(checks, 1));
        Assert.Matches("^[0-9]+ s old .below 24 h.$", Measured(checks, 2));
        Assert.Matches(@"^manual_.*\.db\.gz: .* KiB, [0-9.]+ s$", Measured(checks, 3));
        Assert.Matches("^SHA-256 [0-9a-f]{12}…$", Measured(checks, 4));
        Assert.Contains("integrity_check: ok", Measured(checks, 5), StringComparison.Ordinal);
        Assert.Matches("^[0-9]+% used", Measured(checks, 6));
        Assert.Matches("^next run 20.* 02:00$", Measured(checks, 7));
    }

    [Fact]
    public async Task It_really_reads_the_newest_backup_back_although_the_last_verification_passed()
    {
        await Place.RunAsync("backup");
        night.FlipBit();

        var (checks, code) = await CheckAsync();

        Assert.Equal(4, code);
        Assert.Contains(4, Failed(checks));
        Assert.Contains("SHA-256", Measured(checks, 4), StringComparison.Ordinal);
        Assert.Equal("nexus-backup backup itsm", checks[3].GetProperty("next").GetString());
    }

    [Fact]
    public async Task Without_an_agent_the_service_and_the_scheduler_fail()
    {
        await Place.RunAsync("backup");
        night.StopAgent();

        var (checks, code) = await CheckAsync();

        Assert.Equal((3, "1 7"), (code, string.Join(' ', Failed(checks))));
        Assert.Equal("sudo systemctl start nexus-backup   # or, where it is no service: nexus-backup run", checks[0].GetProperty("next").GetString());
    }

    [Fact]
    public async Task Without_a_backup_four_checks_fail_and_none_is_called_damaged()
    {
        var (checks, code) = await CheckAsync();

        Assert.Equal((3, "2 3 4 5"), (code, string.Join(' ', Failed(checks))));
    }

    [Fact]
    public async Task What_cannot_be_read_back_for_a_run_that_is_under_way_is_not_damaged()
    {
        await Place.RunAsync("backup");
        using var held = RunLock.TryAcquire(night.State, "itsm");

        var (checks, code) = await CheckAsync();

        Assert.Equal((3, "3 4 5"), (code, string.Join(' ', Failed(checks))));
        Assert.Contains("another run", Measured(checks, 3), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_cannot_be_opened_fails_although_the_agent_is_up()
    {
        await Place.RunAsync("backup");
        File.Move(Place.In("itsm.db"), Place.In("moved.db"));

        var (checks, code) = await CheckAsync();

        Assert.Equal((3, "7"), (code, string.Join(' ', Failed(checks))));
        Assert.Contains("does not exist", Measured(checks, 7), StringComparison.Ordinal);
        Assert.Equal($"ls -la {Place.Path}", checks[6].GetProperty("next").GetString());
    }

    [Fact]
    public async Task A_last_run_that_found_no_room_fails_although_the_disk_is_below_its_limit()
    {
        await Place.RunAsync("backup");
        night.FailRun(FailureKind.StoreFull, "no room for it", Place.Clock.GetUtcNow());

        var (checks, code) = await CheckAsync();

        Assert.Equal((3, "2"), (code, string.Join(' ', Failed(checks))));
        Assert.Contains("no room for it", Measured(checks, 2), StringComparison.Ordinal);
        Assert.Equal("nexus-backup backup itsm", checks[1].GetProperty("next").GetString()); // there is room again
    }

    [Fact]
    public async Task What_kept_the_last_run_from_succeeding_leads_to_a_command_and_not_to_words()
    {
        await Place.RunAsync("backup");
        night.FailRun(FailureKind.Permission, "permission denied", Place.Clock.GetUtcNow());

        var (checks, _) = await CheckAsync();

        Assert.Equal($"ls -la {Place.Store}", checks[1].GetProperty("next").GetString());
    }

    [Fact]
    public async Task A_disk_that_was_full_is_not_the_next_step_for_a_database_that_may_not_be_read()
    {
        await Place.RunAsync("backup");
        night.FailRun(FailureKind.StoreFull, "no room for it", Place.Clock.GetUtcNow());
        File.Delete(Place.In("itsm.db"));

        var (checks, _) = await CheckAsync();

        Assert.Equal($"ls -la {Place.Path}", checks[6].GetProperty("next").GetString());
    }

    [Fact]
    public async Task A_newest_backup_that_was_set_aside_and_not_replaced_fails()
    {
        await Place.RunAsync("backup");
        var earlier = TimeZoneInfo.ConvertTime(Workplace.Now.AddHours(-1), TimeZoneInfo.FindSystemTimeZoneById("Asia/Tokyo"));
        File.Move(Place.Artifact(), Path.Combine(Place.Store, $"manual_{earlier:yyyyMMdd_HHmmss}.db.gz"));
        foreach (var companion in Directory.GetFiles(Place.Store, "manual_*").Where(file => !file.EndsWith(".gz", StringComparison.Ordinal)))
            File.Delete(companion);
        await Place.RunAsync("verify");
        await Place.RunAsync("backup");
        var newest = Directory.GetFiles(Place.Store, "*.db.gz").Max(StringComparer.Ordinal)!;
        File.Move(newest, newest + ".bad");

        var (checks, code) = await CheckAsync();

        Assert.Equal((3, "2"), (code, string.Join(' ', Failed(checks))));
        Assert.Contains("not replaced", Measured(checks, 2), StringComparison.Ordinal);
        Assert.Equal("nexus-backup backup itsm", checks[1].GetProperty("next").GetString());
    }

    [SkippableFact]
    public async Task A_disk_at_80_percent_fails()
    {
        await using var disk = await SmallFileSystem.MountAsync("size=10m,mode=0777");
        Place.Configure("itsm", "itsm.db", disk.Path);
        await Place.RunAsync("backup");
        await File.WriteAllBytesAsync(Path.Combine(disk.Path, "filler"), new byte[8 << 20]);

        var (checks, code) = await CheckAsync();

        Assert.Equal((3, "6"), (code, string.Join(' ', Failed(checks))));
        Assert.Equal("nexus-backup prune itsm --dry-run", checks[5].GetProperty("next").GetString());
    }

    [Fact]
    public async Task The_japanese_table_has_the_runbooks_words_and_its_columns_stay_aligned()
    {
        await Place.RunAsync("backup");

        var lines = (await Place.RunAsync("checklist", "--lang", "ja")).Output.Split('\n');

        Assert.Contains("全7項目合格", lines[0], StringComparison.Ordinal);
        foreach (var name in (string[])["サービス稼働", "最新バックアップ", "gzip・zstd整合性", "チェックサム", "DB整合性", "ディスク容量", "スケジューラ"])
            Assert.Contains(lines, line => line.Contains(name, StringComparison.Ordinal));
        Assert.Single(lines.Skip(2).Take(7).Select(line => CellsBefore(line, "合格")).Distinct());
    }

    /// <summary>Japanese letters take two cells of a terminal.</summary>
    private static int CellsBefore(string line, string word) => line[..line.IndexOf(word, StringComparison.Ordinal)].Sum(letter => letter > 0x2E80 ? 2 : 1);

    private async Task<(List<JsonElement> Checks, int Code)> CheckAsync()
    {
        var result = await Place.RunAsync("checklist", "--lang", "en", "--json");
        return ([.. result.Json[0].GetProperty("checks").EnumerateArray()], result.Code);
    }

    private static string Measured(List<JsonElement> checks, int number) => checks[number - 1].GetProperty("measured").GetString()!;

    private static IEnumerable<int> Failed(List<JsonElement> checks) =>
        checks.Where(check => !check.GetProperty("passed").GetBoolean()).Select(check => check.GetProperty("number").GetInt32());
}
