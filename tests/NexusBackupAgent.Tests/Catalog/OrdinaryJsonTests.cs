using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Catalog;

/// <summary>The quick way to read small files says what the whole format says, or leaves it to that.</summary>
public sealed class OrdinaryJsonTests
{
    private static readonly ArtifactDigest Digest = new(4711, new string('a', 60) + "0f9e");
    private static readonly BackupManifest Full = Some.Manifest("daily_20260214_020000.db.gz", new ArtifactDigests(Digest, Digest));

    private static readonly BackupManifest[] Manifests =
    [
        Full,
        Full with { Encoding = ArtifactEncoding.Zstd, Fingerprint = Digest.Sha256, Origin = new BackupOrigin("host", "Asia/Tokyo", new MappingNode(0, [new MappingEntry("sqlite", 0, new ScalarNode(0, "/srv/課題.db", IsNull: false))])) },
        Full with { Type = BackupType.Incremental, Base = new BackupId("20260214T010000Z-0123ab"), Restored = Digest with { Length = 9 }, Continues = new BackupId("20260214T010000Z-0123ab"), RestorableFrom = Some.Instant.AddMinutes(3) },
        Full with { Encryption = new BackupEncryption(["age1qqqq"]), Parts = [new BackupPart("wal.tar.gz", ArtifactEncoding.None, Digest, Digest)] },
        Full with { Schedule = "日次", Source = "a\"b" },
        Full with { Adopted = true, CapturedAt = Some.Instant.AddTicks(1234567), Stored = new ArtifactDigest(5, "none") },
    ];

    private static readonly VerificationResult Passed =
        new(Full.Id, Some.Instant, 4711, Passed: true, [.. Enum.GetValues<VerificationCheck>().Select(check => new CheckResult(check, Passed: true, Detail: ""))]) { Proof = Proof.Whole };

    private static readonly VerificationResult[] Verifications =
    [
        Passed,
        Passed with { Proof = null, IsAsCommitted = true },
        Passed with { Passed = false, SetAside = true, Proof = Proof.StoredBytes, Checks = [new CheckResult(VerificationCheck.Integrity, Passed: false, "row 7 \u0001 is missing from index 索引") { IsOfElsewhere = true }] },
        Passed with { Checks = [] },
    ];

    public static TheoryData<int> ManifestPlaces => [.. Enumerable.Range(0, Manifests.Length)];

    public static TheoryData<int> VerificationPlaces => [.. Enumerable.Range(0, Verifications.Length)];

    [Theory]
    [MemberData(nameof(ManifestPlaces))]
    public void A_manifest_reads_as_the_format_says(int place) => AssertAgree(Manifests[place], CatalogJson.Readable.BackupManifest, OrdinaryJson.Manifest);

    [Theory]
    [MemberData(nameof(VerificationPlaces))]
    public void A_verification_reads_as_the_format_says(int place) => AssertAgree(Verifications[place], CatalogJson.Readable.VerificationResult, OrdinaryJson.Verification);

    [Fact]
    public void What_agents_write_every_day_is_read_by_the_quick_way()
    {
        Assert.All(Manifests[..4], manifest => Assert.NotNull(OrdinaryJson.Manifest(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(manifest, CatalogJson.Readable.BackupManifest)))));
        Assert.All(Verifications[..2], result => Assert.NotNull(OrdinaryJson.Verification(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(result, CatalogJson.Readable.VerificationResult)))));
    }

    [Theory]
    [InlineData("\"adopted\": false", "\"adopted\": false, \"adopted\": true")]
    [InlineData("\"adopted\": false", "\"adopted\": null")]
    [InlineData("\"adopted\": false", "\"newWord\": [1, {}], \"adopted\": false")]
    [InlineData("\"formatVersion\": 2", "\"formatVersion\": 2.0")]
    [InlineData("\"formatVersion\": 2", "\"formatVersion\": 99")]
    [InlineData("\"type\": \"full\"", "\"type\": \"FULL\"")]
    [InlineData("\"type\": \"full\"", "\"type\": 0")]
    [InlineData("\"source\": \"itsm\"", "\"source\": \"\\u0069tsm\"")]
    [InlineData("\"source\": \"itsm\"", "\"source\": null")]
    [InlineData("\"tools\": {", "\"tools\": {\"a\": null,")]
    [InlineData("\"tools\": {", "\"tools\": {\"nexus-backup\": \"1\",")]
    [InlineData("\"parts\": []", "\"parts\": [null]")]
    [InlineData("\"length\": 4711", "\"length\": 4711, \"length\": 4712")]
    [InlineData("\"length\": 4711", "\"length\": 1e3")]
    [InlineData("\"length\": 4711", "\"size\": 4711")]
    [InlineData("0f9e\"", "0F9E\"")]
    [InlineData("0f9e\"", "\"")]
    public void What_is_unusual_reads_as_the_format_says(string ordinary, string unusual)
    {
        var text = JsonSerializer.Serialize(Full, CatalogJson.Readable.BackupManifest);
        Assert.Contains(ordinary, text, StringComparison.Ordinal);
        AssertNoOtherAnswer(Encoding.UTF8.GetBytes(text.Replace(ordinary, unusual, StringComparison.Ordinal)), CatalogJson.Readable.BackupManifest, OrdinaryJson.Manifest);
    }

    /// <summary>The value itself, each byte of it changed in turn, and each beginning of it.</summary>
    private static void AssertAgree<T>(T value, JsonTypeInfo<T> type, OrdinaryReader<T> read)
        where T : class
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(value, type);
        AssertNoOtherAnswer(json, type, read);
        for (var place = 0; place < json.Length; place++)
        {
            AssertNoOtherAnswer(json[..place], type, read);
            foreach (var odd in "\"}1 x\\,\u007f"u8)
            {
                var changed = json.ToArray();
                changed[place] = odd;
                AssertNoOtherAnswer(changed, type, read);
            }
        }
    }

    private static void AssertNoOtherAnswer<T>(byte[] json, JsonTypeInfo<T> type, OrdinaryReader<T> read)
        where T : class
    {
        if (read(json) is not { } quick)
            return;
        var whole = JsonSerializer.Deserialize(json, type)!;
        Assert.Equal(JsonSerializer.Serialize(whole, type), JsonSerializer.Serialize(quick, type));
    }
}
