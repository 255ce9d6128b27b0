using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Restore;

/// <summary>The runbook's loop: newest first until one is good (§3.3).</summary>
public sealed class RestoreFallbackTests : IAsyncLifetime
{
    private readonly ManualClock clock = new(Some.Instant);
    private readonly List<Backup> backups = [];
    private readonly List<string> contents = [];
    private RestoreBench bench = null!;

    public async Task InitializeAsync()
    {
        bench = new RestoreBench(clock);
        await bench.MakeAsync("wal");
        for (var day = 0; day < 3; day++)
        {
            await bench.AddAsync($"day {day}");
            contents.Add(await SqliteSamples.DumpAsync(bench.Database));
            backups.Add(await bench.BackUpAsync());
            clock.Advance(TimeSpan.FromDays(1));
        }

        await bench.AddAsync("not backed up");
    }

    public Task DisposeAsync()
    {
        bench.Dispose();
        return Task.CompletedTask;
    }

    [SkippableFact]
    public async Task The_newest_is_restored()
    {
        await bench.RestoreAsync();

        Assert.Equal(contents[2], await SqliteSamples.DumpAsync(bench.Database));
    }

    [SkippableFact]
    public async Task A_bad_one_is_recorded_with_its_reason_and_the_next_older_one_is_restored()
    {
        bench.Damage(backups[2]);

        var outcome = await bench.RestoreAsync();

        Assert.Equal(backups[1].Id, outcome.Backup.Backup.Id);
        Assert.Equal(contents[1], await SqliteSamples.DumpAsync(bench.Database));
        var passed = Assert.Single(bench.PassedOver);
        Assert.Equal(backups[2].File, passed.Backup.File);
        Assert.Contains("SHA-256", passed.Reason, StringComparison.Ordinal);
        Assert.Equal(BackupState.Corrupt, (await bench.Bench.BackupsAsync())[0].State);
        Assert.Equal("1", await bench.Bench.JournalAsync("SELECT count FROM verification_counts WHERE \"check\" = 'checksum' AND result = 'failure'"));
    }

    [SkippableFact]
    public async Task One_misreading_costs_nothing()
    {
        var readings = 0;
        bench.At = stage =>
        {
            if (stage == RestoreStage.Expand && ++readings <= 2)
                bench.Damage(backups[2]); // flips a bit, and flips it back before the second reading
            return Task.CompletedTask;
        };

        var outcome = await bench.RestoreAsync();

        Assert.Equal(2, readings);
        Assert.Equal(backups[2].Id, outcome.Backup.Backup.Id);
        Assert.Equal(contents[2], await SqliteSamples.DumpAsync(bench.Database));
        Assert.Empty(bench.PassedOver);
        Assert.Equal(BackupState.Good, (await bench.Bench.BackupsAsync())[0].State);
        Assert.Equal("0", await bench.Bench.JournalAsync("SELECT coalesce(sum(count), 0) FROM verification_counts WHERE result = 'failure'"));
    }

    [SkippableFact]
    public async Task Each_of_several_bad_ones_is_told()
    {
        bench.Damage(backups[2]);
        await File.WriteAllBytesAsync(bench.Stored(backups[1]), (await File.ReadAllBytesAsync(bench.Stored(backups[1])))[..1000]);

        await bench.RestoreAsync();

        Assert.Equal(contents[0], await SqliteSamples.DumpAsync(bench.Database));
    }

    [SkippableFact]
    public async Task When_every_backup_is_corrupt_each_reason_is_told_and_the_old_database_stays()
    {
        backups.ForEach(bench.Damage);

        var failure = await bench.FailureAsync();

        Assert.Equal(FailureKind.Verification, failure.Kind);
        Assert.All(backups, backup => Assert.Contains($"{backup.File}: its SHA-256", failure.Message, StringComparison.Ordinal));
        Assert.EndsWith("the old database is untouched", failure.Message, StringComparison.Ordinal);
        Assert.Contains("L3", failure.Hint, StringComparison.Ordinal);
        Assert.Empty(bench.SafetyCopies);

        // Now that they are known, it is said without reading them again.
        Assert.Equal(FailureKind.Verification, (await bench.RefusalAsync()).Kind);
    }

