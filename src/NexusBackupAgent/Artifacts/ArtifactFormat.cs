using System.Security.Cryptography;
using System.Text;
using NexusBackupAgent.Artifacts.Zstd;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Artifacts;

/// <summary>How artifacts are named and encoded.</summary>
/// <param name="Extension">What their names end with: <c>.db.gz</c>.</param>
/// <param name="Encoding">How the content is stored.</param>
internal sealed record ArtifactFormat(string Extension, ArtifactEncoding Encoding)
{
    /// <summary>What the small files of the kind's own beside such an artifact end with, behind its name: <c>.pages</c>.</summary>
    public IReadOnlyList<string> Sidecars { get; init; } = [];

    /// <summary>Whether such artifacts are encrypted: their names say it, behind what they hold.</summary>
    public bool IsEncrypted { get; private init; }

    /// <summary>The same, encrypted.</summary>
    public ArtifactFormat Encrypted() => IsEncrypted ? this : this with { Extension = Extension + EncryptedName.Ending, IsEncrypted = true };

    /// <summary>The same, as it was before.</summary>
    public ArtifactFormat Decrypted() => IsEncrypted ? this with { Extension = EncryptedName.Plain(Extension), IsEncrypted = false } : this;

    /// <summary>The same, compressed by another method; what is stored as it comes stays as it is.</summary>
    public ArtifactFormat In(ArtifactEncoding method) => Encoding == method || Encoding == ArtifactEncoding.None
        ? this
        : this with { Extension = Extension[..^Encoding.Extension().Length] + method.Extension(), Encoding = method };
}

/// <summary>How artifacts are compressed.</summary>
/// <param name="Level">As the method's own tool counts: gzip from 1 (fast) to 9 (small), zstd to 19.</param>
/// <param name="IsSingleMember">One gzip member for readers that stop behind the first one; such a file inflates on one core.</param>
/// <param name="Method">gzip, or zstd.</param>
internal readonly record struct Compression(int Level, bool IsSingleMember = false, ArtifactEncoding Method = ArtifactEncoding.Gzip)
{
    public static implicit operator Compression(int level) => new(level);

    /// <summary>As it comes when nothing else is said.</summary>
    public static Compression Standard(ArtifactEncoding method) => new(method == ArtifactEncoding.Zstd ? 3 : 6, Method: method);

    /// <summary>For a file in a certain encoding: another method than the chosen one works as it comes.</summary>
    public Compression In(ArtifactEncoding encoding) => encoding == Method ? this : Standard(encoding);
}

/// <summary>How the content of an artifact is stored.</summary>
internal enum ArtifactEncoding
{
    /// <summary>A row of gzip members. The first value: manifests of format version 1 name none and mean this.</summary>
    Gzip,

    /// <summary>A row of Zstandard frames.</summary>
    Zstd,

    /// <summary>As it comes: the stored bytes are the content.</summary>
    None,
}

/// <summary>What each encoding needs to be written, read and recognised.</summary>
internal static class ArtifactEncodings
{
    /// <summary>Bytes from an artifact's beginning that <see cref="IsOurs"/> looks at.</summary>
    public const int HeaderSize = GzipMember.HeaderSize;

    /// <summary>The methods of compression, of which a source's configuration chooses one.</summary>
    public static IReadOnlyList<ArtifactEncoding> Methods { get; } = [ArtifactEncoding.Gzip, ArtifactEncoding.Zstd];

    /// <summary>What the name of a compressed file ends with.</summary>
    public static string Extension(this ArtifactEncoding method) => method == ArtifactEncoding.Zstd ? ".zst" : ".gz";

    /// <summary>The command that writes a file's content to its output. It is given one that was set aside without its name, whose ending it would refuse.</summary>
    public static string ExpandCommand(string file) => EncryptedName.Is(file)
        ? $"{EncryptedName.DecryptCommand(file)} | {(IsZstd(file) ? "zstd -dc" : "gunzip -c")}"
        : $"{(IsZstd(file) ? "zstd -dc" : "gunzip -c")} {(SetAsideName.Is(file) ? "< " : "")}{ToolProcess.Line([file])}";

