using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
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
    public static bool IsOfOne(ReadOnlySpan<char> file) => file.Contains(Suffix, StringComparison.Ordinal);

    /// <summary>The name under which an artifact was stored, whether or not it was set aside since.</summary>
    public static string Original(string artifact) => Is(artifact) ? artifact[..^Suffix.Length] : artifact;
}

/// <summary>Length in bytes and SHA-256 (64 lower-case hexadecimal digits) of a stream of bytes. A catalog may hold two hundred thousand of them, so one takes no text of its own.</summary>
internal readonly record struct ArtifactDigest
{
    private const int ShownDigits = 12;

    private static readonly object Packed = new();

    private readonly Sha256Bytes hash;
    private readonly object? text; // Packed: the hash says it; otherwise what stands there, which is no SHA-256

    /// <param name="length">Bytes.</param>
    /// <param name="sha256">Whatever stands in the place of one; see <see cref="HasSha256"/>.</param>
    [JsonConstructor]
    public ArtifactDigest(long length, string sha256) => (Length, Sha256) = (length, sha256);

    /// <summary>Of a hash as it was read, without a text in between.</summary>
    /// <param name="digits">64 lower-case hexadecimal digits in ASCII.</param>
    /// <returns>Null where they are something else.</returns>
    public static ArtifactDigest? TryRead(long length, ReadOnlySpan<byte> digits) =>
        Sha256Bytes.TryParse(digits, out var hash) ? new ArtifactDigest(length, hash) : null;

    private ArtifactDigest(long length, Sha256Bytes hash) => (Length, this.hash, text) = (length, hash, Packed);

    /// <summary>Bytes.</summary>
    public long Length { get; init; }

    /// <summary>A new text each time, where it is one (<see cref="HasSha256"/>).</summary>
    public string Sha256
    {
        get => HasSha256 ? hash.ToString() : (string)text!;
        init => (hash, text) = Sha256Bytes.TryParse(value, out var bytes) ? (bytes, Packed) : (default, value);
    }

    /// <summary>Whether 64 lower-case hexadecimal digits stand in the place of the SHA-256.</summary>
    [JsonIgnore]
    public bool HasSha256 => ReferenceEquals(text, Packed);

    /// <summary>Whether anything stands there: a file that nobody has read has none.</summary>
    [JsonIgnore]
    public bool IsKnown => HasSha256 || text is string { Length: > 0 };

    /// <summary>What a chain of backups gives together, told by what each of them holds.</summary>
    public static ArtifactDigest OfChain(IReadOnlyList<ArtifactDigest> contents) =>
        new(contents.Sum(content => content.Length), Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join('\n', contents.Select(content => content.Sha256))))));

    /// <summary>The SHA-256 as messages show it: its beginning tells two apart, and leaves room for what else is said.</summary>
    public string Shown() => Show(Sha256);

    /// <summary>The same, of one that stands alone.</summary>
    public static string Show(string sha256) => sha256.Length <= ShownDigits ? sha256 : $"{sha256[..ShownDigits]}…";

    public override string ToString() => $"{Length} bytes, SHA-256 {Sha256}";

    /// <summary>32 bytes in place.</summary>
    private readonly record struct Sha256Bytes(ulong First, ulong Second, ulong Third, ulong Fourth)
    {
        private const int Digits = 64;

        public static bool TryParse(ReadOnlySpan<char> digits, out Sha256Bytes hash)
        {
            Span<byte> ascii = stackalloc byte[Digits];
            hash = default;
            return digits.Length == Digits && Ascii.FromUtf16(digits, ascii, out _) == OperationStatus.Done && TryParse(ascii, out hash);
        }

        public static bool TryParse(ReadOnlySpan<byte> digits, out Sha256Bytes hash)
        {
            Span<byte> bytes = stackalloc byte[SHA256.HashSizeInBytes];
            hash = default;
            if (digits.Length != Digits || digits.IndexOfAnyInRange((byte)'A', (byte)'F') >= 0 || Convert.FromHexString(digits, bytes, out _, out _) != OperationStatus.Done)
                return false;
            hash = MemoryMarshal.Read<Sha256Bytes>(bytes);
            return true;
        }

        public override string ToString() => Convert.ToHexStringLower(MemoryMarshal.AsBytes(new ReadOnlySpan<Sha256Bytes>(in this)));
    }
}
