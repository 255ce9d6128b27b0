using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Verification;

/// <summary>Each kind of damage is found, and told from the others.</summary>
public sealed class BackupVerifierTests : IDisposable
{
    private readonly Workbench bench = new(Some.Clock);

    public void Dispose() => bench.Dispose();

    [SkippableFact]
    public async Task An_intact_backup_passes_every_check()
    {
        var verified = await bench.VerifyAsync(await BackupAsync());
        Assert.Equal(BackupState.Good, verified.State);
        Assert.Equal([VerificationCheck.Checksum, VerificationCheck.Encoding, VerificationCheck.Integrity], Passed(verified));
        Assert.Equal(BackupState.Good, Assert.Single(await bench.BackupsAsync()).State);
    }

    [SkippableTheory]
    [InlineData(0.3)]
    [InlineData(0.6)]
    [InlineData(0.99)]
    public async Task A_flipped_bit_fails_checksum_and_gzip(double where)
    {
        var backup = await BackupAsync();
        ChangeArtifact(backup, bytes => bytes[(int)(bytes.Length * where)] ^= 4);
        var verified = await bench.VerifyAsync(backup);
        Assert.Equal(BackupState.Corrupt, verified.State);
        Assert.DoesNotContain(VerificationCheck.Checksum, Passed(verified));
        Assert.Contains("SHA-256", verified.Verification!.FirstFailure, StringComparison.Ordinal);
        Assert.Equal(BackupState.Corrupt, Assert.Single(await bench.BackupsAsync()).State);
    }

    [SkippableFact]
    public async Task A_cut_off_artifact_fails_checksum_and_gzip()
    {
        var backup = await BackupAsync();
        await using (var file = File.OpenWrite(PathOf(backup)))
            file.SetLength(file.Length - 3);
        var verified = await bench.VerifyAsync(backup);
        Assert.Empty(Passed(verified));
        Assert.Equal(BackupState.Corrupt, Assert.Single(await bench.BackupsAsync()).State);
    }

