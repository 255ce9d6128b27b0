using System.Diagnostics;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Restore;

/// <summary>A forced restore over a live database whose process is killed (SIGKILL).</summary>
public sealed class KilledRestoreTests
{
    private const int Killed = 128 + 9;

    public static TheoryData<string, string, int> EveryStep()
    {
        var steps = new TheoryData<string, string, int>();
        foreach (var journalMode in (string[])["wal", "delete"])
        {
            foreach (var stage in Enum.GetNames<RestoreStage>())
                steps.Add(journalMode, stage, 1);
            steps.Add(journalMode, nameof(RestoreStage.Look), 2);
        }

        return steps;
    }

    /// <summary>With rows that are only in the WAL, or with a hot journal that has to be rolled back.</summary>
    [SkippableTheory]
    [MemberData(nameof(EveryStep))]
    public async Task Killed_when_a_step_begins_it_leaves_the_old_database_or_the_new_one_whole(string journalMode, string stage, int occurrence)
    {
        using var temp = new TempDirectory();
        var (old, restored) = await PrepareAsync(temp, journalMode);

        using (var child = Child.Start("restore-until", temp.Path, stage, $"{occurrence}"))
        {
            Assert.Equal(stage, (await child.StandardOutput.ReadToEndAsync()).TrimEnd()); // the kill struck where it was meant to
            await child.WaitForExitAsync();
            Assert.Equal(Killed, child.ExitCode);
        }

        var expected = Enum.Parse<RestoreStage>(stage) > RestoreStage.Replace ? restored : old;
        Assert.Equal(expected, await DumpAsync(temp));
        await RestoreAgainAsync(temp, old, restored);
    }

    /// <summary>In the middle of a step.</summary>
    [SkippableFact]
    public async Task Killed_anywhere_it_leaves_the_old_database_or_the_new_one_whole()
    {
        using var temp = new TempDirectory();
        var random = new Random(20260214);
        var (old, restored) = await PrepareAsync(temp, "wal");
        await SqliteSamples.SqlAsync(temp["app.db"], "CREATE TABLE bulk (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO bulk SELECT randomblob(4000) FROM n");
        old = await DumpAsync(temp);
        var kept = 0;
        for (var i = 0; i < 10; i++)
        {
            using (var child = Child.Start("restore-until", temp.Path, "Never", "1"))
            {
                await Eventually.TrueAsync(() => child.HasExited || Directory.EnumerateFiles(temp.Path, ".app.db.*").Any(), "the restore has begun");
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(120)), TimeProvider.System);
                child.Kill();
                await child.WaitForExitAsync();
            }

            var now = await DumpAsync(temp);
            Assert.True(now == old || now == restored, "neither the old rows nor the restored ones");
            kept += now == old ? 1 : 0;
            if (now == restored)
                await PutBackAsync(temp, old);
        }

        Assert.True(kept > 0, "every kill came too late");
        await RestoreAgainAsync(temp, old, restored);
    }

    private static async Task<(string Old, string Restored)> PrepareAsync(TempDirectory temp, string journalMode)
    {
        string restored;
        var (bench, backedUp) = await RestoreBench.WithBackupAsync(journalMode, root: temp.Path);
        using (bench)
            restored = backedUp;
        var unfinished = journalMode == "wal"
            ? "db.execute('PRAGMA wal_autocheckpoint=0'); db.execute(\"INSERT INTO t (note) VALUES ('only in the wal')\")"
            : "db.execute('PRAGMA cache_size=2'); db.execute('BEGIN'); db.execute(\"UPDATE t SET note = 'half done'\")";
        await using (var writer = await SqliteSamples.HoldAsync(temp["app.db"], unfinished))
            await writer.KillAsync();
        Assert.True(new FileInfo(temp["app.db"] + (journalMode == "wal" ? "-wal" : "-journal")).Length > 0);

        // What an application would see now, asked of a copy: asking merges the files.
        var copy = Directory.CreateDirectory(temp["asked"]).FullName;
        await Shell.BashAsync($"cp '{temp.Path}'/app.db* '{copy}'; sqlite3 '{copy}/app.db' .dump > '{temp["old.sql"]}'");
        return ((await File.ReadAllTextAsync(temp["old.sql"])).TrimEnd('\n'), restored);
    }

    /// <summary>As the application opens it when it starts.</summary>
    private static async Task<string> DumpAsync(TempDirectory temp)
    {
        Assert.Equal("ok", await SqliteSamples.SqlAsync(temp["app.db"], "PRAGMA integrity_check"));
        return await SqliteSamples.DumpAsync(temp["app.db"]);
    }

    private static async Task PutBackAsync(TempDirectory temp, string sql)
    {
        await File.WriteAllTextAsync(temp["old.sql"], sql);
        await Shell.BashAsync($"cd '{temp.Path}'; rm -f app.db*; sqlite3 app.db 'PRAGMA journal_mode=wal'; sqlite3 app.db < old.sql");
    }

    private static async Task RestoreAgainAsync(TempDirectory temp, string old, string restored)
    {
        using var bench = new RestoreBench(root: temp.Path);
        var before = bench.SafetyCopies;

        await bench.RestoreAsync();

        Assert.Equal(restored, await DumpAsync(temp));
        Assert.NotEmpty(bench.SafetyCopies.Except(before, StringComparer.Ordinal)); // not counted: what the kill left unfinished goes
        foreach (var safety in bench.SafetyCopies.Where(file => char.IsAsciiDigit(file[^1])))
            Assert.Contains(await SqliteSamples.DumpAsync(safety), (string[])[old, restored]);
        Assert.DoesNotContain(temp.Files, file => file.StartsWith(".app.db.", StringComparison.Ordinal));
    }
}
