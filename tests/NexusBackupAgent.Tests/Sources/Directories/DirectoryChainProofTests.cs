using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Directories;
using NexusBackupAgent.Tests.Support;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Tests.Sources.Directories;

/// <summary>A run proves an increment of a directory by its own archive and the inventory of the one before it; what that can't see, the reading of the whole finds.</summary>
public sealed class DirectoryChainProofTests : IDisposable
{
    private readonly DirectoryBench bench = new();

    public void Dispose() => bench.Dispose();

    private enum Found
    {
        /// <summary>The proof by the chain says that it is not what was captured.</summary>
        ByChain,

        /// <summary>The proof by the chain can't be made, so the whole was read, and that says it.</summary>
        ByFallingBack,

        /// <summary>Likewise, and it says that what it builds on is damaged.</summary>
        InBase,

        /// <summary>The listing shows it: nothing needs to be read.</summary>
        ByListing,

        /// <summary>Only the reading of the whole shows it.</summary>
        ByWhole,
    }

    /// <summary>Full, increment, increment: what is done to the files of them, and who finds it when the last one is read.</summary>
    private static readonly Dictionary<string, (Found Found, Func<DirectoryBench, IReadOnlyList<Backup>, Task> DoAsync)> Attacks = new(StringComparer.Ordinal)
    {
        ["a bit of the increment flipped"] = (Found.ByChain, (bench, chain) => Do(() => Damage.FlipBit(bench.PathOf(chain[2])))),
        ["a bit of the increment's inventory flipped"] = (Found.ByChain, (bench, chain) => Do(() => Damage.FlipBit(PartOf(bench, chain[2])))),
        ["a bit of the increment's list of what goes flipped"] = (Found.ByChain, (bench, chain) => Do(() => Damage.FlipBit(PartOf(bench, chain[2], DirectorySource.DeletedPart)))),
        ["a file of the increment changed, and all its hashes with it"] = (Found.ByFallingBack, (bench, chain) => RewriteAsync(bench, chain[2], files => files[First(files)].Content[0] ^= 1)),
        ["two files of the increment swapped, and all its hashes with it"] = (Found.ByFallingBack, (bench, chain) => RewriteAsync(bench, chain[2], files => Swap(files, First(files)))),
        ["a file of the increment left out, and all its hashes with it"] = (Found.ByFallingBack, (bench, chain) => RewriteAsync(bench, chain[2], files => files.RemoveAt(First(files)))),
        ["the increment before in its place, and all its hashes with it"] = (Found.ByFallingBack, (bench, chain) => ReplaceAsync(bench, chain[2], part: null, Expand(bench.PathOf(chain[1])))),
        ["the inventory of the increment before in place of its own, and all its hashes with it"] = (Found.ByFallingBack, (bench, chain) => ReplaceAsync(bench, chain[2], DirectorySource.InventoryPart, Expand(PartOf(bench, chain[1])))),
        ["another hash of an unchanged file in the increment's inventory, and all its hashes with it"] = (Found.ByFallingBack, (bench, chain) => EditInventoryAsync(bench, chain[2], lines => Turn(lines, "kept"))),
        ["an unchanged file left out of the increment's inventory, and all its hashes with it"] = (Found.ByChain, (bench, chain) => EditInventoryAsync(bench, chain[2], lines => lines.RemoveAll(line => IsOf(line, "kept")))),
        ["a deleted file in the increment's inventory, and all its hashes with it"] = (Found.ByChain, (bench, chain) => EditInventoryAsync(bench, chain[2], lines => Insert(lines, Stored(LinesOf(bench, chain[1]).First(line => IsOf(line, "gone")), isStored: false)))),
        ["another mode of an unchanged file in both inventories, and all their hashes with them"] = (Found.InBase, async (bench, chain) =>
        {
            foreach (var backup in chain.Skip(1))
                await EditInventoryAsync(bench, backup, lines => Edit(lines, "kept", line => line.Replace("\"mode\":4", "\"mode\":3", StringComparison.Ordinal)));
        }),
        ["another base in the increment's manifest"] = (Found.ByChain, (bench, chain) => Sidecar.EditAsync(ManifestOf(bench, chain[2]), text => text.Replace(chain[1].Id.Value, chain[0].Id.Value, StringComparison.Ordinal))),
        ["another fingerprint in the increment's manifest"] = (Found.ByChain, (bench, chain) => Sidecar.EditAsync(ManifestOf(bench, chain[2]), text => text.Replace(chain[2].Manifest.Fingerprint!, new string('0', 64), StringComparison.Ordinal))),
        ["a file of the base changed, and all its hashes with it"] = (Found.ByChain, (bench, chain) => RewriteAsync(bench, chain[1], files => files[First(files)].Content[0] ^= 1)),
        ["a bit of the base's inventory flipped"] = (Found.InBase, (bench, chain) => Do(() => Damage.FlipBit(PartOf(bench, chain[1])))),
        ["something else in place of the base's inventory, and all its hashes with it"] = (Found.InBase, (bench, chain) => ReplaceAsync(bench, chain[1], DirectorySource.InventoryPart, "no inventory\n"u8.ToArray())),
        ["the full one's inventory in place of the base's, and all its hashes with it"] = (Found.InBase, (bench, chain) => ReplaceAsync(bench, chain[1], DirectorySource.InventoryPart, Expand(PartOf(bench, chain[0])))),
        ["a file less in the base's inventory, and all its hashes with it"] = (Found.InBase, (bench, chain) => EditInventoryAsync(bench, chain[1], lines => lines.RemoveAll(line => IsOf(line, "gone")))),
        ["the full one cut off"] = (Found.ByListing, (bench, chain) => Do(() => File.WriteAllBytes(bench.PathOf(chain[0]), File.ReadAllBytes(bench.PathOf(chain[0]))[..^1]))),
        ["the full one gone"] = (Found.ByListing, (bench, chain) => Do(() => File.Delete(bench.PathOf(chain[0])))),
        ["the base's inventory gone"] = (Found.ByListing, (bench, chain) => Do(() => File.Delete(PartOf(bench, chain[1])))),
        ["a bit of the full one flipped after it was proven"] = (Found.ByWhole, (bench, chain) => Do(() => Damage.FlipBit(bench.PathOf(chain[0])))),
        ["a bit of the base flipped after it was proven"] = (Found.ByWhole, (bench, chain) => Do(() => Damage.FlipBit(bench.PathOf(chain[1])))),
    };

