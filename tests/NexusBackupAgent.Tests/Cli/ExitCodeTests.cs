using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>Each failure that an operator may meet ends in one line, the right code, and nothing lost.</summary>
public sealed class ExitCodeTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task An_unknown_option_is_wrong_usage_and_names_the_nearest_one()
    {
        var result = await place.RunAsync("status", "--jsno");

        Assert.Equal(2, result.Code);
        Assert.Contains("did you mean '--json'", Assert.Single(result.Errors), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("error: nexus-backup needs a command — next: nexus-backup --help lists them; nexus-backup demo tries it on a sample database")]
    [InlineData("error: nexus-backup needs a command — next: nexus-backup --help", "--verbose")]
    [InlineData("error: --lang takes en or ja, not 'fr' — next: nexus-backup --help", "--lang", "fr")]
    [InlineData("error: --lang takes en or ja, not 'fr' — next: nexus-backup status --help", "status", "--lang", "fr")]
    [InlineData("error: --lang needs a value: --lang LANG — next: nexus-backup list --help", "list", "--lang")]
    [InlineData("error: --config needs a value: --config FILE — next: nexus-backup list --help", "list", "--config")]
    [InlineData("error: --config is there more than once — next: nexus-backup list --help", "list", "--config", "a", "--config", "b")]
    [InlineData("error: --log-format takes text or json, not 'xml' — next: nexus-backup run --help", "run", "--log-format", "xml")]
    [InlineData("error: --size takes 1 to 10000 MiB, not 'big' — next: nexus-backup demo --help", "demo", "--size", "big")]
    public async Task Wrong_usage_is_told_in_one_line_of_our_own(string line, params string[] arguments)
    {
        var result = await place.RunAsync(arguments);

        Assert.Equal((2, "", line + "\n"), (result.Code, result.Output, result.Error));
    }

    [Fact]
    public async Task An_unknown_option_is_not_taken_for_a_source()
    {
        var result = await place.RunAsync("backup", "--jsno");

        Assert.Equal(2, result.Code);
        Assert.Contains("'--jsno'", Assert.Single(result.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_command_names_the_nearest_one()
    {
        var result = await place.RunAsync("bakup");

        Assert.Equal(2, result.Code);
        Assert.Contains("did you mean 'backup'", Assert.Single(result.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_configuration_names_both_places()
    {
        File.Delete(place.Configuration);

        var result = await place.RunAsync("list");

        Assert.Equal(2, result.Code);
        var error = Assert.Single(result.Errors);
        Assert.Contains(place.Configuration, error, StringComparison.Ordinal);
        Assert.Contains("/etc/nexus-backup/nexus-backup.yml", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("backup")]
    [InlineData("list")]
    [InlineData("verify")]
    [InlineData("drill")]
    [InlineData("prune")]
    [InlineData("status")]
    [InlineData("diagnose")]
    [InlineData("checklist")]
    [InlineData("report")]
    [InlineData("run")]
    public async Task Every_command_tells_all_errors_of_a_bad_configuration(string command)
    {
        await File.AppendAllTextAsync(place.Configuration, "sorces: 1\nlistne: 2\n");

        var result = await place.RunAsync(command);

        Assert.Equal(2, result.Code);
        Assert.Contains("sorces", result.Error, StringComparison.Ordinal);
        Assert.Contains("listne", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_type_that_does_not_exist_is_refused()
    {
        var result = await place.RunAsync("backup", "--type", "half");

        Assert.Equal(2, result.Code);
        Assert.Contains("full, differential, incremental", Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(place.Store));
    }

    [Fact]
    public async Task An_unknown_source_names_the_nearest_one()
    {
        var result = await place.RunAsync("backup", "itms");

        Assert.Equal(6, result.Code);
        Assert.Contains("did you mean 'itsm'", Assert.Single(result.Errors), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("missing", "does not exist")]
    [InlineData("directory", "is a directory")]
    [InlineData("empty", "is empty (0 bytes)")]
    [InlineData("text", "is not an SQLite database")]
    public async Task What_is_no_database_is_never_backed_up(string what, string why)
    {
        File.Delete(place.In("itsm.db"));
        if (what == "directory")
            Directory.CreateDirectory(place.In("itsm.db"));
        else if (what != "missing")
            await File.WriteAllTextAsync(place.In("itsm.db"), what == "empty" ? "" : new string('x', 5000));

        var result = await place.RunAsync("backup");

        Assert.Equal(3, result.Code);
        Assert.Contains(why, Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(place.Store, "*.db.gz*"));
    }

    [Fact]
    public async Task A_lost_database_is_told_with_the_way_to_its_restore_in_one_line()
    {
        File.Delete(place.In("itsm.db"));

        var result = await place.RunAsync("backup");

        Assert.Equal(3, result.Code);
        var error = Assert.Single(result.Errors);
        Assert.Contains("nexus-backup diagnose", error, StringComparison.Ordinal);
        Assert.Contains("nexus-backup restore", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_corrupt_database_is_refused_and_the_older_good_backup_is_kept_and_listed()
    {
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        await using (var file = File.OpenWrite(place.In("itsm.db")))
        {
            file.Position = 20 * 4096;
            file.Write(Enumerable.Repeat((byte)0xA5, 4096).ToArray());
        }

        var result = await place.RunAsync("backup");

        Assert.Equal(3, result.Code);
        Assert.Contains("corrupt", Assert.Single(result.Errors), StringComparison.Ordinal);
        var backups = (await place.RunAsync("list", "--json")).Json.EnumerateArray().ToList();
        Assert.Contains(backups, backup => backup.GetProperty("state").GetString() == "good");
    }

    [Fact]
    public async Task A_source_that_is_being_backed_up_is_busy()
    {
        using var held = RunLock.TryAcquire(place.In("state"), "itsm");

        var result = await place.RunAsync("backup", "itsm", "--json");

        Assert.Equal(7, result.Code);
        Assert.Equal("skipped", result.Json[0].GetProperty("result").GetString());
        Assert.Contains("another run", Assert.Single(result.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_that_is_not_mounted_fails_and_the_reason_is_told()
    {
        Directory.Delete(place.Store);

        Assert.Equal(3, (await place.RunAsync("backup")).Code);
        var listed = await place.RunAsync("list");
        Assert.Equal(3, listed.Code);
        Assert.Contains("mkdir -p", Assert.Single(listed.Errors), StringComparison.Ordinal);
        Assert.False(Directory.Exists(place.Store));
    }

    [Fact]
    public async Task A_flipped_byte_is_found_by_verification()
    {
        await place.RunAsync("backup");
        var bytes = await File.ReadAllBytesAsync(place.Artifact());
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(place.Artifact(), bytes);

        var result = await place.RunAsync("verify", "--json");

        Assert.Equal(4, result.Code);
        Assert.Equal("quarantined", result.Json[0].GetProperty("state").GetString());
        Assert.EndsWith(".db.gz.bad", result.Json[0].GetProperty("file").GetString(), StringComparison.Ordinal);
        Assert.Contains("SHA-256", Assert.Single(result.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verifying_a_named_source_without_backups_finds_nothing()
    {
        Assert.Equal(6, (await place.RunAsync("verify", "itsm")).Code);
        Assert.Equal(6, (await place.RunAsync("verify", "20260214T020000Z-3f9a2c")).Code);
        var all = await place.RunAsync("verify");
        Assert.Equal(0, all.Code);
        Assert.Contains("has no backups", all.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4, "verify", "itsm")]
    [InlineData(4, "verify")]
    [InlineData(5, "drill")]
    [InlineData(5, "restore", "itsm", "--force")]
    public async Task Where_only_a_corrupt_backup_is_left_that_is_told_and_not_that_there_is_none(int expected, params string[] command)
    {
        await place.RunAsync("backup");
        var bytes = await File.ReadAllBytesAsync(place.Artifact());
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(place.Artifact(), bytes);
        Assert.Equal(4, (await place.RunAsync("verify", "--no-replacement")).Code);

        var result = await place.RunAsync(command);

        Assert.Equal(expected, result.Code);
        Assert.NotEmpty(result.Errors);
    }

    [Theory]
    [InlineData("diagnose")]
    [InlineData("checklist")]
    [InlineData("report")]
    public async Task A_pattern_that_finds_nothing_is_never_all_well(string command)
    {
        place.Configure("tenants", "nowhere/*.db");

        var result = await place.RunAsync(command);

        Assert.Equal(6, result.Code);
        Assert.Contains("check-config", Assert.Single(result.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stopped_backup_leaves_nothing()
    {
        using var stopped = new CancellationTokenSource();
        await stopped.CancelAsync();

        var result = await place.RunAsync(stopped.Token, "backup");

        Assert.NotEqual(1, result.Code);
        Assert.Empty(Directory.GetFiles(place.Store));
    }

    [Fact]
    public async Task Only_verbose_prints_a_stack_trace()
    {
        Assert.DoesNotContain("   at ", (await place.RunAsync("backup", "itms")).Error, StringComparison.Ordinal);
        Assert.Contains("   at ", (await place.RunAsync("backup", "itms", "--verbose")).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FailureKind.Unexpected, 1)]
    [InlineData(FailureKind.Configuration, 2)]
    [InlineData(FailureKind.SourceMissing, 3)]
    [InlineData(FailureKind.SourceInvalid, 3)]
    [InlineData(FailureKind.SourceCorrupt, 3)]
    [InlineData(FailureKind.SourceBusy, 3)]
    [InlineData(FailureKind.SourceUnreachable, 3)]
    [InlineData(FailureKind.SourceRefused, 3)]
    [InlineData(FailureKind.Permission, 3)]
    [InlineData(FailureKind.Io, 3)]
    [InlineData(FailureKind.StoreUnavailable, 3)]
    [InlineData(FailureKind.TimedOut, 3)]
    [InlineData(FailureKind.Interrupted, 3)]
    [InlineData(FailureKind.Verification, 4)]
    [InlineData(FailureKind.NotFound, 6)]
    [InlineData(FailureKind.Locked, 7)]
    [InlineData(FailureKind.StoreFull, 8)]
    [InlineData(FailureKind.StateFull, 8)]
    internal void Each_kind_of_failure_has_its_code(FailureKind kind, int code) => Assert.Equal(code, (int)ExitCodes.Of(kind));

    [Fact]
    public void Of_several_failures_the_most_severe_is_told()
    {
        Assert.Equal(ExitCode.Done, ExitCodes.MostSevere([]));
        Assert.Equal(ExitCode.BackupFailed, ExitCodes.MostSevere([ExitCode.Done, ExitCode.Busy, ExitCode.BackupFailed]));
        Assert.Equal(ExitCode.StoreFull, ExitCodes.MostSevere([ExitCode.BackupFailed, ExitCode.StoreFull]));
    }
}
