using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Tests.Support;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Tests.Verification;

/// <summary>Corrupt backups are set aside, whole and readable to people; everything else stays where it is.</summary>
public sealed class QuarantineTests : IDisposable
{
    private readonly ManualClock clock = new(Some.Instant);
    private readonly ScriptedSource source;
    private readonly Workbench bench;

    public QuarantineTests()
    {
        source = new ScriptedSource(clock);
        bench = new Workbench(clock, source: source);
    }

    public void Dispose() => bench.Dispose();

    [Fact]
    public async Task A_corrupt_backup_is_renamed_with_its_companions_and_not_a_byte_changes()
    {
        var backup = await BackupAsync();
        Flip(backup);
        var before = Contents();

        var verified = await VerifyAsync(backup);

        Assert.Equal(("daily_20260214_020000.db.gz.bad", BackupState.Quarantined), (verified.File, verified.State));
        Assert.Equal(
            ["daily_20260214_020000.db.gz.bad", "daily_20260214_020000.db.gz.bad.manifest.json", "daily_20260214_020000.db.gz.bad.sha256", "daily_20260214_020000.db.gz.bad.verification.json"],
            TempDirectory.FilesIn(bench.StorePath));
        var after = Contents();
        foreach (var suffix in (string[])["", ".manifest.json", ".sha256"])
            Assert.Equal(before[backup.File + suffix], after[backup.File + ".bad" + suffix]);
    }

    [Fact]
    public async Task What_was_set_aside_is_listed_with_its_own_identity_and_is_no_orphan()
    {
        var backup = await BackupAsync();
        Flip(backup);
        await VerifyAsync(backup);

        var listed = Assert.Single(await bench.BackupsAsync());

        Assert.Equal((backup.Id, "daily", BackupState.Quarantined, backup.CapturedAt), (listed.Id, listed.Schedule, listed.State, listed.CapturedAt));
        Assert.EndsWith(".bad", bench.Source.Catalog.Locate(listed.File), StringComparison.Ordinal);
        Assert.Contains("SHA-256", listed.Verification!.FirstFailure, StringComparison.Ordinal);
        Assert.Empty(await bench.Source.Catalog.FindOrphansAsync(CancellationToken.None));
    }

    [Fact]
    public async Task It_counts_once_and_is_in_the_journal_with_file_and_reason()
    {
        var backup = await BackupAsync();
        Flip(backup);
        await VerifyAsync(backup);
        await VerifyAsync(Assert.Single(await bench.BackupsAsync())); // looking at it again counts nothing

        Assert.Equal(1, bench.Journal.Read().Verifications[("itsm", "checksum", "failure")]);
        var operation = bench.Journal.Last("itsm", OperationKind.Quarantine)!;
        Assert.Equal((backup.Id, true), (operation.Backup!.Value, operation.Succeeded));
        Assert.StartsWith("daily_20260214_020000.db.gz was set aside as daily_20260214_020000.db.gz.bad: its SHA-256 is ", operation.Detail, StringComparison.Ordinal);
        Assert.Equal(FailureKind.Verification, bench.Journal.Since("itsm", default).First(each => each.Kind == OperationKind.Verification).Failure!.Kind);
    }

