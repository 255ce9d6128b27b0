using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Tests.Sources;

/// <summary>What every kind of source does, whatever it protects: a new kind passes this before it is registered.</summary>
public abstract class BackupSourceContract : IDisposable
{
    private readonly TempDirectory temp = new();
    private readonly ManualClock clock = new(Some.Instant);
    private readonly List<string> steps = [];

    private protected BackupSourceContract()
    {
        Scratch = new ScratchDirectory(temp.Sub("scratch"));
        Store = temp.Sub("store");
    }

    /// <summary>Everything of the test lies in it.</summary>
    private protected string Root => temp.Path;

    private protected ScratchDirectory Scratch { get; }

    private protected TimeProvider Clock => clock;

    private string Store { get; }

    /// <summary>The source under test; what it protects may not be there yet.</summary>
    private protected abstract IBackupSource Source { get; }

    private BackupCatalog Catalog => new(new LocalDirectoryStore("local", Store), "", "contract", Source.Kind, new ArtifactFormats(Source.FormatOf), TimeZoneInfo.Utc);

    public void Dispose()
    {
        CleanUp();
        if (Directory.Exists(Scratch.Path))
            Assert.All(Directory.EnumerateFiles(Scratch.Path, "*", SearchOption.AllDirectories), file => Assert.EndsWith(".lock", file, StringComparison.Ordinal)); // whatever happened, nothing stays there
        Scratch.Dispose();
        temp.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Called when a test is over.</summary>
    private protected virtual void CleanUp()
    {
    }

    /// <summary>Has nothing be there, where there is something from the beginning.</summary>
    private protected virtual Task PrepareMissingAsync() => Task.CompletedTask;

    /// <summary>Makes what is protected, in a state of its own for each text.</summary>
    private protected abstract Task MakeAsync(string text);

    /// <summary>Damages the live one so that it can be captured, and only its kind's check finds it.</summary>
    private protected abstract Task RuinAsync();

    /// <summary>Whether there is such damage: any content is right in a file.</summary>
    private protected virtual bool HasDamageOfItsOwn => true;

    /// <summary>Removes the live one.</summary>
    private protected abstract Task LoseAsync();

    /// <summary>All that the live one holds, or the one at another place, as text.</summary>
    private protected abstract Task<string> StateAsync(string? at = null);

    /// <summary>A place to restore to, beside the live one.</summary>
    private protected abstract string Elsewhere { get; }

    /// <summary>A question whose answer depends on the state.</summary>
    private protected abstract string Question { get; }

    [SkippableFact]
    public async Task It_names_itself_and_its_artifacts()
    {
        await Task.CompletedTask;
        Assert.Matches("^[a-z][a-z0-9]*$", Source.Kind);
        Assert.NotEmpty(Source.Location);
        var full = Source.FormatOf(BackupType.Full);
        Assert.NotNull(full);
        Assert.All(
            Enum.GetValues<BackupType>().Select(Source.FormatOf).OfType<ArtifactFormat>(),
            format => Assert.Matches(@"^\.[a-z0-9.-]+$", format.Extension));
    }

    [SkippableFact]
    public async Task What_was_captured_is_restored_elsewhere_and_the_live_one_stays_as_it_is()
    {
        await MakeAsync("first");
        var before = await StateAsync();
        var backup = await BackUpAsync();
        await MakeAsync("second");
        var now = await StateAsync();

        var place = await RestoreAsync(backup, Elsewhere);

        Assert.Equal(before, await StateAsync(Elsewhere));
        Assert.Equal(now, await StateAsync());
        Assert.Null(place.SafetyCopy);
    }

    [SkippableFact]
    public async Task A_restore_over_the_live_one_keeps_the_old_one_as_a_safety_copy()
    {
        await MakeAsync("first");
        var before = await StateAsync();
        var backup = await BackUpAsync();
        await MakeAsync("second");
        var replaced = await StateAsync();

        var place = await RestoreAsync(backup, to: null);

        Assert.Equal(before, await StateAsync());
        Assert.NotNull(place.SafetyCopy);
        Assert.Equal(replaced, await StateAsync(place.SafetyCopy));
        Assert.NotEmpty(place.WayBack);
        Assert.NotEmpty(steps);
    }

    [SkippableFact]
    public async Task A_restore_that_is_taken_back_leaves_the_old_one_and_nothing_beside_it()
    {
        await MakeAsync("first");
        var backup = await BackUpAsync();
        await MakeAsync("second");
        var now = await StateAsync();
        var files = FilesBesideTheLiveOne();
        var target = Source.Target(to: null);
        using (target.Lock())
        {
            var prepared = await target.PrepareAsync(ChainOf(backup), at: null, CancellationToken.None);
            await using (prepared)
                Assert.Null(prepared.RollBack());
        }

        Assert.Equal(now, await StateAsync());
        Assert.Equal(files, FilesBesideTheLiveOne());
    }

    [SkippableFact]
    public async Task Two_restores_to_one_place_exclude_each_other()
    {
        await MakeAsync("first");
        using (Source.Target(to: null).Lock())
        {
            var refused = Assert.Throws<BackupException>(() => Source.Target(to: null).Lock());
            Assert.Equal(FailureKind.Locked, refused.Kind);
        }

        Source.Target(to: null).Lock().Dispose();
    }

    [SkippableFact]
    public async Task A_lost_one_comes_back()
    {
        await MakeAsync("first");
        var before = await StateAsync();
        var backup = await BackUpAsync();
        await LoseAsync();
        Assert.False(Source.Target(to: null).Exists);

        await RestoreAsync(backup, to: null);

        Assert.Equal(before, await StateAsync());
    }

    [SkippableFact]
    public async Task A_missing_source_is_an_error_and_never_an_empty_backup()
    {
        await PrepareMissingAsync();
        var missing = await Assert.ThrowsAsync<BackupException>(() => BackUpAsync());
        Assert.Equal(FailureKind.SourceMissing, missing.Kind);
        Assert.NotEmpty(missing.Hint);
        Assert.Empty(await Catalog.ListAsync(CancellationToken.None));
    }

    [SkippableFact]
    public async Task A_sound_backup_passes_its_check()
    {
        await MakeAsync("first");
        var check = await CheckAsync(await BackUpAsync());
        Assert.Null(check.Finding);
    }

    [SkippableFact]
    public async Task Damage_of_the_source_that_was_stored_without_a_flaw_is_found_by_its_check()
    {
        if (!HasDamageOfItsOwn)
            return;
        await MakeAsync("first");
        await RuinAsync();
        var check = await CheckAsync(await BackUpAsync());
        Assert.NotNull(check.Finding);
        Assert.DoesNotContain('\n', check.Finding);
    }

    [SkippableFact]
    public async Task A_flipped_bit_in_the_artifact_never_passes_for_content()
    {
        await MakeAsync("first");
        var backup = await BackUpAsync();
        var file = Path.Combine(Store, backup.File);
        var sound = await File.ReadAllBytesAsync(file);
        for (var part = 0; part < 8; part++)
        {
            var damaged = (byte[])sound.Clone();
            damaged[sound.Length * part / 8] ^= 4;
            await File.WriteAllBytesAsync(file, damaged);
            await AssertCheckFindsDamageAsync(backup);
            var refused = await Assert.ThrowsAsync<DamagedLinkException>(() => Source.Target(Elsewhere).PrepareAsync(ChainOf(backup, isJudged: false), at: null, CancellationToken.None));
            Assert.Equal(backup.File, refused.Link.Name);
            Assert.False(Source.Target(Elsewhere).Exists);
        }
    }

    [SkippableFact]
    public async Task Its_stored_bytes_tell_whether_the_store_has_what_was_stored_and_nothing_of_what_is_in_them()
    {
        await MakeAsync("first");
        var backup = await BackUpAsync();
        var sound = Assert.IsType<VerificationResult>(await ReadStoredAsync(backup));
        Assert.Equal((Proof.StoredBytes, true), (sound.Proof, sound.Passed));
        Assert.Equal(VerificationCheck.Checksum, Assert.Single(sound.Checks).Check);
        Assert.Equal(BackupState.Unverified, (await Catalog.FindAgainAsync(backup, CancellationToken.None)).State); // nobody looked inside

        foreach (var file in backup.Manifest.PartNames.Select(part => BackupFiles.Part(backup.File, part)).Prepend(backup.File))
        {
            var (path, flipped) = (Path.Combine(Store, file), await File.ReadAllBytesAsync(Path.Combine(Store, file)));
            var stored = (byte[])flipped.Clone();
            flipped[^1] ^= 1;
            await File.WriteAllBytesAsync(path, flipped);
            Assert.Null(await ReadStoredAsync(backup));
            File.Delete(path);
            Assert.Null(await ReadStoredAsync(backup));
            await File.WriteAllBytesAsync(path, stored);
        }

        Assert.NotNull(await ReadStoredAsync(backup));
    }

    [SkippableFact]
    public async Task What_was_restored_for_practice_answers_questions_and_leaves_nothing()
    {
        await MakeAsync("first");
        var backup = await BackUpAsync();
        await MakeAsync("second");
        var workspace = Scratch.NewDirectory();
        string? answer;
        await using (var prepared = await Source.ForPractice(workspace).PrepareAsync(ChainOf(backup), at: null, CancellationToken.None))
        {
            answer = (await prepared.ProbeAsync(Question, CancellationToken.None)).Text;
            var refused = await Assert.ThrowsAsync<BackupException>(() => prepared.ProbeAsync("no question of any kind", CancellationToken.None));
            Assert.Equal(FailureKind.Restore, refused.Kind);
        }

        Assert.Contains("first", answer, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(workspace));
        Directory.Delete(workspace);
    }

    [SkippableTheory]
    [InlineData(nameof(BackupType.Incremental))]
    [InlineData(nameof(BackupType.Differential))]
    public async Task Increments_restore_to_each_point_and_need_what_they_build_on(string word)
    {
        var type = Enum.Parse<BackupType>(word);
        if (Source.FormatOf(type) is null)
            return;
        await MakeAsync("first");
        var states = new List<string> { await StateAsync() };
        var chain = new List<Backup> { await BackUpAsync() };
        foreach (var text in (string[])["second", "third"])
        {
            await MakeAsync(text);
            states.Add(await StateAsync());
            chain.Add(await BackUpAsync(type, Base()));
        }

        for (var point = 0; point < chain.Count; point++)
        {
            var check = await CheckAsync(chain[point]);
            Assert.Equal((null, chain[point].Manifest.Restored), (check.Finding, check.Restored));
            await RestoreAsync(chain[point], to: null);
            Assert.Equal(states[point], await StateAsync());
        }

        var @base = chain[^1].Bases[0];
        Damage.FlipBit(Path.Combine(Store, @base.File));
        var damaged = await Assert.ThrowsAsync<DamagedLinkException>(() => CheckAsync(chain[2]));
        Assert.Equal(@base.File, damaged.Link.Name);

        Backup Base() => type == BackupType.Differential ? chain[0] : chain[^1];
    }

    [SkippableFact]
    public async Task A_capture_that_is_stopped_leaves_nothing()
    {
        await MakeAsync("first");
        using var stop = new CancellationTokenSource();
        await using var capture = await Source.CaptureAsync(new CaptureRequest(BackupType.Full, Base: null, MayBeBase: true), CancellationToken.None);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => WriterOf().StoreAsync(capture, new BackupLabel("daily", BackupType.Full), progress: null, stop.Token));
        Assert.Empty(TempDirectory.FilesIn(Store));
    }

