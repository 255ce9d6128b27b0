using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

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
    [InlineData("900 10", 0, 0, 0, 0.10, 999, "Ok")] // the newest counts
    [InlineData("-8760 10", 0, 0, 0, 0.10, 999, "L1")] // one from the future: a clock is or was wrong
    [InlineData("-8760 50", 0, 0, 0, 0.10, 999, "L2")] // and it hides nothing
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
        var condition = new SourceCondition(
            [.. backups], double.IsNaN(added) ? null : Now.AddHours(-added), failures, overdue, disk, TimeSpan.FromHours(24), TimeSpan.FromHours(48));

        Assert.Equal(level, Escalation.Highest(Escalation.Decide(condition, Now)).ToString());
    }

    [Theory]
    [InlineData(false, "Ok")]
    [InlineData(true, "L3")]
    public void A_new_source_that_lost_its_first_backup_has_no_day_of_grace(bool hasSucceeded, string level)
    {
        var condition = new SourceCondition([], Now.AddHours(-1), 0, 0, 0.1, TimeSpan.FromHours(24), TimeSpan.FromHours(48)) { HasSucceeded = hasSucceeded };

        Assert.Equal(level, Escalation.Highest(Escalation.Decide(condition, Now)).ToString());
    }

    [Theory]
    [InlineData(2, 1.0, "Ok")] // what is there now was backed up, and is good
    [InlineData(2, 3.0, "L2")]
    [InlineData(2, null, "L2")]
    [InlineData(null, 3.0, "Ok")]
    public void A_failed_restore_is_the_administrators_until_a_good_backup_of_what_is_there_now(int? failedHoursAgo, double? age, string level)
    {
        IReadOnlyList<Backup>? backups = age is { } hours ? [BackupOf(hours, passed: true)] : null;
        var condition = new SourceCondition(backups ?? [BackupOf(5, passed: true)], Now.AddDays(-9), 0, 0, 0.1, TimeSpan.FromHours(24), TimeSpan.FromHours(48))
        {
            RestoreFailedAt = failedHoursAgo is { } ago ? Now.AddHours(-ago) : null,
        };

        Assert.Equal(level, Escalation.Highest(Escalation.Decide(condition, Now)).ToString());
    }

    /// <summary>What can't be read is unknown; the journal may still tell that a good backup ended it.</summary>
    [Theory]
    [InlineData(1.0, false)]
    [InlineData(2.0, false)]
    [InlineData(3.0, true)]
    [InlineData(null, true)]
    public void While_the_store_cannot_be_read_the_journal_tells_whether_a_restore_that_failed_is_past(double? goodRunHoursAgo, bool isTold)
    {
        var condition = new SourceCondition(null, Now.AddDays(-9), 0, 0, null, TimeSpan.FromHours(24), TimeSpan.FromHours(48))
        {
            RestoreFailedAt = Now.AddHours(-2),
            LastGoodRunAt = goodRunHoursAgo is { } ago ? Now.AddHours(-ago) : null,
        };

        var causes = Escalation.Decide(condition, Now).Select(reason => reason.Cause);

        Assert.Equal(isTold ? [EscalationCause.StoreDown, EscalationCause.RestoreFailed] : [EscalationCause.StoreDown], causes);
    }

    [Fact]
    public void A_store_that_cannot_be_read_is_the_administrators()
    {
        var condition = new SourceCondition(null, Now, 0, 0, null, TimeSpan.FromHours(24), TimeSpan.FromHours(48));

        Assert.Equal(EscalationLevel.L2, Escalation.Highest(Escalation.Decide(condition, Now)));
    }

    [Fact]
    public void A_store_that_can_be_read_and_not_written_is_the_administrators_too()
    {
        var condition = new SourceCondition([BackupOf(1, passed: true)], Now.AddDays(-9), 0, 0, 0.1, TimeSpan.FromHours(24), TimeSpan.FromHours(48)) { IsStoreUp = false };

        var reason = Assert.Single(Escalation.Decide(condition, Now));
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
        var agent = new AgentCondition(runs, double.IsNaN(beat) ? null : Now.AddSeconds(-beat));

        Assert.Equal(level, Escalation.Highest(Escalation.OfAgent(agent, Now)).ToString());
    }

    [Theory]
    // days since the last drill (NaN: none) | it failed | level
    [InlineData(double.NaN, false, "Ok")]
    [InlineData(40, false, "Ok")]
    [InlineData(40.1, false, "L1")]
    [InlineData(1, true, "L1")]
    public void A_drill_that_failed_or_is_too_long_ago_is_the_operators(double days, bool failed, string level)
    {
        var condition = new SourceCondition([BackupOf(1, passed: true)], Now.AddDays(-99), 0, 0, 0.1, TimeSpan.FromHours(24), TimeSpan.FromHours(48))
        {
            LastDrillAt = double.IsNaN(days) ? null : Now.AddDays(-days),
            HasDrillFailed = failed,
        };

        Assert.Equal(level, Escalation.Highest(Escalation.Decide(condition, Now)).ToString());
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
        var condition = new SourceCondition(
            [.. good.Length == 0 ? [] : (Backup[])[BackupOf(10, passed: true)], corrupt], Now.AddDays(-99), 0, 0, 0.1, TimeSpan.FromHours(24), TimeSpan.FromHours(48));

        Assert.Equal(level, Escalation.Highest(Escalation.Decide(condition, Now)).ToString());
    }

    [Theory]
    [InlineData(23.9, "L1")]
    [InlineData(24, "Ok")]
    [InlineData(double.NaN, "L1")] // nothing tells when
    public void One_that_somebody_set_aside_by_hand_counts_for_a_day_from_its_renaming(double hoursAgo, string level)
    {
        var aside = BackupOf(99, passed: true);
        aside = aside with { Artifact = aside.Artifact with { Name = aside.File + ".bad", ChangedAt = double.IsNaN(hoursAgo) ? null : Now.AddHours(-hoursAgo) } };
        var condition = new SourceCondition([BackupOf(10, passed: true), aside], Now.AddDays(-99), 0, 0, 0.1, TimeSpan.FromHours(24), TimeSpan.FromHours(48));

        Assert.Equal(level, Escalation.Highest(Escalation.Decide(condition, Now)).ToString());
    }

    [Theory]
    [InlineData(6, "Ok")]
    [InlineData(6.1, "L1")]
    public void A_run_that_does_not_end_is_the_operators(double hours, string level)
    {
        var condition = new SourceCondition([BackupOf(1, passed: true)], Now.AddDays(-9), 0, 0, 0.1, TimeSpan.FromHours(24), TimeSpan.FromHours(48)) { RunStartedAt = Now.AddHours(-hours) };

        Assert.Equal(level, Escalation.Highest(Escalation.Decide(condition, Now)).ToString());
    }

    [Theory]
    [InlineData(true, "the last self-test of the verification failed: why")]
    [InlineData(false, "the last self-test of the verification could not be made, which proves nothing: why")]
    public void A_self_test_that_failed_or_could_not_be_made_is_the_operators_and_it_says_which(bool wasMade, string said)
    {
        var agent = new AgentCondition(IsRunning: true, Now) { SelfTestFailure = new RunFailure(wasMade ? FailureKind.Verification : FailureKind.StoreFull, "why", "look") };

        var reason = Assert.Single(Escalation.OfAgent(agent, Now));
        Assert.Equal((EscalationLevel.L1, EscalationCause.SelfTestFailed, said), (reason.Level, reason.Cause, reason.Reason.English));
    }

    [Fact]
    public void A_schedule_that_did_not_start_is_the_operators()
    {
        var condition = new SourceCondition([BackupOf(1, passed: true)], Now.AddDays(-9), 0, 0, 0.1, TimeSpan.FromHours(24), TimeSpan.FromHours(48)) { LateSchedule = "daily" };

        var reason = Assert.Single(Escalation.Decide(condition, Now));
        Assert.Equal((EscalationLevel.L1, EscalationCause.ScheduleOverdue, "schedule daily did not start when it was due"), (reason.Level, reason.Cause, reason.Reason.English));
    }

    [Fact]
    public void Every_condition_is_told_the_worst_first()
    {
        var condition = new SourceCondition([BackupOf(50, passed: true), BackupOf(1, passed: false)], Now.AddDays(-9), 1, 1, 0.85, TimeSpan.FromHours(24), TimeSpan.FromHours(48));

        var reasons = Escalation.Decide(condition, Now);

        Assert.Equal(5, reasons.Count);
        Assert.Equal(EscalationLevel.L2, reasons[0].Level);
        Assert.Equal("the newest good backup is older than 48 h", reasons[0].Reason.English);
    }

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
