using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace NexusBackupAgent.Catalog;

/// <summary>The checks of a verification (metric label <c>check</c>).</summary>
internal enum VerificationCheck
{
    /// <summary>Size and SHA-256, of the stored bytes and of the content.</summary>
    Checksum,

    /// <summary>The stored bytes decode to the end: gzip members inflate, with correct CRC-32 and length.</summary>
    Encoding,

    /// <summary>The source's own check of the content: <c>PRAGMA integrity_check</c>.</summary>
    Integrity,
}

/// <summary>What shows that a backup is good, the least first.</summary>
internal enum Proof
{
    /// <summary>The store holds what was stored, and inside of it nobody looked: it is encrypted, or only that was asked.</summary>
    StoredBytes,

    /// <summary>The increment alone: with the hashes of what it builds on, which were proven when that was read, it gives what was captured.</summary>
    Chain,

    /// <summary>What was captured was checked before it was encrypted, of an increment as <see cref="Chain"/> does, and the store holds what came out of that. No key is here that shows more.</summary>
    Captured,

    /// <summary>All that a restore reads, expanded, and looked at by the source's own check.</summary>
    Whole,
}

/// <param name="Check">Which check.</param>
/// <param name="Passed">Whether it passed.</param>
/// <param name="Detail">What was found, in words an operator reads; when passed, what could not be checked or is no damage, mostly empty.</param>
internal sealed record CheckResult(VerificationCheck Check, bool Passed, string Detail)
{
    /// <summary>Whether it looked at what lies elsewhere than in the artifact, as the objects of a snapshot do: damage there is not the source's.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsOfElsewhere { get; init; }
}

/// <summary>
/// What re-reading a stored backup showed, kept as <c>&lt;artifact&gt;.verification.json</c> beside it.
/// A mismatch is a result, not an exception.
/// </summary>
/// <param name="Id">The backup that was read.</param>
/// <param name="VerifiedAt">When, UTC.</param>
/// <param name="StoredLength">The artifact's size in bytes when it was read.</param>
/// <param name="Passed">Whether every check passed.</param>
/// <param name="Checks">The checks in the order they ran; a check that could not run for an earlier failure is absent.</param>
internal sealed record VerificationResult(
    BackupId Id,
    DateTimeOffset VerifiedAt,
    long StoredLength,
    bool Passed,
    [property: JsonConverter(typeof(RepeatedChecksConverter))] IReadOnlyList<CheckResult> Checks)
{
    /// <summary>Whether the bytes, stored and expanded, are those that the manifest tells of.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsAsCommitted { get; init; }

    /// <summary>Whether this reading of the whole took the stored bytes alone, because no key was here, whatever others had proven before.</summary>
    [JsonIgnore]
    public bool IsOfStoredBytes { get; init; }

    /// <summary>What was read, when it passed; null also when an earlier agent wrote it, which always read the whole and compared no fingerprint.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Proof? Proof { get; init; }

    /// <summary>
    /// Whether the backup was set aside, on a store that can't rename a file to say so. Where files can be renamed, the
    /// artifact's name alone tells, so that an operator takes it back with one <c>mv</c>.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool SetAside { get; init; }

    /// <summary>Whether the backup is what was captured, passes every other check, and only its <c>.sha256</c> file says otherwise.</summary>
    [JsonIgnore]
    public bool DoubtsOnlyChecksumFile => !Passed && IsAsCommitted && Checks.All(check => check.Passed || check.Check == VerificationCheck.Checksum);

    /// <summary>Why it says nothing of a backup, as it follows a colon; null when it does.</summary>
    public string? ObjectionFor(BackupId backup) => this switch
    {
        _ when Id != backup => $"it speaks of backup {Id}",
        _ when !VerifiedAt.IsPlausible() || StoredLength < 0 => "its time or length can't be one",
        _ when Checks.Any(check => check is null) => "one of its checks is none",
        _ when Passed && !Checks.All(check => check.Passed) => "it says that all passed and names a check that did not",
        _ => null,
    };

    /// <summary>What the checks that passed could not look at, or found that is no damage; null when there is nothing to say.</summary>
    [JsonIgnore]
    public string? Note => Checks.Where(check => check is { Passed: true, Detail.Length: > 0 }).Select(check => check.Detail).ToList() is { Count: > 0 } notes ? string.Join("; ", notes) : null;

    /// <summary>The first failed check in words, or null.</summary>
    [JsonIgnore]
    public string? FirstFailure => Checks.FirstOrDefault(check => !check.Passed)?.Detail;
}

