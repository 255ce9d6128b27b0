using NexusBackupAgent.Catalog;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>Hours after an instant: when a backup was captured and found corrupt, when runs started, what is due at 10.</summary>
public sealed class ReplacementBackupTests
{
    // captured, found corrupt (pairs) | good captures | starts of the last runs, newest first, with + when they succeeded | due
    [Theory]
    [InlineData("0 5", "", "0", true)] // an old backup was found corrupt
    [InlineData("0 5", "", "", true)] // the journal was lost
    [InlineData("0 5", "", "5", false)] // that is the replacement, good or failed
    [InlineData("0 5", "", "6 0", false)]
    [InlineData("0 5", "6", "", false)] // the journal was lost, and the replacement is there
    [InlineData("0 5", "3", "3 0", true)] // a newer good one is no replacement: the corrupt one was missed only now
    [InlineData("0 5", "", "0 -24", true)]
    [InlineData("5 5.1", "", "5 -24", true)] // a fresh capture was stored corrupt
    [InlineData("0 4;5 5.1", "", "5 0", false)] // so was its replacement: the store ruins what is written to it
    [InlineData("0 4;5 5.1", "", "5", false)] // of which alone the journal knows
    [InlineData("0 0.1;5 5.1", "", "5 0", false)] // and the next night's
    [InlineData("0 1;5 5.1", "2", "5 2", true)] // the earlier one was replaced well
    [InlineData("0 11", "", "0", false)] // found in the future: a clock was wrong
    [InlineData("0 11;0 5", "", "0", true)] // which hides no other
    [InlineData("0 5", "11", "0", true)] // captured in the future: nothing that covers it
    [InlineData("0 5", "", "11 0", true)] // nor does a run from the future
    [InlineData("0 1;2 5", "", "2 0.5", false)] // a fresh capture that replaced one: its own replacement
    [InlineData("0 1;2 5", "", "2+ 0.5", true)] // good when it was made, and damaged in the store later
    [InlineData("-9 5;0 1;2 5", "", "2 0.5", true)] // together with another one, which has had none
    [InlineData("0 1;2 5", "", "2 1", false)] // found as soon as the run before the replacement began
    public void It_is_due_once(string corrupt, string good, string starts, bool due)
    {
        var backups = Numbers(good).Select(hour => BackupOf(hour, null)).Concat(
            corrupt.Split(';').Select(pair => Numbers(pair)).Select(pair => BackupOf(pair[0], pair[1]))).ToList();
        Assert.Equal(due, Due(backups, starts) is not null);
    }

    [Theory]
    [InlineData("weekly", "daily", "weekly")]
    [InlineData("daily", "weekly", "weekly")] // not the one that was found last
    [InlineData("monthly", "weekly", "monthly")]
    [InlineData("daily", "manual", "daily")]
    public void Of_several_the_one_that_is_kept_longest_is_replaced(string first, string last, string expected)
    {
        Backup Of(string schedule, double found) => BackupOf(0, found) is var backup ? backup with { Manifest = backup.Manifest with { Schedule = schedule } } : null!;
        Assert.Equal(expected, Due([Of(last, 5.1), Of(first, 5)], "2")!.Schedule);
        Assert.Equal("daily", Due([Of("daily", 5.1), Of("weekly", 1)], "2")!.Schedule); // the weekly one had its run
    }

    [Fact]
    public void A_damaged_source_is_not_captured_again()
    {
        var backup = BackupOf(0, 5, VerificationCheck.Integrity);
        Assert.True(backup.ShowsCorruptSource);
        Assert.Equal(new ReplacementDecision(Corrupt: null, "the database was already damaged when daily_0.db.gz was captured, and would be captured damaged again"), Decide([backup], "0"));
    }

    [Fact]
    public void What_an_operator_set_aside_unread_is_the_operators_to_replace() =>
        Assert.Null(Due([BackupOf(0, 5) with { Verification = null }], "0"));

    [Fact]
    public void One_that_is_corrupt_and_was_not_set_aside_waits_until_it_is() =>
        Assert.Null(Due([SetName(BackupOf(0, 5), "daily.db.gz")], "0"));

    // good captures | starts of the last runs for a full backup | due
    [Theory]
    [InlineData("", "0", true)] // the run that made it
    [InlineData("", "", true)]
    [InlineData("3", "0", false)] // a later one is there
    [InlineData("", "6 0", false)] // its replacement, good or failed
    [InlineData("", "2 0", false)] // however long ago
    public void One_whose_other_name_is_taken_is_replaced_unless_a_later_run_did(string good, string starts, bool due)
    {
        var stuck = SetName(BackupOf(0, 5), "daily_0.db.gz");
        var older = BackupOf(-30, 5) is var taken ? SetName(taken, "daily_0.db.gz.bad") with { Verification = null } : null!;
        Assert.Equal(due ? stuck : null, Due([stuck, older, .. Numbers(good).Select(hour => BackupOf(hour, null))], starts));
    }

    [Theory]
    [InlineData("0 5", "6", "", "daily_6.db.gz was captured after the damage was found")]
    [InlineData("0 5", "", "6 0", "another run for a full backup started after the damage was found")]
    [InlineData("0 4;5 5.1", "", "5 0", "daily_5.db.gz was itself made in the place of a corrupt one, so the store ruins what is written to it (dmesg | tail; smartctl -H)")]
    [InlineData("0 5", "", "0", "")]
    public void Why_none_is_due_is_told(string corrupt, string good, string starts, string why) =>
        Assert.Equal(why, Decide([.. Numbers(good).Select(hour => BackupOf(hour, null)), .. corrupt.Split(';').Select(pair => Numbers(pair)).Select(pair => BackupOf(pair[0], pair[1]))], starts).WhyNot);

    private static Backup? Due(IReadOnlyList<Backup> backups, string starts) => Decide(backups, starts).Corrupt;

    private static ReplacementDecision Decide(IReadOnlyList<Backup> backups, string starts) => ReplacementBackup.Decide(
        "database",
        backups,
        new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal)
        {
            ["daily"] = RetentionPeriod.Parse("7d"),
            ["weekly"] = RetentionPeriod.Parse("4w"),
            ["monthly"] = RetentionPeriod.Forever,
        },
        TimeZoneInfo.Utc,
        [.. starts.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(start => (At(Numbers(start.TrimEnd('+'))[0]), start.EndsWith('+')))],
        At(10),
        new LocalStoreInspection("/b").CommandFor(StoreQuestion.IsTheDiskSound, ""),
        encrypts: false);

    private static Backup BackupOf(double captured, double? foundCorrupt, VerificationCheck failing = VerificationCheck.Checksum)
    {
        var capturedAt = At(captured);
        var digest = new NexusBackupAgent.Artifacts.ArtifactDigest(10, new string('a', 64));
        var manifest = Some.Manifest($"daily_{captured}.db.gz", new(digest, digest), capturedAt);
        var result = new VerificationResult(manifest.Id, At(foundCorrupt ?? captured), 10, foundCorrupt is null, [new CheckResult(failing, foundCorrupt is null, "x")]);
        return new Backup(manifest, "", new(manifest.File + (foundCorrupt is null ? "" : ".bad"), 10, capturedAt), result);
    }

    private static Backup SetName(Backup backup, string name) => backup with { Artifact = backup.Artifact with { Name = name } };

    private static DateTimeOffset At(double hours) => Some.Instant.AddHours(hours);

    private static double[] Numbers(string text) =>
        [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(number => double.Parse(number, System.Globalization.CultureInfo.InvariantCulture))];
}