    [SkippableFact]
    public async Task A_chosen_one_that_is_bad_has_no_substitute()
    {
        bench.Damage(backups[2]);

        var failure = await bench.FailureAsync(new RestoreWish(backups[2].Id.Value));

        Assert.Contains(backups[2].File, failure.Message, StringComparison.Ordinal);
        Assert.Contains("leave --id out", failure.Hint, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task One_whose_sha256_file_alone_is_wrong_is_restored_by_its_id_and_named_when_nothing_else_is_left()
    {
        bench.Damage(backups[0]);
        bench.Damage(backups[1]);
        await File.WriteAllTextAsync(bench.Stored(backups[2]) + ".sha256", $"{new string('0', 64)}  {backups[2].File}\n");

        var failure = await bench.FailureAsync();
        var refusal = await bench.RefusalAsync(); // now that they are known, without reading them again
        var outcome = await bench.RestoreAsync(new RestoreWish(backups[2].Id.Value));

        foreach (var hint in (string[])[failure.Hint, refusal.Hint])
        {
            Assert.Contains($"restore 'itsm' --id {backups[2].Id}", hint, StringComparison.Ordinal);
            Assert.DoesNotContain("L3", hint, StringComparison.Ordinal);
        }

        Assert.Equal(contents[2], await SqliteSamples.DumpAsync(bench.Database));
        Assert.Contains($"find out who wrote {backups[2].File}.sha256", outcome.Backup.Reason, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_chosen_one_that_differs_from_what_was_captured_is_not_restored_although_its_sha256_agrees()
    {
        await Shell.BashAsync($"cd '{bench.Bench.StorePath}'; cp '{backups[0].File}' '{backups[2].File}'; sha256sum '{backups[2].File}' > '{backups[2].File}.sha256'");

        var failure = await bench.FailureAsync(new RestoreWish(backups[2].Id.Value));

        Assert.Equal(FailureKind.Verification, failure.Kind);
    }

    [SkippableFact]
    public async Task An_older_one_is_chosen_by_its_id_or_by_time()
    {
        await bench.RestoreAsync(new RestoreWish(backups[0].Id.Value));
        Assert.Equal(contents[0], await SqliteSamples.DumpAsync(bench.Database));

        await bench.RestoreAsync(new RestoreWish(At: Some.Instant.AddDays(1.5)));
        Assert.Equal(contents[1], await SqliteSamples.DumpAsync(bench.Database));
    }

    [SkippableFact]
    public async Task By_time_the_next_older_good_one_is_found_too()
    {
        bench.Damage(backups[1]);

        await bench.RestoreAsync(new RestoreWish(At: Some.Instant.AddDays(1.5)));

        Assert.Equal(contents[0], await SqliteSamples.DumpAsync(bench.Database));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_hand_made_backup_is_restored_and_adopted(bool byName)
    {
        // The runbook's method 3.
        await Shell.BashAsync($"cd '{bench.Directory}'; sqlite3 app.db '.backup x.db' && gzip -c x.db > store/manual_20260301_120000.db.gz && rm x.db");
        var expected = await SqliteSamples.DumpAsync(bench.Database);
        File.SetLastWriteTimeUtc(Path.Combine(bench.Bench.StorePath, "manual_20260301_120000.db.gz"), clock.GetUtcNow().UtcDateTime);
        await bench.AddAsync("even later");

        var outcome = await bench.RestoreAsync(byName ? new RestoreWish("manual_20260301_120000.db.gz") : null);

        Assert.True(outcome.Backup.Backup.Manifest.Adopted);
        Assert.Equal(expected, await SqliteSamples.DumpAsync(bench.Database));
        Assert.Equal(BackupState.Good, (await bench.Bench.BackupsAsync())[0].State);
    }

    [SkippableFact]
    public async Task A_store_that_is_away_is_no_corruption()
    {
        bench.At = stage =>
        {
            if (stage == RestoreStage.Expand)
                Directory.Move(bench.Bench.StorePath, bench.Bench.StorePath + ".away");
            return Task.CompletedTask;
        };

        var failure = await bench.FailureAsync();

        Directory.Move(bench.Bench.StorePath + ".away", bench.Bench.StorePath);
        Assert.NotEqual(FailureKind.Verification, failure.Kind);
        Assert.All(await bench.Bench.BackupsAsync(), backup => Assert.Equal(BackupState.Good, backup.State));
        Assert.Empty(bench.PassedOver);
    }

    [SkippableFact]
    public async Task A_backup_that_is_deleted_meanwhile_is_passed_over()
    {
        bench.At = stage =>
        {
            if (stage == RestoreStage.Expand)
                File.Delete(bench.Stored(backups[2]));
            return Task.CompletedTask;
        };

        var outcome = await bench.RestoreAsync();

        Assert.Equal(backups[1].Id, outcome.Backup.Backup.Id);
        Assert.Equal("it is gone", Assert.Single(bench.PassedOver).Reason);
    }

    [SkippableFact]
    public async Task Stopping_the_command_while_it_reads_leaves_the_old_database()
    {
        using var stop = new CancellationTokenSource();
        bench.At = stage => stage == RestoreStage.Expand ? stop.CancelAsync() : Task.CompletedTask;

        var failure = await bench.FailureAsync(cancellationToken: stop.Token);

        Assert.Equal(FailureKind.Interrupted, failure.Kind);
        Assert.EndsWith("the old database is untouched", failure.Message, StringComparison.Ordinal);
    }
}