/// <summary>One question of a drill and what came of it.</summary>
/// <param name="Sql">What was asked.</param>
/// <param name="Expectation">In words: <c>&gt;= 1000</c>, <c>not older than 48h</c>, <c>any row</c>.</param>
/// <param name="Answer">What the restored content said; null when it said nothing, or NULL.</param>
/// <param name="Passed">Whether that was expected.</param>
/// <param name="Detail">Why it was not; empty when passed.</param>
internal sealed record ProbeResult(string Sql, string Expectation, string? Answer, bool Passed, string Detail);

/// <summary>What restoring a stored backup for practice showed, kept as <c>&lt;artifact&gt;.drill.json</c> beside it.</summary>
/// <param name="Id">The backup that was restored.</param>
/// <param name="DrilledAt">When the drill ended, UTC.</param>
/// <param name="Seconds">The measured recovery time: from opening the artifact to the last answer.</param>
/// <param name="Passed">Whether it could be restored, is sound, and answered as expected.</param>
/// <param name="Reason">Why it did not pass; empty when it did.</param>
/// <param name="Probes">In the order they were asked; those after a failure to restore are absent.</param>
internal sealed record DrillResult(
    BackupId Id, DateTimeOffset DrilledAt, double Seconds, bool Passed, string Reason, IReadOnlyList<ProbeResult> Probes)
{
    private const double LongestSeconds = 1e9;

    /// <summary>Why it says nothing of a backup, as it follows a colon; null when it does.</summary>
    public string? ObjectionFor(BackupId backup) => this switch
    {
        _ when Id != backup => $"it speaks of backup {Id}",
        _ when Probes.Any(probe => probe is null) => "one of its probes is none",
        _ when !DrilledAt.IsPlausible() || Seconds is not (>= 0 and <= LongestSeconds) => "its time or length can't be one",
        _ => null,
    };
}

/// <summary>A small file beside a backup that is not what it should be. The backup itself is judged without it.</summary>
/// <param name="File">Its name.</param>
/// <param name="Reason">What is wrong with it, as it follows a colon.</param>
/// <param name="Remedy">The next step.</param>
internal sealed record SidecarTrouble(string File, string Reason, string Remedy)
{
    public override string ToString() => $"{File}: {Reason}";
}

/// <summary>
/// The JSON of the small files beside an artifact, whose last line is a seal: the SHA-256 of every byte above that line, so that
/// <c>head -n -2 FILE | sha256sum</c> shows it. What a disk or a hand changes in such a file is found before it is believed.
/// Beside a manifest of format version 1 they bear none; of those each word is taken as strictly as the format allows.
/// </summary>
internal static class SealedJson
{
    /// <summary>Bytes; the largest manifest takes a tenth of that, and nothing larger is read.</summary>
    public const long Largest = 1 << 20;

    private const int Digits = 64;
    private const int MostOnStack = 4096;

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
    /// <param name="isSealed">Whether it bears a seal, which then agrees.</param>
    /// <param name="ordinary">Asked first for what bears its seal.</param>
    /// <exception cref="InvalidDataException">It is not what somebody wrote; the message says why, as it follows a colon.</exception>
    public static T Read<T>(ReadOnlySpan<byte> text, JsonTypeInfo<T> lenient, JsonTypeInfo<T> strict, out bool isSealed, OrdinaryReader<T>? ordinary = null)
        where T : class
    {
        if (text.StartsWith(Encoding.UTF8.Preamble)) // an editor put it there
            text = text[Encoding.UTF8.Preamble.Length..];
        text = text.TrimEnd(" \t\r\n"u8);
        isSealed = IsSealed(text);
        if (!isSealed)
            return Parse(text, strict);
        var open = text[..^TailLength];
        Span<byte> seal = stackalloc byte[Digits];
        SealOf(open, seal);
        if (!text.Slice(open.Length + Opening.Length, Digits).SequenceEqual(seal))
            throw new InvalidDataException("its seal is not the SHA-256 of what stands above it");
        open = open.TrimEnd(",\n"u8);
        Span<byte> json = open.Length + End.Length is var length && length <= MostOnStack ? stackalloc byte[length] : new byte[length];
        open.CopyTo(json);
        End.CopyTo(json[open.Length..]);
        return ordinary?.Invoke(json) ?? Parse<T>(json, lenient);
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
