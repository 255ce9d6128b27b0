using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Tests.Support;

/// <summary>Values that a test needs and does not care about.</summary>
internal static class Some
{
    public static readonly DateTimeOffset Instant = new(2026, 2, 14, 2, 0, 0, TimeSpan.Zero);

    /// <summary>Runs on from <see cref="Instant"/>, for what needs a clock that moves and not what it shows.</summary>
    public static TimeProvider Clock => RunningClock.Shared;

    public static readonly TimeZoneInfo Tokyo = TimeZoneInfo.FindSystemTimeZoneById("Asia/Tokyo");

    /// <summary>Bytes that do not compress, always the same ones.</summary>
    public static byte[] Noise(int length, int seed = 1)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Bytes that compress well, as the text in a database does.</summary>
    public static byte[] Text(int length)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i++)
            bytes[i] = (byte)"INC-000123 printer on fire; assigned to second level. "[(i + i / 97) % 54];
        return bytes;
    }

    /// <summary>An artifact as the agent writes it.</summary>
    public static async Task<byte[]> ArtifactAsync(byte[] content)
    {
        using var stored = new MemoryStream();
        await ArtifactWriter.WriteAsync(stored, 6, (stream, token) => stream.WriteAsync(content, token).AsTask(), progress: null, CancellationToken.None);
        return stored.ToArray();
    }

    public static BackupManifest Manifest(string file, ArtifactDigests digests, DateTimeOffset? capturedAt = null) => new(
        BackupManifest.CurrentFormatVersion,
        BackupId.New(capturedAt ?? Instant),
        "itsm",
        "sqlite",
        "daily",
        BackupType.Full,
        Base: null,
        capturedAt ?? Instant,
        file,
        digests.Content,
        digests.Stored,
        Adopted: false,
        new Dictionary<string, string>(StringComparer.Ordinal) { ["nexus-backup"] = "0.1.0" });
}