    /// <summary>The same of a further part of a backup, which is gzip.</summary>
    public static string ExpandPartCommand(string file, string part) =>
        EncryptedName.Is(file) ? $"{EncryptedName.DecryptCommand(EncryptedName.Of($"{file}.{part}"))} | gunzip -c" : $"gunzip -c {ToolProcess.Line([$"{file}.{part}"])}";

    /// <summary>The command that unpacks an archive.</summary>
    /// <param name="options">Of tar, in letters: <c>p</c>.</param>
    public static string UnpackCommand(string file, string options = "")
    {
        var tar = $"tar {(IsZstd(file) ? $"--zstd -x{options}f" : $"-xz{options}f")}";
        return EncryptedName.Is(file) ? $"{EncryptedName.DecryptCommand(file)} | {tar} -" : $"{tar} {ToolProcess.Line([file])}";
    }

    private static bool IsZstd(string file) => EncryptedName.Plain(SetAsideName.Original(file)).EndsWith(ArtifactEncoding.Zstd.Extension(), StringComparison.Ordinal);

    /// <summary>Whether an artifact's first bytes tell who wrote it.</summary>
    public static bool IsSigned(this ArtifactEncoding encoding) => encoding != ArtifactEncoding.None;

    /// <summary>Whether an agent wrote an artifact.</summary>
    /// <param name="header">Its first <see cref="HeaderSize"/> bytes, or all when it has fewer.</param>
    /// <returns>Null where the encoding does not tell.</returns>
    public static bool? IsOurs(this ArtifactEncoding encoding, ReadOnlySpan<byte> header) =>
        encoding switch { ArtifactEncoding.Gzip => GzipMember.IsOurs(header), ArtifactEncoding.Zstd => ZstdFrame.IsOurs(header), _ => null };

    /// <summary>For people: <c>gzip</c>; one that is stored as it comes has no word of its own.</summary>
    public static string Shown(this ArtifactEncoding encoding) => encoding == ArtifactEncoding.None ? "encoding" : encoding.Word();
}

/// <summary>The name of an encrypted artifact: that of what it holds, and <c>.age</c>.</summary>
internal static class EncryptedName
{
    public const string Ending = ".age";

    public static string Of(string artifact) => artifact + Ending;

    /// <summary>Whether a name, as it was stored or set aside, is that of an encrypted artifact.</summary>
    public static bool Is(string artifact) => SetAsideName.Original(artifact).EndsWith(Ending, StringComparison.Ordinal);

    /// <summary>The name of what it holds, as it was stored.</summary>
    public static string Plain(string artifact) => artifact.EndsWith(Ending, StringComparison.Ordinal) ? artifact[..^Ending.Length] : artifact;

    /// <summary>The command that writes what it holds to its output.</summary>
    public static string DecryptCommand(string file) => $"age -d -i key.txt {ToolProcess.Line([file])}";
}

/// <summary>The name of a corrupt artifact, as the runbook has it (§3.2 [A]): no <c>*.db.gz</c> finds it.</summary>
internal static class SetAsideName
{
    private const string Suffix = ".bad";

    public static string Of(string artifact) => artifact + Suffix;

    public static bool Is(string artifact) => artifact.EndsWith(Suffix, StringComparison.Ordinal);

    /// <summary>Whether a name is that of an artifact which was set aside, or of what lies beside one.</summary>
    public static bool IsOfOne(string file) => file.Contains(Suffix, StringComparison.Ordinal);

    /// <summary>The name under which an artifact was stored, whether or not it was set aside since.</summary>
    public static string Original(string artifact) => Is(artifact) ? artifact[..^Suffix.Length] : artifact;
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
