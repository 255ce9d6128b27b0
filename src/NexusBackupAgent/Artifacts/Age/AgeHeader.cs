using System.Text;

namespace NexusBackupAgent.Artifacts.Age;

/// <summary>The beginning of a file that age wrote (age-encryption.org/v1): to how many recipients, and nothing that says to which.</summary>
/// <param name="Length">In bytes.</param>
/// <param name="Recipients">How many native ones, whose stanzas are anonymous.</param>
internal sealed record AgeHeader(int Length, int Recipients)
{
    /// <summary>Bytes of a file that hold its header, however long, and the first chunk of its content with the byte that shows that another one follows.</summary>
    public const int WithFirstChunk = Longest + NonceSize + ChunkSize + TagSize + 1;

    /// <summary>A recipient takes a hundred bytes.</summary>
    public const int Longest = 1 << 16;

    private const int ChunkSize = 64 << 10;
    private const int TagSize = 16;
    private const int NonceSize = 16;

    /// <summary>Bytes of the whole file when it holds so many.</summary>
    public long FileLength(long content) => Length + NonceSize + content + (TagSize * Math.Max(1, (content + ChunkSize - 1) / ChunkSize));
}

/// <summary>Finds the header in the first bytes of a file as they pass.</summary>
internal sealed class AgeHeaderReader
{
    private static readonly byte[] Beginning = "age-encryption.org/v1\n"u8.ToArray();
    private static readonly byte[] LastLine = "\n--- "u8.ToArray();

    private readonly List<byte> seen = [];
    private bool isOver;

    /// <summary>Null as long as there is none.</summary>
    public AgeHeader? Header { get; private set; }

    public void Take(ReadOnlySpan<byte> bytes)
    {
        if (isOver)
            return;
        seen.AddRange(bytes[..Math.Min(bytes.Length, AgeHeader.Longest - seen.Count)]);
        Header = Parse(seen.ToArray());
        isOver = Header is not null || seen.Count == AgeHeader.Longest;
        if (isOver)
            seen.Clear();
    }

    private static AgeHeader? Parse(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.StartsWith(Beginning) || bytes.IndexOf(LastLine) is not (> 0 and var last))
            return null;
        var end = bytes[(last + 1)..].IndexOf((byte)'\n');
        if (end < 0)
            return null;
        var lines = Encoding.ASCII.GetString(bytes[..last]).Split('\n');
        return new AgeHeader(last + 1 + end + 1, lines.Count(line => line.StartsWith("-> X25519 ", StringComparison.Ordinal)));
    }
}