    [SkippableFact]
    public async Task A_wrong_sum_beside_it_fails_the_checksum_alone()
    {
        var backup = await BackupAsync();
        await File.WriteAllTextAsync(PathOf(backup) + ".sha256", $"{new string('0', 64)}  {backup.File}\n");
        var verified = await bench.VerifyAsync(backup);
        Assert.Equal([VerificationCheck.Encoding, VerificationCheck.Integrity], Passed(verified));
        Assert.Contains("its .sha256 file says 0000", verified.Verification!.FirstFailure, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Another_backup_s_artifact_of_the_same_size_fails_the_checksum_alone()
    {
        var backup = await BackupAsync();
        var content = await ContentAsync(backup);
        content[^1] ^= 1; // in the unused end of the last page: still a sound database
        var other = await Some.ArtifactAsync(content);
        await File.WriteAllBytesAsync(PathOf(backup), other);
        var verified = await bench.VerifyAsync(backup with { Manifest = backup.Manifest with { Stored = backup.Manifest.Stored with { Length = other.Length } } });
        Assert.Equal([VerificationCheck.Encoding, VerificationCheck.Integrity], Passed(verified));
    }

    [SkippableFact]
    public async Task Content_other_than_what_was_captured_fails_the_checksum_though_the_stored_bytes_agree()
    {
        var backup = await BackupAsync();
        var lied = backup with { Manifest = backup.Manifest with { Content = backup.Manifest.Content with { Sha256 = new string('0', 64) } } };
        var verified = await bench.VerifyAsync(lied);
        Assert.Equal([VerificationCheck.Encoding, VerificationCheck.Integrity], Passed(verified));
        Assert.Contains("is not what was captured", verified.Verification!.FirstFailure, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_sound_artifact_of_a_corrupt_database_fails_the_integrity_check_alone()
    {
        await SqliteSamples.LedgerAsync(bench.Database, "delete");
        await using (var file = File.OpenWrite(bench.Database))
        {
            file.Position = 4096 * 10;
            file.Write(Some.Noise(4096));
        }

        var run = await bench.RunAsync();

        Assert.Equal((RunResult.Failure, FailureKind.SourceCorrupt), (run.Result, run.Failure!.Kind));
        var backup = Assert.Single(await bench.BackupsAsync());
        Assert.Equal(BackupState.Quarantined, backup.State); // so that no loop over *.db.gz restores it
        Assert.Equal([VerificationCheck.Checksum, VerificationCheck.Encoding], Passed(backup));

        // Night after night the same damage must not fill the store that holds the good backups.
        // The first and the newest stay: how it began, and what holds most.
        BackupId? newest = null;
        for (var night = 0; night < 3; night++)
        {
            Assert.Equal(FailureKind.SourceCorrupt, (await bench.RunAsync()).Failure!.Kind);
            var kept = await bench.BackupsAsync();
            Assert.Equal((2, backup.Id), (kept.Count, kept[1].Id));
            Assert.NotEqual(newest, kept[0].Id);
            newest = kept[0].Id;
            Assert.Equal(8, TempDirectory.FilesIn(bench.StorePath).Count(file => file.Contains(".db.gz.bad", StringComparison.Ordinal)));
            Assert.Equal(8, TempDirectory.FilesIn(bench.StorePath).Count);
        }
    }

    [SkippableTheory]
    [InlineData("none")]
    [InlineData("relative")]
    [InlineData("absolute")]
    [InlineData("still at work")]
    public async Task A_hand_made_backup_is_adopted_once_it_passed(string sum)
    {
        await SqliteSamples.LedgerAsync(bench.Database, "delete");
        // The runbook's method 3, §5.
        var make = $"cd '{bench.StorePath}'; cp ../app.db manual_20260214_020000.db; gzip manual_20260214_020000.db; ";
        make += sum switch
        {
            "relative" => "sha256sum manual_20260214_020000.db.gz > manual_20260214_020000.db.gz.sha256",
            "still at work" => ": > manual_20260214_020000.db.gz.sha256",
            "absolute" => "sha256sum \"$PWD/manual_20260214_020000.db.gz\" > manual_20260214_020000.db.gz.sha256",
            _ => "",
        };
        await Shell.BashAsync(make);

        var verified = await bench.VerifyAsync(Assert.Single(await bench.BackupsAsync()));

        Assert.Equal(BackupState.Good, verified.State);
        var listed = Assert.Single(await bench.BackupsAsync());
        Assert.Equal((verified.Id, BackupState.Good, "manual", true), (listed.Id, listed.State, listed.Schedule, listed.Manifest.IsCommitted));
        await Shell.BashAsync($"cd '{bench.StorePath}'; sha256sum -c --quiet manual_20260214_020000.db.gz.sha256");
    }

    [SkippableTheory]
    [InlineData(": | gzip > m.db.gz")] // nothing at all
    [InlineData("echo not a database | gzip > m.db.gz")]
    [InlineData("gzip -c ../app.db | head -c 2000 > m.db.gz")]
    [InlineData("head -c 8192 ../app.db | gzip > m.db.gz")]
    [InlineData("(gzip -c ../app.db; echo garbage) > m.db.gz")]
    [InlineData("cp ../app.db m.db.gz")]
    [InlineData("gzip -c ../app.db > m.db.gz; printf %064d 0 > m.db.gz.sha256")]
    public async Task A_bad_hand_made_backup_is_corrupt_and_stays_as_it_is(string make)
    {
        await SqliteSamples.LedgerAsync(bench.Database, "delete");
        await Shell.BashAsync($"cd '{bench.StorePath}'; " + make.Replace("head -c 2000", "python3 -c 'import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[:2000])'", StringComparison.Ordinal));
        var verified = await bench.VerifyAsync(Assert.Single(await bench.BackupsAsync()));
        Assert.Equal(BackupState.Corrupt, verified.State);
        Assert.Equal(BackupState.Corrupt, Assert.Single(await bench.BackupsAsync()).State);
        Assert.False(File.Exists(Path.Combine(bench.StorePath, "m.db.gz.manifest.json")));
    }

    [SkippableFact]
    public async Task A_backup_that_is_gone_is_no_damage_and_nothing_is_recorded()
    {
        var backup = await BackupAsync();
        File.Delete(PathOf(backup));
        var gone = await Assert.ThrowsAsync<BackupException>(() => bench.VerifyAsync(backup));
        Assert.Equal(FailureKind.NotFound, gone.Kind);
        Assert.False(File.Exists(PathOf(backup) + ".verification.json"));
    }

    [SkippableFact]
    public async Task A_backup_that_cannot_fit_into_the_scratch_space_is_refused_before_anything_is_written()
    {
        var backup = await BackupAsync();
        await using var small = await SmallFileSystem.MountAsync("size=100k");
        using var scratch = new ScratchDirectory(small.Path);
        var verifier = new NexusBackupAgent.Verification.BackupVerifier(scratch, Some.Clock);
        var full = await Assert.ThrowsAsync<BackupException>(() => verifier.VerifyAsync(bench.Source.Source, bench.Source.Catalog, backup, null, CancellationToken.None));
        Assert.Equal(FailureKind.StoreFull, full.Kind);
        Assert.Contains($"needs {backup.Manifest.Content.Length}", full.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(small.Path));
    }

    [SkippableFact]
    public async Task A_scratch_space_that_is_full_is_no_damage_and_nothing_is_recorded()
    {
        var backup = await BackupAsync();
        await using var small = await SmallFileSystem.MountAsync("size=100k");
        File.Delete(PathOf(backup) + ".manifest.json"); // with it, the lack of room is known before
        backup = Assert.Single(await bench.BackupsAsync());
        using var scratch = new ScratchDirectory(small.Path);
        var verifier = new NexusBackupAgent.Verification.BackupVerifier(scratch, Some.Clock);
        var full = await Assert.ThrowsAsync<BackupException>(() => verifier.VerifyAsync(bench.Source.Source, bench.Source.Catalog, backup, null, CancellationToken.None));
        Assert.Equal(FailureKind.StoreFull, full.Kind);
        Assert.Empty(Directory.EnumerateFiles(small.Path, "*.scratch*", SearchOption.AllDirectories));
        Assert.False(File.Exists(PathOf(backup) + ".verification.json"));
    }

    private static IEnumerable<VerificationCheck> Passed(Backup backup) => backup.Verification!.Checks.Where(check => check.Passed).Select(check => check.Check);

    private async Task<Backup> BackupAsync()
    {
        await SqliteSamples.LedgerAsync(bench.Database, "wal");
        var run = await bench.RunAsync();
        Assert.True(run.Result == RunResult.Success, run.Failure?.Message);
        File.Delete(PathOf(run.Outcome!.Backup) + ".verification.json");
        return Assert.Single(await bench.BackupsAsync());
    }

    private string PathOf(Backup backup) => Path.Combine(bench.StorePath, backup.File);

    private async Task<byte[]> ContentAsync(Backup backup)
    {
        using var content = new MemoryStream();
        await using var stored = File.OpenRead(PathOf(backup));
        await NexusBackupAgent.Artifacts.ArtifactReader.ReadAsync(stored, content, null, CancellationToken.None);
        return content.ToArray();
    }

    private void ChangeArtifact(Backup backup, Action<byte[]> change)
    {
        var bytes = File.ReadAllBytes(PathOf(backup));
        change(bytes);
        File.WriteAllBytes(PathOf(backup), bytes);
    }
}
