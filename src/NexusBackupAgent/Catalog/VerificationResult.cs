using System.Text.Json.Serialization;

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

/// <param name="Check">Which check.</param>
/// <param name="Passed">Whether it passed.</param>
/// <param name="Detail">What was found, in words an operator reads; when passed, what could not be checked, mostly empty.</param>
internal sealed record CheckResult(VerificationCheck Check, bool Passed, string Detail);

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
    IReadOnlyList<CheckResult> Checks)
{
    /// <summary>Whether the bytes, stored and expanded, are those that the manifest tells of.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsAsCommitted { get; init; }

    /// <summary>
    /// Whether the backup was set aside, on a store that can't rename a file to say so. Where files can be renamed, the
    /// artifact's name alone tells, so that an operator takes it back with one <c>mv</c>.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool SetAside { get; init; }

    /// <summary>Whether the backup is what was captured, passes every other check, and only its <c>.sha256</c> file says otherwise.</summary>
    [JsonIgnore]
    public bool DoubtsOnlyChecksumFile => !Passed && IsAsCommitted && Checks.All(check => check.Passed || check.Check == VerificationCheck.Checksum);

    /// <summary>The first failed check in words, or null.</summary>
    [JsonIgnore]
    public string? FirstFailure => Checks.FirstOrDefault(check => !check.Passed)?.Detail;
}
