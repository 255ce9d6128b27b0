using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Status;

/// <summary>When a disk of 10,000 bytes is 90 % full, with a daily backup of 100 bytes.</summary>
public sealed class StoreForecastTests
{
    private static readonly DateTimeOffset Now = new(2026, 2, 14, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    // kept | days of backups there are | grows by, a day | used | days until 90 %, -1: not within a year | bytes a day
    [InlineData("forever", 10, 0, 5000, 40, 100)] // 4,000 bytes are left
    [InlineData("7d", 7, 0, 5000, -1, 0)] // each day one comes and one goes
    [InlineData("30d", 10, 0, 5000, -1, 66.7)] // it fills until the oldest goes, by 2,000 bytes
    [InlineData("60d", 10, 0, 5000, 40, 100)]
    [InlineData("7d", 7, 3, 5000, 191, 21)] // the number stays, the size does not: 7 × 3 bytes a day
    [InlineData("7d", 7, -3, 5000, -1, -2.1)] // that it shrinks is not counted on; that the larger ones go is
    [InlineData("7d", 7, 0, 9000, 0, 0)]
    [InlineData("7d", 7, 0, 9900, 0, 0)]
    [InlineData("7d", 1, 0, 8500, 5, 20)] // one backup: the plan says how often
    public void A_disk_is_full_when_plan_and_retention_say(string kept, int count, int growth, long used, int days, double perDay)
    {
        var source = SourceOf(kept, [.. Enumerable.Range(0, count).Select(age => BackupOf(age, 100 - (growth * age)))]);

        var forecast = StoreForecast.Of(new StoreSpace(10_000, 10_000 - used, 10_000 - used), [source])!;

        Assert.Equal(days < 0 ? null : days, forecast.Days);
        Assert.Equal(perDay, forecast.BytesPerDay, 0.1);
    }

    [Fact]
    public void What_was_set_aside_stays_and_what_people_make_goes_on_as_in_the_past_month()
    {
        var manual = SourceOf("7d", [.. Enumerable.Range(1, 3).Select(age => BackupOf(age, 1000, "manual"))], schedules: []);
        var corrupt = SourceOf("7d", [BackupOf(1, 1000, isGood: false)], schedules: []);

        Assert.Equal(40, StoreForecast.Of(new StoreSpace(10_000, 5000, 5000), [manual])!.Days);
        Assert.Equal(new StoreForecast(null, 0), StoreForecast.Of(new StoreSpace(10_000, 5000, 5000), [corrupt]));
    }

    [Fact]
    public void Every_source_of_the_store_counts()
    {
        var source = SourceOf("forever", [BackupOf(0, 100)]);

        Assert.Equal(20, StoreForecast.Of(new StoreSpace(10_000, 5000, 5000), [source, source])!.Days);
    }

    [Fact]
    public void Nothing_is_told_where_nothing_is_known()
    {
        var (space, known) = (new StoreSpace(10_000, 5000, 5000), SourceOf("7d", [BackupOf(0, 100)]));

        Assert.Null(StoreForecast.Of(space, []));
        Assert.Null(StoreForecast.Of(space, [SourceOf("7d", [])]));
        Assert.Null(StoreForecast.Of(space, [known, SourceOf("7d", null)]));
        Assert.Null(StoreForecast.Of(null, [known]));
    }

    private static SourceState SourceOf(string kept, IReadOnlyList<Backup>? backups, IReadOnlyList<Schedule>? schedules = null) => SomeState.Of(
        new ScheduledSource(
            SomeState.Source(new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal) { ["daily"] = RetentionPeriod.Parse(kept) }),
            schedules ?? [new Schedule("daily", CronSchedule.Parse("0 2 * * *"), BackupType.Full)],
            TimeSpan.FromHours(24),
            TimeSpan.FromHours(48)),
        backups,
        Now);

    private static Backup BackupOf(int age, long bytes, string schedule = "daily", bool isGood = true)
    {
        var at = Now.AddHours(-10).AddDays(-age);
        var (id, digest) = (BackupId.New(at), new ArtifactDigest(bytes, "00"));
        var manifest = new BackupManifest(1, id, "itsm", "sqlite", schedule, BackupType.Full, Base: null, at, $"{schedule}_{age}.db.gz", digest, digest, Adopted: false, new Dictionary<string, string>(StringComparer.Ordinal));
        return new Backup(manifest, "", new StoredFile(manifest.File, bytes, at), new VerificationResult(id, at, bytes, isGood, []));
    }
}
