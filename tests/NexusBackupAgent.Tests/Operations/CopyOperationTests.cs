using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>The further stores follow the first one: through outages, with their own retention, and with damage on either side.</summary>
public sealed class CopyOperationTests : IDisposable
{
    private readonly ManualClock clock = new(Some.Instant);
    private readonly TempDirectory home = new();
    private readonly FaultyStore offsite;
    private readonly MemoryStore objects = new("objects");
    private readonly Workbench bench;
    private ProtectedSource source;
    private Exception? away;

    public CopyOperationTests()
    {
        bench = new Workbench(clock, home.Sub("bench"), source: new ScriptedSource(clock));
        offsite = new FaultyStore(new LocalDirectoryStore("offsite", home.Sub("offsite")), failing: 0, FaultTime.Before, staysDead: false) { Opening = _ => away };
        var hook = new Hook(["sh", "-c", "echo $NEXUS_BACKUP_EVENT $NEXUS_BACKUP_RESULT >> \"$0\"", home["told"]], Url: null);
        source = bench.Source with
        {
            Hooks = new HookSettings([hook], [], TimeSpan.FromSeconds(30)),
            Copies = [To(offsite, "30d"), To(objects, "2d")],
        };
    }

    public void Dispose()
    {
        bench.Dispose();
        offsite.Dispose();
        home.Dispose();
    }

    [Fact]
    public async Task A_store_that_is_away_fails_no_other_and_catches_up()
    {
        var outage = new BackupException(FailureKind.StoreUnavailable, "store 'offsite' does not answer", "mount it");
        await DayAsync();
        away = outage;
        var (run, copies) = await DayAsync();

        Assert.Equal(RunResult.Success, run.Result);
        Assert.Equal([("offsite", 0, "store 'offsite' does not answer"), ("objects", 1, null)], copies.Select(copy => (copy.Store, copy.Copied.Count, copy.Failure?.Message)));
        await DayAsync();
        Assert.Equal(["copy failure"], await File.ReadAllLinesAsync(home["told"])); // once, however often it is tried
        Assert.Equal("failure", bench.Journal.LastCopies()[("itsm", "offsite")].Result!.Value.Word());
        Assert.Equal((2, 1), (bench.Journal.CopyCounts()[("itsm", "offsite", "failure")], bench.Journal.CopyCounts()[("itsm", "offsite", "success")]));
        Assert.Contains(bench.CopiesLog.Lines, line => line.Contains("copying of itsm to store offsite failed, cause StoreUnavailable", StringComparison.Ordinal) && line.Contains("Next: mount it", StringComparison.Ordinal));

        away = null;
        var caughtUp = (await CopyAsync())[0];

        Assert.Equal([.. (await bench.BackupsAsync()).Take(2).Select(backup => backup.Id)], caughtUp.Copied.Select(backup => backup.Id)); // the newest first
        Assert.Equal(3, (await GoodAsync(0)).Count);
        Assert.Equal("2 backups copied to store offsite", bench.Journal.LastCopies()[("itsm", "offsite")].Detail);
        Assert.Empty((await CopyAsync()).SelectMany(copy => copy.Copied)); // nothing twice
        Assert.Equal(2, bench.Journal.CopyCounts()[("itsm", "offsite", "success")]); // and nothing to do is in no journal
    }

    [Fact]
    public async Task Each_store_keeps_as_long_as_it_is_told_and_nothing_is_copied_twice()
    {
        var copied = new Dictionary<string, int>(StringComparer.Ordinal) { ["offsite"] = 0, ["objects"] = 0 };
        for (var day = 0; day < 20; day++)
        {
            foreach (var copy in (await DayAsync()).Copies)
                copied[copy.Store] += copy.Failure is null ? copy.Copied.Count : -1000;
        }

        Assert.Equal((20, 20), (copied["offsite"], copied["objects"]));
        Assert.Equal((20, 2), ((await GoodAsync(0)).Count, (await GoodAsync(1)).Count));
        Assert.Equal(7, (await bench.BackupsAsync()).Count);
    }

