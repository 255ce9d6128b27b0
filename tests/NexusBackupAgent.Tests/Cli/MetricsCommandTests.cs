using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>Metrics where no agent answers: printed, or in a file for node_exporter's textfile collector.</summary>
public sealed class MetricsCommandTests : IDisposable
{
    private const string Failures = "nexus_backup_consecutive_failures{source=\"itsm\"}";
    private const string NewestGood = "nexus_backup_last_success_timestamp_seconds{source=\"itsm\"}";

    private readonly Workplace place = Workplace.WithDatabase();

    private string File => Path.Combine(Directory.CreateDirectory(place.In("textfile")).FullName, "nexus-backup.prom");

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task They_are_computed_from_store_and_journal_and_printed()
    {
        await place.RunAsync("backup");

        var printed = await place.RunAsync("metrics");

        Assert.Equal((0, ""), (printed.Code, printed.Error));
        Assert.Equal(1, Scrape.Series(printed.Output)["nexus_backup_backups{source=\"itsm\",schedule=\"manual\",state=\"good\"}"]);
    }

    [Fact]
    public async Task What_only_an_agent_knows_and_what_is_true_only_now_is_left_out()
    {
        await place.RunAsync("backup");

        var printed = (await place.RunAsync("metrics")).Output;

        Assert.All(
            ["process_", "nexus_backup_start_timestamp_seconds", "_heartbeat_", "nexus_backup_time_seconds", "_next_run_", "_age_seconds"],
            family => Assert.DoesNotContain(family, printed, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_file_has_what_is_printed_without_timestamps_and_everybody_may_read_it()
    {
        await place.RunAsync("backup");
        place.Clock.Set(Workplace.Now.AddHours(1));

        var written = await place.RunAsync("metrics", "--textfile", File);

        Assert.Equal((0, "", ""), (written.Code, written.Output, written.Error));
        var text = await System.IO.File.ReadAllTextAsync(File);
        Assert.Equal(Lasting((await place.RunAsync("metrics")).Output), Lasting(text));
        Assert.All(text.Split('\n').Where(line => line.Length > 0 && line[0] != '#'), line => Assert.Matches("^[a-z_]+({[^}]*})? [^ ]+$", line));
        Assert.Equal((UnixFileMode)0b110_100_100, System.IO.File.GetUnixFileMode(File));
    }

    [Fact]
    public async Task A_reader_finds_the_whole_file_of_before_or_of_now()
    {
        await place.RunAsync("metrics", "--textfile", File);
        using var before = System.IO.File.OpenText(File);
        await place.RunAsync("backup", "--textfile", File);

        Assert.Equal(0, Scrape.Series(await before.ReadToEndAsync())[NewestGood]);
        Assert.True(Scrape.Series(await System.IO.File.ReadAllTextAsync(File))[NewestGood] > 0);
        Assert.Equal([File], Directory.GetFileSystemEntries(Path.GetDirectoryName(File)!));
    }

    [SkippableFact]
    public async Task A_disk_that_is_full_leaves_the_file_of_before()
    {
        await using var disk = await SmallFileSystem.MountAsync("size=64k");
        var file = Path.Combine(disk.Path, "nexus-backup.prom");
        await place.RunAsync("metrics", "--textfile", file);
        var before = await System.IO.File.ReadAllTextAsync(file);
        await Assert.ThrowsAsync<IOException>(() => System.IO.File.WriteAllBytesAsync(Path.Combine(disk.Path, "full"), new byte[1 << 20]));

        var written = await place.RunAsync("backup", "--textfile", file);

        Assert.NotEqual(0, written.Code);
        Assert.Contains($"the metrics can't be written to '{file}'", Assert.Single(written.Errors), StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(place.Store, "manual_*.db.gz"));
        Assert.Equal(before, await System.IO.File.ReadAllTextAsync(file));
        Assert.DoesNotContain(Directory.GetFiles(disk.Path), left => left.EndsWith(".partial", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_backup_that_fails_writes_it_as_well()
    {
        System.IO.File.Delete(place.In("itsm.db"));

        var failed = await place.RunAsync("backup", "--textfile", File);

        Assert.Equal(3, failed.Code);
        Assert.Equal(1, Scrape.Series(await System.IO.File.ReadAllTextAsync(File))[Failures]);
    }

    [Fact]
    public async Task So_does_one_that_is_told_to_stop()
    {
        using var stopped = new CancellationTokenSource();
        await stopped.CancelAsync();

        var result = await place.RunAsync(stopped.Token, "backup", "--textfile", File);

        Assert.Contains("stopped; not backed up: itsm", result.Error, StringComparison.Ordinal);
        Assert.Equal(0, Scrape.Series(await System.IO.File.ReadAllTextAsync(File))[NewestGood]);
    }

    [Fact]
    public async Task A_verification_that_finds_damage_writes_it_at_its_end()
    {
        await place.RunAsync("backup");
        var artifact = place.Artifact();
        var bytes = await System.IO.File.ReadAllBytesAsync(artifact);
        bytes[bytes.Length / 2] ^= 1;
        await System.IO.File.WriteAllBytesAsync(artifact, bytes);

        var verified = await place.RunAsync("verify", "--no-replacement", "--textfile", File);

        Assert.Equal(4, verified.Code);
        Assert.Equal(1, Scrape.Series(await System.IO.File.ReadAllTextAsync(File))["nexus_backup_backups{source=\"itsm\",schedule=\"manual\",state=\"quarantined\"}"]);
    }

    [Theory]
    [InlineData("metrics")]
    [InlineData("backup")]
    [InlineData("verify")]
    public async Task A_name_that_no_collector_reads_is_refused_before_anything_is_done(string command)
    {
        var refused = await place.RunAsync(command, "--textfile", place.In("metrics.txt"));

        Assert.Equal(2, refused.Code);
        Assert.Contains("ends in .prom", refused.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(place.Store));
    }

    [Fact]
    public async Task A_directory_that_is_not_there_fails_after_the_backup_is_made()
    {
        var result = await place.RunAsync("backup", "--textfile", place.In("nowhere/nexus-backup.prom"));

        Assert.Equal(3, result.Code);
        Assert.Contains("next: make its directory", Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.True(System.IO.File.Exists(place.Artifact()));
    }

    /// <summary>Without the room on the disk, which other programs change.</summary>
    private static IEnumerable<string> Lasting(string text) => text.Split('\n').Where(line => !line.StartsWith("nexus_backup_disk_", StringComparison.Ordinal));
}