    private protected async Task<Backup> BackUpAsync(BackupType type = BackupType.Full, Backup? @base = null)
    {
        var chain = @base is null ? null : CatalogLink.ChainOf(Catalog, @base, isJudged: false, progress: null);
        await using var capture = await Source.CaptureAsync(new CaptureRequest(type, chain, MayBeBase: true), CancellationToken.None);
        Assert.Equal(clock.GetUtcNow(), capture.CapturedAt);
        var stored = await WriterOf().StoreAsync(capture, new BackupLabel("daily", type, @base?.Id), progress: null, CancellationToken.None);
        clock.Advance(TimeSpan.FromHours(1));
        return await Catalog.FindAgainAsync(stored, CancellationToken.None);
    }

    private protected Task<ContentCheck> CheckAsync(Backup backup) => Source.CheckAsync(ChainOf(backup), Scratch, CancellationToken.None);

    private async Task<VerificationResult?> ReadStoredAsync(Backup backup)
    {
        var reading = new StoredBytes(Source, storeOption: "", [backup], progress: null, clock);
        while (reading.Left > 0)
            await reading.ReadAsync(Catalog, CancellationToken.None);
        return Assert.Single(reading.Readings()).Result;
    }

    private StoredChain ChainOf(Backup backup, bool isJudged = true) => CatalogLink.ChainOf(Catalog, backup, isJudged, progress: null);

