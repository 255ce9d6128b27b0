using System.IO.Compression;

namespace NexusBackupAgent.Artifacts;

/// <summary>
/// A gzip member of known content, fed to the inflater behind the data. .NET's inflater takes data that stops too early,
/// and anything but gzip behind it, for a good end; but only whole data lets the sentinel come out as the last bytes.
/// </summary>
internal static class GzipSentinel
{
    /// <summary>The sentinel as gzip.</summary>
    public static readonly ReadOnlyMemory<byte> Member = Compress();

    /// <summary>The sentinel inflated. Its repetition keeps it from standing in <see cref="Member"/> as it is.</summary>
    public static ReadOnlySpan<byte> Content => "end-end-end-end-"u8;

    /// <summary>Bytes that a buffer needs behind its data to take either form of the sentinel.</summary>
    public const int Room = 64;

    /// <exception cref="InvalidDataException">The data in front of the sentinel was not whole.</exception>
    public static void Require(ReadOnlySpan<byte> inflated)
    {
        if (!inflated.EndsWith(Content))
            throw new InvalidDataException("the gzip data ends too early, or something else follows it");
    }

    private static byte[] Compress()
    {
        using var member = new MemoryStream();
        using (var gzip = new GZipStream(member, CompressionLevel.SmallestSize))
            gzip.Write(Content);
        return member.ToArray();
    }
}
