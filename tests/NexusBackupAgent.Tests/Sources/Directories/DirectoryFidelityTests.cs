using System.Globalization;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Directories;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Directories;

/// <summary>All that a file is comes back, by the agent to the last nanosecond and by tar as its archive has it.</summary>
public sealed class DirectoryFidelityTests : IDisposable
{
    private const long Odd = 1_700_000_000_123_456_789;

    private readonly DirectoryBench bench = new();

    public void Dispose() => bench.Dispose();

    [SkippableFact]
    public async Task Owner_mode_times_links_attributes_and_holes_come_back_by_the_agent_and_by_tar()
    {
        Need.Root();
        Need.Tool("tar");
        MakeEverything();
        var before = WithoutPipe(Listing.Of(bench.Live));
        var backup = await bench.BackUpAsync();
        var (byAgent, byHand) = (bench.Beside("agent"), bench.Beside("hand"));

        await bench.RestoreAsync(byAgent);
        await bench.RestoreByHandAsync(backup, byHand);

        Assert.Equal(before, Listing.Of(byAgent + bench.Live));
        Assert.Equal(WithoutWhatTarCannot(before), WithoutWhatTarCannot(Listing.Of(byHand + bench.Live)));
        foreach (var restored in (string[])[byAgent, byHand])
        {
            var allocated = long.Parse(await Shell.RunAsync("stat", "-c", "%b", $"{restored}{bench.Live}/sparse.img"), CultureInfo.InvariantCulture) * 512;
            Assert.InRange(allocated, 0, 1 << 20);
        }

        Assert.InRange(new FileInfo(bench.PathOf(backup)).Length, 0, 1 << 20);
        Assert.Contains("1 special file was left out", backup.Verification!.Note, StringComparison.Ordinal);
        Assert.Contains("pipe", backup.Verification.Note, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData(nameof(BackupType.Incremental), nameof(ArtifactEncoding.Zstd))]
    [InlineData(nameof(BackupType.Differential), nameof(ArtifactEncoding.Gzip))]
    public async Task Increments_come_back_by_hand_as_the_agent_restores_them(string word, string method)
    {
        var type = Enum.Parse<BackupType>(word);
        bench.Method = Enum.Parse<ArtifactEncoding>(method);
        Need.Root();
        Need.Tool(method.ToLowerInvariant());
        MakeEverything();
        await bench.BackUpAsync();
        bench.Write("new/file", "new");
        bench.Write("text", "changed");
        File.Delete(bench["kept/one"]);
        Directory.Delete(bench["gone"], recursive: true);
        await bench.BackUpAsync(type);
        File.Delete(bench["link"]);
        bench.Write("link/is now", "a directory");
        File.SetUnixFileMode(bench["kept"], (UnixFileMode)Convert.ToInt32("711", 8));
        var now = WithoutPipe(Listing.Of(bench.Live));
        var last = await bench.BackUpAsync(type);

        await bench.RestoreAsync(bench.Beside("agent"));
        await bench.RestoreByHandAsync(last, bench.Beside("hand"));

        Assert.Equal(now, Listing.Of(bench.Beside("agent") + bench.Live));
        Assert.Equal(WithoutWhatTarCannot(now), WithoutWhatTarCannot(Listing.Of(bench.Beside("hand") + bench.Live)));
    }

    [Fact]
    public async Task A_file_that_was_rewritten_with_its_old_length_and_time_is_found()
    {
        bench.Write("a", "one");
        FileMetadata.SetModified(bench["a"], Odd);
        await bench.BackUpAsync();
        File.WriteAllText(bench["a"], "two");
        FileMetadata.SetModified(bench["a"], Odd);
        await bench.BackUpAsync(BackupType.Incremental);

        await bench.RestoreAsync(bench.Beside("agent"));

        Assert.Equal("two", await File.ReadAllTextAsync(bench.Beside("agent") + bench["a"]));
    }

    [Fact]
    public async Task A_file_that_changed_just_before_it_was_read_is_read_again_by_the_next_increment()
    {
        bench.Write("a", "one");
        bench.Clock.SetWallClock(FileStatus.OfNoLink(bench["a"])!.Value.ChangedAt - TimeSpan.FromMinutes(59.99)); // it is read an hour after the capture began
        Assert.Equal(0, (await EntryAsync(await bench.BackUpAsync(), "a")).Changed);

        var again = await EntryAsync(await bench.BackUpAsync(BackupType.Incremental), "a");
        Assert.Equal((FileStatus.OfNoLink(bench["a"])!.Value.Changed, false), (again.Changed, again.IsStored));
    }

    [Fact]
    public async Task Every_name_of_a_file_that_was_rewritten_with_its_old_length_and_time_has_the_new_content()
    {
        bench.Write("a", "one");
        FileMetadata.Link(bench["a"], bench["b"]);
        FileMetadata.SetModified(bench["a"], Odd);
        await bench.BackUpAsync();
        File.WriteAllText(bench["a"], "two");
        FileMetadata.SetModified(bench["a"], Odd);
        var increment = await bench.BackUpAsync(BackupType.Incremental);

        await bench.RestoreAsync(bench.Beside("agent"));
        await bench.RestoreByHandAsync(increment, bench.Beside("hand"));

        foreach (var by in (string[])["agent", "hand"])
        {
            Assert.Equal("two", await File.ReadAllTextAsync(bench.Beside(by) + bench["b"]));
            Assert.Equal(FileStatus.Of(bench.Beside(by) + bench["a"])!.Value.Inode, FileStatus.Of(bench.Beside(by) + bench["b"])!.Value.Inode);
        }
    }

    [Fact]
    public async Task An_untouched_tree_makes_an_increment_without_entries_even_after_a_restore_gave_it_new_inodes()
    {
        bench.Write("a/b", new string('x', 3000));
        bench.Write("big", new string('y', 3 << 20));
        await bench.BackUpAsync();
        await bench.RestoreAsync();
        var increment = await bench.BackUpAsync(BackupType.Incremental);
        Assert.Equal(1024, increment.Manifest.Content.Length); // the end of an archive and nothing before it
    }

    private async Task<TreeEntry> EntryAsync(Backup backup, string name)
    {
        using var workspace = bench.Scratch.NewWorkspace();
        await using var inventory = await TreeReading.InventoryOfAsync(bench.ChainOf(backup).Tip, workspace.Path, CancellationToken.None);
        while (inventory.Current is { } entry && "/" + entry.Path != bench[name])
            await inventory.MoveAsync(CancellationToken.None);
        return inventory.Current!;
    }

    private static string WithoutPipe(string listing) => string.Join('\n', listing.Split('\n').Where(line => !line.Contains(" NamedPipe ", StringComparison.Ordinal)));

    /// <summary>tar's time has 100 nanoseconds, and of a name with a line break, a second; it knows no attributes that are no text.</summary>
    private static string WithoutWhatTarCannot(string listing) => string.Join('\n', listing.Split('\n')
        .Where(line => !line.Contains("break", StringComparison.Ordinal) && !line.StartsWith("in name", StringComparison.Ordinal))
        .Select(line => System.Text.RegularExpressions.Regex.Replace(line, @"(?<= \d+:\d+ \d+)\d\d(?= )", "").Replace("user.binary=00ff0a", "", StringComparison.Ordinal)));

    private void MakeEverything()
    {
        bench.Write("text", "content");
        bench.Write("größe 大きさ", "unicode");
        bench.Write("kept/one", "1");
        bench.Write("kept/two", "2");
        bench.Write("gone/away", "3");
        bench.Write("break\nin name", "4");
        bench.Write(string.Concat(Enumerable.Repeat("long/", 40)) + new string('n', 200), "5");
        bench.Write("empty", "");
        Directory.CreateDirectory(bench["directory"]);
        File.CreateSymbolicLink(bench["link"], "text");
        File.CreateSymbolicLink(bench["broken"], "../nowhere");
        FileMetadata.Link(bench["text"], bench["zweiter Name"]);
        using (var sparse = File.OpenHandle(bench["sparse.img"], FileMode.CreateNew, FileAccess.Write))
        {
            RandomAccess.Write(sparse, "in the middle"u8, 40 << 20);
            RandomAccess.SetLength(sparse, 64 << 20);
        }

        Shell.RunAsync("mkfifo", bench["pipe"]).GetAwaiter().GetResult();
        if (Environment.IsPrivilegedProcess)
        {
            FileMetadata.SetOwner(bench["text"], 12345, 54321);
            FileMetadata.SetOwner(bench["link"], 12345, 54321);
            FileMetadata.SetOwner(bench["kept"], 33, 33);
        }

        File.SetUnixFileMode(bench["text"], (UnixFileMode)Convert.ToInt32("4751", 8));
        File.SetUnixFileMode(bench["directory"], (UnixFileMode)Convert.ToInt32("1777", 8));
        FileMetadata.SetAttribute(bench["kept/one"], "user.text", "größe"u8.ToArray());
        FileMetadata.SetAttribute(bench["kept/two"], "user.binary", [0, 255, 10]);
        // user::rw-, user:33:r--, group::r--, mask::r--, other::---
        FileMetadata.SetAttribute(bench["empty"], "system.posix_acl_access", Convert.FromHexString("02000000" + "01000600ffffffff" + "0200040021000000" + "04000400ffffffff" + "10000400ffffffff" + "20000000ffffffff"));
        foreach (var name in (string[])["text", "link", "directory", "kept"])
            FileMetadata.SetModified(bench[name], Odd);
        FileMetadata.SetModified(bench["broken"], -1_700_000_000_123_456_700);
    }
}
