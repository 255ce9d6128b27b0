using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Catalog;

/// <summary>Files of increments in a store: which count, and which are never deleted.</summary>
public sealed class IncrementFilesTests : IDisposable
{
    private readonly TempDirectory temp = new();
    private readonly BackupCatalog catalog;

    public IncrementFilesTests() => catalog = CatalogUse.CatalogOf(new LocalDirectoryStore("local", temp.Path), directory: "");

    public void Dispose() => temp.Dispose();

    [Theory]
    [InlineData("manual_20260214_020000.db-wal.gz")]
    [InlineData("manual_20260214_020000.db-wal.gz.bad")]
    public async Task An_increment_without_its_manifest_is_reported_and_neither_adopted_nor_swept(string file)
    {
        await File.WriteAllBytesAsync(Path.Combine(temp.Path, file), await Some.ArtifactAsync(Some.Noise(1000)));

        Assert.Empty(await catalog.AllAsync());
        var orphan = Assert.Single(await catalog.FindOrphansAsync(CancellationToken.None));
        Assert.Equal((file, 0), (orphan.File, orphan.Sweepable.Count));
        Assert.Empty(await catalog.SweepAsync(DateTimeOffset.MaxValue, TimeSpan.Zero, CancellationToken.None));
        Assert.True(File.Exists(Path.Combine(temp.Path, file)));
    }

    [Fact]
    public async Task What_a_commit_returns_knows_what_it_builds_on()
    {
        var full = await catalog.AddAsync(Some.Noise(1000));
        var middle = await IncrementAsync(full, hours: 1);

        var tip = await IncrementAsync(middle, hours: 2);

        Assert.Equal([middle.Id, full.Id], tip.Bases.Select(link => link.Id));
        Assert.Equal([middle.Id, full.Id], (await catalog.AllAsync())[0].Bases.Select(link => link.Id));
    }

    [Fact]
    public async Task An_increment_is_not_committed_when_its_base_went_meanwhile()
    {
        var full = await catalog.AddAsync(Some.Noise(1000));
        await catalog.RemoveAsync(full, CancellationToken.None);

        var failure = await Assert.ThrowsAsync<BackupException>(() => IncrementAsync(full, hours: 1));

        Assert.Contains("was removed or set aside meanwhile", failure.Message, StringComparison.Ordinal);
        Assert.Empty(await catalog.AllAsync());
    }

    [Fact]
    public async Task What_another_one_builds_on_is_never_removed_nor_abandoned()
    {
        var full = await catalog.AddAsync(Some.Noise(1000));
        var tip = await IncrementAsync(full, hours: 1);

        var failure = await Assert.ThrowsAsync<BackupException>(() => catalog.RemoveAsync(full, CancellationToken.None));
        await catalog.AbandonAsync(full.File, isWritten: true, CancellationToken.None);

        Assert.Contains("because another backup builds on it", failure.Message, StringComparison.Ordinal);
        Assert.Equal([tip.Id, full.Id], (await catalog.AllAsync()).Select(backup => backup.Id));

        await catalog.RemoveAsync(tip, CancellationToken.None);
        await catalog.RemoveAsync(full, CancellationToken.None);
        Assert.Empty(TempDirectory.FilesIn(temp.Path));
    }

    [Fact]
    public async Task A_pruning_goes_from_the_tips_so_that_its_abort_leaves_whole_chains()
    {
        var full = await catalog.AddAsync(Some.Noise(1000));
        var middle = await IncrementAsync(full, hours: 1);
        var tip = await IncrementAsync(middle, hours: 2);
        var sibling = await IncrementAsync(full, hours: 3);
        var decisions = (await catalog.AllAsync()).Select(backup => new RetentionDecision(backup, Keep: false, ["expired"])).ToList();

        var removed = await Pruner.ApplyAsync(catalog, remains: null, default, decisions, CancellationToken.None);

        Assert.Equal([tip.Id, middle.Id, sibling.Id, full.Id], removed.Select(backup => backup.Id));
        Assert.Empty(TempDirectory.FilesIn(temp.Path));
    }

    [Fact]
    public async Task An_artifact_whose_manifest_was_lost_is_not_swept_while_something_may_build_on_it()
    {
        var full = await catalog.AddAsync(Some.Noise(1000));
        var other = await catalog.AddAsync(Some.Noise(1000), Some.Instant.AddHours(5));
        await IncrementAsync(full, hours: 1);
        foreach (var backup in (Backup[])[full, other]) // as an interrupted deletion leaves them
        {
            File.Delete(Path.Combine(temp.Path, BackupFiles.Manifest(backup.File)));
            await File.WriteAllTextAsync(Path.Combine(temp.Path, BackupFiles.Pending(backup.File)), "");
        }

        var swept = await catalog.SweepAsync(DateTimeOffset.MaxValue, TimeSpan.Zero, CancellationToken.None);

        Assert.Equal([other.File], swept.Select(orphan => orphan.File));
        Assert.True(File.Exists(Path.Combine(temp.Path, full.File)));
    }

    [Fact]
    public async Task A_base_in_the_same_directory_that_belongs_to_another_source_is_named_as_such()
    {
        var full = await catalog.AddAsync(Some.Noise(1000));
        await IncrementAsync(full, hours: 1);
        var manifest = Path.Combine(temp.Path, BackupFiles.Manifest(full.File));
        await Sidecar.EditAsync(manifest, text => text.Replace("\"itsm\"", "\"other\"", StringComparison.Ordinal));

        Assert.Equal($"backup {full.Id}, which it builds on, belongs to source other", Assert.Single(await catalog.AllAsync()).BrokenChain);
    }

    private async Task<Backup> IncrementAsync(Backup @base, int hours)
    {
        var capturedAt = Some.Instant.AddHours(hours);
        var artifact = await catalog.BeginAsync("hourly", BackupType.Incremental, capturedAt, CancellationToken.None);
        var digests = default(ArtifactDigests);
        await catalog.WriteArtifactAsync(
            artifact,
            async (stored, token) => digests = await ArtifactWriter.WriteAsync(stored, 6, (stream, inner) => stream.WriteAsync(Some.Noise(100), inner).AsTask(), null, token),
            CancellationToken.None);
        try
        {
            return await catalog.CommitAsync(
                Some.Manifest(artifact, digests, capturedAt) with { Schedule = "hourly", Type = BackupType.Incremental, Base = @base.Id, Restored = new ArtifactDigest(1000, new string('c', 64)) },
                CancellationToken.None);
        }
        catch (BackupException)
        {
            await catalog.AbandonAsync(artifact, isWritten: true, CancellationToken.None);
            throw;
        }
    }
}
