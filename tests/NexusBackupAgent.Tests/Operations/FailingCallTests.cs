using System.Globalization;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>
/// One system call fails, at each of the calls that a command makes on its files: it ends in one true line with its exit
/// code, the database is the old one or the restored one, and no half backup counts.
/// </summary>
public sealed class FailingCallTests
{
    private static readonly string[] Errors = ["EIO", "ENOSPC", "EMFILE", "EACCES", "EROFS", "EDQUOT"];

    /// <summary>Documented; 1 is a defect.</summary>
    private static readonly int[] Codes = [0, 2, 3, 4, 5, 7, 8];

    /// <summary>Of those that make or change what must not be lost.</summary>
    private static readonly string[] Written = ["pwrite64", "fsync", "ftruncate", "renameat", "renameat2", "fchmod", "fchown"];

    /// <summary>Commands, each with the errors that its calls fail with in turn; or with each error at every call.</summary>
    public static TheoryData<string, string> Sweeps()
    {
        var sweeps = new TheoryData<string, string>();
        foreach (var command in (string[])["backup", "restore itsm --force", "verify itsm --all --no-replacement", "prune"])
        {
            foreach (var errors in TestScope.IsWhole ? Errors : [string.Join(' ', Errors)])
                sweeps.Add(command, errors);
        }

        return sweeps;
    }

    [SkippableTheory]
    [MemberData(nameof(Sweeps))]
    public async Task A_call_that_fails_ends_in_one_true_line(string command, string inTurn)
    {
        var errors = inTurn.Split(' ');
        using var prepared = new TempDirectory();
        await PrepareAsync(prepared);
        var words = command.Split(' ');
        var whole = (await TryAsync(prepared, "EIO", call: 0, words)).Calls.Count;
        Assert.True(whole > 40, $"only {whole} calls");

        var step = TestScope.IsWhole ? 1 : Math.Max(whole / 7, 1);
        for (var call = 1; call <= whole; call += step)
            await RequireTruthAsync(prepared, errors[call / step % errors.Length], call, words);
    }

    /// <summary>The calls that the promise of a restore rests on, each of them.</summary>
    [SkippableTheory]
    [InlineData("EIO")]
    [InlineData("ENOSPC")]
    public async Task A_restore_that_could_not_make_write_or_flush_a_file_never_says_that_it_is_done(string error)
    {
        using var prepared = new TempDirectory();
        await PrepareAsync(prepared);
        string[] words = ["restore", "itsm", "--force"];
        var calls = (await TryAsync(prepared, error, call: 0, words)).Calls;
        var asked = Enumerable.Range(1, calls.Count).Where(call => Array.Exists(Written, name => calls[call - 1].StartsWith(name + " ", StringComparison.Ordinal)) && calls[call - 1].Contains("itsm.db", StringComparison.Ordinal) && !calls[call - 1].Contains("backups/", StringComparison.Ordinal)).ToList();
        Assert.InRange(asked.Count, 6, 60);

        foreach (var call in TestScope.IsWhole ? asked : asked.Where((_, index) => index % 4 == (error == "EIO" ? 0 : 2)))
        {
            var (code, said) = await RequireTruthAsync(prepared, error, call, words);
            Assert.True(code is 5 or 8, $"{calls[call - 1]} fails with {error}, and the restore ends with {code}: {said}");
        }
    }

