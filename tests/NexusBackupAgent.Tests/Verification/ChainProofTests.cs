using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Sources.Sqlite.Pages;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Verification;

/// <summary>
/// A run proves an increment by its own bytes and the hashes of what it builds on. Whatever that proof can't see, the reading of
/// the whole finds, and before that nothing is deleted on the strength of it.
/// </summary>
public sealed class ChainProofTests
{
    private enum Found
    {
        /// <summary>The proof by the chain says that it is not what was captured.</summary>
        ByChain,

        /// <summary>The proof by the chain can't be made, so the whole was read, and that says it.</summary>
        ByFallingBack,

        /// <summary>The listing shows it: nothing needs to be read.</summary>
        ByListing,

        /// <summary>Only the reading of the whole shows it.</summary>
        ByWhole,

        /// <summary>The proof by the chain can't be made, so the whole was read, which is as it was captured.</summary>
        Harmless,
    }

    /// <summary>Full, increment, increment: what is done to the files of them, and who finds it when the last one is read.</summary>
    private static readonly Dictionary<string, (Found Found, Func<ChainBench, IReadOnlyList<Backup>, Task> DoAsync)> Attacks = new(StringComparer.Ordinal)
    {
        ["a bit of the increment flipped"] = (Found.ByChain, (bench, chain) => Do(() => Damage.FlipBit(bench.Stored(chain[2])))),
        ["the increment cut off"] = (Found.ByChain, (bench, chain) => Do(() => Cut(bench.Stored(chain[2])))),
        ["a page of the increment changed, and all its hashes with it"] = (Found.ByChain, (bench, chain) => RewriteAsync(bench, chain[2], frames => frames[1].Content[100] ^= 1)),
        ["two pages of the increment swapped, and all its hashes with it"] = (Found.ByChain, (bench, chain) => RewriteAsync(bench, chain[2], frames => (frames[1], frames[2]) = (frames[1] with { Content = frames[2].Content }, frames[2] with { Content = frames[1].Content }))),
        ["a page of the increment left out, and all its hashes with it"] = (Found.ByChain, (bench, chain) => RewriteAsync(bench, chain[2], frames => frames.RemoveAt(1))),
        ["another number of pages in the increment, and all its hashes with it"] = (Found.ByChain, (bench, chain) => RewriteAsync(bench, chain[2], frames => frames[^1] = frames[^1] with { Page = frames[^1].Page + 1 }, more: 1)),
        ["the increment before in its place, and all its hashes with it"] = (Found.ByChain, (bench, chain) => ReplaceAsync(bench, chain[2], File.ReadAllBytes(bench.Stored(chain[1])), chain[1].Manifest.Content)),
        ["another base in the increment's manifest"] = (Found.ByChain, (bench, chain) => Sidecar.EditAsync(ManifestOf(bench, chain[2]), text => text.Replace(chain[1].Id.Value, chain[0].Id.Value, StringComparison.Ordinal))),
        ["another fingerprint in the increment's manifest"] = (Found.ByChain, (bench, chain) => Sidecar.EditAsync(ManifestOf(bench, chain[2]), text => text.Replace(chain[2].Manifest.Fingerprint!, new string('0', 64), StringComparison.Ordinal))),
        ["the full one replaced by another one, and all its hashes with it"] = (Found.ByFallingBack, (bench, chain) => ReplaceByOtherAsync(bench, chain[0])),
        ["the full one cut off"] = (Found.ByListing, (bench, chain) => Do(() => Cut(bench.Stored(chain[0])))),
        ["the full one gone"] = (Found.ByListing, (bench, chain) => Do(() => File.Delete(bench.Stored(chain[0])))),
        ["a bit of the full one flipped after it was proven"] = (Found.ByWhole, (bench, chain) => Do(() => Damage.FlipBit(bench.Stored(chain[0])))),
        ["a bit of the base flipped after it was proven"] = (Found.ByWhole, (bench, chain) => Do(() => Damage.FlipBit(bench.Stored(chain[1])))),
        ["the full one's page index lost"] = (Found.Harmless, (bench, chain) => Do(() => File.Delete(IndexOf(bench, chain[0])))),
        ["the base's page index in place of the full one's"] = (Found.Harmless, (bench, chain) => Do(() => File.Copy(IndexOf(bench, chain[1]), IndexOf(bench, chain[0]), overwrite: true))),
        ["the full one's page index tells of another state, and is whole by its own hash"] = (Found.Harmless, (bench, chain) => ForgeAsync(IndexOf(bench, chain[0]), page: null, new byte[PageHash.Size])),
    };

