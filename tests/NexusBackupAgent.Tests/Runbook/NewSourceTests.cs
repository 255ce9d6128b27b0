using System.Text.Json;
using NexusBackupAgent.Common;
using NexusBackupAgent.Tests.Cli;

namespace NexusBackupAgent.Tests.Runbook;

/// <summary>A source has its first day to make its first good backup. Until then one word says so everywhere.</summary>
public sealed class NewSourceTests : IDisposable
{
    private readonly NightWatch night = new();

    public NewSourceTests() => night.InJournal(journal => journal.AddSource("itsm", Place.Clock.GetUtcNow().AddMinutes(-5)));

    private Workplace Place => night.Place;

    public void Dispose() => night.Dispose();

    [Fact]
    public async Task Its_status_is_NEW_and_the_level_of_all_is_not_concerned()
    {
        var status = (await Place.RunAsync("status", "--json")).Json;

        Assert.Equal(("NEW", "OK"), (LevelOf(status.GetProperty("sources")[0]), LevelOf(status)));
        Assert.Empty(status.GetProperty("sources")[0].GetProperty("reasons").EnumerateArray());
        Assert.Matches("itsm +NEW +none", (await Place.RunAsync("status")).Output);
    }

    [Fact]
    public async Task Its_report_says_so_in_both_languages()
    {
        var report = (await Place.RunAsync("report", "--json", "--lang", "en")).Json[0];

        Assert.Equal(("NEW", "new, no good backup yet (NEW)"), (LevelOf(report), report.GetProperty("state").GetString()));
        Assert.Equal(("new", false), (report.GetProperty("rpo").GetString(), report.GetProperty("rpoExceeded").GetBoolean()));
        var form = (await Place.RunAsync("report", "--lang", "ja")).Output;
        Assert.Contains("■ 最終正常バックアップ: 未取得（NEW）", form, StringComparison.Ordinal);
        Assert.Contains("■ RPO影響: NEW（正常バックアップ未取得）", form, StringComparison.Ordinal);
        Assert.Contains("■ 現在の状態: 新規・正常バックアップ未取得（NEW）", form, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_diagnosis_says_so()
    {
        Assert.Equal("NEW", LevelOf((await night.DiagnoseAsync()).Json));
        Assert.Contains("  NEW\n", (await Place.RunAsync("diagnose", "--lang", "en")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failed_run_is_a_level_on_the_first_day_as_well()
    {
        night.FailRun(FailureKind.SourceBusy, "locked", Place.Clock.GetUtcNow().AddMinutes(-1));

        Assert.Equal("L1", LevelOf((await Place.RunAsync("status", "--json")).Json.GetProperty("sources")[0]));
    }

    [Fact]
    public async Task The_first_good_backup_ends_it()
    {
        await Place.RunAsync("backup");

        Assert.Equal("OK", LevelOf((await Place.RunAsync("status", "--json")).Json.GetProperty("sources")[0]));
    }

    private static string? LevelOf(JsonElement document) => document.GetProperty("level").GetString();
}
