using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Restore;

/// <summary>A forced restore over a live database whose process is killed (SIGKILL).</summary>
public sealed class KilledRestoreTests(KilledRestoreTests.OldStates states) : IClassFixture<KilledRestoreTests.OldStates>
{
    private const int Killed = 128 + 9;

    public static TheoryData<string, string> EveryStep()
    {
        var steps = new TheoryData<string, string>();
        // Of "wal" the sweep below sees more.
        foreach (var state in TestScope.IsWhole ? ["wal", "delete"] : (string[])["delete"])
        {
            foreach (var stage in Enum.GetNames<RestoreStage>())
                steps.Add(state, stage);
        }

        foreach (var state in (string[])["wal, damaged index", "delete, damaged index", "wal of another database"])
        {
            foreach (var stage in (RestoreStage[])[RestoreStage.Save, RestoreStage.Settle, RestoreStage.MoveAside, RestoreStage.Replace, RestoreStage.Start])
                steps.Add(state, stage.ToString());
        }

        return steps;
    }

    /// <summary>
    /// With rows that are only in the WAL, or with a hot journal that has to be rolled back; also where the two make nothing
    /// sound, and a service that starts finds what it would have found without the restore.
    /// </summary>
    [SkippableTheory]
    [MemberData(nameof(EveryStep))]
    public async Task Killed_when_a_step_begins_it_leaves_the_old_database_or_the_new_one_whole(string oldState, string stage)
    {
        using var temp = new TempDirectory();
        var (old, restored) = await states.CopyAsync(oldState, temp);

        using (var child = Child.Start("restore-until", temp.Path, stage))
        {
            Assert.Equal(stage, (await child.StandardOutput.ReadToEndAsync()).TrimEnd()); // the kill struck where it was meant to
            await child.WaitForExitAsync();
            Assert.Equal(Killed, child.ExitCode);
        }

        var expected = Enum.Parse<RestoreStage>(stage) > RestoreStage.Replace ? restored : old;
        Assert.Equal(expected, await ViewAsync(temp["app.db"]));
        await RestoreAgainAsync(temp.Path, old, restored);
    }

    /// <summary>In the middle of a step too: before its system calls that change a file.</summary>
    [SkippableFact]
    public async Task Killed_anywhere_it_leaves_the_old_database_or_the_new_one_whole()
    {
        using var temp = new TempDirectory();
        var (old, restored) = await states.CopyAsync("wal", temp);
        var kept = 0;

        var calls = await Child.KillEverywhereAsync(temp.Path, ["restore"], async (root, call) =>
        {
            var now = await ViewAsync(Path.Combine(root, "app.db"));
            Assert.True(now == old || now == restored, $"neither the old rows nor the restored ones before {call}");
            kept += now == old ? 1 : 0;
            await RestoreAgainAsync(root, old, restored);
        });

        Assert.InRange(kept, 1, calls.Count - 1);
        Assert.Contains(calls, call => call.StartsWith("rename", StringComparison.Ordinal) && call.EndsWith(".restoring app.db", StringComparison.Ordinal));
    }

