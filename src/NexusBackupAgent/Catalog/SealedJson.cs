using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace NexusBackupAgent.Catalog;

/// <summary>
/// The JSON of the small files beside an artifact, whose last line is a seal: the SHA-256 of every byte above that line, so that
/// <c>head -n -2 FILE | sha256sum</c> shows it. What a disk or a hand changes in such a file is found before it is believed.
/// Files of earlier versions bear none; of those each word is taken as strictly as the format allows.
/// </summary>
internal static class SealedJson
{
    /// <summary>Bytes; the largest manifest takes a tenth of that, and nothing larger is read.</summary>
    public const long Largest = 1 << 20;

    private const int Digits = 64;

    private static readonly byte[] End = "\n}"u8.ToArray();
    private static readonly byte[] Opening = "  \"seal\": \""u8.ToArray();
    private static readonly byte[] Closing = "\"\n}"u8.ToArray();

    private static int TailLength => Opening.Length + Digits + Closing.Length;

    /// <param name="type">Of an object with at least one member, written with indents.</param>
    public static byte[] Write<T>(T value, JsonTypeInfo<T> type)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(value, type);
        if (!json.AsSpan().EndsWith(End))
            throw new NotSupportedException($"the JSON of {typeof(T).Name} does not end in a line of its own");
        return Seal([.. json.AsSpan(0, json.Length - End.Length), .. ",\n"u8]);
    }

    /// <param name="open">Everything above the seal's line.</param>
    public static byte[] Seal(ReadOnlySpan<byte> open)
    {
        Span<byte> seal = stackalloc byte[Digits];
        SealOf(open, seal);
        return [.. open, .. Opening, .. seal, .. Closing];
    }

    /// <param name="lenient">Reads what bears its seal, and may be of a newer agent that knows more words.</param>
    /// <param name="strict">Reads what bears none.</param>
    /// <exception cref="InvalidDataException">It is not what somebody wrote; the message says why, as it follows a colon.</exception>
    public static T Read<T>(ReadOnlySpan<byte> text, JsonTypeInfo<T> lenient, JsonTypeInfo<T> strict)
        where T : class
    {
        if (text.StartsWith(Encoding.UTF8.Preamble)) // an editor put it there
            text = text[Encoding.UTF8.Preamble.Length..];
        text = text.TrimEnd(" \t\r\n"u8);
        if (!IsSealed(text))
            return Parse(text, strict);
        var open = text[..^TailLength];
        Span<byte> seal = stackalloc byte[Digits];
        SealOf(open, seal);
        if (!text.Slice(open.Length + Opening.Length, Digits).SequenceEqual(seal))
            throw new InvalidDataException("its seal is not the SHA-256 of what stands above it");
        return Parse([.. open.TrimEnd(",\n"u8), .. End], lenient);
    }

    private static bool IsSealed(ReadOnlySpan<byte> text) =>
        text.Length > TailLength && text.EndsWith(Closing) && text[^TailLength..].StartsWith(Opening) && text[..^TailLength].EndsWith(",\n"u8);

    // A catalog may hold two hundred thousand such files: no texts on the way.
    private static void SealOf(ReadOnlySpan<byte> open, Span<byte> seal)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(open, hash);
        Convert.TryToHexStringLower(hash, seal, out _);
    }

    private static T Parse<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw new InvalidDataException("it holds nothing");
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException or NotSupportedException or FormatException or ArgumentException or OverflowException)
        {
            throw new InvalidDataException(wrong is JsonException { Path: { Length: > 1 } path } ? $"it is wrong at {path}" : "it lacks what belongs there, or is no JSON at all", wrong);
        }
    }
}
