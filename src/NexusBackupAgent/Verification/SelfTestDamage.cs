using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Verification;

/// <summary>One way to damage a stored backup.</summary>
/// <param name="Name">In words.</param>
/// <param name="Expected">The checks that ought to find it.</param>
/// <param name="DoAsync">Does it to a copy.</param>
internal sealed record SelfTestDamage(string Name, IReadOnlyList<VerificationCheck> Expected, Func<SelfTestCopy, Task> DoAsync)
{
    private const VerificationCheck Checksum = VerificationCheck.Checksum;
    private const VerificationCheck Decoding = VerificationCheck.Encoding;
    private const VerificationCheck Integrity = VerificationCheck.Integrity;

    /// <summary>Per cent of the file before the bit that is flipped.</summary>
    private static readonly int[] FlippedAt = [1, 25, 50, 75, 99];

    private static readonly SelfTestDamage[] OfIncrement =
    [
        new("an increment, undamaged", [], _ => Task.CompletedTask) { IsOfIncrement = true },
        new("a bit flipped in an increment", [Checksum, Decoding], copy => ChangeAsync(copy, bytes => bytes[bytes.Length / 2] ^= 4)) { IsOfIncrement = true },
        new("a bit flipped in what an increment builds on", [Checksum, Decoding], copy => ChangeAsync(copy with { File = copy.Base! }, bytes => bytes[bytes.Length / 2] ^= 4)) { IsOfIncrement = true },
        new("another backup in the place of what an increment builds on", [Checksum], SwapBaseAsync) { IsOfIncrement = true },
    ];

    /// <summary>Whether it is done to an increment, or to what that builds on.</summary>
    public bool IsOfIncrement { get; init; }

    /// <summary>Every way that is feared, and none at all, which must pass.</summary>
    /// <param name="source">Of the specimen: content that is stored as it comes has no encoding that a check could find wrong.</param>
    /// <param name="noun">What is backed up: <c>database</c>.</param>
    public static IReadOnlyList<SelfTestDamage> AllOf(IBackupSource source, string noun)
    {
        VerificationCheck[] decoding = source.FormatOf(BackupType.Full) is { Encoding: ArtifactEncoding.None } ? [] : [Decoding];
        VerificationCheck[] both = [Checksum, .. decoding];
        return
        [
            new("undamaged", [], _ => Task.CompletedTask),
            .. FlippedAt.Select(percent => new SelfTestDamage(
                $"a bit flipped at {percent} %", both, copy => ChangeAsync(copy, bytes => bytes[(int)(bytes.Length * (percent / 100.0))] ^= 4))),
            new("the last bit flipped", [Checksum], copy => ChangeAsync(copy, bytes => bytes[^1] ^= 1)),
            new("cut off", both, copy => ReplaceAsync(copy, bytes => bytes[..(bytes.Length * 2 / 3)])),
            new("the last byte missing", both, copy => ReplaceAsync(copy, bytes => bytes[..^1])),
            new("empty (0 bytes)", both, copy => ReplaceAsync(copy, _ => [])),
            new("a block of zeros", both, copy => ChangeAsync(copy, bytes => bytes.AsSpan(bytes.Length / 3, 4096).Clear())),
            new("a wrong hash in .sha256", [Checksum], copy => WriteChecksumAsync(copy, new string('0', 64))),
            new("another backup's manifest", [Checksum], SwapManifestAsync),
            new("another backup's hashes in its manifest", [Checksum], SwapHashesAsync),
            new("an older backup under its name", [Checksum], StaleContentAsync),
            new("cut off before it was hashed", decoding is [] ? [Integrity] : decoding, HashTruncatedAsync),
            new($"a damaged {noun}, stored without a flaw", [Integrity], TakeRuinedAsync),
            .. source.FormatOf(BackupType.Incremental) is null ? [] : OfIncrement,
        ];
    }

    private static Task ChangeAsync(SelfTestCopy copy, Action<byte[]> change) => ReplaceAsync(copy, bytes =>
    {
        change(bytes);
        return bytes;
    });

    private static async Task ReplaceAsync(SelfTestCopy copy, Func<byte[], byte[]> change) => await copy.WriteAsync(copy.File, change(await copy.ReadAsync(copy.File)));

    private static async Task SwapManifestAsync(SelfTestCopy copy)
    {
        var (mine, other) = (BackupFiles.Manifest(copy.File), BackupFiles.Manifest(copy.Older));
        var (ofMine, ofOther) = (await copy.ReadAsync(mine), await copy.ReadAsync(other));
        await copy.WriteAsync(mine, ofOther);
        await copy.WriteAsync(other, ofMine);
    }

    private static async Task SwapHashesAsync(SelfTestCopy copy)
    {
        var older = await ManifestAsync(copy, copy.Older);
        await WriteManifestAsync(copy, await ManifestAsync(copy, copy.File) with { Stored = older.Stored, Content = older.Content });
    }

    /// <summary>With the hash beside it, so that everything agrees but the manifest.</summary>
    private static async Task StaleContentAsync(SelfTestCopy copy)
    {
        await copy.WriteAsync(copy.File, await copy.ReadAsync(copy.Older));
        await WriteChecksumAsync(copy, (await ManifestAsync(copy, copy.Older)).Stored.Sha256);
    }

    /// <summary>As if the writer had failed: what is stored is what was hashed, and does not inflate.</summary>
    private static async Task HashTruncatedAsync(SelfTestCopy copy)
    {
        await ReplaceAsync(copy, bytes => bytes[..(bytes.Length / 2)]);
        var bytes = await copy.ReadAsync(copy.File);
        await AgreeAsync(copy, await ManifestAsync(copy, copy.File) with { Stored = new ArtifactDigest(bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes))) });
    }

    /// <summary>As if the source had been damaged when it was captured.</summary>
    private static async Task TakeRuinedAsync(SelfTestCopy copy)
    {
        await copy.WriteAsync(copy.File, await copy.ReadAsync(copy.Ruined));
        var ruined = await ManifestAsync(copy, copy.Ruined);
        await AgreeAsync(copy, await ManifestAsync(copy, copy.File) with { Stored = ruined.Stored, Content = ruined.Content });
    }

    /// <summary>With a manifest that agrees, so that only what both give together shows it.</summary>
    private static async Task SwapBaseAsync(SelfTestCopy copy)
    {
        var @base = copy with { File = copy.Base! };
        await copy.WriteAsync(@base.File, await copy.ReadAsync(copy.Older));
        var older = await ManifestAsync(copy, copy.Older);
        await AgreeAsync(@base, await ManifestAsync(copy, @base.File) with { Stored = older.Stored, Content = older.Content });
    }

    private static async Task AgreeAsync(SelfTestCopy copy, BackupManifest manifest)
    {
        await WriteManifestAsync(copy, manifest);
        await WriteChecksumAsync(copy, manifest.Stored.Sha256);
    }

    private static Task WriteChecksumAsync(SelfTestCopy copy, string sha256) =>
        copy.WriteAsync(BackupFiles.Checksum(copy.File), Encoding.UTF8.GetBytes($"{sha256}  {copy.File}\n"));

    private static async Task<BackupManifest> ManifestAsync(SelfTestCopy copy, string artifact) =>
        JsonSerializer.Deserialize(await copy.ReadAsync(BackupFiles.Manifest(artifact)), CatalogJson.Readable.BackupManifest)!;

    private static Task WriteManifestAsync(SelfTestCopy copy, BackupManifest manifest) =>
        copy.WriteAsync(BackupFiles.Manifest(copy.File), SealedJson.Write(manifest, CatalogJson.Readable.BackupManifest));
}