    /// <summary>SQLite takes a signal that comes while it waits for the disk for a failure of that disk.</summary>
    [SkippableFact]
    public async Task A_signal_while_the_journal_is_flushed_is_no_failure()
    {
        using var prepared = new TempDirectory();
        await PrepareAsync(prepared);
        string[] words = ["backup"];
        var calls = (await TryAsync(prepared, "EINTR", call: 0, words)).Calls;
        var flushes = Enumerable.Range(1, calls.Count).Where(call => IsFlush(calls[call - 1])).ToList();
        Assert.InRange(flushes.Count, 2, 20);

        foreach (var call in TestScope.IsWhole ? flushes : [flushes[0], flushes[^1]])
        {
            var (output, made, directory) = await TryAsync(prepared, "EINTR", call, words);
            using (directory)
            {
                Assert.True(IsFlush(made[call - 1]), made[call - 1]);
                Assert.True(output.EndsWith("exit code 0", StringComparison.Ordinal) && !output.Contains("error", StringComparison.Ordinal), output);
                Assert.Equal("2", await SqliteSamples.SqlAsync(directory["state/journal.db"], "SELECT count(*) FROM operations WHERE kind = 'backup' AND result = 'success'"));
            }
        }

        static bool IsFlush(string call) => call.Contains("sync state/journal.db", StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Said)> RequireTruthAsync(TempDirectory prepared, string error, int call, string[] words)
    {
        var (output, calls, directory) = await TryAsync(prepared, error, call, words);
        using (directory)
        {
            var at = $"{calls[Math.Min(call, calls.Count) - 1]} fails with {error}: {output}";
            var lines = output.Split('\n');
            var code = int.Parse(lines[^1]["exit code ".Length..], CultureInfo.InvariantCulture);
            var errors = lines.Where(line => line.StartsWith("error: ", StringComparison.Ordinal)).ToList();

            Assert.True(Codes.Contains(code), at);
            Assert.DoesNotContain("Exception", output, StringComparison.Ordinal);
            Assert.DoesNotContain("value cannot be", output, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
            Assert.True(code == 0 || errors.Count > 0, at);
            Assert.All(errors, line => Assert.True(line.Contains(" — next: ", StringComparison.Ordinal) || line.Contains("; ", StringComparison.Ordinal), at));
            Assert.Equal("ok", await SqliteSamples.SqlAsync(directory["itsm.db"], "PRAGMA integrity_check"));
            Assert.Contains(await SqliteSamples.SqlAsync(directory["itsm.db"], "SELECT count(*) FROM t"), (string[])["500", "501"]);
            // What has a manifest is a backup, and whole.
            Assert.Equal("", await Shell.BashAsync($"cd '{directory["backups"]}'; for m in *.manifest.json; do a=${{m%.manifest.json}}; gunzip -t $a 2>&1 && sha256sum --status -c $a.sha256 || echo $a; done"));
            return (code, output);
        }
    }

    private static async Task PrepareAsync(TempDirectory prepared)
    {
        prepared.Sub("backups");
        await File.WriteAllTextAsync(prepared["nexus-backup.yml"], "timeZone: UTC\nstores: {local: {path: backups}}\nsources: {itsm: {sqlite: itsm.db, directory: ., busyTimeout: 0s, retry: {attempts: 1}, schedules: {daily: {cron: 0 2 * * *, retention: 7d}}}}\n");
        await SqliteSamples.SqlAsync(prepared["itsm.db"], "PRAGMA journal_mode = delete; CREATE TABLE t (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO t SELECT hex(randomblob(20)) FROM n");
        Assert.EndsWith("exit code 0", await Child.RunAsync("command", "2026-02-14T02:00:00Z", prepared.Path, "backup"), StringComparison.Ordinal);
        await SqliteSamples.SqlAsync(prepared["itsm.db"], "INSERT INTO t VALUES ('written later')");
    }

    private static async Task<(string Output, IReadOnlyList<string> Calls, TempDirectory Directory)> TryAsync(TempDirectory prepared, string error, int call, string[] words)
    {
        var copy = new TempDirectory();
        await Shell.RunAsync("cp", "-a", prepared.Path + "/.", copy.Path);
        var (output, calls) = await Child.RunFailingAsync(error, call, copy.Path, ["command-with-errors", "2026-02-15T02:00:00Z", copy.Path, .. words]);
        if (call == 0)
            copy.Dispose();
        return (output, calls, copy);
    }
}
