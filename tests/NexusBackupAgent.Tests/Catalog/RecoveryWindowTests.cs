using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Catalog;

/// <summary>Which instants backups that continue one another lead to, from a table of backups; nothing is read.</summary>
public sealed class RecoveryWindowTests
{
    private static readonly Backup A = Good(0), B = Good(1, A), C = Good(2, B), D = Good(5), E = Good(6, D);

    [Fact]
    public void A_window_goes_from_the_first_to_the_last_without_a_gap_and_the_newest_is_first()
    {
        Assert.Equal([Window(5, 6), Window(0, 2)], RecoveryWindow.Of([E, D, C, B, A]));
        Assert.Equal([Window(0, 0)], RecoveryWindow.Of([A]));
        Assert.Empty(RecoveryWindow.Of([]));
    }

    [Fact]
    public void What_is_not_good_ends_a_window()
    {
        Assert.Equal([Window(2, 2), Window(0, 0)], RecoveryWindow.Of([A, Corrupt(B), C]));
        Assert.Equal([Window(0, 1)], RecoveryWindow.Of([A, B, C with { Verification = null }]));
    }

    [Fact]
    public void A_backup_that_two_others_continue_leads_to_both()
    {
        var after = Good(3, A); // made while B was not good

        Assert.Equal([Window(0, 3)], RecoveryWindow.Of([A, B, after]));
        Assert.Equal(["3"], Through([A, B, after], A, 2.5));
        Assert.Equal(["1"], Through([A, B, after], A, 0.5));
    }

    [Fact]
    public void A_manifest_of_another_order_of_time_makes_no_circle()
    {
        var (odd, even) = (Good(3), Good(3));
        odd = odd with { Manifest = odd.Manifest with { Continues = even.Id } };
        even = even with { Manifest = even.Manifest with { Continues = odd.Id } };

        Assert.Equal([Window(3, 3)], RecoveryWindow.Of([odd, even]));
        Assert.Empty(Through([odd, even], odd, 4));
    }

    [Fact]
    public void A_hundred_thousand_backups_are_one_look()
    {
        var backups = new List<Backup> { Good(0) };
        for (var hour = 1; hour < 100_000; hour++)
            backups.Add(Good(hour, hour % 2 == 0 ? null : backups[^1])); // fifty thousand windows

        Assert.Equal(50_000, RecoveryWindow.Of(backups).Count);
        Assert.Single(Plan(backups, 99_998.5).Candidates);
    }

    [Fact]
    public void An_instant_is_recovered_from_each_backup_that_leads_to_it_the_nearest_first()
    {
        var plan = Plan([A, B, C, D, E], 1.5);

        Assert.Equal(["1 < 2", "0 < 1 2"], plan.Candidates.Select(candidate => $"{candidate.Backup.File} < {string.Join(' ', candidate.Instant!.Through.Select(link => link.File))}"));
        Assert.All(plan.Candidates, candidate => Assert.Equal(At(1.5), candidate.StateOf));
        Assert.Equal(["0"], Plan([A, B, C, D, E], 1.5, A.Id.Value).Candidates.Select(candidate => candidate.Backup.File)); // a plan that was shown is carried out as it was
    }

    [Theory]
    [InlineData(3)] // in the gap
    [InlineData(7)] // after the last
    public void Where_no_backup_leads_the_windows_are_told(double hour)
    {
        var refused = Assert.Throws<BackupException>(() => Plan([A, B, C, D, E], hour));

        Assert.Equal(FailureKind.NotFound, refused.Kind);
        Assert.Contains("from 2026-02-14 07:00:00 +00:00 to 2026-02-14 08:00:00 +00:00, or from 2026-02-14 02:00:00 +00:00 to 2026-02-14 04:00:00 +00:00", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>Status shows seconds, and a backup is captured within one.</summary>
    [Fact]
    public void The_end_of_a_window_as_it_is_shown_is_in_it()
    {
        var last = Good(2.0001, B); // 0.36 s later
        var shown = RestoreTime.Parse("2026-02-14 04:00:00", TimeZoneInfo.Utc)!;

        var plan = RestorePlan.Choose("shop", [last, B, A], shown, At(3), TimeZoneInfo.Utc, recovers: true);

        Assert.Equal((last.Id, last.CapturedAt), (plan.Candidates[0].Backup.Id, plan.Candidates[0].StateOf));
        Assert.Throws<BackupException>(() => RestorePlan.Choose("shop", [last, B, A], new RestoreWish(At: shown.At), At(3), TimeZoneInfo.Utc, recovers: true));
    }

    private static DateTimeOffset At(double hour) => Some.Instant.AddHours(hour);

    private static RecoveryWindow Window(double first, double last) => new(At(first), At(last));

    private static IEnumerable<string> Through(IReadOnlyList<Backup> backups, Backup from, double hour) => new RecoveryPaths(backups, At(hour)).From(from).Select(link => link.File);

    private static RestorePlan Plan(IReadOnlyList<Backup> backups, double hour, string? id = null) =>
        RestorePlan.Choose("shop", [.. backups.OrderByDescending(backup => backup.CapturedAt)], new RestoreWish(id, At(hour)), At(200_000), TimeZoneInfo.Utc, recovers: true);

    private static Backup Good(double hour, Backup? continued = null)
    {
        var digest = new ArtifactDigest(100, new string('a', 64));
        var manifest = Some.Manifest($"{hour}", new ArtifactDigests(digest, digest), At(hour)) with { Continues = continued?.Id };
        return new Backup(manifest, "", new StoredFile(manifest.File, 100, At(hour)), new VerificationResult(manifest.Id, At(hour), 100, Passed: true, []));
    }

    private static Backup Corrupt(Backup backup) => backup with { Verification = backup.Verification! with { Passed = false } };
}