    /// <summary>The source finds it, or no content depends on that bit (padding, the fields of a gzip header): then the digest that is judged afterwards tells.</summary>
    private async Task AssertCheckFindsDamageAsync(Backup backup)
    {
        var chain = ChainOf(backup);
        try
        {
            Assert.Null((await Source.CheckAsync(chain, Scratch, CancellationToken.None)).Finding);
        }
        catch (DamagedLinkException found)
        {
            Assert.Equal(backup.File, found.Link.Name);
        }

        Assert.NotNull(Assert.IsType<CatalogLink>(chain.Tip).Reading?.DamageOf(backup.Manifest));
    }

    private BackupWriter WriterOf() => new(Catalog, Source, compression: 6, clock);

    private async Task<RestoredPlace> RestoreAsync(Backup backup, string? to)
    {
        var target = Source.Target(to);
        Assert.Null(target.Obstacle([Store, Scratch.Path]));
        using var alone = target.Lock();
        await using var prepared = await target.PrepareAsync(ChainOf(backup), at: null, CancellationToken.None);
        Assert.Null(prepared.Check.Finding);
        var context = new RestoreContext(clock.GetUtcNow(), TimeZoneInfo.Utc, step => steps.Add(step.Text));
        await prepared.SaveAsync(context, CancellationToken.None);
        prepared.Switch(context);
        prepared.MakeDurable();
        clock.Advance(TimeSpan.FromSeconds(1));
        return prepared.Place;
    }

    /// <summary>The names of what lies beside the live one, and itself.</summary>
    private protected virtual IReadOnlyList<string> FilesBesideTheLiveOne() =>
        [.. Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(Source.Location)!).Order(StringComparer.Ordinal)];
}
