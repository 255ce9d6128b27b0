using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Catalog;

/// <summary>A store that the first edition wrote (manifests of format version 1) is one that this agent goes on with.</summary>
public sealed class FirstEditionTests : IDisposable
{
    private const string Full = "manual_20261129_190407.db.gz";
    private const string Differential = "manual_20261129_190413.db-wal.gz";
    private const string Incremental = "manual_20261129_190420.db-wal.gz";
    private const string SetAside = "manual_20261129_190432.db.gz.bad";
    private const string Newest = "manual_20261129_190436.db.gz";
    private const string Adopted = "manual_20260214_020000.db.gz";

    private static readonly string[] Files = [Newest, SetAside, Incremental, Differential, Full, Adopted];

    private readonly TempDirectory temp = new();
    private readonly Workbench bench;

    public FirstEditionTests()
    {
        var directory = temp.Sub("store");
        foreach (var file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Catalog", "FirstEdition")))
            File.Copy(file, Path.Combine(directory, Path.GetFileName(file)));
        bench = new Workbench(new RunningClock(new DateTimeOffset(2026, 11, 30, 3, 0, 0, TimeSpan.Zero)), temp.Path);
    }

    public void Dispose()
    {
        bench.Dispose();
        temp.Dispose();
    }

    [Fact]
    public async Task All_of_it_is_listed_as_the_first_edition_knew_it()
    {
        var listed = await bench.BackupsAsync();

        Assert.Equal(Files, listed.Select(backup => backup.File));
        Assert.Equal([1, 1, 1, 1, 1, 1], listed.Select(backup => backup.Manifest.FormatVersion));
        Assert.All(listed, backup => Assert.Equal((ArtifactEncoding.Gzip, 0), (backup.Manifest.Encoding, backup.Manifest.Parts.Count)));
        Assert.Equal(
            [BackupState.Good, BackupState.Quarantined, BackupState.Good, BackupState.Good, BackupState.Good, BackupState.Good], listed.Select(backup => backup.State));
        Assert.Equal([BackupType.Full, BackupType.Full, BackupType.Incremental, BackupType.Differential, BackupType.Full, BackupType.Full], listed.Select(backup => backup.Manifest.Type));
        Assert.Equal([Differential, Full], Named(listed, Incremental).Bases.Select(link => link.File));
        Assert.True(Named(listed, Adopted).Manifest.Adopted);
        Assert.True(Named(listed, Incremental).Drill!.Passed);
        Assert.Empty(await bench.Source.Catalog.FindOrphansAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Its_results_name_the_check_of_the_encoding_in_the_words_of_today()
    {
        var listed = await bench.BackupsAsync();
        Assert.Equal([VerificationCheck.Checksum, VerificationCheck.Encoding, VerificationCheck.Integrity], Named(listed, Full).Verification!.Checks.Select(check => check.Check));
        Assert.False(Named(listed, SetAside).Verification!.Checks.Single(check => check.Check == VerificationCheck.Encoding).Passed);

        var again = await bench.VerifyAsync(Named(listed, Full));

        Assert.Equal(BackupState.Good, again.State);
        var text = await File.ReadAllTextAsync(temp["store/" + Full + ".verification.json"]);
        Assert.Contains("\"encoding\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("\"gzip\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_of_it_verifies_as_before_and_what_was_set_aside_stays_so()
    {
        foreach (var backup in await bench.BackupsAsync())
            Assert.Equal(backup.State, (await bench.VerifyAsync(backup)).State);
        Assert.Equal(Files, (await bench.BackupsAsync()).Select(backup => backup.File));
    }

    [Fact]
    public async Task An_increment_goes_on_from_it()
    {
        await RestoreAsync(Incremental, bench.Database);
        await SqliteSamples.SqlAsync(bench.Database, "INSERT INTO incidents (title) VALUES ('printer mended')");

        var run = await bench.RunAsync(BackupType.Differential, "manual");

        Assert.Null(run.Failure);
        var made = run.Outcome!.Backup;
        Assert.Equal((BackupType.Differential, 2, BackupState.Good), (made.Manifest.Type, made.Manifest.FormatVersion, made.State));
        Assert.Equal([Newest], made.Bases.Select(link => link.File));
    }

    [Theory]
    [InlineData(Full, "2")]
    [InlineData(Differential, "3")]
    [InlineData(Incremental, "4")]
    [InlineData(Adopted, "4")]
    public async Task Each_of_it_can_be_restored(string file, string rows)
    {
        await RestoreAsync(file, temp["restored.db"]);
        Assert.Equal(rows, (await SqliteSamples.SqlAsync(temp["restored.db"], "SELECT count(*) FROM incidents")).Trim());
    }

    [Fact]
    public async Task All_of_it_can_be_pruned_and_nothing_is_left()
    {
        var decisions = (await bench.BackupsAsync()).Select(backup => new RetentionDecision(backup, Keep: false, ["expired"])).ToList();
        await Pruner.ApplyAsync(bench.Source.Catalog, remains: null, default, decisions, CancellationToken.None);
        Assert.Empty(TempDirectory.FilesIn(bench.StorePath));
    }

    [Fact]
    public async Task One_of_it_that_is_damaged_now_is_set_aside_with_all_that_lies_beside_it()
    {
        Damage.FlipBit(temp["store/" + Newest]);
        var examined = await bench.Examiner.ExamineAsync(bench.Source, (await bench.BackupsAsync())[0], progress: null, CancellationToken.None);
        Assert.Equal((Newest + ".bad", BackupState.Quarantined), (examined.File, examined.State));
        Assert.DoesNotContain(TempDirectory.FilesIn(bench.StorePath), file => file.StartsWith(Newest, StringComparison.Ordinal) && !file.StartsWith(Newest + ".bad", StringComparison.Ordinal));
    }

    private async Task RestoreAsync(string file, string to)
    {
        var backup = Named(await bench.BackupsAsync(), file);
        var target = bench.Source.Source.Target(to);
        var (expanded, prepared) = await bench.Verifier.PrepareAsync(bench.Source.Source, bench.Source.Catalog, backup, target, instant: null, progress: null, recordsDamage: false, CancellationToken.None);
        Assert.Equal(BackupState.Good, expanded.State);
        var context = new RestoreContext(Some.Instant, TimeZoneInfo.Utc, _ => { });
        await prepared!.SaveAsync(context, CancellationToken.None);
        prepared.Switch(context);
    }

    private static Backup Named(IEnumerable<Backup> backups, string file) => backups.Single(backup => backup.File == file);
}
