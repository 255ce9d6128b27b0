using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>What was stored and is gone is told by <c>verify --all</c>, and what was removed rightly is not.</summary>
public sealed class LostBackupsTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task A_manifest_whose_artifact_is_gone_is_told_until_it_is_explained()
    {
        var lost = await TwoAsync();
        File.Delete(lost);

        for (var time = 0; time < 2; time++)
        {
            var result = await place.RunAsync("verify", "--all");
            Assert.Equal(4, result.Code);
            Assert.Contains($"half of a backup of 'itsm' is gone: '{lost}.manifest.json'", Assert.Single(result.Errors), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_artifact_whose_manifest_is_gone_is_told()
    {
        var lost = await TwoAsync();
        File.Delete(lost + ".manifest.json");
        Assert.Contains("it is gone, and ", (await place.RunAsync("list")).Output, StringComparison.Ordinal);

        var result = await place.RunAsync("verify", "--all");

        Assert.Equal(4, result.Code);
        Assert.Contains(result.Errors, error => error.Contains(Path.GetFileName(lost) + ".manifest.json", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_backup_of_which_nothing_is_left_is_told_once_and_by_its_id()
    {
        var lost = await TwoAsync();
        var id = (await place.RunAsync("list", "--json")).Json.EnumerateArray().Single(backup => backup.GetProperty("file").GetString() == lost).GetProperty("id").GetString()!;
        foreach (var file in Directory.GetFiles(place.Store, Path.GetFileName(lost) + "*"))
            File.Delete(file);

        var result = await place.RunAsync("verify", "itsm", "--all");
        Assert.Equal(4, result.Code);
        Assert.Contains(id, Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.Equal(0, (await place.RunAsync("verify", "--all")).Code);
    }

    [Fact]
    public async Task Who_looks_at_the_source_hears_of_it_until_somebody_accepts_it()
    {
        using (var night = new NexusBackupAgent.Tests.Runbook.NightWatch())
        {
            var watched = night.Place;
            Assert.Equal(0, (await watched.RunAsync("backup")).Code);
            var lost = watched.Artifact();
            var id = (await watched.RunAsync("list", "--json")).Json[0].GetProperty("id").GetString()!;
            watched.Clock.Set(Workplace.Now.AddHours(1));
            night.Agent(beat: watched.Clock.GetUtcNow());
            Assert.Equal(0, (await watched.RunAsync("backup")).Code);
            Assert.Equal("healthy", (await night.DiagnoseAsync()).Json.GetProperty("cause").GetString());
            foreach (var file in Directory.GetFiles(watched.Store, Path.GetFileName(lost) + "*"))
                File.Delete(file);
            Assert.Equal(4, (await watched.RunAsync("verify", "itsm", "--all")).Code); // tells it once

            for (var time = 0; time < 2; time++)
            {
                Assert.Contains($"1 backup that was made is gone from the store, and retention removed none of them: {id}", await SaidAsync("status"), StringComparison.Ordinal);
                Assert.Contains("next: nexus-backup verify itsm --accept-lost # only if they were deleted on purpose", await SaidAsync("status"), StringComparison.Ordinal);
                Assert.Equal(id, (await watched.RunAsync("status", "--json")).Json.GetProperty("sources")[0].GetProperty("lost")[0].GetString());
                Assert.Contains(id, await SaidAsync("report"), StringComparison.Ordinal);
                Assert.Contains("other (backups lost)", await SaidAsync("report"), StringComparison.Ordinal);
                var (found, _) = await night.DiagnoseAsync();
                Assert.Equal("none", found.GetProperty("cause").GetString());
                Assert.Contains(id, found.GetProperty("steps").EnumerateArray().Single(step => step.GetProperty("step").GetString() == "3L").GetProperty("evidence").GetString(), StringComparison.Ordinal);
                Assert.Contains("nexus-backup verify itsm --accept-lost   # only if they were deleted on purpose", found.GetProperty("next").EnumerateArray().Select(next => next.GetString()));
            }

            Assert.Contains($"accepted as deleted: {id}", await SaidAsync("verify", "itsm", "--accept-lost"), StringComparison.Ordinal);
            Assert.DoesNotContain(id, await SaidAsync("status"), StringComparison.Ordinal);
            Assert.Equal("healthy", (await night.DiagnoseAsync()).Json.GetProperty("cause").GetString());
            Assert.DoesNotContain("gone from the store, and retention", await SaidAsync("report"), StringComparison.Ordinal);
            Assert.Contains(id, await SaidAsync("audit"), StringComparison.Ordinal);
            Assert.Contains("'itsm' lacks no backup", await SaidAsync("verify", "itsm", "--accept-lost"), StringComparison.Ordinal);

            async Task<string> SaidAsync(params string[] command) => string.Join(' ', (await watched.RunAsync([.. command, "--lang", "en"])).Output.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries));
        }
    }

    [Fact]
    public async Task What_is_accepted_is_of_a_named_source_of_which_something_is_left()
    {
        var lost = await TwoAsync();
        foreach (var (with, told) in ((string[], string)[])[([], "needs a SOURCE"), (["itsm", "--all"], "exclude each other"), (["itsm", "--store", "local"], "exclude each other"), (["itsm", "--self-test"], "exclude each other")])
        {
            var refused = await place.RunAsync(["verify", "--accept-lost", .. with]);
            Assert.Equal(2, refused.Code);
            Assert.Contains(told, refused.Error, StringComparison.Ordinal);
        }

        Directory.Move(place.Store, place.In("unmounted"));
        Directory.CreateDirectory(place.Store);
        if (File.Exists(place.In("unmounted/.nexus-backup-store")))
            File.Copy(place.In("unmounted/.nexus-backup-store"), Path.Combine(place.Store, ".nexus-backup-store"));
        var emptied = await place.RunAsync("verify", "itsm", "--accept-lost", "--json");
        Assert.NotEqual(0, emptied.Code);
        Assert.Contains("no backup of 'itsm' is left in", emptied.Error, StringComparison.Ordinal);
        Assert.Equal(0, emptied.Json.GetArrayLength());

        Directory.Delete(place.Store, recursive: true);
        Directory.Move(place.In("unmounted"), place.Store);
        var id = (await place.RunAsync("list", "--json")).Json.EnumerateArray().Single(backup => backup.GetProperty("file").GetString() == lost).GetProperty("id").GetString()!;
        foreach (var file in Directory.GetFiles(place.Store, Path.GetFileName(lost) + "*"))
            File.Delete(file);
        var check = (await place.RunAsync("status", "--check", "--json")).Json;
        Assert.Equal(id, check.GetProperty("sources")[0].GetProperty("lost")[0].GetString());
        Assert.Equal(id, Assert.Single((await place.RunAsync("verify", "itsm", "--accept-lost", "--json")).Json.EnumerateArray()).GetString());
        Assert.Empty((await place.RunAsync("verify", "itsm", "--accept-lost", "--json")).Json.EnumerateArray());
    }

    [Fact]
    public async Task A_backup_that_ends_while_somebody_looks_is_none_that_is_gone()
    {
        var clock = new ManualClock(Some.Instant);
        using var bench = new Workbench(clock);
        await SqliteSamples.LedgerAsync(bench.Database, "wal");
        bench.Journal.NoteSchedules("itsm", [new("daily", "0 2 * * *", bench.Source.Retention["daily"], Some.Instant)], Some.Instant, TimeZoneInfo.Utc);
        Assert.Null((await bench.RunAsync()).Failure);
        clock.Advance(TimeSpan.FromHours(1));

        var look = await bench.States.ReadAsync(CancellationToken.None);
        var seen = await look.OfAsync(bench.Scheduled, CancellationToken.None, withOrphans: true);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null((await bench.RunAsync()).Failure);

        Assert.Empty(seen.Lost);
    }

    [Fact]
    public async Task What_retention_would_have_removed_by_now_is_told_no_more()
    {
        using var bench = new Workbench(new ManualClock(Some.Instant));
        await SqliteSamples.LedgerAsync(bench.Database, "wal");
        var clock = (ManualClock)bench.Clock;
        bench.Journal.NoteSchedules("itsm", [new("daily", "0 2 * * *", bench.Source.Retention["daily"], Some.Instant)], Some.Instant, TimeZoneInfo.Utc);
        Assert.Null((await bench.RunAsync()).Failure);
        var oldest = (await bench.BackupsAsync())[0];
        clock.Advance(TimeSpan.FromDays(1));
        Assert.Null((await bench.RunAsync()).Failure);
        foreach (var file in Directory.GetFiles(bench.StorePath, oldest.File + "*"))
            File.Delete(file);
        var lost = await bench.Verifications.FindLostAsync(bench.Source, CancellationToken.None);
        bench.Verifications.NoteLost(bench.Source, lost);

        Assert.Empty((await bench.Verifications.FindLostAsync(bench.Source, CancellationToken.None)).Whole);
        Assert.Equal(oldest.Id, Assert.Single(await EvenToldAsync()).Backup);
        clock.Advance(TimeSpan.FromDays(7));
        Assert.Empty(await EvenToldAsync());

        async Task<IReadOnlyList<Operation>> EvenToldAsync() =>
            LostBackups.Find(bench.Source, bench.Journal, bench.Journal.Made(bench.Source.Name, evenTold: true), await bench.BackupsAsync(), orphans: [], clock.GetUtcNow()).Whole;
    }

    [Fact]
    public async Task What_a_person_deletes_after_it_was_set_aside_is_no_loss()
    {
        var corrupt = await TwoAsync();
        Damage.FlipBit(corrupt);
        Assert.Equal(4, (await place.RunAsync("verify", "--all", "--no-replacement")).Code);
        foreach (var file in Directory.GetFiles(place.Store, "*.bad*"))
            File.Delete(file);

        Assert.Equal(0, (await place.RunAsync("verify", "--all")).Code);
    }

    [Fact]
    public async Task What_retention_removed_is_no_loss()
    {
        using var bench = new Workbench(new ManualClock(Some.Instant));
        await SqliteSamples.LedgerAsync(bench.Database, "wal");
        var clock = (ManualClock)bench.Clock;
        bench.Journal.NoteSchedules("itsm", [new("daily", "0 2 * * *", bench.Source.Retention["daily"], Some.Instant)], Some.Instant, TimeZoneInfo.Utc);
        for (var day = 0; day < 10; day++)
        {
            Assert.Null((await bench.RunAsync()).Failure);
            clock.Advance(TimeSpan.FromDays(1));
        }

        Assert.True((await bench.BackupsAsync()).Count < 10);
        Assert.Empty((await bench.Verifications.FindLostAsync(bench.Source, CancellationToken.None)).Whole);

        var newest = (await bench.BackupsAsync())[0];
        foreach (var file in Directory.GetFiles(bench.StorePath, newest.File + "*"))
            File.Delete(file);
        Assert.Equal(newest.Id, Assert.Single((await bench.Verifications.FindLostAsync(bench.Source, CancellationToken.None)).Whole).Backup);
    }

    /// <returns>The older artifact.</returns>
    private async Task<string> TwoAsync()
    {
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        var older = place.Artifact();
        place.Clock.Set(Workplace.Now.AddHours(1));
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        return older;
    }
}
