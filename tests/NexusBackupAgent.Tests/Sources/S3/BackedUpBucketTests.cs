using NexusBackupAgent.Catalog;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.ObjectStorage;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.S3;

/// <summary>The dataset document's §3.2 and §4.2 by the real command line, judged by other clients.</summary>
public sealed class BackedUpBucketTests
{
    [SkippableFact]
    public async Task A_bucket_is_backed_up_in_full_and_by_changes_checked_restored_and_pruned()
    {
        Need.Tool("aws");
        using var bench = await BucketBench.NewAsync();
        foreach (var key in ObjectClientTests.OddKeys)
            await bench.PutAsync(key, "first " + key);
        await bench.PutAsync("not.tmp", "x");
        await bench.PutAsync("temp/not", "x");
        await bench.DoAsync("check-config");

        // full: the snapshot is what aws s3 sync would have made
        await bench.DoAsync("backup", "--type", "full");
        var first = await BucketBench.ObjectsAsync(bench.Live);
        var (full, type, state) = Assert.Single(await bench.ListAsync());
        Assert.Equal(("full", "good"), (type, state));
        Assert.EndsWith(".inventory.jsonl.gz", full, StringComparison.Ordinal);
        await Shell.BashAsync($"cd '{bench.Store}' && sha256sum -c '{full}.sha256' && gunzip -t '{full}'");
        var folder = Assert.Single((await bench.Snapshots.ListFolderAsync("nightly/", CancellationToken.None)).Folders, name => name != ".nexus-backup");
        var snapshot = await BucketBench.ObjectsAsync(bench.Snapshots, $"nightly/{folder}/");
        Assert.Equal(ObjectClientTests.OddKeys.Order(StringComparer.Ordinal), snapshot.Keys.Select(key => key[$"nightly/{folder}/".Length..]).Order(StringComparer.Ordinal));
        await bench.Gateway.AssertRcloneFindsNoDifferenceAsync("--exclude", "*.tmp", "--exclude", "/temp/**", $"s3:{bench.LiveBucket}/日本語", $"s3:{bench.SnapshotBucket}/nightly/{folder}/日本語");

        // incremental: what changed, and the inventory of all
        await bench.PutAsync("plain.txt", "second");
        await bench.PutAsync("new.txt", "second");
        await bench.Live.DeleteAsync("trailing/", CancellationToken.None);
        await bench.DoAsync("backup", "--type", "incremental");
        var second = await BucketBench.ObjectsAsync(bench.Live);
        var increment = (await bench.ListAsync())[0];
        Assert.Equal(("incremental", "good"), (increment.Type, increment.State));
        var newer = Assert.Single((await bench.Snapshots.ListFolderAsync("nightly/", CancellationToken.None)).Folders, name => name != ".nexus-backup" && name != folder);
        Assert.Equal(["new.txt", "plain.txt"], (await BucketBench.ObjectsAsync(bench.Snapshots, $"nightly/{newer}/")).Keys.Select(key => key[$"nightly/{newer}/".Length..]).Order(StringComparer.Ordinal));

        // restored over the live one, with the old objects kept; then aws finds nothing to do
        await bench.PutAsync("plain.txt", "ruined by somebody");
        await bench.Live.DeleteAsync("new.txt", CancellationToken.None);
        var refused = await bench.RefusedAsync(5, "restore", "files");
        Assert.Contains("--force", refused, StringComparison.Ordinal);
        await bench.DoAsync("restore", "files", "--force");
        Assert.Equal(second, await BucketBench.ObjectsAsync(bench.Live));
        var kept = Assert.Single(await BucketBench.ObjectsAsync(bench.Snapshots, "nightly/pre_restore."));
        Assert.EndsWith("/plain.txt", kept.Key, StringComparison.Ordinal);
        Assert.Equal("", await bench.Gateway.AwsAsync("s3", "sync", "--dryrun", $"s3://{bench.SnapshotBucket}/nightly/{newer}", $"s3://{bench.LiveBucket}"));

        // what would change is told; what was not backed up goes only when that is wanted, and never what is not backed up at all
        await bench.PutAsync("later.txt", "not backed up");
        await bench.PutAsync("plain.txt", "ruined again");
        var plan = (await bench.DoAsync("restore", "files", "--dry-run", "--delete", "--force")).Output;
        Assert.Contains("0 new, 1 changed, 1 deleted", plan, StringComparison.Ordinal);
        Assert.Contains($"\n(dryrun) delete: s3://{bench.LiveBucket}/later.txt\n", plan, StringComparison.Ordinal);
        await bench.DoAsync("restore", "files", "--path", "日本語", "--force");
        Assert.Contains("later.txt", (await BucketBench.ObjectsAsync(bench.Live)).Keys);
        await bench.DoAsync("restore", "files", "--delete", "--force");
        Assert.Equal(second, await BucketBench.ObjectsAsync(bench.Live));
        Assert.Contains("日本語/ファイル.txt", (await bench.DoAsync("list", "files", "--contents", increment.File, "日本語")).Output, StringComparison.Ordinal);

        // to a directory and to another bucket, and at the earlier point
        var other = await bench.Gateway.NewBucketAsync();
        await bench.DoAsync("restore", "files", "--id", full, "--to", $"s3://{other}/old");
        using (var restored = new ObjectClient(bench.Gateway.Address(other, "old/"), ObjectRole.Store, RunningClock.Shared))
            Assert.Equal(first.Where(found => !found.Key.EndsWith(".tmp", StringComparison.Ordinal) && !found.Key.StartsWith("temp/", StringComparison.Ordinal)), await BucketBench.ObjectsAsync(restored));
        Assert.Contains("can't be those of files", await bench.RefusedAsync(5, "restore", "files", "--to", bench.Place.In("out")), StringComparison.Ordinal);
        await bench.DoAsync("drill");
        Assert.DoesNotContain((await bench.Snapshots.ListFolderAsync("nightly/", CancellationToken.None)).Folders, name => name.StartsWith("drill", StringComparison.Ordinal));

        // what is damaged, missing or too much in a snapshot is named
        await bench.Snapshots.PutAsync($"nightly/{newer}/stranger", new byte[1], ObjectAttributes.None, WriteCondition.Always, CancellationToken.None);
        await bench.DoAsync("verify", "--all");
        await bench.Snapshots.PutAsync($"nightly/{newer}/plain.txt", new byte[6], ObjectAttributes.None, WriteCondition.Always, CancellationToken.None);
        await bench.Snapshots.DeleteAsync($"nightly/{newer}/new.txt", CancellationToken.None);
        var damaged = await bench.RefusedAsync(4, "verify");
        Assert.Contains("1 missing: new.txt", damaged, StringComparison.Ordinal);
        Assert.Contains("1 changed since they were copied: plain.txt", damaged, StringComparison.Ordinal);
        // the bucket itself is whole, so a full backup has taken its place
        Assert.Equal(["good", "corrupt", "good"], (await bench.ListAsync()).Select(backup => backup.State.Replace("quarantined", "corrupt", StringComparison.Ordinal)));
    }

