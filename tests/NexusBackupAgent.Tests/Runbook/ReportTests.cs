using System.Text.Json;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Tests.Cli;

namespace NexusBackupAgent.Tests.Runbook;

/// <summary>The escalation report of the runbook (§4), filled in.</summary>
public sealed class ReportTests : IDisposable
{
    private static readonly DateTimeOffset Now = Workplace.Now;

    private readonly NightWatch night = new();

    private Workplace Place => night.Place;

    public void Dispose() => night.Dispose();

    [Fact]
    public async Task Without_an_incident_it_says_so_in_the_templates_lines()
    {
        await Place.RunAsync("backup");

        var lines = (await Place.RunAsync("report", "--lang", "ja", "--operator", "山田")).Output.TrimEnd().Split('\n');

        Assert.Equal("【バックアップ障害報告】", lines[0]);
        Assert.Equal(
            ["■ 発生日時", "■ 障害種別", "■ 最終正常バックアップ", "■ RPO影響", "■ ディスク使用率", "■ 実施済み対応", "■ 現在の状態", "■ 対応者"],
            lines.Where(line => line.StartsWith('■')).Select(line => line.Split(':')[0]));
        Assert.StartsWith("■ 障害種別: なし", lines[2], StringComparison.Ordinal);
        Assert.Matches(@"^■ 最終正常バックアップ: \d{4}-\d\d-\d\d \d\d:\d\d$", lines[3]);
        Assert.Equal("■ RPO影響: 範囲内", lines[4]);
        Assert.Equal("  - なし", lines[7]);
        Assert.Equal("■ 現在の状態: 正常（OK）", lines[8]);
        Assert.Equal("■ 対応者: 山田", lines[9]);
    }

