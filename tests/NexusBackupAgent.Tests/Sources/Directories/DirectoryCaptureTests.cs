using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Directories;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Directories;

/// <summary>What belongs to a backup of a directory, and what is said of the rest.</summary>
public sealed class DirectoryCaptureTests : IDisposable
{
    private readonly DirectoryBench bench = new();

    public void Dispose() => bench.Dispose();

    [Theory]
    [InlineData("", "*.tmp temp/**", "a.conf sub sub/deep sub/deep/b.conf sub/temp sub/temp/kept.conf temp")]
    [InlineData("", "temp", "a.conf a.tmp sub sub/deep sub/deep/b.conf sub/deep/b.tmp")]
    [InlineData("", "/temp *.tmp", "a.conf sub sub/deep sub/deep/b.conf sub/temp sub/temp/kept.conf")]
    [InlineData("*.conf", "sub/deep/", "a.conf sub sub/temp sub/temp/kept.conf temp temp/gone.conf")]
    [InlineData("sub/deep", "", "sub sub/deep sub/deep/b.conf sub/deep/b.tmp sub/temp temp")]
    [InlineData("sub/**/b.*", "?.tmp", "sub sub/deep sub/deep/b.conf sub/temp temp")]
    public async Task Patterns_say_what_belongs_to_it(string include, string exclude, string expected)
    {
        foreach (var name in (string[])["a.conf", "a.tmp", "sub/deep/b.conf", "sub/deep/b.tmp", "sub/temp/kept.conf", "temp/gone.conf"])
            bench.Write(name, name);
        bench.Options = new TreeOptions(include.Split(' ', StringSplitOptions.RemoveEmptyEntries), exclude.Split(' ', StringSplitOptions.RemoveEmptyEntries), SkipsUnreadable: false);
        Assert.Equal(expected.Split(' '), (await bench.FilesAsync(await bench.BackUpAsync())).Skip(1));
    }