    [SkippableFact]
    public async Task What_is_lost_from_a_snapshot_is_no_damage_of_the_bucket_and_the_next_backup_is_full()
    {
        using var bench = await BucketBench.NewAsync();
        await bench.PutAsync("kept", "first");
        await bench.PutAsync("changed", "first");
        await bench.DoAsync("backup", "--type", "full");
        await bench.PutAsync("changed", "second");
        await bench.DoAsync("backup", "--type", "incremental");
        var copy = Assert.Single(await BucketBench.ObjectsAsync(bench.Snapshots), found => found.Key.EndsWith("/kept", StringComparison.Ordinal)).Key;
        await bench.Snapshots.DeleteAsync(copy, CancellationToken.None);
        var left = await BucketBench.ObjectsAsync(bench.Snapshots);
        await bench.PutAsync("changed", "third");

        var refused = await bench.RefusedAsync(4, "backup", "--type", "incremental");

        Assert.Contains("its snapshot is not whole: of 2 objects", refused, StringComparison.Ordinal);
        Assert.Contains("1 missing: kept", refused, StringComparison.Ordinal);
        Assert.All(await bench.ListAsync(), backup => Assert.Equal("quarantined", backup.State)); // all of them name what is lost
        Assert.Equal(3, (await bench.ListAsync()).Count);
        await bench.DoAsync("backup", "--type", "incremental");
        Assert.Equal(("full", "good"), ((await bench.ListAsync())[0].Type, (await bench.ListAsync())[0].State));
        Assert.Empty(left.Keys.Where(key => !key.Contains(".nexus-backup/", StringComparison.Ordinal)).Except((await BucketBench.ObjectsAsync(bench.Snapshots)).Keys)); // the only copies of what they hold
    }

