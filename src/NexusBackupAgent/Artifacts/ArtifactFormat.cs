using System.Security.Cryptography;
using System.Text;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Artifacts;

/// <summary>How artifacts are named and encoded.</summary>
/// <param name="Extension">What their names end with: <c>.db.gz</c>.</param>
/// <param name="Encoding">How the content is stored.</param>
internal sealed record ArtifactFormat(string Extension, ArtifactEncoding Encoding)
{
    /// <summary>What the small files of the kind's own beside such an artifact end with, behind its name: <c>.pages</c>.</summary>
    public IReadOnlyList<string> Sidecars { get; init; } = [];
}

/// <summary>How gzip compresses.</summary>
/// <param name="Level">1 (fast) to 9 (small).</param>
/// <param name="IsSingleMember">One gzip member for readers that stop behind the first one; such a file inflates on one core.</param>
internal readonly record struct Compression(int Level, bool IsSingleMember = false)
{
    public static implicit operator Compression(int level) => new(level);
}

/// <summary>How the content of an artifact is stored.</summary>
internal enum ArtifactEncoding
{
    /// <summary>A row of gzip members. The first value: manifests of format version 1 name none and mean this.</summary>
    Gzip,

    /// <summary>Zstandard frames. Manifests may name it; this agent neither writes nor reads it yet.</summary>
    Zstd,

    /// <summary>As it comes: the stored bytes are the content.</summary>
    None,
}

/// <summary>What each encoding needs to be written, read and recognised.</summary>
internal static class ArtifactEncodings
{
    /// <summary>Bytes from an artifact's beginning that <see cref="IsOurs"/> looks at.</summary>
    public const int HeaderSize = GzipMember.HeaderSize;

    /// <summary>Whether an artifact's first bytes tell who wrote it.</summary>
    public static bool IsSigned(this ArtifactEncoding encoding) => encoding == ArtifactEncoding.Gzip;

    /// <summary>Whether an agent wrote an artifact.</summary>
    /// <param name="header">Its first <see cref="HeaderSize"/> bytes, or all when it has fewer.</param>
    /// <returns>Null where the encoding does not tell.</returns>
    public static bool? IsOurs(this ArtifactEncoding encoding, ReadOnlySpan<byte> header) =>
        encoding.IsSigned() ? GzipMember.IsOurs(header) : null;

    /// <summary>For people: <c>gzip</c>; one that is stored as it comes has no word of its own.</summary>
    public static string Shown(this ArtifactEncoding encoding) => encoding == ArtifactEncoding.None ? "encoding" : encoding.Word();

    /// <summary>The refusal of an encoding that this agent can neither write nor read.</summary>
    public static BackupException Unsupported(this ArtifactEncoding encoding) => new(
        FailureKind.Verification,
        $"this agent can't write or read artifacts in the encoding {encoding.Word()}",
        $"update the agent; without it: {(encoding == ArtifactEncoding.Zstd ? "zstd -d expands the file" : "see the manifest beside the file")}");
}

/// <summary>Length in bytes and SHA-256 (64 lower-case hexadecimal digits) of a stream of bytes.</summary>
internal readonly record struct ArtifactDigest(long Length, string Sha256)
{
    private const int ShownDigits = 12;

    /// <summary>What a chain of backups gives together, told by what each of them holds.</summary>
    public static ArtifactDigest OfChain(IReadOnlyList<ArtifactDigest> contents) =>
        new(contents.Sum(content => content.Length), Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join('\n', contents.Select(content => content.Sha256))))));

    /// <summary>The SHA-256 as messages show it: its beginning tells two apart, and leaves room for what else is said.</summary>
    public string Shown() => Show(Sha256);

    /// <summary>The same, of one that stands alone.</summary>
    public static string Show(string sha256) => sha256.Length <= ShownDigits ? sha256 : $"{sha256[..ShownDigits]}…";
}
