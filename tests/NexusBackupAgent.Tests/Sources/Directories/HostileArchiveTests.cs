using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Directories;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Directories;

/// <summary>Who can write into the store can't have a restore write anywhere but at its destination, nor can who owns the directories around it.</summary>
public sealed class HostileArchiveTests : IDisposable
{
    private readonly DirectoryBench bench = new();

    private readonly List<(TreeEntry Entry, TarEntry Stored)> made = [];

    public HostileArchiveTests()
    {
        bench.Write("old", "old");
        Directory.CreateDirectory(Path.GetDirectoryName(Outside)!);
        File.WriteAllText(Outside, "untouched");
    }

    private string Outside => bench.Beside("outside/file");

    private string Root => bench.Live[1..];

    public void Dispose() => bench.Dispose();

    [Theory]
    [InlineData("a name that climbs")]
    [InlineData("an absolute name")]
    [InlineData("a name with a dot")]
    [InlineData("a name beside the directory")]
    [InlineData("a file through a link")]
    [InlineData("a file through a link two levels up")]
    [InlineData("a link in the place of the directory")]
    [InlineData("a hard link that leads out")]
    [InlineData("a hard link that climbs")]
    [InlineData("a hard link through a link")]
    [InlineData("a device")]
    [InlineData("a pipe")]
    [InlineData("a file in place of a link")]
    [InlineData("a name twice in the inventory")]
    [InlineData("a name that the inventory lacks")]
    [InlineData("a second content under one name")]
    [InlineData("a map of holes that leads beyond the end")]
    public async Task Nothing_leaves_the_destination_by(string way)
    {
        Craft(way);
        var before = (Listing.Of(bench.Beside("outside")), Listing.Of(bench.Beside("live")));
        var backup = await StoreAsync();

        foreach (var to in (string?[])[null, bench.Beside("elsewhere")])
        {
            var refused = await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(to, backup: backup));
            Assert.Equal(FailureKind.Verification, refused.Kind);
            Assert.DoesNotContain('\n', refused.Message);
            Assert.Equal(before, (Listing.Of(bench.Beside("outside")), WithoutLock(Listing.Of(bench.Beside("live")), before.Item2)));
            Assert.False(Directory.Exists(bench.Beside("elsewhere")));
        }
    }

    [Fact]
    public async Task A_further_name_of_a_file_that_the_backup_has_not_is_found_by_its_verification()
    {
        File_("file", "content");
        Hard("further", $"{Root}/file");
        Assert.True((await bench.VerifyAsync(await StoreAsync())).Verification!.Passed);

        made.RemoveAt(0);
        var verified = (await bench.VerifyAsync(await StoreAsync())).Verification!;
        Assert.False(verified.Passed);
        Assert.Contains($"it has a further name of '/{Root}/file', which is no file of it", verified.FirstFailure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_that_other_systems_take_for_one_stay_apart_and_a_link_that_leads_out_is_only_a_link()
    {
        File_("A", "upper");
        File_("a", "lower");
        Add(Of("link", TreeEntryType.SymbolicLink) with { Target = Outside }, new PaxTarEntry(TarEntryType.SymbolicLink, $"{Root}/link") { LinkName = Outside });
        File_("re\u0301sume\u0301", "decomposed");
        File_("r\u00e9sum\u00e9", "composed");
        await bench.RestoreAsync(bench.Beside("elsewhere"), backup: await StoreAsync());

        string Read(string name) => File.ReadAllText(Path.Combine(bench.Beside("elsewhere") + bench.Live, name));
        Assert.Equal(("upper", "lower", "decomposed", "composed"), (Read("A"), Read("a"), Read("re\u0301sume\u0301"), Read("r\u00e9sum\u00e9")));
        Assert.Equal("untouched", await File.ReadAllTextAsync(Outside));
        Assert.Equal(Outside, new FileInfo(bench.Beside("elsewhere") + bench["link"]).LinkTarget);
    }

    /// <summary>Who owns the directory around it gives what root makes another name, and puts his own in its place.</summary>
    [Fact]
    public async Task What_a_restore_makes_is_its_own_whatever_becomes_of_its_name()
    {
        bench.Write("sub/new", "backed up");
        await bench.BackUpAsync();
        Directory.Delete(bench["sub"], recursive: true);
        bench.Write("left", "no part of the backup");
        var swapped = 0;
        await bench.RestoreAsync(at: step =>
        {
            if (step.Stage != RestoreStage.Look)
                return;
            swapped++;
            var beside = Directory.EnumerateDirectories(Path.GetDirectoryName(bench.Live)!, ".app.*.restoring").Single();
            Directory.Move(beside, bench.Beside("taken"));
            Directory.CreateDirectory(Path.Combine(beside, "tree", "sub"));
            File.WriteAllText(Path.Combine(beside, "tree", "sub", "new"), "evil");
        });

        Assert.Equal(1, swapped);
        Assert.Equal(("old", "backed up", "no part of the backup"), (await File.ReadAllTextAsync(bench["old"]), await File.ReadAllTextAsync(bench["sub/new"]), await File.ReadAllTextAsync(bench["left"])));
        Assert.Empty(Directory.EnumerateFileSystemEntries(bench.Beside("taken")));
    }

    /// <summary>Who owns a directory of a source puts a link in its place once it was listed.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_capture_reads_no_file_through_a_link_that_somebody_put_in_its_way(bool asksKernel)
    {
        bench.Write("sub/file", "mine");
        var found = new TreeWalk([bench.Live], TreePatterns.All, (_, _) => { }).Files().Single(file => file.Path.EndsWith("sub/file", StringComparison.Ordinal));
        using var archive = new MemoryStream();
        await using var tar = new TarWriter(archive);
        var files = new TreeFiles(tar, new ManualClock(Some.Instant), (_, _) => { }) { AsksKernel = asksKernel };
        Assert.Equal(Hash("mine"), (await files.AddAsync(found, old: null, CancellationToken.None)).Sha256);
        Directory.Delete(bench["sub"], recursive: true);
        Directory.CreateSymbolicLink(bench["sub"], Path.GetDirectoryName(Outside)!);

        Assert.True((await Assert.ThrowsAsync<TreeReadException>(() => files.AddAsync(found, old: null, CancellationToken.None))).IsGone);
        Assert.DoesNotContain("untouched", Encoding.UTF8.GetString(archive.ToArray()), StringComparison.Ordinal);
    }

    /// <summary>What was listed as a file is then not there any more, and the run goes on without it.</summary>
    [Theory]
    [InlineData("a link", true)]
    [InlineData("a link", false)]
    [InlineData("a directory", true)]
    [InlineData("a directory", false)]
    [InlineData("a pipe", true)]
    [InlineData("a pipe", false)]
    public async Task A_file_whose_place_something_else_has_taken_is_gone(string other, bool asksKernel)
    {
        bench.Write("file", "mine");
        var found = new TreeWalk([bench.Live], TreePatterns.All, (_, _) => { }).Files().Single(file => file.Path.EndsWith("/file", StringComparison.Ordinal));
        using var archive = new MemoryStream();
        await using var tar = new TarWriter(archive);
        var files = new TreeFiles(tar, new ManualClock(Some.Instant), (_, _) => { }) { AsksKernel = asksKernel };
        File.Delete(bench["file"]);
        if (other == "a link")
            File.CreateSymbolicLink(bench["file"], Outside);
        else if (other == "a directory")
            Directory.CreateDirectory(bench["file"]);
        else
            await Shell.RunAsync("mkfifo", bench["file"]);

        Assert.True((await Assert.ThrowsAsync<TreeReadException>(() => files.AddAsync(found, old: null, CancellationToken.None))).IsGone);
        Assert.False(files.HasWritten);
    }

    private static string WithoutLock(string listing, string before) => string.Join('\n', listing.Split('\n').Where(line => !line.StartsWith("/.app.restore.lock", StringComparison.Ordinal)
        && !(line.StartsWith(" Directory", StringComparison.Ordinal) && !before.Contains(line, StringComparison.Ordinal))).Concat(before.Split('\n').Where(line => line.StartsWith(" Directory", StringComparison.Ordinal) && !listing.Contains(line, StringComparison.Ordinal))).Order(StringComparer.Ordinal));

    private void Craft(string way)
    {
        switch (way)
        {
            case "a name that climbs":
                File_("../../outside/file", "evil");
                break;
            case "an absolute name":
                Whole(Outside, "evil");
                break;
            case "a name with a dot":
                File_("./file", "evil");
                break;
            case "a name beside the directory":
                Whole(Outside[1..] + "/../file", "evil");
                break;
            case "a file through a link":
                Link("link", Path.GetDirectoryName(Outside)!);
                File_("link/file", "evil");
                break;
            case "a file through a link two levels up":
                Link("link", Path.GetDirectoryName(Path.GetDirectoryName(Outside))!);
                File_("link/outside/file", "evil");
                break;
            case "a link in the place of the directory":
                Add(Of("", TreeEntryType.SymbolicLink) with { Path = Root, Target = Path.GetDirectoryName(Outside)! }, new PaxTarEntry(TarEntryType.SymbolicLink, Root) { LinkName = Path.GetDirectoryName(Outside)! });
                File_("file", "evil");
                break;
            case "a hard link that leads out":
                Hard("name", Outside[1..]);
                break;
            case "a hard link that climbs":
                Hard("name", $"{Root}/../../outside/file");
                break;
            case "a hard link through a link":
                Link("link", Path.GetDirectoryName(Outside)!);
                Hard("name", $"{Root}/link/file");
                break;
            case "a device":
                Add(Of("null", TreeEntryType.File) with { Sha256 = Hash("") }, new PaxTarEntry(TarEntryType.CharacterDevice, $"{Root}/null") { DeviceMajor = 1, DeviceMinor = 3 });
                break;
            case "a pipe":
                Add(Of("pipe", TreeEntryType.File) with { Sha256 = Hash("") }, new PaxTarEntry(TarEntryType.Fifo, $"{Root}/pipe"));
                break;
            case "a file in place of a link":
                Add(Of("link", TreeEntryType.SymbolicLink) with { Target = "old" }, Content(new PaxTarEntry(TarEntryType.RegularFile, $"{Root}/link"), "evil"));
                break;
            case "a name twice in the inventory":
                File_("twice", "one");
                File_("twice", "two");
                break;
            case "a name that the inventory lacks":
                File_("listed", "good");
                made.Add((null!, Content(new PaxTarEntry(TarEntryType.RegularFile, $"{Root}/unlisted"), "evil")));
                break;
            case "a second content under one name":
                File_("name", "good");
                made.Add((null!, Content(new PaxTarEntry(TarEntryType.RegularFile, $"{Root}/name"), "evil")));
                break;
            default:
                var head = new byte[512];
                "1\n0\n9223372036854775807\n"u8.CopyTo(head);
                var sparse = new Dictionary<string, string>(StringComparer.Ordinal) { ["GNU.sparse.major"] = "1", ["GNU.sparse.minor"] = "0", ["GNU.sparse.name"] = $"{Root}/holes", ["GNU.sparse.realsize"] = "100" };
                Add(Of("holes", TreeEntryType.File) with { Size = 100, Sha256 = Hash("x") }, new PaxTarEntry(TarEntryType.RegularFile, $"{Root}/GNUSparseFile.0/holes", sparse) { DataStream = new MemoryStream(head) });
                break;
        }
    }

    private void File_(string name, string content) => Whole($"{Root}/{name}", content);

    private void Whole(string path, string content) =>
        Add(Of("", TreeEntryType.File) with { Path = path, Size = content.Length, Sha256 = Hash(content) }, Content(new PaxTarEntry(TarEntryType.RegularFile, path), content));

    private void Link(string name, string target) =>
        Add(Of(name, TreeEntryType.SymbolicLink) with { Target = target }, new PaxTarEntry(TarEntryType.SymbolicLink, $"{Root}/{name}") { LinkName = target });

    private void Hard(string name, string target) =>
        Add(Of(name, TreeEntryType.File) with { Target = target }, new PaxTarEntry(TarEntryType.HardLink, $"{Root}/{name}") { LinkName = target });

    private void Add(TreeEntry entry, TarEntry stored)
    {
        (stored.Mode, stored.ModificationTime) = ((UnixFileMode)entry.Mode, DateTimeOffset.UnixEpoch);
        made.Add((entry, stored));
    }

    private TreeEntry Of(string name, TreeEntryType type) =>
        new($"{Root}/{name}", type, Convert.ToInt32("644", 8), User: 0, Group: 0, UserName: null, GroupName: null, Modified: 0, Changed: 0, Inode: 0, Size: 0, Sha256: null, Target: null, Attributes: null, IsStored: true);

    private static PaxTarEntry Content(PaxTarEntry entry, string content)
    {
        (entry.DataStream, entry.Mode, entry.ModificationTime) = (new MemoryStream(Encoding.UTF8.GetBytes(content)), (UnixFileMode)Convert.ToInt32("644", 8), DateTimeOffset.UnixEpoch);
        return entry;
    }

    private static string Hash(string content) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content)));

    /// <summary>Stores what was crafted, with every checksum right.</summary>
    private async Task<Backup> StoreAsync()
    {
        var clock = new ManualClock(Some.Instant);
        await using var capture = new CraftedCapture(made, clock.GetUtcNow());
        return await new BackupWriter(bench.Catalog, bench.Source, compression: 1, clock).StoreAsync(capture, new BackupLabel("daily", BackupType.Full), progress: null, CancellationToken.None);
    }

    private sealed class CraftedCapture(IReadOnlyList<(TreeEntry Entry, TarEntry Stored)> made, DateTimeOffset capturedAt) : ICapture
    {
        public DateTimeOffset CapturedAt => capturedAt;

        public long? Length => null;

        public long ScratchNeeded => 0;

        public async Task WriteAsync(IArtifactSink sink, CancellationToken cancellationToken)
        {
            await sink.WriteAsync(
                async (content, token) =>
                {
                    await using var tar = new TarWriter(content, TarEntryFormat.Pax, leaveOpen: true);
                    foreach (var (_, stored) in made)
                        await tar.WriteEntryAsync(stored, token);
                },
                progress: null,
                cancellationToken);
            await sink.WritePartAsync(
                DirectorySource.InventoryPart,
                ArtifactEncoding.Gzip,
                async (content, token) =>
                {
                    var lines = new MemoryStream();
                    var inventory = new InventoryWriter(lines);
                    foreach (var (entry, _) in made.Where(one => one.Entry is not null))
                        await inventory.AddAsync(entry, token);
                    await inventory.EndAsync(new TreeNotes([], [], [], []), token);
                    await content.WriteAsync(lines.ToArray(), token);
                },
                cancellationToken);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