    [SkippableFact]
    public async Task Copies_of_an_inventory_are_no_copies_of_the_bucket()
    {
        using var bench = await BucketBench.NewAsync();
        var text = (await File.ReadAllTextAsync(bench.Place.Configuration))
            .Replace("  local: {path: backups}\n", "  local: {path: backups}\n  offsite: {path: offsite}\n", StringComparison.Ordinal)
            .Replace("    retry: {attempts: 1}\n", "    retry: {attempts: 1}\n    store: [local, offsite]\n", StringComparison.Ordinal);
        await File.WriteAllTextAsync(bench.Place.Configuration, text);
        Directory.CreateDirectory(bench.Place.In("offsite"));
        await bench.PutAsync("a", "1");

        var configured = await bench.DoAsync("check-config");
        Assert.Contains("1 copied to offsite", (await bench.DoAsync("backup")).Output, StringComparison.Ordinal);

        Assert.DoesNotContain("3-2-1", configured.Output + configured.Error + (await bench.Place.RunAsync("status")).Output, StringComparison.Ordinal);
        var source = (await bench.Place.RunAsync("status", "--json")).Json.GetProperty("sources")[0];
        Assert.Equal(1, source.GetProperty("copies")[0].GetProperty("backups").GetInt32());
        Assert.False(source.TryGetProperty("threeTwoOne", out _));
    }

    [SkippableFact]
    public async Task A_directory_takes_what_is_in_a_bucket_and_other_clients_agree()
    {
        using var bench = await BucketBench.NewAsync();
        for (var number = 0; number < 20; number++)
            await bench.PutAsync($"d{number % 3}/{number}.txt", $"text {number}");
        await bench.DoAsync("backup");

        await bench.DoAsync("restore", "files", "--to", bench.Place.In("out"));

        await bench.Gateway.AssertRcloneFindsNoDifferenceAsync(bench.Place.In("out"), $"s3:{bench.LiveBucket}");
        Assert.Equal(5, (await bench.Place.RunAsync("restore", "files", "--to", bench.Place.In("out"))).Code);
        await bench.DoAsync("restore", "files", "--to", bench.Place.In("out"), "--force");
    }

    /// <summary>Who owns the directory around it gives what root makes another name, and puts his own in its place.</summary>
    [SkippableFact]
    public async Task What_is_brought_to_a_directory_is_the_restores_own_whatever_becomes_of_its_name()
    {
        using var life = await SnapshotLife.NewAsync();
        using var temp = new TempDirectory();
        await life.PutAsync("a/b.txt", "backed up");
        var backup = await life.BackUpAsync();
        var target = life.Source.Target(temp["out"]);
        var context = new RestoreContext(Some.Instant, TimeZoneInfo.Utc, _ => { });
        using (target.Lock())
        {
            await using var prepared = await target.PrepareAsync(CatalogLink.ChainOf(life.Catalog, backup, isJudged: false, progress: null), at: null, CancellationToken.None);
            var made = Assert.Single(target.Leftovers);
            Directory.Move(made, temp["taken"]);
            foreach (var place in (string[])["a", "tree/a"])
            {
                Directory.CreateDirectory(Path.Combine(made, place));
                await File.WriteAllTextAsync(Path.Combine(made, place, "b.txt"), "evil");
            }

            await prepared.SaveAsync(context, CancellationToken.None);
            prepared.Switch(context);
            prepared.MakeDurable();
        }

        Assert.Equal("backed up", await File.ReadAllTextAsync(temp["out/a/b.txt"]));
        using (target.Lock())
            Assert.Empty(target.Leftovers);
    }
}