    private static async Task<(string Old, string Restored)> PrepareAsync(TempDirectory temp, string state)
    {
        string restored;
        var journalMode = state.StartsWith("wal", StringComparison.Ordinal) ? "wal" : "delete";
        var (bench, backedUp) = await RestoreBench.WithBackupAsync(journalMode, root: temp.Path);
        using (bench)
            restored = backedUp + "\n-- ok";
        if (state.EndsWith("damaged index", StringComparison.Ordinal))
            DamageIndex(temp["app.db"], "written later"u8);
        var unfinished = journalMode == "wal"
            ? "db.execute('PRAGMA wal_autocheckpoint=0'); db.execute(\"INSERT INTO t (note) VALUES ('only in the wal')\"); db.execute(\"UPDATE t SET note = 'changed' WHERE id = 7\")"
            : "db.execute('PRAGMA cache_size=2'); db.execute('BEGIN'); db.execute(\"UPDATE t SET note = 'half done' WHERE id <= 4000\")";
        await using (var writer = await SqliteSamples.HoldAsync(temp["app.db"], unfinished))
            await writer.KillAsync();
        if (state == "wal of another database")
            await Shell.BashAsync($"cd '{temp.Path}'; sqlite3 other.db 'PRAGMA journal_mode=wal; CREATE TABLE other (x); CREATE INDEX by_x ON other (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000) INSERT INTO other SELECT hex(i * i) FROM n'; cat other.db > app.db; rm other.db");
        Assert.True(new FileInfo(temp["app.db"] + (journalMode == "wal" ? "-wal" : "-journal")).Length > 0);

        // What an application would see now, asked of a copy: asking merges the files.
        var copy = Directory.CreateDirectory(temp["asked"]).FullName;
        await Shell.BashAsync($"cp '{temp.Path}'/app.db* '{copy}'");
        var old = await ViewAsync(Path.Combine(copy, "app.db"));
        Assert.Equal(!state.Contains(' ', StringComparison.Ordinal), old.EndsWith("\n-- ok", StringComparison.Ordinal));
        return (old, restored);
    }

    /// <summary>Changes one index entry, so that its row is missing from the index.</summary>
    private static void DamageIndex(string database, ReadOnlySpan<byte> note)
    {
        const int pageSize = 4096;
        const byte indexLeaf = 10;
        var bytes = File.ReadAllBytes(database);
        var changed = 0;
        for (var page = 0; page < bytes.Length; page += pageSize)
        {
            if (bytes[page] == indexLeaf && bytes.AsSpan(page, pageSize).IndexOf(note) is > 0 and var at)
            {
                bytes[page + at + note.Length - 1] ^= 1;
                changed++;
            }
        }

        Assert.Equal(1, changed);
        File.WriteAllBytes(database, bytes);
    }

    /// <summary>What a restore finds, each made once.</summary>
    public sealed class OldStates : IDisposable
    {
        private readonly Dictionary<string, (TempDirectory Place, string Old, string Restored)> made = new(StringComparer.Ordinal);

        /// <returns>What an application would see before the restore, and after it.</returns>
        internal async Task<(string Old, string Restored)> CopyAsync(string state, TempDirectory to)
        {
            if (!made.TryGetValue(state, out var one))
            {
                var place = new TempDirectory();
                var (old, restored) = await PrepareAsync(place, state);
                made[state] = one = (place, old, restored);
            }

            await Shell.RunAsync("cp", "-a", one.Place.Path + "/.", to.Path);
            return (one.Old, one.Restored);
        }

        public void Dispose()
        {
            foreach (var (place, _, _) in made.Values)
                place.Dispose();
        }
    }

    /// <summary>All that an application finds when it starts, and as a comment whether it is sound.</summary>
    private static Task<string> ViewAsync(string database) =>
        Shell.BashAsync($"sqlite3 '{database}' .dump 2>&1 || true; echo -n '-- '; sqlite3 '{database}' 'PRAGMA integrity_check' 2>&1 || true");

    private static async Task RestoreAgainAsync(string root, string old, string restored)
    {
        using var bench = new RestoreBench(root: root);
        var before = bench.SafetyCopies;

        await bench.RestoreAsync();

        Assert.Equal(restored, await ViewAsync(bench.Database));
        Assert.NotEmpty(bench.SafetyCopies.Except(before, StringComparer.Ordinal)); // not counted: what the kill left unfinished goes
        foreach (var safety in bench.SafetyCopies.Where(file => char.IsAsciiDigit(file[^1])))
            Assert.Contains(await ViewAsync(safety), (string[])[old, restored]);
        Assert.DoesNotContain(TempDirectory.FilesIn(root), file => file.StartsWith(".app.db.", StringComparison.Ordinal));
    }
}