    [Fact]
    public async Task What_is_not_copied_yet_is_not_pruned_from_the_first_store()
    {
        source = source with { Catalog = CatalogUse.CatalogOf(new MemoryStore("local"), directory: "") }; // which tells no room: a full disk would hold nothing
        await DayAsync();
        away = new BackupException(FailureKind.StoreUnavailable, "away", "");
        for (var day = 0; day < 12; day++)
            await DayAsync();

        // The first one was copied; but nobody can look. What is within the retention of the store that is away, it may lack.
        Assert.Equal(13, (await source.Catalog.AllAsync()).Count);
        var held = (await bench.Prunings.PlanAsync(source, CancellationToken.None)).Decisions[^1];
        Assert.Contains("not yet copied to store offsite", held.Reasons[^1], StringComparison.Ordinal);

        away = null;
        await CopyAsync();
        await DayAsync();
        Assert.Equal(14, (await GoodAsync(0)).Count);
        Assert.Equal(7, (await source.Catalog.AllAsync()).Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_corrupt_copy_is_replaced_from_the_good_one(int store)
    {
        var backup = (await DayAsync()).Run.Outcome!.Backup;
        await RotAsync(source.Copies[store].Catalog, backup);
        var there = source.In(source.Copies[store]);
        var found = await bench.Verifications.VerifyAsync(there, (await there.Catalog.AllAsync())[0], TimeSpan.Zero, progress: null, CancellationToken.None);
        Assert.Equal(BackupState.Quarantined, found.State);
        Assert.Single(bench.Journal.Made("itsm")); // the first store has lost nothing

        var again = (await CopyAsync())[store];

        Assert.Equal([backup.Id], again.Copied.Select(copy => copy.Id));
        Assert.Equal([backup.Id], (await GoodAsync(store)).Select(copy => copy.Id));
    }

    [Fact]
    public async Task A_corrupt_backup_of_the_first_store_is_brought_back_and_no_new_run_is_made_for_it()
    {
        var backup = (await DayAsync()).Run.Outcome!.Backup;
        await RotAsync(source.Catalog, backup);
        Assert.Equal(BackupState.Quarantined, (await bench.Verifications.VerifyAsync(source, backup, TimeSpan.Zero, progress: null, CancellationToken.None)).State);
        var replacements = new ReplacementOperation(bench.Backups, bench.Journal, clock, Microsoft.Extensions.Logging.Abstractions.NullLogger<ReplacementOperation>.Instance) { Copies = bench.Copies };

        Assert.Null(await replacements.RunIfDueAsync(source, TimeSpan.Zero, progress: null, CancellationToken.None));

        var states = (await bench.BackupsAsync()).Select(one => (one.Id, one.State)).OrderBy(one => one.State);
        Assert.Equal([(backup.Id, BackupState.Good), (backup.Id, BackupState.Quarantined)], states);
        Assert.Equal("1 backup copied to store local", bench.Journal.LastCopies()[("itsm", "local")].Detail);
        Assert.Contains(bench.CopiesLog.Lines, line => line.Contains("is whole again, from its copy in store offsite", StringComparison.Ordinal));
        Assert.Null(await replacements.RunIfDueAsync(source, TimeSpan.Zero, progress: null, CancellationToken.None)); // once
        Assert.Equal(1, bench.Journal.CopyCounts()[("itsm", "local", "success")]);
    }

    [Fact]
    public async Task What_a_replaced_first_store_lost_comes_back_over_broken_lines_and_past_rotten_copies_and_what_was_deleted_since_does_not()
    {
        source = source with { Copies = [source.Copies[0]] };
        var lost = new List<Backup>();
        for (var day = 0; day < 3; day++)
            lost.Add((await DayAsync()).Run.Outcome!.Backup);
        using (bench.Turns.TryHold(source.Turn))
            Assert.Empty(await MendAsync()); // nothing is lost, so nobody is waited for
        clock.Advance(TimeSpan.FromHours(1));
        foreach (var file in Directory.GetFiles(bench.StorePath))
            File.Delete(file);
        await new StoreMarks(home.Sub("memory"), clock).RequireAsync(bench.Store, () => false, CancellationToken.None);
        var since = (await DayAsync()).Run.Outcome!.Backup;

        offsite.Opening = path => path == lost[1].File ? new BackupException(FailureKind.StoreUnavailable, "store 'offsite' does not answer", "mount it") : null;
        var broken = Assert.Single(await MendAsync());
        Assert.Equal((lost[2].Id, FailureKind.StoreUnavailable), (Assert.Single(broken.Copied).Id, broken.Failure!.Kind));

        offsite.Opening = _ => null;
        await RotAsync(source.Copies[0].Catalog, lost[1]);
        foreach (var file in Directory.GetFiles(bench.StorePath, since.File + "*"))
            File.Delete(file); // by hand, the oldest that was made since
        var resumed = Assert.Single(await MendAsync());

        Assert.Equal((lost[0].Id, FailureKind.Verification), (Assert.Single(resumed.Copied).Id, resumed.Failure!.Kind));
        Assert.StartsWith($"nexus-backup verify {lost[1].Id} --store 'offsite' ", resumed.Failure.Hint, StringComparison.Ordinal);
        Assert.Equal([lost[2].Id, lost[0].Id], (await bench.BackupsAsync()).Select(backup => backup.Id));
        Assert.Equal("1 of 2 backups copied to store local", bench.Journal.LastCopies()[("itsm", "local")].Detail);
    }

    /// <summary>Without its manifest the file counts as made by hand: under another identity, which no increment builds on.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_lost_its_manifest_in_the_first_store_gets_it_back_and_takes_no_copys_place(bool isTakenIn)
    {
        source = source with { Copies = [source.Copies[0]] };
        var backup = (await DayAsync()).Run.Outcome!.Backup;
        File.Delete(Path.Combine(bench.StorePath, BackupFiles.Manifest(backup.File)));
        var left = Assert.Single(await bench.BackupsAsync());
        Assert.True(left.IsHandMade && left.Id != backup.Id);
        if (isTakenIn)
        {
            await bench.Verifications.VerifyAsync(source, left, TimeSpan.Zero, progress: null, CancellationToken.None);
            Assert.Equal((left.Id, BackupState.Good, true), Assert.Single(await bench.BackupsAsync()) is var known ? (known.Id, known.State, known.Manifest.IsCommitted) : default);
        }

        Assert.Empty((await CopyAsync()).SelectMany(copy => copy.Copied));
        Assert.Equal(backup.Id, Assert.Single(await GoodAsync(0)).Id);

        Assert.Equal(backup.Id, Assert.Single(Assert.Single(await MendAsync()).Copied).Id);
        Assert.Equal((backup.Id, BackupState.Good, false), Assert.Single(await bench.BackupsAsync()) is var back ? (back.Id, back.State, back.Manifest.Adopted) : default);
        Assert.Empty(await MendAsync());
    }

    [Fact]
    public async Task A_slow_store_keeps_no_run_waiting_and_nobody_copies_beside_it()
    {
        await DayAsync();
        using var held = bench.Turns.TryHold(source.In(source.Copies[0]).Turn);

        var (run, copies) = await DayAsync();

        Assert.Equal(RunResult.Success, run.Result);
        Assert.Equal((FailureKind.Locked, null), (copies[0].Failure!.Kind, copies[1].Failure?.Kind));
        Assert.Contains("'itsm' in store 'offsite'", copies[0].Failure!.Message, StringComparison.Ordinal);
    }

    private static CopyTarget To(IBackupStore store, string kept) =>
        new(CatalogUse.CatalogOf(store, directory: ""), new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal) { ["daily"] = RetentionPeriod.Parse(kept) });

    private async Task<(RunRecord Run, IReadOnlyList<CopyRecord> Copies)> DayAsync()
    {
        clock.Advance(TimeSpan.FromDays(1));
        return (await bench.Backups.RunAsync(source, "daily", BackupType.Full, TimeSpan.Zero, progress: null, CancellationToken.None), await CopyAsync());
    }

    private Task<IReadOnlyList<CopyRecord>> MendAsync() => bench.Copies.MendFirstAsync(source, TimeSpan.Zero, evenLost: true, progress: null, CancellationToken.None);

    private Task<IReadOnlyList<CopyRecord>> CopyAsync() => bench.Copies.RunAsync(source, TimeSpan.Zero, progress: null, CancellationToken.None);

    private async Task<IReadOnlyList<Backup>> GoodAsync(int store) => [.. (await source.Copies[store].Catalog.AllAsync()).Where(backup => backup.State == BackupState.Good)];

    private static async Task RotAsync(BackupCatalog catalog, Backup backup)
    {
        using var bytes = new MemoryStream();
        await using (var sound = await catalog.OpenReadAsync(backup.File, CancellationToken.None))
            await sound.CopyToAsync(bytes);
        bytes.GetBuffer()[bytes.Length / 2] ^= 1;
        await catalog.Store.PutAsync(catalog.PathOf(backup.File), replace: true, Durability.Now, (file, token) => file.WriteAsync(bytes.GetBuffer().AsMemory(0, (int)bytes.Length), token).AsTask(), CancellationToken.None);
    }
}