    public static TheoryData<string> Names => [.. Attacks.Keys];

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public async Task What_is_done_to_a_chain_is_found(string attack)
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 2);
        using var _ = bench;
        Assert.Equal([Proof.Whole, Proof.Chain, Proof.Chain], chain.Select(backup => backup.Proof!.Value));
        var before = HashOf(bench.Bench.StorePath);

        var (found, doAsync) = Attacks[attack];
        await doAsync(bench, chain);
        Assert.NotEqual(before, HashOf(bench.Bench.StorePath));

        var listed = (await bench.Bench.BackupsAsync()).First(backup => backup.Manifest.Id == chain[2].Id);
        if (found == Found.ByListing)
        {
            Assert.True(listed.HasBrokenChain);
            return;
        }

        var read = await GlanceAsync(bench, listed, Proof.Chain);
        var wasExpanded = read.Verification!.Checks.Any(check => check.Check == VerificationCheck.Integrity);
        Assert.Equal(found is Found.ByChain or Found.ByFallingBack ? (null, found == Found.ByFallingBack) : found == Found.ByWhole ? (Proof.Chain, false) : ((Proof?)Proof.Whole, true), (read.Verification.Proof, wasExpanded));
        Assert.Equal(found is Found.ByWhole or Found.Harmless, read.Verification.Passed);
        if (found is Found.Harmless)
            return;
        var examined = await bench.VerifyAsync(listed);
        Assert.NotEqual(BackupState.Good, examined.State);
    }

    [SkippableFact]
    public async Task A_database_that_shrank_is_proven_by_its_chain_and_restores_to_what_it_was()
    {
        var (bench, _) = await ChainBench.WithAsync(increments: 1);
        using var _ = bench;
        foreach (var change in (string[])["DELETE FROM t WHERE id % 3; VACUUM", "INSERT INTO t (note) SELECT hex(randomblob(300)) FROM t"])
        {
            await SqliteSamples.SqlAsync(bench.Bench.Database, change);
            var increment = await bench.IncrementAsync();

            Assert.Equal(Proof.Chain, increment.Proof);
            Assert.Equal([VerificationCheck.Checksum, VerificationCheck.Encoding], increment.Verification!.Checks.Select(check => check.Check));
            Assert.Equal(bench.States[increment.Id], increment.Manifest.Restored!.Value.Sha256);
            var whole = await bench.VerifyAsync(increment);
            Assert.Equal((BackupState.Good, Proof.Whole), (whole.State, whole.Proof!.Value));
            Assert.Equal(3, whole.Verification!.Checks.Count);
        }
    }

    [SkippableFact]
    public async Task An_index_that_would_hide_a_change_is_found_before_it_hides_it()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 0);
        using var _ = bench;
        await SqliteSamples.SqlAsync(bench.Bench.Database, "UPDATE t SET note = 'changed' WHERE id = 3000");
        var changed = await FirstChangedPageAsync(bench, chain[0]);
        await ForgeAsync(IndexOf(bench, chain[0]), changed.Page, SHA256.HashData(changed.Content)[..PageHash.Size]); // says that the page is what it is only now

        var increment = (await bench.RunAsync("daily", BackupType.Incremental)).Outcome!.Backup;

        Assert.Equal((BackupType.Incremental, Proof.Chain), (increment.Manifest.Type, increment.Proof!.Value));
        Assert.Contains(bench.Bench.PagesLog.Lines, line => line.Contains("it is not of the state that was captured", StringComparison.Ordinal));
        Assert.Equal(Proof.Whole, (await bench.VerifyAsync(increment)).Proof);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(bench.Bench.Database))), increment.Manifest.Restored!.Value.Sha256);
    }

    [SkippableFact]
    public async Task A_full_backup_is_good_only_when_its_pages_are_those_that_were_hashed()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 0);
        using var _ = bench;
        await Sidecar.EditAsync(ManifestOf(bench, chain[0]), text => text.Replace(chain[0].Manifest.Fingerprint!, new string('0', 64), StringComparison.Ordinal));

        var read = await bench.VerifyAsync(await bench.FindAsync(chain[0]));

        Assert.Equal("it is not of the state that was captured", read.Verification!.FirstFailure);
        Assert.True(read.IsSetAside);
    }

    [SkippableFact]
    public async Task What_an_earlier_agent_made_is_built_on_and_read_whole()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 0);
        using var _ = bench;
        await Sidecar.EditAsync(ManifestOf(bench, chain[0]), text => text.Replace($"  \"fingerprint\": \"{chain[0].Manifest.Fingerprint}\",\n", "", StringComparison.Ordinal));
        Assert.Null((await bench.FindAsync(chain[0])).Manifest.Fingerprint);

        Assert.Equal(Proof.Whole, (await bench.IncrementAsync()).Proof);
        Assert.Equal(Proof.Chain, (await bench.IncrementAsync()).Proof); // on one that has a fingerprint, and was compared with it
    }

    [SkippableFact]
    public async Task A_damaged_database_is_found_when_the_whole_is_read_and_each_run_fails_from_then_on_until_it_is_sound()
    {
        var (bench, _) = await ChainBench.WithAsync(increments: 0);
        using var _ = bench;
        var sound = await File.ReadAllBytesAsync(bench.Bench.Database);
        await SqliteSamples.SqlAsync(bench.Bench.Database, "PRAGMA writable_schema = ON; DELETE FROM t WHERE id > 2900; UPDATE sqlite_schema SET rootpage = 3 WHERE name = 't'");
        foreach (var hour in (int[])[1, 2])
        {
            var run = await bench.RunAsync("daily", BackupType.Incremental);
            Assert.Equal(Proof.Chain, run.Outcome!.Backup.Proof); // nobody knows yet
            bench.Clock.Advance(TimeSpan.FromHours(hour));
        }

        var read = await bench.VerifyAsync((await bench.Bench.BackupsAsync())[0]);

        Assert.Equal((BackupState.Quarantined, true), (read.State, read.ShowsCorruptSource));
        foreach (var type in (BackupType[])[BackupType.Incremental, BackupType.Differential])
        {
            Assert.Equal(FailureKind.SourceCorrupt, (await bench.RunAsync("daily", type)).Failure?.Kind);
            bench.Clock.Advance(TimeSpan.FromHours(1));
        }

        await File.WriteAllBytesAsync(bench.Bench.Database, sound);
        foreach (var proof in (Proof[])[Proof.Whole, Proof.Chain])
        {
            await SqliteSamples.SqlAsync(bench.Bench.Database, "UPDATE t SET note = hex(randomblob(40)) WHERE id % 500 = 7");
            Assert.Equal(proof, (await bench.RunAsync("daily", BackupType.Incremental)).Outcome?.Backup.Proof);
            bench.Clock.Advance(TimeSpan.FromHours(1));
        }
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nothing_is_deleted_before_what_covers_it_was_expanded_whole(bool isDamaged)
    {
        using var bench = await ChainBench.CreateAsync();
        var source = bench.Source with { Retention = new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal) { ["daily"] = RetentionPeriod.Parse("7d"), ["weekly"] = RetentionPeriod.Parse("4w") } };
        var weekly = await RunAsync("weekly", BackupType.Full);
        var old = await RunAsync("daily", BackupType.Differential);
        Assert.Equal(Proof.Chain, old.Outcome!.Backup.Proof);
        bench.Clock.Advance(TimeSpan.FromDays(8));
        var next = await RunAsync("weekly", BackupType.Full);
        if (isDamaged)
            Damage.FlipBit(bench.Stored(next.Outcome!.Backup));

        var plan = await bench.Bench.Prunings.PlanAsync(source, CancellationToken.None);
        Assert.All(plan.Decisions, decision => Assert.True(decision.Keep));
        var cover = await RunAsync("daily", BackupType.Differential);

        var left = (await bench.Bench.BackupsAsync()).Select(backup => backup.Id).ToList();
        if (isDamaged)
        {
            Assert.Contains($"{next.Outcome!.Backup.File}, which it needs, is corrupt", cover.Failure!.Message, StringComparison.Ordinal);
            Assert.Contains(old.Outcome!.Backup.Id, left);
        }
        else
        {
            Assert.Equal(Proof.Whole, cover.Outcome!.Backup.Proof);
            Assert.Equal([cover.Outcome.Backup.Id, next.Outcome!.Backup.Id, weekly.Outcome!.Backup.Id], left);
        }

        Task<RunRecord> RunAsync(string schedule, BackupType type) => MakeAsync(bench, source, schedule, type);
    }

    [SkippableTheory]
    [InlineData(true, "does not count, because")]
    [InlineData(false, "is good, but expired ones could not be removed: '")]
    public async Task A_run_that_finds_the_cover_of_another_schedule_corrupt_fails_and_removes_nothing(bool buildsOnIt, string failure)
    {
        using var bench = await ChainBench.CreateAsync();
        var (source, old, full) = await WithUnexpandedCoverAsync(bench);
        Damage.FlipBit(bench.Stored(full));

        var run = await MakeAsync(bench, source, "hourly", buildsOnIt ? BackupType.Incremental : BackupType.Full);

        Assert.Equal(FailureKind.Verification, run.Failure?.Kind);
        Assert.Contains(failure, run.Failure!.Message, StringComparison.Ordinal);
        Assert.Contains($"{full.File}, which it needs, is corrupt", run.Failure.Message, StringComparison.Ordinal);
        Assert.Equal(BackupState.Good, (await bench.FindAsync(old)).State);
    }

    [SkippableTheory]
    [InlineData(null)]
    [InlineData("rotten")]
    [InlineData("full store")]
    public async Task Pruning_by_hand_expands_what_covers_and_tells_what_it_found(string? trouble)
    {
        await using var disk = trouble == "full store" ? await SmallFileSystem.MountAsync("size=4m") : null;
        using var bench = await ChainBench.CreateAsync(disk is null ? null : _ => new LocalDirectoryStore("local", disk.Path));
        var (source, old, full) = await WithUnexpandedCoverAsync(bench);
        if (trouble == "rotten")
            Damage.FlipBit(bench.Stored(full));
        if (disk is not null)
            await Shell.TryAsync("dd", "if=/dev/zero", $"of={disk.Path}/filler", "bs=4k");

        var plan = await bench.Bench.Prunings.PlanAsync(source, CancellationToken.None);
        Assert.Equal(old.Id, Assert.Single(plan.Depending).Id);
        Assert.Contains("nexus-backup prune expands that first", plan.Decisions.Single(decision => decision.Backup.Id == old.Id).Reasons[^1], StringComparison.Ordinal);

        if (trouble == "rotten")
        {
            var failure = await Assert.ThrowsAsync<BackupException>(PruneAsync);
            Assert.Equal(FailureKind.Verification, failure.Kind);
            Assert.Contains($"{full.File}, which it needs, is corrupt", failure.Message, StringComparison.Ordinal);
            Assert.Equal(BackupState.Good, (await bench.FindAsync(old)).State);
        }
        else
        {
            Assert.Equal(old.Id, Assert.Single((await PruneAsync()).Removed).Id);
        }

        Assert.Equal(trouble != "rotten", bench.Bench.Journal.Last("itsm", OperationKind.Prune)!.Succeeded);

        Task<PruneRecord> PruneAsync() => bench.Bench.Prunings.RunAsync(source, TimeSpan.Zero, CancellationToken.None);
    }

    /// <summary>A daily backup that has expired since the last run, and a newer one that covers it once it was expanded, with the full one that this builds on.</summary>
    private static async Task<(ProtectedSource Source, Backup Old, Backup Full)> WithUnexpandedCoverAsync(ChainBench bench)
    {
        var source = bench.Source with
        {
            Retention = new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal) { ["hourly"] = RetentionPeriod.Parse("2d"), ["daily"] = RetentionPeriod.Parse("7d"), ["weekly"] = RetentionPeriod.Parse("4w") },
        };
        await MakeAsync(bench, source, "weekly", BackupType.Full);
        var old = await MakeAsync(bench, source, "daily", BackupType.Differential);
        bench.Clock.Advance(TimeSpan.FromDays(7) - TimeSpan.FromHours(3));
        var full = await MakeAsync(bench, source, "weekly", BackupType.Full);
        var cover = await MakeAsync(bench, source, "daily", BackupType.Differential);
        Assert.Equal(Proof.Chain, cover.Outcome!.Backup.Proof);
        bench.Clock.Advance(TimeSpan.FromHours(3));
        return (source, old.Outcome!.Backup, full.Outcome!.Backup);
    }

    private static async Task<RunRecord> MakeAsync(ChainBench bench, ProtectedSource source, string schedule, BackupType type)
    {
        await SqliteSamples.SqlAsync(bench.Bench.Database, "UPDATE t SET note = hex(randomblob(40)) WHERE id % 500 = 7");
        var run = await bench.Bench.Backups.RunAsync(source, schedule, type, TimeSpan.Zero, progress: null, CancellationToken.None);
        bench.Clock.Advance(TimeSpan.FromHours(1));
        return run;
    }

    private static Task<Backup> GlanceAsync(ChainBench bench, Backup backup, Proof enough) =>
        bench.Bench.Verifier.GlanceAsync(bench.Source.Source, bench.Source.Catalog, backup, progress: null, CancellationToken.None, enough);

    private static Task Do(Action action)
    {
        action();
        return Task.CompletedTask;
    }

    private static string ManifestOf(ChainBench bench, Backup backup) => Path.Combine(bench.Bench.StorePath, BackupFiles.Manifest(backup.File));

    private static string IndexOf(ChainBench bench, Backup backup) => bench.Stored(backup) + PageIndexes.Ending;

    private static void Cut(string file)
    {
        using var stream = new FileStream(file, FileMode.Open);
        stream.SetLength(stream.Length / 2);
    }

    private static string HashOf(string directory)
    {
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in Directory.GetFiles(directory).Order(StringComparer.Ordinal))
            all.AppendData(SHA256.HashData(File.ReadAllBytes(file)));
        return Convert.ToHexStringLower(all.GetHashAndReset());
    }

    /// <summary>Another hash for a page, or for all of them, in an index that is whole by its own hash and of the same backup.</summary>
    private static async Task ForgeAsync(string index, uint? page, byte[] hash)
    {
        var bytes = await File.ReadAllBytesAsync(index);
        for (var at = PageIndexHeader.Size; at < bytes.Length - SHA256.HashSizeInBytes; at += PageIndexHeader.EntrySize)
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at)) is var entry && entry == (page ?? entry))
                hash.CopyTo(bytes, at + sizeof(uint));
        }

        SHA256.HashData(bytes.AsSpan(..^SHA256.HashSizeInBytes)).CopyTo(bytes, bytes.Length - SHA256.HashSizeInBytes);
        await File.WriteAllBytesAsync(index, bytes);
    }

    private static async Task<(uint Page, byte[] Content)> FirstChangedPageAsync(ChainBench bench, Backup full)
    {
        var (before, now) = (Expand(bench.Stored(full)), await File.ReadAllBytesAsync(bench.Bench.Database));
        const int size = 4096;
        var page = Enumerable.Range(1, (now.Length / size) - 1).First(page => !now.AsSpan(page * size, size).SequenceEqual(before.AsSpan(page * size, size)));
        return ((uint)page + 1, now[(page * size)..((page + 1) * size)]);
    }

    /// <summary>The same WAL with other pages: every checksum in it agrees, and so do manifest and <c>.sha256</c>.</summary>
    /// <param name="more">Pages that the database then has more.</param>
    private static async Task RewriteAsync(ChainBench bench, Backup increment, Action<List<(uint Page, byte[] Content)>> change, uint more = 0)
    {
        var (pageSize, pageCount) = (0, 0u);
        var frames = new List<(uint Page, byte[] Content)>();
        var reader = new WalReader(size => pageSize = size, frame => frames.Add((frame.Page, frame.Content.ToArray())));
        reader.Read(Expand(bench.Stored(increment)));
        pageCount = reader.Complete();
        change(frames);
        using var content = new MemoryStream();
        var writer = new WalWriter(content, pageSize);
        foreach (var (page, bytes) in frames)
            await writer.AddAsync(page, bytes, CancellationToken.None);
        await writer.CompleteAsync(pageCount + more, CancellationToken.None);
        using var stored = new MemoryStream();
        await using (var gzip = new GZipStream(stored, CompressionLevel.Fastest, leaveOpen: true))
            await gzip.WriteAsync(content.ToArray());
        await ReplaceAsync(bench, increment, stored.ToArray(), DigestOf(content.ToArray()));
    }

    private static async Task ReplaceByOtherAsync(ChainBench bench, Backup full)
    {
        var other = Path.Combine(bench.Bench.Root, "other.db");
        await SqliteSamples.LedgerAsync(other, "delete");
        var content = await File.ReadAllBytesAsync(other);
        using var stored = new MemoryStream();
        await using (var gzip = new GZipStream(stored, CompressionLevel.Fastest, leaveOpen: true))
            await gzip.WriteAsync(content);
        await ReplaceAsync(bench, full, stored.ToArray(), DigestOf(content));
    }

    private static async Task ReplaceAsync(ChainBench bench, Backup backup, byte[] stored, ArtifactDigest content)
    {
        var digest = DigestOf(stored);
        await File.WriteAllBytesAsync(bench.Stored(backup), stored);
        await File.WriteAllTextAsync(bench.Stored(backup) + ".sha256", $"{digest.Sha256}  {backup.File}\n");
        var manifest = backup.Manifest with { Stored = digest, Content = content };
        await File.WriteAllBytesAsync(ManifestOf(bench, backup), SealedJson.Write(manifest, CatalogJson.Readable.BackupManifest));
        var result = Path.Combine(bench.Bench.StorePath, BackupFiles.Verification(backup.File)); // a result of another length would be out of date
        await Sidecar.EditAsync(result, text => text.Replace($"\"storedLength\": {backup.ActualLength}", $"\"storedLength\": {digest.Length}", StringComparison.Ordinal));
    }

    private static ArtifactDigest DigestOf(byte[] bytes) => new(bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)));

    private static byte[] Expand(string artifact)
    {
        using var gzip = new GZipStream(File.OpenRead(artifact), CompressionMode.Decompress);
        using var content = new MemoryStream();
        gzip.CopyTo(content);
        return content.ToArray();
    }
}