    [Fact]
    public async Task A_first_reading_that_erred_harms_nothing()
    {
        var backup = await BackupAsync();
        source.Checked = 0;
        source.Checking = _ =>
        {
            source.Finding = source.Checked == 1 ? "page 7 is mad" : null;
            return Task.CompletedTask;
        };

        Assert.Equal(BackupState.Good, (await VerifyAsync(backup with { Verification = null })).State);

        Assert.Equal(2, source.Checked);
        Assert.Equal(BackupState.Good, Assert.Single(await bench.BackupsAsync()).State);
        Assert.DoesNotContain(("itsm", "integrity", "failure"), bench.Journal.Read().Verifications.Keys);
        Assert.Null(bench.Journal.Last("itsm", OperationKind.Quarantine));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Not_being_able_to_read_sets_nothing_aside(int failing)
    {
        var backup = await UnverifiedAsync();
        source.Finding = "page 7 is mad";
        source.Checked = 0;
        source.Checking = token => source.Checked == failing ? ScriptedSource.Fails(FailureKind.Io)(token) : Task.CompletedTask;

        await Assert.ThrowsAsync<BackupException>(() => VerifyAsync(backup));

        Assert.Equal(failing, source.Checked);
        Assert.Equal((backup.File, BackupState.Unverified), (Assert.Single(await bench.BackupsAsync()).File, Assert.Single(await bench.BackupsAsync()).State));
    }

    [Fact]
    public async Task What_passed_before_and_is_byte_for_byte_the_same_cannot_have_become_corrupt()
    {
        var backup = await BackupAsync();
        var before = Contents();
        source.Finding = "page 7 is mad";

        var refused = await Assert.ThrowsAsync<BackupException>(() => VerifyAsync(backup));

        Assert.Equal(FailureKind.Io, refused.Kind);
        Assert.Contains("has passed this check before", refused.Message, StringComparison.Ordinal);
        Assert.Contains("set scratch to another disk", refused.Hint, StringComparison.Ordinal);
        Assert.Equal(before, Contents());
        Assert.DoesNotContain(("itsm", "integrity", "failure"), bench.Journal.Read().Verifications.Keys);
        source.Finding = null;
        Assert.Equal(BackupState.Good, (await VerifyAsync(Assert.Single(await bench.BackupsAsync()))).State);
    }

    [Fact]
    public async Task A_first_reading_may_conclude_that_the_source_was_captured_damaged()
    {
        var backup = await UnverifiedAsync();
        source.Finding = "page 7 is mad";

        var verified = await VerifyAsync(backup);

        Assert.Equal((BackupState.Quarantined, true), (verified.State, verified.ShowsCorruptSource));
    }

    [Fact]
    public async Task Damage_that_only_one_of_two_readings_saw_before_the_check_erred_is_not_recorded()
    {
        var backup = await BackupAsync();
        var (file, whole) = (Path.Combine(bench.StorePath, backup.File), await File.ReadAllBytesAsync(Path.Combine(bench.StorePath, backup.File)));
        source.Finding = "page 7 is mad";
        source.Checking = async token => await File.WriteAllBytesAsync(file, whole, token); // for the second reading
        await File.WriteAllBytesAsync(file, await Some.ArtifactAsync(Some.Noise(999)));

        Assert.Equal(FailureKind.Io, (await Assert.ThrowsAsync<BackupException>(() => VerifyAsync(backup))).Kind);

        Assert.Equal(BackupState.Good, Assert.Single(await bench.BackupsAsync()).State);
    }

    [Theory]
    [InlineData(".manifest.json", FailureKind.Io)]
    [InlineData(".verification.json", FailureKind.Io)]
    [InlineData(".manifest.json", FailureKind.Permission)]
    [InlineData(".verification.json", FailureKind.Permission)]
    public async Task A_companion_that_cannot_be_read_makes_a_backup_neither_corrupt_nor_good(string suffix, object kind)
    {
        await BackupAsync();
        clock.Advance(TimeSpan.FromDays(400));
        await BackupAsync(); // a newer good one, so that retention may remove the other
        var (good, before) = ((await bench.BackupsAsync())[0], Contents());
        var isBad = true;
        using var store = new FaultyStore(bench.Store, failing: 0, FaultTime.Before, staysDead: false);
        Exception? Failing(string path) => isBad && path.EndsWith(suffix, StringComparison.Ordinal)
            ? (FailureKind)kind == FailureKind.Io ? new IOException("Input/output error") : new UnauthorizedAccessException() : null;
        store.Reading = Failing;
        var unread = bench.Source with { Catalog = CatalogUse.CatalogOf(store, directory: "") };

        var listed = await unread.Catalog.AllAsync();

        Assert.Equal(2, listed.Count);
        Assert.Null(listed.NewestGood(clock.GetUtcNow()));
        Assert.All(RetentionPolicy.Decide(listed, unread.Retention, clock.GetUtcNow(), TimeZoneInfo.Utc), decision => Assert.True(decision.Keep));
        foreach (var backup in listed)
        {
            Assert.Equal(BackupState.Unverified, backup.State);
            Assert.Contains(backup.File + suffix, backup.Unreadable!.Message, StringComparison.Ordinal);
            var refused = await Assert.ThrowsAsync<BackupException>(() => bench.Verifications.VerifyAsync(unread, backup, TimeSpan.Zero, progress: null, CancellationToken.None));
            Assert.Equal(kind, refused.Kind);
            Assert.Equal(kind, (await Assert.ThrowsAsync<BackupException>(() => bench.Verifier.VerifyAsync(source, unread.Catalog, backup, null, CancellationToken.None))).Kind);
        }

        Assert.Empty(store.Log);
        Assert.DoesNotContain(bench.Journal.Read().Verifications.Keys, key => key.Item3 == "failure");
        isBad = false;
        Assert.Equal([good.Id], (await unread.Catalog.AllAsync()).Take(1).Select(backup => backup.Id));
        Assert.All(await unread.Catalog.AllAsync(), backup => Assert.Equal((BackupState.Good, null), (backup.State, backup.Unreadable)));
        Assert.Equal(before, Contents());
    }

    [Fact]
    public async Task A_checksum_file_that_cannot_be_read_is_told_as_such_and_nothing_changes()
    {
        var backup = await BackupAsync();
        using var store = new FaultyStore(bench.Store, failing: 0, FaultTime.Before, staysDead: false)
        {
            Reading = path => path.EndsWith(".sha256", StringComparison.Ordinal) ? new IOException("Input/output error") : null,
        };

        var refused = await Assert.ThrowsAsync<BackupException>(() => bench.Verifications.VerifyAsync(
            bench.Source with { Catalog = CatalogUse.CatalogOf(store, directory: "") }, backup, TimeSpan.Zero, progress: null, CancellationToken.None));

        Assert.Equal(FailureKind.Io, refused.Kind);
        Assert.Contains(backup.File + ".sha256", refused.Message, StringComparison.Ordinal);
        Assert.Equal(FailureKind.Io, bench.Journal.Last("itsm", OperationKind.Verification)!.Failure!.Kind);
        Assert.Empty(store.Log);
    }

    [Fact]
    public async Task A_wrong_checksum_file_alone_does_not_set_a_good_artifact_aside()
    {
        var text = $"{new string('0', 64)}  daily_20260214_020000.db.gz\n";
        var backup = await BackupAsync();
        var checksum = Path.Combine(bench.StorePath, backup.File + ".sha256");
        await File.WriteAllTextAsync(checksum, text);

        var verified = await VerifyAsync(backup);

        Assert.Equal((backup.File, BackupState.Corrupt), (verified.File, verified.State));
        Assert.True(File.Exists(Path.Combine(bench.StorePath, backup.File)));
        var refusal = bench.Journal.Last("itsm", OperationKind.Quarantine)!.Failure!;
        Assert.Contains("holds exactly what was captured", refusal.Message, StringComparison.Ordinal);
        var command = refusal.Hint[refusal.Hint.IndexOf("cd ", StringComparison.Ordinal)..refusal.Hint.IndexOf(", and", StringComparison.Ordinal)];
        await Shell.BashAsync(command); // what the message says to do
        Assert.Equal(BackupState.Good, (await VerifyAsync(Assert.Single(await bench.BackupsAsync()))).State);
    }

    [Theory]
    [InlineData("", "it is empty")]
    [InlineData("0000  daily_20260214_020000.db.gz\n", "it holds no SHA-256 of daily_20260214_020000.db.gz")]
    [InlineData("<html>404 Not Found</html>", "it holds no SHA-256 of daily_20260214_020000.db.gz")]
    public async Task A_checksum_file_that_tells_nothing_is_told_and_the_artifact_judged_without_it(string text, string reason)
    {
        var backup = await BackupAsync();
        await File.WriteAllTextAsync(Path.Combine(bench.StorePath, backup.File + ".sha256"), text);

        var verified = await VerifyAsync(backup);

        Assert.Equal((backup.File, BackupState.Good), (verified.File, verified.State));
        var trouble = Assert.Single(verified.Troubles);
        Assert.Equal((backup.File + ".sha256", reason), (trouble.File, trouble.Reason));
        await Shell.BashAsync(trouble.Remedy[trouble.Remedy.IndexOf("cd ", StringComparison.Ordinal)..]); // what the message says to do
        Assert.Empty((await VerifyAsync(Assert.Single(await bench.BackupsAsync()))).Troubles);

        Flip(backup);
        Assert.Equal(BackupState.Quarantined, (await VerifyAsync(Assert.Single(await bench.BackupsAsync()))).State);
    }

    [SkippableFact]
    public async Task A_checksum_file_as_sha256sum_tags_it_is_understood()
    {
        Need.Tool("sha256sum");
        var backup = await BackupAsync();
        await Shell.BashAsync($"cd '{bench.StorePath}' && sha256sum --tag {backup.File} > {backup.File}.sha256 && sha256sum -c --quiet {backup.File}.sha256");
        Assert.Equal(BackupState.Good, (await VerifyAsync(backup)).State);
        Flip(backup);
        Assert.Equal(BackupState.Quarantined, (await VerifyAsync(backup)).State);
    }

    [Fact]
    public async Task One_that_somebody_replaces_after_the_last_reading_is_left_where_it_is()
    {
        var backup = await BackupAsync();
        var file = Path.Combine(bench.StorePath, backup.File);
        var whole = await File.ReadAllBytesAsync(file);
        await File.WriteAllBytesAsync(file, await Some.ArtifactAsync(Some.Noise(999)));
        source.Checked = 0;
        source.Checking = token => source.Checked == 2 ? File.WriteAllBytesAsync(file, whole, token) : Task.CompletedTask;

        await VerifyAsync(Assert.Single(await bench.BackupsAsync()));

        Assert.Equal(2, source.Checked);
        Assert.Equal(whole, await File.ReadAllBytesAsync(file));
    }

    [Fact]
    public async Task A_damaged_manifest_alone_does_not_set_a_sound_artifact_aside_and_the_message_says_how_to_restore_it()
    {
        var backup = await BackupAsync();
        await File.WriteAllTextAsync(Path.Combine(bench.StorePath, backup.File + ".manifest.json"), "{");

        var verified = await VerifyAsync(Assert.Single(await bench.BackupsAsync()));

        Assert.Equal((backup.File, BackupState.Corrupt), (verified.File, verified.State));
        var refusal = bench.Journal.Last("itsm", OperationKind.Quarantine)!.Failure!;
        Assert.Contains("only its manifest is damaged", refusal.Message, StringComparison.Ordinal);
        await Shell.BashAsync(refusal.Hint[refusal.Hint.IndexOf("mv ", StringComparison.Ordinal)..refusal.Hint.IndexOf(", and verify", StringComparison.Ordinal)]);
        Assert.Equal(BackupState.Good, (await VerifyAsync(Assert.Single(await bench.BackupsAsync()))).State);
        Assert.True(Assert.Single(await bench.BackupsAsync()).Manifest.Adopted);
    }

    [Fact]
    public async Task A_damaged_manifest_goes_with_its_artifact_when_nothing_else_vouches_for_that()
    {
        var backup = await BackupAsync();
        File.Delete(Path.Combine(bench.StorePath, backup.File + ".sha256"));
        await File.WriteAllTextAsync(Path.Combine(bench.StorePath, backup.File + ".manifest.json"), "{");

        Assert.Equal(BackupState.Quarantined, (await VerifyAsync(Assert.Single(await bench.BackupsAsync()))).State);

        Assert.Equal("{", await File.ReadAllTextAsync(Path.Combine(bench.StorePath, backup.File + ".bad.manifest.json")));
        Assert.Equal(BackupState.Quarantined, Assert.Single(await bench.BackupsAsync()).State);
    }

    [Fact]
    public async Task A_name_that_is_taken_is_not_overwritten_and_is_told_with_the_next_step()
    {
        var backup = await BackupAsync();
        Flip(backup);
        var taken = Path.Combine(bench.StorePath, backup.File + ".bad");
        await File.WriteAllTextAsync(taken, "an older one");

        Assert.Equal(BackupState.Corrupt, (await VerifyAsync(backup)).State);

        Assert.Equal("an older one", await File.ReadAllTextAsync(taken));
        var refusal = bench.Journal.Last("itsm", OperationKind.Quarantine)!.Failure!;
        Assert.Contains($"'{taken}' exists already", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("move the older one out", refusal.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_backup_never_takes_the_name_of_one_that_was_set_aside()
    {
        var backup = await BackupAsync();
        Flip(backup);
        await VerifyAsync(backup);

        Assert.Equal("daily_20260214_020000-1.db.gz", (await BackupAsync()).File); // the clock stands still
    }

    [Fact]
    public async Task Removing_one_that_was_set_aside_removes_all_its_files()
    {
        var backup = await BackupAsync();
        Flip(backup);
        await VerifyAsync(backup);
        await bench.Source.Catalog.RemoveAsync(Assert.Single(await bench.BackupsAsync()), CancellationToken.None);
        Assert.Empty(TempDirectory.FilesIn(bench.StorePath));
    }

    [Fact]
    public async Task A_hand_made_file_is_left_to_whoever_may_still_be_writing_it()
    {
        var file = await HandMadeAsync(Quarantine.HandMadeSettles - TimeSpan.FromSeconds(1));
        Assert.Equal(BackupState.Corrupt, (await VerifyAsync(Assert.Single(await bench.BackupsAsync()))).State);
        Assert.True(File.Exists(file));

        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(BackupState.Quarantined, (await VerifyAsync(Assert.Single(await bench.BackupsAsync()))).State);
        Assert.Equal(
            ["manual_20260213_120000.db.gz.bad", "manual_20260213_120000.db.gz.bad.sha256", "manual_20260213_120000.db.gz.bad.verification.json"],
            TempDirectory.FilesIn(bench.StorePath));
        var listed = Assert.Single(await bench.BackupsAsync());
        Assert.Equal(("manual", BackupState.Quarantined), (listed.Schedule, listed.State));
        Assert.False(listed.Verification!.Passed);
    }

    [Theory]
    [InlineData(".bad", "", "", nameof(BackupState.Quarantined), "")] // set aside by hand
    [InlineData(".bad", "", "flip", nameof(BackupState.Quarantined), "its SHA-256 is")]
    [InlineData(".bad", "", "wrong hash", nameof(BackupState.Quarantined), "its .sha256 file says 0000")]
    [InlineData("", ".bad", "", nameof(BackupState.Good), "")] // taken back
    [InlineData("", ".bad", "flip", nameof(BackupState.Corrupt), "its SHA-256 is")]
    public async Task One_that_was_renamed_alone_is_read_back_on_a_store_that_takes_no_change(string artifact, string companions, string damage, string state, string finding)
    {
        var file = Path.Combine(bench.StorePath, (await BackupAsync()).File);
        if (artifact.Length > 0)
            File.Move(file, file + artifact);
        foreach (var suffix in companions.Length > 0 ? [".manifest.json", ".sha256", ".verification.json"] : (string[])[])
            File.Move(file + suffix, file + companions + suffix);
        if (damage == "flip")
            Damage.FlipBit(file + artifact);
        if (damage == "wrong hash")
            await File.WriteAllTextAsync(file + companions + ".sha256", new string('0', 64));
        var before = Contents();
        using var frozen = new FaultyStore(bench.Store, failing: 1, FaultTime.Before, staysDead: true);
        using var agent = new Workbench(clock, Path.Combine(bench.Root, "frozen"), frozen, source);
        var scattered = Assert.Single(await agent.BackupsAsync());
        Assert.True(scattered.IsScattered);

        var verified = await agent.Verifications.VerifyAsync(agent.Source, scattered, TimeSpan.Zero, progress: null, CancellationToken.None);

        Assert.Equal(state, verified.State.ToString());
        Assert.Contains(finding, verified.Verification!.FirstFailure ?? "", StringComparison.Ordinal);
        Assert.Equal(finding.Length == 0, verified.Verification.Passed);
        Assert.Equal(before, Contents());
    }

    [Fact]
    public async Task The_reason_names_no_file_that_is_renamed_with_it()
    {
        var backup = await BackupAsync();
        await File.WriteAllTextAsync(Path.Combine(bench.StorePath, backup.File + ".sha256"), new string('0', 64));
        Flip(backup);

        var verified = await VerifyAsync(backup);

        Assert.Equal(BackupState.Quarantined, verified.State);
        Assert.Contains("its .sha256 file says 0000", verified.Verification!.FirstFailure, StringComparison.Ordinal);
        Assert.DoesNotContain(backup.File, verified.Verification.FirstFailure, StringComparison.Ordinal);
    }

    private async Task<Backup> BackupAsync()
    {
        var run = await bench.RunAsync();
        Assert.True(run.Result == RunResult.Success, run.Failure?.Message);
        return run.Outcome!.Backup;
    }

    private async Task<Backup> UnverifiedAsync()
    {
        File.Delete(Path.Combine(bench.StorePath, (await BackupAsync()).File + ".verification.json"));
        return Assert.Single(await bench.BackupsAsync());
    }

    private Task<Backup> VerifyAsync(Backup backup) => bench.Verifications.VerifyAsync(bench.Source, backup, TimeSpan.Zero, progress: null, CancellationToken.None);

    private void Flip(Backup backup) => Damage.FlipBit(Path.Combine(bench.StorePath, backup.File));

    private Dictionary<string, byte[]> Contents() =>
        TempDirectory.FilesIn(bench.StorePath).ToDictionary(file => file, file => File.ReadAllBytes(Path.Combine(bench.StorePath, file)), StringComparer.Ordinal);

    private async Task<string> HandMadeAsync(TimeSpan age)
    {
        var file = Path.Combine(bench.StorePath, "manual_20260213_120000.db.gz");
        await File.WriteAllTextAsync(file, "no gzip at all");
        await File.WriteAllTextAsync(file + ".sha256", "0000  manual_20260213_120000.db.gz");
        File.SetLastWriteTimeUtc(file, (clock.GetUtcNow() - age).UtcDateTime);
        return file;
    }
}
