using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Cli;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Status;

/// <summary>The runbook's §4 as a table.</summary>
public sealed class EscalationTests
{
    private static readonly DateTimeOffset Now = new(2026, 2, 14, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    // age of good backups (h) | corrupt | failures in a row | overdue | disk | added (h ago, NaN: unknown) | level
    [InlineData("10", 0, 0, 0, 0.10, 999, "Ok")]
    [InlineData("10", 0, 1, 0, 0.10, 999, "L1")] // one failed run
    [InlineData("10", 0, 2, 0, 0.10, 999, "L2")] // two in a row
    [InlineData("10", 0, 9, 0, 0.10, 999, "L2")]
    [InlineData("10", 1, 0, 0, 0.10, 999, "L1")] // a corrupt backup beside a good one
    [InlineData("", 2, 0, 0, 0.10, 999, "L3")] // all corrupt
    [InlineData("", 1, 0, 0, 0.10, 1, "L3")] // a new source has no grace for corrupt backups
    [InlineData("10", 0, 0, 1, 0.10, 999, "L1")] // retention overdue
    [InlineData("10", 0, 0, 0, 0.799, 999, "Ok")]
    [InlineData("10", 0, 0, 0, 0.80, 999, "L1")] // disk warning
    [InlineData("10", 0, 0, 0, 0.899, 999, "L1")]
    [InlineData("10", 0, 0, 0, 0.90, 999, "L2")] // disk critical
    [InlineData("23.9", 0, 0, 0, 0.10, 999, "Ok")] // below 24 h: normal
    [InlineData("24", 0, 0, 0, 0.10, 999, "L1")] // 24 h to 48 h: warning
    [InlineData("47.9", 0, 0, 0, 0.10, 999, "L1")]
    [InlineData("48", 0, 0, 0, 0.10, 999, "L2")] // above 48 h: critical
    [InlineData("49.9", 0, 0, 0, 0.10, 999, "L2")]
    [InlineData("50", 0, 0, 0, 0.10, 999, "L3")] // L2 has not mended it within its two hours: the RPO is exceeded
    [InlineData("900 10", 0, 0, 0, 0.10, 999, "Ok")] // the newest counts
    [InlineData("-8760 10", 0, 0, 0, 0.10, 999, "L1")] // one from the future: a clock is or was wrong
    [InlineData("-8760 49", 0, 0, 0, 0.10, 999, "L2")] // and it hides nothing
    [InlineData("-8760", 0, 0, 0, 0.10, 999, "L3")]
    [InlineData("", 0, 0, 0, 0.10, 23.9, "Ok")] // a new source has a day
    [InlineData("", 0, 0, 0, 0.10, 24, "L3")] // no good backup
    [InlineData("", 0, 0, 0, 0.10, double.NaN, "L1")] // no good backup, and nobody knows since when
    [InlineData("10", 0, 0, 0, 0.10, double.NaN, "Ok")]
    [InlineData("", 1, 0, 0, 0.10, double.NaN, "L3")]
    [InlineData("", 0, 2, 0, 0.95, 999, "L3")] // the highest counts
    public void The_level_is_that_of_the_worst_condition(string good, int corrupt, int failures, int overdue, double disk, double added, string level)
    {
        var backups = good.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(age => BackupOf(double.Parse(age, System.Globalization.CultureInfo.InvariantCulture), passed: true))
            .Concat(Enumerable.Range(1, corrupt).Select(age => BackupOf(age, passed: false)));
        var source = SomeState.Of([.. backups], Now)
            .With(records => records with { Activity = double.IsNaN(added) ? null : SomeState.Activity(Now.AddHours(-added), failures) })
            .WithOverdue(overdue, age => BackupOf(age, passed: true)) with { Store = SomeState.Store(disk * 100) };

        Assert.Equal(level, source.Level.ToString());
    }

    [Theory]
    [InlineData(false, "Ok")]
    [InlineData(true, "L3")]
    public void A_new_source_that_lost_its_first_backup_has_no_day_of_grace(bool hasSucceeded, string level)
    {
        var source = Known([], days: 1.0 / 24).With(records => records with { SuccessfulRuns = new(hasSucceeded ? 1L : 0L) });

        Assert.Equal(level, source.Level.ToString());
    }

    [Theory]
    [InlineData(2, 1.0, "Ok")] // what is there now was backed up, and is good
    [InlineData(2, 3.0, "L2")]
    [InlineData(2, null, "L2")]
    [InlineData(null, 3.0, "Ok")]
    public void A_failed_restore_is_the_administrators_until_a_good_backup_of_what_is_there_now(int? failedHoursAgo, double? age, string level)
    {
        IReadOnlyList<Backup>? backups = age is { } hours ? [BackupOf(hours, passed: true)] : null;
        var source = Known(backups ?? [BackupOf(5, passed: true)])
            .With(records => records with { LastLiveRestore = failedHoursAgo is { } ago ? SomeState.Ended(OperationKind.Restore, Now.AddHours(-ago), failed: true) : null });

        Assert.Equal(level, source.Level.ToString());
    }

    /// <summary>What can't be read is unknown; the journal may still tell that a good backup ended it.</summary>
    [Theory]
    [InlineData(1.0, false)]
    [InlineData(2.0, false)]
    [InlineData(3.0, true)]
    [InlineData(null, true)]
    public void While_the_store_cannot_be_read_the_journal_tells_whether_a_restore_that_failed_is_past(double? goodRunHoursAgo, bool isTold)
    {
        var source = Known(null).With(records => records with
        {
            LastLiveRestore = SomeState.Ended(OperationKind.Restore, Now.AddHours(-2), failed: true),
            History = new(new SourceHistory { LastGoodRunAt = goodRunHoursAgo is { } ago ? Now.AddHours(-ago) : null }),
        });

        var causes = source.Reasons.Select(reason => reason.Cause);

        Assert.Equal(isTold ? [EscalationCause.StoreDown, EscalationCause.RestoreFailed] : [EscalationCause.StoreDown], causes);
    }

    [Fact]
    public void A_store_that_cannot_be_read_is_the_administrators()
    {
        Assert.Equal(EscalationLevel.L2, Known(null, days: 0).Level);
    }

    [Fact]
    public void A_store_that_can_be_read_and_not_written_is_the_administrators_too()
    {
        var source = Known([BackupOf(1, passed: true)]) with { Store = SomeState.Store(10, new BackupException(FailureKind.StoreUnavailable, "read-only", "mount it anew")) };

        var reason = Assert.Single(source.Reasons);
        Assert.Equal((EscalationLevel.L2, EscalationCause.StoreDown), (reason.Level, reason.Cause));
    }

    [Theory]
    // whether it runs | last beat (s ago, NaN: never) | level
    [InlineData(true, 15, "Ok")]
    [InlineData(true, 600, "Ok")]
    [InlineData(true, 601, "L2")] // its scheduler stands still
    [InlineData(false, 15, "L2")] // it stopped
    [InlineData(false, double.NaN, "Ok")] // none was ever started: commands do without one
    [InlineData(true, double.NaN, "Ok")] // it is starting
    public void An_agent_that_stopped_or_stands_still_is_the_administrators(bool runs, double beat, string level)
    {
        var agent = new AgentState(Now, runs, double.IsNaN(beat) ? null : Now.AddSeconds(-beat));

        Assert.Equal(level, agent.Level.ToString());
    }

    [Theory]
    // days since the last drill (NaN: none) | it failed | level
    [InlineData(double.NaN, false, "Ok")]
    [InlineData(40, false, "Ok")]
    [InlineData(40.1, false, "L1")]
    [InlineData(1, true, "L1")]
    public void A_drill_that_failed_or_is_too_long_ago_is_the_operators(double days, bool failed, string level)
    {
        var source = Known([BackupOf(1, passed: true)])
            .With(records => records with { LastDrill = double.IsNaN(days) ? null : SomeState.Ended(OperationKind.Drill, Now.AddDays(-days), failed) });

        Assert.Equal(level, source.Level.ToString());
    }

    [Theory]
    [InlineData(23.9, "10", "L1")]
    [InlineData(24, "10", "Ok")] // it stays as evidence
    [InlineData(0, "10", "L1")]
    [InlineData(-9, "10", "Ok")] // by a clock that was ahead
    [InlineData(240, "", "L3")] // nothing but what was set aside
    public void A_backup_that_was_set_aside_counts_for_a_day(double foundHoursAgo, string good, string level)
    {
        var corrupt = BackupOf(foundHoursAgo, passed: false);
        corrupt = corrupt with { Artifact = corrupt.Artifact with { Name = corrupt.File + ".bad" }, Manifest = corrupt.Manifest with { CapturedAt = Now.AddHours(-300) } };
        var source = Known([.. good.Length == 0 ? [] : (Backup[])[BackupOf(10, passed: true)], corrupt]);

        Assert.Equal(level, source.Level.ToString());
    }

    [Theory]
    [InlineData(23.9, "L1")]
    [InlineData(24, "Ok")]
    [InlineData(double.NaN, "L1")] // nothing tells when
    public void One_that_somebody_set_aside_by_hand_counts_for_a_day_from_its_renaming(double hoursAgo, string level)
    {
        var aside = BackupOf(99, passed: true);
        aside = aside with { Artifact = aside.Artifact with { Name = aside.File + ".bad", ChangedAt = double.IsNaN(hoursAgo) ? null : Now.AddHours(-hoursAgo) } };
        var source = Known([BackupOf(10, passed: true), aside]);

        Assert.Equal(level, source.Level.ToString());
    }

    [Theory]
    [InlineData(6, "Ok")]
    [InlineData(6.1, "L1")]
    public void A_run_that_does_not_end_is_the_operators(double hours, string level)
    {
        var source = Known([BackupOf(1, passed: true)]).With(records => records with { Activity = SomeState.Activity(Now.AddDays(-9), runStartedAt: Now.AddHours(-hours)) });

        Assert.Equal(level, source.Level.ToString());
    }

    [Theory]
    [InlineData(true, "the last self-test of the verification failed: why")]
    [InlineData(false, "the last self-test of the verification could not be made, which proves nothing: why")]
    public void A_self_test_that_failed_or_could_not_be_made_is_the_operators_and_it_says_which(bool wasMade, string said)
    {
        var agent = new AgentState(Now, IsRunning: true, Now)
        {
            SelfTest = SomeState.Ended(OperationKind.SelfTest, Now, failed: true) with { Failure = new RunFailure(wasMade ? FailureKind.Verification : FailureKind.StoreFull, "why", "look") },
        };

        var reason = Assert.Single(agent.Reasons);
        Assert.Equal((EscalationLevel.L1, EscalationCause.SelfTestFailed, said), (reason.Level, reason.Cause, reason.Reason.English));
    }

    [Fact]
    public void A_schedule_that_did_not_start_is_the_operators()
    {
        var source = Known([BackupOf(1, passed: true)]);
        source = source with { Source = source.Source with { Schedules = [new Schedule("daily", CronSchedule.Parse("0 2 * * *"), BackupType.Full)] } };

        var reason = Assert.Single(source.Reasons);
        Assert.Equal((EscalationLevel.L1, EscalationCause.ScheduleOverdue, "schedule daily did not start when it was due"), (reason.Level, reason.Cause, reason.Reason.English));
    }

    [Fact]
    public void Every_condition_is_told_the_worst_first()
    {
        var source = SomeState.Of([BackupOf(50, passed: true), BackupOf(1, passed: false)], Now)
            .With(records => records with { Activity = SomeState.Activity(Now.AddDays(-9), failures: 1) })
            .WithOverdue(1, age => BackupOf(age, passed: true)) with { Store = SomeState.Store(85) };

        var reasons = source.Reasons;

        Assert.Equal(5, reasons.Count);
        Assert.Equal(EscalationLevel.L3, reasons[0].Level);
        Assert.Equal(("the RPO is exceeded: the newest good backup is older than 50 h", "RPO超過: 最新の正常バックアップから50時間以上経過"), (reasons[0].Reason.English, reasons[0].Reason.Japanese));
    }

    [Theory]
    // hours of the newest good backup (NaN: none) | hours since the source was added (NaN: unknown) | a run once succeeded | standing
    [InlineData(23.9, 999, true, "Within")]
    [InlineData(24, 999, true, "Warning")]
    [InlineData(48, 999, true, "Critical")]
    [InlineData(50, 999, true, "Exceeded")]
    [InlineData(double.NaN, 23.9, false, "New")]
    [InlineData(double.NaN, 24, false, "Exceeded")]
    [InlineData(double.NaN, 1, true, "Exceeded")]
    [InlineData(double.NaN, double.NaN, false, "")]
    public void Of_the_RPO_it_is_said_which_threshold_is_passed(double age, double added, bool hasSucceeded, string standing)
    {
        var source = SomeState.Of(double.IsNaN(age) ? [] : [BackupOf(age, passed: true)], Now)
            .With(records => records with { Activity = double.IsNaN(added) ? null : SomeState.Activity(Now.AddHours(-added), failures: 0), SuccessfulRuns = new(hasSucceeded ? 1L : 0L) });

        Assert.Equal(standing, source.Rpo.ToString());
    }

    [Theory]
    // backup | hours since the source was added (NaN: unknown) | failures in a row | it once had one | store | word
    [InlineData("", 1, 0, false, true, "NEW")]
    [InlineData("", 23.9, 0, false, true, "NEW")]
    [InlineData("", 24, 0, false, true, "L3")] // its day is over
    [InlineData("good", 1, 0, false, true, "OK")] // it has its first
    [InlineData("unverified", 1, 0, false, true, "NEW")] // which is not good yet
    [InlineData("corrupt", 1, 0, false, true, "L3")]
    [InlineData("", 1, 1, false, true, "L1")] // new is no level: what asks for one is told
    [InlineData("", 1, 0, true, true, "L3")] // it lost what it had
    [InlineData("", 1, 0, false, false, "L2")] // nobody knows what there is
    [InlineData("", double.NaN, 0, false, true, "L1")]
    public void A_source_that_has_its_first_day_for_its_first_good_backup_is_new(string backup, double added, int failures, bool hasSucceeded, bool isStoreUp, string word)
    {
        IReadOnlyList<Backup> backups = backup switch
        {
            "" => [],
            "unverified" => [BackupOf(0.5, passed: true) with { Verification = null }],
            _ => [BackupOf(0.5, passed: backup == "good")],
        };
        var source = SomeState.Of(isStoreUp ? backups : null, Now).With(records => records with
        {
            Activity = double.IsNaN(added) ? null : SomeState.Activity(Now.AddHours(-added), failures),
            SuccessfulRuns = new(hasSucceeded ? 1L : 0L),
        });

        Assert.Equal(word, source.Level.Label(source.IsNew));
    }

    [Fact]
    public void A_changed_copy_of_a_state_has_a_level_of_its_own()
    {
        var source = Known([BackupOf(1, passed: true)]);
        Assert.Equal("OK", source.Level.Label(source.IsNew));

        var later = source with { Now = Now.AddDays(2) };
        var full = source with { Store = SomeState.Store(95) };

        Assert.Equal(("L2", EscalationCause.Stale, EscalationCause.StorageFull), (later.Level.Label(later.IsNew), later.Reasons[0].Cause, full.Reasons[0].Cause));
    }

    [Fact]
    public void What_a_lock_keeps_is_not_overdue_and_says_until_when()
    {
        var source = SomeState.Of([BackupOf(10, passed: true)], Now).With(records => records with { Activity = SomeState.Activity(Now.AddHours(-999), 0) }).WithOverdue(2, age => BackupOf(age, passed: true));
        Assert.Equal((2, EscalationCause.RetentionOverdue), (source.Overdue, Assert.Single(source.Reasons).Cause));

        var locked = source with { Locks = source.OverdueUnlessLocked.ToDictionary(backup => backup.Id, _ => Now.AddDays(3)) };

        Assert.Equal(0, locked.Overdue);
        Assert.Empty(locked.Reasons);
        Assert.StartsWith("2 backups past retention, kept by their locks until ", StatusText.OfLocks(locked, TimeZoneInfo.Utc).English, StringComparison.Ordinal);
    }

    /// <summary>Of a source that an agent has known for long.</summary>
    [Theory]
    // medium of the further store | its disk (%) | copies fail | waits (h) | level and what says why
    [InlineData("/dev/sdb", 10, false, 0, "Ok", "")]
    [InlineData("/dev/sdb", 85, false, 0, "L1", "the disk of store offsite is 85 % full")]
    [InlineData("/dev/sdb", 95, false, 0, "L2", "the disk of store offsite is 95 % full")]
    [InlineData("/dev/sda", 95, false, 0, "Ok", "")] // the first store's own disk, which is told of that
    [InlineData("/dev/sdb", 10, true, 1, "L1", "the last copying to store offsite failed, and 1 backup waits: no room")]
    [InlineData("/dev/sdb", 10, true, 0, "Ok", "")] // what failed was made up for by hand
    [InlineData("/dev/sdb", 10, true, 60, "L1", "copies to store offsite are late: 1 backup waits, for 2 d 12 h")]
    public void A_further_store_asks_for_a_level_as_the_first_does(string medium, double disk, bool fails, int waits, string level, string said)
    {
        var good = BackupOf(1, passed: true);
        IReadOnlyList<Backup> first = waits > 0 ? [good with { Manifest = good.Manifest with { CapturedAt = Now.AddHours(-waits) } }] : [good];
        var known = Known([good]);
        var source = known with
        {
            Store = SomeState.Store(10) with { Medium = "/dev/sda" },
            Copies =
            [
                new CopyState(known.Source.Source, new CopyTarget(Catalog: null!, new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal)), new SourceListing(first), Now)
                {
                    Store = SomeState.Store(disk) with { Name = "offsite", Medium = medium },
                    Listing = new SourceListing(waits > 0 ? [] : [good]),
                    Last = SomeState.Ended(OperationKind.Copy, Now, fails) with { Failure = fails ? new RunFailure(FailureKind.StoreFull, "no room", "free some") : null },
                },
            ],
        };

        Assert.Equal(level, source.Level.ToString());
        Assert.Equal(said, source.Reasons.SingleOrDefault()?.Reason.English ?? "");
        Assert.All(source.Reasons, reason => Assert.Equal("offsite", reason.FurtherStore));
    }

    private static SourceState Known(IReadOnlyList<Backup>? backups, double days = 9) =>
        SomeState.Of(backups, Now).With(records => records with { Activity = SomeState.Activity(Now.AddDays(-days)) });

    private static Backup BackupOf(double ageHours, bool passed)
    {
        var at = Now.AddHours(-ageHours);
        var id = BackupId.New(at);
        var digest = new ArtifactDigest(100, "00");
        var manifest = new BackupManifest(
            1, id, "itsm", "sqlite", "daily", BackupType.Full, Base: null, at, $"daily_{ageHours}.db.gz", digest, digest, Adopted: false, new Dictionary<string, string>(StringComparer.Ordinal));
        return new Backup(manifest, "", new StoredFile(manifest.File, 100, at), new VerificationResult(id, at, 100, passed, []));
    }
}