    [Fact]
    public async Task What_cannot_be_read_fails_the_run_by_name_unless_it_may_be_skipped()
    {
        bench.Write("readable", "1");
        await Shell.BashAsync($"printf x > '{bench.Live}'/$'\\xff.conf'");
        var failed = await Assert.ThrowsAsync<BackupException>(() => bench.BackUpAsync());
        Assert.Equal(FailureKind.SourceInvalid, failed.Kind);
        Assert.Contains("app/\ufffd.conf", failed.Message, StringComparison.Ordinal);
        Assert.Contains("unreadable: skip", failed.Hint, StringComparison.Ordinal);
        Assert.Empty(await bench.Catalog.ListAsync(CancellationToken.None));

        bench.Options = bench.Options with { SkipsUnreadable = true };
        Assert.Contains("1 could not be read and was left out", (await bench.BackUpAsync()).Verification!.Note, StringComparison.Ordinal);

        bench.Options = new TreeOptions([], ["*.conf"], SkipsUnreadable: false);
        Assert.Null((await bench.BackUpAsync()).Verification!.Note); // nothing that was to be backed up
        var kept = await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync());
        Assert.Contains("would stay behind in the safety copy", kept.Message, StringComparison.Ordinal);
        Assert.Contains("convmv", kept.Hint, StringComparison.Ordinal);
        await Shell.RunAsync("rm", "-r", bench.Live); // .NET can't
    }

    [Fact]
    public async Task A_file_that_changes_each_time_it_is_read_and_one_that_goes_are_named_and_the_archive_is_sound()
    {
        await File.WriteAllBytesAsync(bench["big.log"], new byte[3 << 20]);
        bench.Write("zz", "goes");
        var writes = 0;
        var sink = new MeddlingSink(() =>
        {
            File.AppendAllText(bench["big.log"], "more");
            if (++writes == 20) // in the middle of it
                File.Delete(bench["zz"]);
        });
        await using (var capture = await bench.Source.CaptureAsync(new CaptureRequest(BackupType.Full, Base: null, MayBeBase: true), CancellationToken.None))
            await capture.WriteAsync(sink, CancellationToken.None);

        var inventory = new InventoryReader(new MemoryStream(sink.Parts[DirectorySource.InventoryPart]));
        await inventory.MoveAsync(CancellationToken.None);
        while (inventory.Current is not null)
            await inventory.MoveAsync(CancellationToken.None);
        Assert.Equal([bench["big.log"][1..]], inventory.End!.Changed);
        Assert.Equal([bench["zz"][1..]], inventory.End.Vanished);
        Assert.Contains("big.log", inventory.End.ToString(), StringComparison.Ordinal);
        await File.WriteAllBytesAsync(bench.Beside("a.tar"), sink.Content);
        Assert.Equal(3, (await Shell.RunAsync("tar", "-tf", bench.Beside("a.tar"))).Split('\n').Count(name => name.EndsWith("big.log", StringComparison.Ordinal))); // each try; the last one counts
    }

    [Fact]
    public async Task A_whole_backup_names_a_file_whose_content_decayed()
    {
        bench.Write("photo", "whole");
        var clock = new ManualClock(Some.Instant);
        var source = new OtherBefore(new DirectorySource([bench.Live], bench.Options, bench.Scratch, clock));
        using var workbench = new Workbench(clock, source: source);
        var isProtected = workbench.Source with { Catalog = bench.Catalog };
        await RunAsync();
        await RunAsync();

        var backups = await isProtected.Catalog.ListAsync(CancellationToken.None);
        Assert.Equal(2, backups.Count);
        Assert.Contains("has another content than before", backups[0].Verification!.Note, StringComparison.Ordinal);
        Assert.Null(backups[1].Verification!.Note);

        async Task RunAsync()
        {
            clock.Advance(TimeSpan.FromHours(1));
            Assert.Null((await workbench.Backups.RunAsync(isProtected, "daily", BackupType.Full, TimeSpan.Zero, progress: null, CancellationToken.None)).Failure);
        }
    }

    [Fact]
    public async Task A_directory_that_lost_all_or_is_all_there_is_and_empty_is_taken_for_an_unmounted_one()
    {
        Directory.CreateDirectory(bench.Beside("live/empty"));
        bench.Roots = [bench.Live, bench.Beside("live/empty")];
        bench.Write("a", "a");
        await bench.BackUpAsync(); // one that never had anything is no fault

        File.Delete(bench["a"]);
        await File.WriteAllTextAsync(bench.Beside("live/empty/new"), "new");
        foreach (var type in (BackupType[])[BackupType.Full, BackupType.Incremental])
        {
            var lost = await Assert.ThrowsAsync<BackupException>(() => bench.BackUpAsync(type));
            Assert.Equal((FailureKind.SourceMissing, $"directory '{bench.Live}' is empty, and was not in the backup before"), (lost.Kind, lost.Message));
        }

        File.Delete(bench.Beside("live/empty/new"));
        var first = await Assert.ThrowsAsync<BackupException>(() => bench.Source.CaptureAsync(new CaptureRequest(BackupType.Full, Base: null, MayBeBase: true), CancellationToken.None));
        Assert.Equal((FailureKind.SourceMissing, $"directory '{bench.Live}' is empty"), (first.Kind, first.Message));
        Assert.Single(await bench.Catalog.ListAsync(CancellationToken.None));

        bench.Write("a.tmp", "left out by choice");
        bench.Options = bench.Options with { Exclude = ["*.tmp"] };
        await bench.BackUpAsync();
    }

    [Fact]
    public async Task A_name_that_went_is_not_what_its_other_names_lead_to()
    {
        foreach (var name in (string[])["a", "b", "c"])
            await Shell.BashAsync($"cd '{bench.Live}'; if [ -e first ]; then ln first {name}; else printf x > {name}; ln {name} first; fi");
        var found = new FoundFile(bench["a"], FileStatus.OfNoLink(bench["a"])!.Value);
        File.Delete(bench["a"]);
        await using var tar = new System.Formats.Tar.TarWriter(new MemoryStream());
        var files = new TreeFiles(tar, new ManualClock(Some.Instant), (_, _) => { });

        Assert.True((await Assert.ThrowsAsync<TreeReadException>(() => files.AddAsync(found, old: null, CancellationToken.None))).IsGone);
        var entries = new List<TreeEntry>();
        foreach (var name in (string[])["b", "c"])
            entries.Add(await files.AddAsync(new FoundFile(bench[name], FileStatus.OfNoLink(bench[name])!.Value), old: null, CancellationToken.None));
        Assert.Equal([null, bench["b"][1..]], entries.Select(entry => entry.Target));
    }

    [Fact]
    public async Task A_big_file_that_goes_while_it_is_read_is_kept_as_it_was_read()
    {
        await File.WriteAllBytesAsync(bench["big"], new byte[3 << 20]);
        await Shell.BashAsync($"ln '{bench["big"]}' '{bench["name"]}'; ln '{bench["big"]}' '{bench["other"]}'");
        var writes = 0;
        var sink = new MeddlingSink(() =>
        {
            if (++writes == 20)
                File.Delete(bench["big"]);
        });
        await using (var capture = await bench.Source.CaptureAsync(new CaptureRequest(BackupType.Full, Base: null, MayBeBase: true), CancellationToken.None))
            await capture.WriteAsync(sink, CancellationToken.None);

        Assert.True(writes > 20);
        var entries = new List<(string, string?)>();
        await using var inventory = new InventoryReader(new MemoryStream(sink.Parts[DirectorySource.InventoryPart]));
        await inventory.MoveAsync(CancellationToken.None);
        for (; inventory.Current is { } entry; await inventory.MoveAsync(CancellationToken.None))
            entries.Add((entry.Path, entry.Target));
        Assert.Equal([(bench.Live[1..], null), (bench["big"][1..], null), (bench["name"][1..], bench["big"][1..]), (bench["other"][1..], bench["big"][1..])], entries);
        Assert.Equal([bench["big"][1..]], inventory.End!.Changed);
    }

    [Fact]
    public async Task A_store_that_fails_is_not_taken_for_a_file_that_cannot_be_read()
    {
        bench.Options = bench.Options with { SkipsUnreadable = true };
        bench.Write("a", "a");
        foreach (var failure in (Exception[])[new UnauthorizedAccessException("store"), new FileNotFoundException("store"), new IOException("store", Errno.NoSpace)])
        {
            await using var capture = await bench.Source.CaptureAsync(new CaptureRequest(BackupType.Full, Base: null, MayBeBase: true), CancellationToken.None);
            Assert.Same(failure, await Assert.ThrowsAnyAsync<Exception>(() => capture.WriteAsync(new MeddlingSink(() => throw failure), CancellationToken.None)));
        }
    }

    /// <summary>Takes everything into memory, and does something whenever content comes.</summary>
    private sealed class MeddlingSink(Action meddle) : IArtifactSink
    {
        public byte[] Content { get; private set; } = [];

        public Dictionary<string, byte[]> Parts { get; } = new(StringComparer.Ordinal);

        public IProgress<long>? Progress => null;

        public async Task<ArtifactDigests> WriteAsync(Func<Stream, CancellationToken, Task> content, IProgress<long>? progress, CancellationToken cancellationToken)
        {
            await using var taken = new MeddlingStream(meddle);
            await content(taken, cancellationToken);
            Content = taken.Taken.ToArray();
            return default!;
        }

        public async Task<ArtifactDigests> WritePartAsync(string name, ArtifactEncoding encoding, Func<Stream, CancellationToken, Task> content, CancellationToken cancellationToken)
        {
            await using var taken = new MemoryStream();
            await content(taken, cancellationToken);
            Parts[name] = taken.ToArray();
            return default!;
        }

        public Task WriteSidecarAsync(string ending, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) => throw new NotSupportedException();

        public void DeclareFingerprint(string sha256)
        {
        }

        public void DeclareRestored(ArtifactDigest restored) => throw new NotSupportedException();
    }

    private sealed class MeddlingStream(Action meddle) : ForwardWriteStream
    {
        public MemoryStream Taken { get; } = new();

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            meddle();
            await Taken.WriteAsync(buffer, cancellationToken);
        }
    }

    /// <summary>The disk gives other bytes though nobody wrote: told by a backup before that has another hash.</summary>
    private sealed class OtherBefore(IBackupSource source) : IBackupSource
    {
        public string Kind => source.Kind;

        public Bilingual Noun => source.Noun;

        public string Location => source.Location;

        public ISourceInspection Inspection => source.Inspection;

        public IReadOnlyDictionary<string, string> Tools => source.Tools;

        public bool LooksBack => source.LooksBack;

        public ArtifactFormat? FormatOf(BackupType type) => source.FormatOf(type);

        public Task<ICapture> CaptureAsync(CaptureRequest request, CancellationToken cancellationToken) =>
            source.CaptureAsync(request.Previous is { } previous ? request with { Previous = new OtherHash(previous) } : request, cancellationToken);

        public Task<ContentCheck> CheckAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken) => source.CheckAsync(chain, scratch, cancellationToken);

        public IRestoreTarget Target(string? to) => source.Target(to);
    }

    /// <summary>A backup whose inventory has another hash for each file.</summary>
    private sealed class OtherHash(StoredLink link) : StoredLink
    {
        public override string Name => link.Name;

        public override string Location => link.Location;

        public override string Source => link.Source;

        public override BackupType Type => link.Type;

        public override ArtifactDigest? Content => link.Content;

        public override IReadOnlyList<string> Parts => link.Parts;

        public override Task CopyContentAsync(Stream destination, CancellationToken cancellationToken) => throw new NotSupportedException();

        public override async Task CopyPartAsync(string name, Stream destination, CancellationToken cancellationToken)
        {
            var lines = new MemoryStream();
            await link.CopyPartAsync(name, lines, cancellationToken);
            var text = System.Text.Encoding.UTF8.GetString(lines.ToArray());
            await destination.WriteAsync(System.Text.Encoding.UTF8.GetBytes(System.Text.RegularExpressions.Regex.Replace(text, "\"sha256\":\"[0-9a-f]{64}", "\"sha256\":\"" + new string('0', 64))), cancellationToken);
        }

        public override DamagedLinkException Refuse(string reason) => throw new NotSupportedException();

        public override Task<Stream> OpenSidecarAsync(string ending, CancellationToken cancellationToken) => throw new NotSupportedException();

        public override Task KeepSidecarAsync(string ending, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