    public static TheoryData<string> Names => [.. Attacks.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task What_is_done_to_a_chain_is_found(string attack)
    {
        var chain = await ChainAsync();
        Assert.Equal([Proof.Whole, Proof.Chain, Proof.Chain], chain.Select(backup => backup.Proof!.Value));
        var (found, doAsync) = Attacks[attack];
        await doAsync(bench, chain);

        var listed = await bench.Catalog.FindAgainAsync(chain[2], CancellationToken.None);
        if (found == Found.ByListing)
        {
            Assert.True(listed.HasBrokenChain);
            return;
        }

        if (found == Found.InBase)
        {
            var damaged = await Assert.ThrowsAsync<DamagedBaseException>(() => bench.GlanceAsync(listed, Proof.Chain));
            Assert.Equal(chain[1].Id, damaged.Base.Id);
            return;
        }

        var read = await bench.GlanceAsync(listed, Proof.Chain);
        var wasExpanded = read.Verification!.Checks.Any(check => check.Check == VerificationCheck.Integrity);
        Assert.Equal(found == Found.ByWhole ? (true, Proof.Chain, false) : (false, (Proof?)null, found == Found.ByFallingBack), (read.Verification.Passed, read.Verification.Proof, wasExpanded));
        var whole = await Record.ExceptionAsync(async () => Assert.False((await bench.VerifyAsync(listed)).Verification!.Passed));
        Assert.True(whole is null or DamagedBaseException, $"the reading of the whole passed: {whole}");
    }

    [Fact]
    public async Task An_increment_that_is_proven_by_its_chain_restores_to_what_was_captured()
    {
        var chain = await ChainAsync();
        var live = Listing.Of(bench.Live);

        Assert.Equal([VerificationCheck.Checksum, VerificationCheck.Encoding], chain[2].Verification!.Checks.Select(check => check.Check));
        var whole = await bench.VerifyAsync(chain[2]);
        Assert.Equal((BackupState.Good, Proof.Whole), (whole.State, whole.Proof!.Value));
        await bench.RestoreAsync(bench.Beside("agent"));
        Assert.Equal(live, Listing.Of(bench.Beside("agent") + bench.Live));
    }

    [Fact]
    public async Task What_could_not_be_captured_as_it_stood_is_told_where_only_the_increment_is_read()
    {
        await ChainAsync();
        await Shell.RunAsync("mkfifo", bench["pipe"]);

        var increment = await bench.BackUpAsync(BackupType.Incremental, Proof.Chain);

        Assert.Equal(Proof.Chain, increment.Proof);
        Assert.Contains("1 special file was left out: ", increment.Verification!.Note, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_whole_backup_is_good_only_when_its_inventory_is_of_what_was_captured()
    {
        var full = (await ChainAsync())[0];
        await Sidecar.EditAsync(ManifestOf(bench, full), text => text.Replace(full.Manifest.Fingerprint!, new string('0', 64), StringComparison.Ordinal));

        Assert.Equal("it is not of the state that was captured", (await bench.VerifyAsync(full)).Verification!.FirstFailure);
    }

    [Fact]
    public async Task What_an_earlier_agent_made_is_built_on_and_read_whole()
    {
        bench.Write("a", "one");
        var full = await bench.BackUpAsync();
        await Sidecar.EditAsync(ManifestOf(bench, full), text => text.Replace($"  \"fingerprint\": \"{full.Manifest.Fingerprint}\",\n", "", StringComparison.Ordinal));
        Assert.Null((await bench.Catalog.FindAgainAsync(full, CancellationToken.None)).Manifest.Fingerprint);

        Assert.Equal(Proof.Whole, (await bench.BackUpAsync(BackupType.Incremental, Proof.Chain)).Proof);
        Assert.Equal(Proof.Chain, (await bench.BackUpAsync(BackupType.Incremental, Proof.Chain)).Proof); // on one that has a fingerprint, and was compared with it
    }

    [Fact]
    public async Task A_further_name_that_keeps_the_content_of_before_is_found()
    {
        bench.Write("a", "one");
        FileMetadata.Link(bench["a"], bench["b"]);
        await bench.BackUpAsync();
        bench.Write("a", "two");
        var increment = await bench.BackUpAsync(BackupType.Incremental, Proof.Chain);
        await LeaveOutFurtherNameAsync(increment);

        var read = await bench.VerifyAsync(increment);

        Assert.Contains("/b', which is a further name of it", read.Verification!.Checks.Single(check => check.Check == VerificationCheck.Checksum).Detail, StringComparison.Ordinal);
        Assert.Equal((BackupState.Corrupt, false), (read.State, read.ShowsCorruptSource)); // another capture does not hold the same
    }

    /// <summary>An earlier build left the further name out and found nothing wrong with that.</summary>
    [Fact]
    public async Task A_further_name_that_keeps_the_content_of_before_is_found_although_its_backup_has_passed_before()
    {
        bench.Write("a", "one");
        FileMetadata.Link(bench["a"], bench["b"]);
        await bench.BackUpAsync();
        bench.Write("a", "two");
        var increment = await bench.BackUpAsync(BackupType.Incremental);
        var next = await bench.BackUpAsync(BackupType.Incremental);
        await LeaveOutFurtherNameAsync(increment);

        var examined = await new Quarantine(new BackupVerifier(bench.Scratch, bench.Clock), bench.Clock).ExamineAsync(bench.Source, bench.Catalog, next, progress: null, CancellationToken.None);

        Assert.Equal((increment.Id, true), (examined.Base!.Backup.Id, examined.Base.WasSetAside));
        Assert.Contains("make a full backup", examined.Base.Backup.Objection, StringComparison.Ordinal);
    }

    /// <summary>The same of an empty file loses a link and no content.</summary>
    [Fact]
    public async Task A_further_name_of_an_empty_file_that_an_earlier_build_left_out_is_no_damage()
    {
        bench.Write("a", "");
        FileMetadata.Link(bench["a"], bench["b"]);
        await bench.BackUpAsync();
        FileMetadata.SetModified(bench["a"], FileStatus.OfNoLink(bench["a"])!.Value.Modified); // its ctime is another one
        var increment = await bench.BackUpAsync(BackupType.Incremental);
        await LeaveOutFurtherNameAsync(increment);

        Assert.Equal(BackupState.Good, (await bench.VerifyAsync(increment)).State);
        Assert.Equal(BackupState.Good, (await bench.BackUpAsync(BackupType.Incremental)).State);
        await bench.RestoreAsync(bench.Beside("agent"));
        Assert.Equal("", await File.ReadAllTextAsync(bench.Beside("agent") + bench["b"]));
    }

    [Fact]
    public void The_fingerprint_is_another_one_wherever_a_restore_would_give_something_else()
    {
        var entry = new TreeEntry("a/b", TreeEntryType.File, 420, User: 1, Group: 2, "u", "g", Modified: 3, Changed: 4, Inode: 5, Size: 6, Sha256: "ab", Target: null, Attributes: null, IsStored: true);
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal) { ["user.one"] = "MQ==", ["user.two"] = "Mg==" };
        TreeEntry[] others =
        [
            entry with { Path = "a/c" }, entry with { Type = TreeEntryType.Directory }, entry with { Mode = 384 }, entry with { User = 2 }, entry with { Group = 1 }, entry with { Modified = 4 }, entry with { Size = 7 },
            entry with { Sha256 = "ba" }, entry with { Sha256 = null }, entry with { Target = "" }, entry with { Sha256 = null, Target = "ab" }, entry with { Path = "a/bab", Sha256 = "" },
            entry with { Attributes = attributes }, entry with { Attributes = new Dictionary<string, string>(StringComparer.Ordinal) { ["user.one"] = "MQ==Mg==", ["user.two"] = "" } },
        ];
        TreeEntry[] same = [entry with { Changed = 0 }, entry with { Inode = 0 }, entry with { UserName = null, GroupName = null }, entry with { IsStored = false }];

        Assert.All(others, other => Assert.False(other.IsSameAs(entry)));
        Assert.Equal(others.Length + 3, others.Select(other => Of(other)).Append(Of(entry)).Append(Of()).Append(Of(entry, entry)).Distinct(StringComparer.Ordinal).Count());
        Assert.All(same, other => Assert.Equal((true, Of(entry)), (other.IsSameAs(entry), Of(other))));
        Assert.Equal(Of(others[12]), Of(entry with { Attributes = new Dictionary<string, string>(attributes.Reverse(), StringComparer.Ordinal) }));

        static string Of(params TreeEntry[] entries)
        {
            using var fingerprint = new TreeFingerprint();
            Array.ForEach(entries, fingerprint.Add);
            return fingerprint.Complete();
        }
    }

    /// <summary>A file that stays, one that goes, and some that change each time.</summary>
    private async Task<IReadOnlyList<Backup>> ChainAsync()
    {
        bench.Write("kept", "stays as it is");
        bench.Write("gone", "is there twice");
        bench.Write("log", "one\n");
        bench.Write("state", "one\n");
        var chain = new List<Backup> { await bench.BackUpAsync() };
        foreach (var line in (string[])["two", "six"])
        {
            bench.Write("log", Noise($"log {line}"));
            bench.Write("state", Noise($"state {line}"));
            if (line == "six")
                File.Delete(bench["gone"]);
            chain.Add(await bench.BackUpAsync(BackupType.Incremental, Proof.Chain));
        }

        return chain;
    }

    /// <summary>As an earlier build made it, which declared no fingerprint.</summary>
    private async Task LeaveOutFurtherNameAsync(Backup increment)
    {
        await EditInventoryAsync(bench, increment, lines => Edit(lines, "b", _ => Stored(LinesOf(bench, increment.Bases[0]).Single(line => IsOf(line, "b")), isStored: false)));
        await RewriteAsync(bench, increment, entries => entries.RemoveAll(entry => entry.Entry.Name.EndsWith("/b", StringComparison.Ordinal)));
        var rewritten = await bench.Catalog.FindAgainAsync(increment, CancellationToken.None);
        var older = rewritten.Manifest with { Fingerprint = null, Restored = ArtifactDigest.OfChain([.. rewritten.Chain.Reverse().Select(link => link.Manifest.Content)]) };
        await File.WriteAllBytesAsync(ManifestOf(bench, increment), SealedJson.Write(older, CatalogJson.Readable.BackupManifest));
    }

    private static string Noise(string seed) => string.Concat(Enumerable.Range(0, 200).Select(at => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{seed}{at}")))));

    private static Task Do(Action action)
    {
        action();
        return Task.CompletedTask;
    }

    private static string ManifestOf(DirectoryBench bench, Backup backup) => Path.Combine(bench.Store, BackupFiles.Manifest(backup.File));

    private static string PartOf(DirectoryBench bench, Backup backup, string part = DirectorySource.InventoryPart) => Path.Combine(bench.Store, BackupFiles.Part(backup.File, part));

    private static bool IsOf(string line, string name) => line.Contains($"/{name}\",", StringComparison.Ordinal);

    private static string Stored(string line, bool isStored) => line.Replace($"\"isStored\":{(isStored ? "false" : "true")}", $"\"isStored\":{(isStored ? "true" : "false")}", StringComparison.Ordinal);

    private static void Turn(List<string> lines, string name) => Edit(lines, name, line => System.Text.RegularExpressions.Regex.Replace(line, "(?<=\"sha256\":\")([0-9a-f]{32})([0-9a-f]{32})", "$2$1"));

    private static void Edit(List<string> lines, string name, Func<string, string> change) => lines[lines.FindIndex(line => IsOf(line, name))] = change(lines.Find(line => IsOf(line, name))!);

    private static int First(List<(TarEntry Entry, byte[] Content)> entries) => entries.FindIndex(entry => entry.Content.Length > 0);

    private static void Swap(List<(TarEntry Entry, byte[] Content)> entries, int at) =>
        (entries[at], entries[at + 1]) = (entries[at] with { Content = entries[at + 1].Content }, entries[at + 1] with { Content = entries[at].Content });

    /// <summary>Behind the directory that it is in.</summary>
    private static void Insert(List<string> lines, string line) => lines.Insert(lines.FindIndex(other => other.Contains("\"type\":\"file\"", StringComparison.Ordinal)), line);

    private static List<string> LinesOf(DirectoryBench bench, Backup backup) =>
        [.. Encoding.UTF8.GetString(Expand(PartOf(bench, backup))).TrimEnd('\n').Split('\n')];

    private static async Task EditInventoryAsync(DirectoryBench bench, Backup backup, Action<List<string>> change)
    {
        var before = LinesOf(bench, backup);
        var lines = before.ToList();
        change(lines);
        Assert.NotEqual(before, lines);
        await ReplaceAsync(bench, backup, DirectorySource.InventoryPart, Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n"));
    }

    /// <summary>The same archive with other entries: every hash of the whole agrees, in the manifest and in <c>.sha256</c>.</summary>
    private static async Task RewriteAsync(DirectoryBench bench, Backup backup, Action<List<(TarEntry Entry, byte[] Content)>> change)
    {
        var entries = EntriesOf(bench, backup);
        change(entries);
        await ReplaceAsync(bench, backup, part: null, TarOf(entries));
    }

    private static List<(TarEntry Entry, byte[] Content)> EntriesOf(DirectoryBench bench, Backup backup)
    {
        var entries = new List<(TarEntry Entry, byte[] Content)>();
        using var tar = new TarReader(new MemoryStream(Expand(bench.PathOf(backup))));
        while (tar.GetNextEntry(copyData: true) is { } entry)
        {
            using var content = new MemoryStream();
            entry.DataStream?.CopyTo(content);
            entries.Add((entry, content.ToArray()));
        }

        return entries;
    }

    private static byte[] TarOf(List<(TarEntry Entry, byte[] Content)> entries)
    {
        using var content = new MemoryStream();
        using (var tar = new TarWriter(content, TarEntryFormat.Pax, leaveOpen: true))
        {
            foreach (var (entry, bytes) in entries)
            {
                if (entry.EntryType == TarEntryType.RegularFile)
                    entry.DataStream = new MemoryStream(bytes);
                tar.WriteEntry(entry);
            }
        }

        return content.ToArray();
    }

    /// <summary>Other content for an artifact, or a part of it, and every hash of it with that.</summary>
    private static async Task ReplaceAsync(DirectoryBench bench, Backup backup, string? part, byte[] content)
    {
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            await gzip.WriteAsync(content);
        var (digest, stored) = (DigestOf(content), DigestOf(packed.ToArray()));
        await File.WriteAllBytesAsync(part is null ? bench.PathOf(backup) : PartOf(bench, backup, part), packed.ToArray());
        var manifest = (await bench.Catalog.FindAgainAsync(backup, CancellationToken.None)).Manifest;
        var before = part is null ? manifest.Stored : manifest.Parts.First(one => one.Name == part).Stored;
        manifest = part is null ? manifest with { Stored = stored, Content = digest }
            : manifest with { Parts = [.. manifest.Parts.Select(one => one.Name == part ? one with { Stored = stored, Content = digest } : one)] };
        await File.WriteAllBytesAsync(ManifestOf(bench, backup), SealedJson.Write(manifest, CatalogJson.Readable.BackupManifest));
        var sums = bench.PathOf(backup) + ".sha256";
        await File.WriteAllTextAsync(sums, (await File.ReadAllTextAsync(sums)).Replace(before.Sha256, stored.Sha256, StringComparison.Ordinal));
        if (part is null)
        {
            // A result of another length would be out of date.
            await Sidecar.EditAsync(Path.Combine(bench.Store, BackupFiles.Verification(backup.File)), text => text.Replace($"\"storedLength\": {before.Length}", $"\"storedLength\": {stored.Length}", StringComparison.Ordinal));
        }
    }

    private static ArtifactDigest DigestOf(byte[] bytes) => new(bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)));

    private static byte[] Expand(string file)
    {
        using var gzip = new GZipStream(File.OpenRead(file), CompressionMode.Decompress);
        using var content = new MemoryStream();
        gzip.CopyTo(content);
        return content.ToArray();
    }
}