    [Fact]
    public async Task Failed_runs_count_from_the_first_of_the_row_and_what_was_done_since_is_listed_in_order()
    {
        night.FailRun(FailureKind.SourceBusy, "locked", Now.AddHours(-5));
        night.FailRun(FailureKind.SourceBusy, "locked", Now.AddHours(-3), "manual");
        night.InJournal(journal =>
        {
            journal.Record(Done(OperationKind.Verification, -8, "before the trouble"));
            journal.Record(Done(OperationKind.Verification, -4, "manual_1.db.gz is good"));
            journal.Record(Done(OperationKind.Hook, -4, "told somebody"));
            journal.Record(Done(OperationKind.Prune, -2, "removed 3") with { Failure = new RunFailure(FailureKind.Io, "no such disk", "look") });
        });

        var report = await ReportAsync();

        Assert.Equal(Now.AddHours(-5).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture), report.GetProperty("occurredAt").GetString());
        Assert.Equal(["automatic backup not made", "manual backup failed"], Strings(report, "kinds"));
        Assert.Equal(("L2", "waiting for escalation (L2)"), (Text(report, "level"), Text(report, "state")));
        Assert.Equal(
            ["verification True manual_1.db.gz is good", "manual backup False locked", "expired backups removed False no such disk"],
            report.GetProperty("measures").EnumerateArray().Select(measure => $"{Text(measure, "what")} {measure.GetProperty("succeeded")} {Text(measure, "detail")}"));
    }

    [Fact]
    public async Task Every_kind_of_the_row_is_told_and_not_only_what_its_last_run_met()
    {
        night.FailRun(FailureKind.StoreFull, "no room", Now.AddHours(-5));
        night.FailRun(FailureKind.StoreFull, "no room", Now.AddHours(-4));
        night.FailRun(FailureKind.Permission, "permission denied", Now.AddHours(-3));

        Assert.Equal(["automatic backup not made", "disk full"], Strings(await ReportAsync(), "kinds"));
    }

    [Fact]
    public async Task A_backup_by_hand_that_failed_is_no_automatic_one_that_was_not_made()
    {
        night.FailRun(FailureKind.SourceBusy, "locked", Now.AddMinutes(-3), "manual");

        Assert.Contains("■ 障害種別: 手動バックアップ失敗（対象: itsm）", (await Place.RunAsync("report", "--lang", "ja")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_asks_for_the_level_stands_below_the_state_in_the_language_of_the_report()
    {
        night.FailRun(FailureKind.SourceBusy, "locked", Now.AddHours(-5));
        night.FailRun(FailureKind.SourceBusy, "locked", Now.AddHours(-3));
        night.StopAgent();

        var lines = (await Place.RunAsync("report", "--lang", "ja")).Output.TrimEnd().Split('\n');

        var state = Array.FindIndex(lines, line => line.StartsWith("■ 現在の状態", StringComparison.Ordinal));
        Assert.Equal("■ 現在の状態: エスカレーション待ち（L2）", lines[state]);
        Assert.Equal(["  - L2: 2回連続でバックアップ失敗", "  - L2: サービス（エージェント）停止中"], lines[(state + 1)..^1].Where(line => line.Contains("L2", StringComparison.Ordinal)));
        Assert.Equal(["L2: 2 runs failed in a row", "L2: the agent is not running"], Strings(await ReportAsync(), "reasons").Where(reason => reason!.StartsWith("L2", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task In_Japanese_the_journals_own_words_are_quoted()
    {
        night.FailRun(FailureKind.SourceBusy, "the database is locked", Now.AddHours(-1), "manual");

        Assert.Contains(" 手動バックアップ: 失敗（「the database is locked」）", (await Place.RunAsync("report", "--lang", "ja")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Readings_that_found_nothing_are_one_measure_with_their_number()
    {
        night.FailRun(FailureKind.SourceBusy, "locked", Now.AddHours(-5));
        night.InJournal(journal =>
        {
            journal.Record(Done(OperationKind.Verification, -4, "a.db.gz is good"));
            journal.Record(Done(OperationKind.Verification, -3, "b.db.gz is corrupt") with { Failure = new RunFailure(FailureKind.Verification, "b.db.gz is corrupt", "look") });
            journal.Record(Done(OperationKind.Verification, -2, "c.db.gz is good"));
        });

        Assert.Equal(
            ["verification False b.db.gz is corrupt", "verification (2 times) True c.db.gz is good"],
            (await ReportAsync()).GetProperty("measures").EnumerateArray().Select(measure => $"{Text(measure, "what")} {measure.GetProperty("succeeded")} {Text(measure, "detail")}"));
    }

    [Fact]
    public async Task A_reading_of_stored_bytes_is_a_measure_only_when_it_failed()
    {
        night.FailRun(FailureKind.SourceBusy, "locked", Now.AddHours(-5));
        night.InJournal(journal =>
        {
            journal.Record(Done(OperationKind.Verification, -4, "2 backups are as stored") with { StoredBytes = 1000 });
            journal.Record(Done(OperationKind.Verification, -3, "1 backup is as stored") with { StoredBytes = 500, Failure = new RunFailure(FailureKind.TimedOut, "it took too long", "look") });
        });

        Assert.Equal(["it took too long"], (await ReportAsync()).GetProperty("measures").EnumerateArray().Select(measure => Text(measure, "detail")));
    }

    [Fact]
    public async Task A_row_of_failures_that_a_success_ended_is_recovered()
    {
        await File.WriteAllTextAsync(Place.Configuration, (await File.ReadAllTextAsync(Place.Configuration)).Replace("0 2 * * *", "0 2 29 2 *", StringComparison.Ordinal)); // nothing is late meanwhile
        night.FailRun(FailureKind.StoreFull, "no room", Now.AddHours(-5));
        await Place.RunAsync("backup");

        var report = await ReportAsync();

        Assert.Equal(["disk full"], Strings(report, "kinds"));
        Assert.Equal("recovered (OK)", Text(report, "state"));
        Assert.Equal("manual backup", Text(report.GetProperty("measures")[0], "what"));
    }

    [Fact]
    public async Task What_was_over_more_than_a_week_ago_is_no_incident()
    {
        await File.WriteAllTextAsync(Place.Configuration, (await File.ReadAllTextAsync(Place.Configuration)).Replace("0 2 * * *", "0 2 29 2 *", StringComparison.Ordinal)); // nothing is late meanwhile
        night.FailRun(FailureKind.StoreFull, "no room", Now.AddDays(-8));
        await Place.RunAsync("backup");

        Assert.Equal(JsonValueKind.Null, (await ReportAsync()).GetProperty("occurredAt").ValueKind);
    }

    [Fact]
    public async Task A_corrupt_backup_counts_from_when_that_was_found()
    {
        await Place.RunAsync("backup");
        night.FlipBit();
        await Place.RunAsync("verify");

        var report = await ReportAsync();

        Assert.Equal(["corrupt backup file"], Strings(report, "kinds"));
        Assert.Contains("■ Kind: corrupt backup file (source itsm)", Text(report, "text"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_any_good_backup_the_RPO_is_exceeded_whatever_its_hours()
    {
        await Place.RunAsync("backup");
        await File.WriteAllBytesAsync(Place.Artifact(), []);

        var report = await ReportAsync();

        Assert.Equal("L3", Text(report, "level"));
        Assert.Contains("■ RPO: exceeded (no good backup)", Text(report, "text"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_source_that_nobody_knows_since_when_it_is_there_has_no_RPO_to_exceed()
    {
        var report = await ReportAsync();

        Assert.Equal((JsonValueKind.Null, JsonValueKind.Null), (report.GetProperty("rpo").ValueKind, report.GetProperty("rpoExceeded").ValueKind));
        Assert.Contains("■ RPO影響: 不明", (await Place.RunAsync("report", "--lang", "ja")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failed_restore_is_told_until_one_succeeds()
    {
        await Place.RunAsync("backup");
        night.InJournal(journal => journal.Record(Failed("restore of a.db.gz over the live database itsm.db", hours: 1) with { IsOverLive = true }));
        Assert.Equal(["restore failed"], Strings(await ReportAsync(), "kinds"));

        night.InJournal(journal => journal.Record(Done(OperationKind.Restore, 2, "restore of a.db.gz over the live database itsm.db; the old one is b") with { IsOverLive = true }));
        Assert.Equal("recovered (OK)", Text(await ReportAsync(), "state"));
    }

    [Fact]
    public async Task A_failed_drill_is_called_one()
    {
        await Place.RunAsync("backup");
        night.InJournal(journal => journal.Record(Failed("drill of a.db.gz", hours: 1) with { Kind = OperationKind.Drill }));

        Assert.Equal(["other (restore drill failed)"], Strings(await ReportAsync(), "kinds"));
    }

    [Fact]
    public async Task The_zone_of_the_times_stands_at_the_first()
    {
        await Place.RunAsync("backup");

        Assert.Contains("■ 発生日時: -（時刻は Asia/Tokyo）\n", (await Place.RunAsync("report", "--lang", "ja")).Output, StringComparison.Ordinal);
        Assert.StartsWith("(times in Asia/Tokyo)\n", (await Place.RunAsync("diagnose", "--lang", "en")).Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("restore of a.db.gz to /tmp/look.db")] // elsewhere
    [InlineData("restore to itsm.db: not begun")] // refused
    public async Task A_restore_that_was_mistyped_or_tried_elsewhere_is_no_incident(string detail)
    {
        await Place.RunAsync("backup");
        night.InJournal(journal => journal.Record(Failed(detail, hours: 1)));

        Assert.Equal(JsonValueKind.Null, (await ReportAsync()).GetProperty("occurredAt").ValueKind);
    }

    [Fact]
    public async Task A_mistyped_target_is_no_failed_restore_and_one_over_the_live_database_is_told_as_such()
    {
        await Place.RunAsync("backup");
        Assert.Equal(5, (await Place.RunAsync("restore", "itsm", "--to", Place.In("no/such/directory/x.db"))).Code);
        Assert.Empty(Strings(await ReportAsync(), "kinds"));

        Assert.Equal(0, (await Place.RunAsync("restore", "itsm", "--force")).Code);
        night.InJournal(journal => Assert.True(journal.Last("itsm", OperationKind.Restore)!.IsOverLive));
    }

    [Fact]
    public async Task A_failed_restore_is_over_with_the_next_good_backup()
    {
        night.InJournal(journal => journal.Record(Failed("restore of a.db.gz over the live database itsm.db", hours: -2) with { IsOverLive = true }));
        await Place.RunAsync("backup");

        Assert.Equal("recovered (OK)", Text(await ReportAsync(), "state"));
    }

    [Fact]
    public async Task Without_a_good_backup_nothing_is_recovered()
    {
        night.InJournal(journal =>
        {
            journal.Record(Failed("restore of a.db.gz over the live database itsm.db", hours: -2) with { IsOverLive = true });
            journal.Record(Done(OperationKind.Restore, -1, "restore of a.db.gz over the live database itsm.db; there was nothing before") with { IsOverLive = true });
        });

        Assert.DoesNotContain("recovered", Text(await ReportAsync(), "state"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_a_stopped_agent_the_report_tells_when_it_was_last_seen_and_not_that_this_began_then()
    {
        await Place.RunAsync("backup");
        night.StopAgent();

        var text = (await Place.RunAsync("report", "--lang", "ja")).Output;

        Assert.Matches(@"■ 発生日時: \d{4}-\d\d-\d\d \d\d:\d\d 以降（最終確認）（時刻は Asia/Tokyo）\n■ 障害種別: その他（サービス停止）", text);
    }

    [Fact]
    public async Task A_measure_with_many_files_and_hashes_stays_a_line()
    {
        night.FailRun(FailureKind.SourceBusy, "locked", Now.AddHours(-5));
        const string None = "no backup of source 'itsm' can be restored: ";
        var files = Enumerable.Range(1, 9).Select(day => $"daily_2026020{day}_020000.db.gz: corrupt: its SHA-256 is {ArtifactDigest.Show(new string('a', 64))} and it was stored with {ArtifactDigest.Show(new string('b', 64))}").ToList();
        night.InJournal(journal => journal.Record(Failed("restore of a over the live database b", -1) with
        {
            IsOverLive = true,
            Failure = new RunFailure(FailureKind.Verification, None + string.Join("; ", files), "escalate") { Brief = $"{None}{files[0]}; and 8 more files" },
        }));

        var line = Text(await ReportAsync(), "text")!.Split('\n').Single(each => each.Contains("no backup of source", StringComparison.Ordinal));

        Assert.EndsWith("(no backup of source 'itsm' can be restored: daily_20260201_020000.db.gz: corrupt: its SHA-256 is aaaaaaaaaaaa… and it was stored with bbbbbbbbbbbb…; and 8 more files)", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Beyond_the_RPO_it_counts_the_hours_since_the_last_good_backup()
    {
        var old = TimeZoneInfo.ConvertTime(Now.AddHours(-30), TimeZoneInfo.FindSystemTimeZoneById("Asia/Tokyo"));
        await Place.RunAsync("backup");
        var name = Path.Combine(Place.Store, $"manual_{old:yyyyMMdd_HHmmss}.db.gz");
        File.Move(Place.Artifact(), name);
        foreach (var companion in Directory.GetFiles(Place.Store, "*.json").Concat(Directory.GetFiles(Place.Store, "*.sha256")))
            File.Delete(companion);
        Assert.Equal(0, (await Place.RunAsync("verify")).Code);

        var text = (await Place.RunAsync("report", "--lang", "ja")).Output;

        Assert.Contains("■ RPO影響: 警告しきい値超過（30時間）", text, StringComparison.Ordinal);
        Assert.Contains("■ 障害種別: 自動バックアップ未実行", text, StringComparison.Ordinal);
        Assert.Contains("■ 現在の状態: 対応中（L1）", text, StringComparison.Ordinal);
    }

    private static Operation Failed(string detail, double hours) => Done(OperationKind.Restore, hours, detail) with { Failure = new RunFailure(FailureKind.Restore, "no", "look") };

    private static Operation Done(OperationKind kind, double hours, string detail) =>
        new(0, "itsm", kind, Now.AddHours(hours), Now.AddHours(hours).AddSeconds(5), Backup: null, detail, Failure: null);

    private async Task<JsonElement> ReportAsync() => (await Place.RunAsync("report", "--lang", "en", "--json")).Json[0];

    private static IEnumerable<string?> Strings(JsonElement element, string property) => element.GetProperty(property).EnumerateArray().Select(text => text.GetString());
}
