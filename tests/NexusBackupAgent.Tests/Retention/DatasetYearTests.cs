using NexusBackupAgent.Catalog;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Tests.Retention;

/// <summary>
/// The dataset document's strategy (section 2: full Sunday 00:00 kept 30 d, differential daily 00:00 kept 7 d, incremental
/// every 6 hours kept 3 d) on a simulated clock: every run is followed by retention, as the agent does, and on every day
/// everything that ought to be there can be restored.
/// </summary>
public class DatasetYearTests
{
    private static readonly Dictionary<string, RetentionPeriod> Periods = new(StringComparer.Ordinal)
    {
        ["full_backup"] = RetentionPeriod.Parse("30d"),
        ["differential_backup"] = RetentionPeriod.Parse("7d"),
        ["incremental_backup"] = RetentionPeriod.Parse("3d"),
    };

    [Theory]
    [InlineData("Asia/Tokyo")]
    [InlineData("Europe/Berlin")]
    [InlineData("America/New_York")]
    public void On_every_day_of_a_year_every_kept_restore_point_is_restorable_and_none_is_missing(string zoneName)
    {
        var world = new World(TimeZoneInfo.FindSystemTimeZoneById(zoneName));
        for (var day = 0; day < 366 + 60; day++)
        {
            world.LiveThrough();
            Assert.All(world.Backups, backup => Assert.True(backup.State == BackupState.Good && (backup.Bases.Count == 0 ? backup : backup.Bases[^1]).Manifest.Type == BackupType.Full));
            world.AssertNothingIsMissing();
        }

        // Of a full one the week's differentials, and of those the incrementals of three days: no more than the periods, and what those need.
        Assert.InRange(world.Backups.Count, 4 + 7 + (3 * 4), 6 + 9 + (4 * 4));
        Assert.All(world.Backups, backup => Assert.InRange(backup.Bases.Count, 0, 6));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void While_bases_are_quarantined_at_random_times_nothing_restorable_is_lost_that_is_within_its_period(int seed)
    {
        var random = new Random(seed);
        var world = new World(TimeZoneInfo.FindSystemTimeZoneById("Asia/Tokyo"));
        var damaged = 0;
        for (var day = 0; day < 366; day++)
        {
            world.LiveThrough(() =>
            {
                if (random.Next(30) > 0 || world.Bases is not { Count: > 0 } bases)
                    return;
                damaged++;
                world.Quarantine(bases[random.Next(bases.Count)]);
                Assert.Equal(BackupState.Good, world.Backups[0].State); // the full one that is made at once
                Assert.Equal(BackupType.Full, world.Backups[0].Manifest.Type);
            });
            world.AssertNothingIsMissing();
            Assert.All(world.Backups.Where(backup => backup.State == BackupState.Good), backup => Assert.All(backup.Bases, link => Assert.Equal(BackupState.Good, link.State)));
        }

        Assert.InRange(damaged, 20, 80);
        // They go when their time has come, unless what was set aside as evidence builds on them.
        Assert.DoesNotContain(
            world.Backups,
            backup => backup.HasBrokenChain && world.Now - backup.CapturedAt > TimeSpan.FromDays(31) && !world.Backups.Any(other => other.IsSetAside && other.Bases.Any(link => link.Id == backup.Id)));
    }

    /// <summary>The agent with its schedules, and all that it does to its backups.</summary>
    private sealed class World(TimeZoneInfo zone)
    {
        private readonly List<Backup> made = [];
        private readonly HashSet<BackupId> ruined = [];
        private DateOnly today = new(2026, 2, 15);

        public DateTimeOffset Now { get; private set; }

        /// <summary>Newest first, linked.</summary>
        public IReadOnlyList<Backup> Backups { get; private set; } = [];

        /// <summary>The good ones that others build on.</summary>
        public IReadOnlyList<Backup> Bases => [.. Backups.SelectMany(backup => backup.Bases).DistinctBy(backup => backup.Id).Where(backup => backup.State == BackupState.Good)];

        /// <summary>A day's runs, and what happens after each.</summary>
        public void LiveThrough(Action? afterEach = null)
        {
            for (var hour = 0; hour < 24; hour += 6)
            {
                if (hour == 0 && today.DayOfWeek == DayOfWeek.Sunday)
                    Run("full_backup", BackupType.Full, hour, minute: 0);
                if (hour == 0)
                    Run("differential_backup", BackupType.Differential, hour, minute: 1);
                Run("incremental_backup", BackupType.Incremental, hour, minute: 2);
                afterEach?.Invoke();
            }

            today = today.AddDays(1);
        }

        /// <summary>Sets a backup aside, and makes the full one that replaces it.</summary>
        public void Quarantine(Backup backup)
        {
            ruined.Add(backup.Id);
            foreach (var above in Backups.Where(other => other.Bases.Any(link => link.Id == backup.Id)))
                ruined.Add(above.Id);
            var place = made.FindIndex(other => other.Id == backup.Id);
            made[place] = SomeBackup.Corrupt(backup.CapturedAt) with { Manifest = backup.Manifest };
            made[place] = made[place] with { Artifact = backup.Artifact with { Name = backup.File + ".bad" }, Verification = made[place].Verification! with { Id = backup.Id, StoredLength = backup.ActualLength } };
            Now += TimeSpan.FromMinutes(1);
            Add(SomeBackup.Good(Now, backup.Schedule));
        }

        /// <summary>Of what was made and not ruined, everything within its period is there and can be restored.</summary>
        public void AssertNothingIsMissing()
        {
            var restorable = Backups.Where(backup => backup.State == BackupState.Good).Select(backup => backup.Id).ToHashSet();
            Assert.All(made.Where(backup => !ruined.Contains(backup.Id) && Periods[backup.Schedule].ExpiresAt(backup.CapturedAt, zone) > Now), backup => Assert.Contains(backup.Id, restorable));
        }

        private void Run(string schedule, BackupType type, int hour, int minute)
        {
            var local = today.ToDateTime(new TimeOnly(hour, minute));
            Now = new DateTimeOffset(local, zone.GetUtcOffset(local));
            var good = Backups.Where(backup => backup.State == BackupState.Good);
            var @base = type switch
            {
                BackupType.Full => null,
                BackupType.Differential => good.FirstOrDefault(backup => backup.Manifest.Type == BackupType.Full),
                _ => good.FirstOrDefault(),
            };
            Add(SomeBackup.Good(Now, schedule, @base) is var backup && @base is not null ? backup with { Manifest = backup.Manifest with { Type = type } } : backup);
        }

        private void Add(Backup backup)
        {
            made.Add(backup);
            var kept = Backups.Select(other => other.Id).Append(backup.Id).ToHashSet();
            Decide(made.Where(other => kept.Contains(other.Id)));
        }

        private void Decide(IEnumerable<Backup> present) => Backups = BackupChains.Link(
            [.. RetentionPolicy.Decide(BackupChains.Link([.. present.Reverse()]), Periods, Now, zone).Where(decision => decision.Keep).Select(decision => decision.Backup with { Bases = [], BrokenChain = null })]);
    }
}
