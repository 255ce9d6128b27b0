namespace NexusBackupAgent.Catalog;

/// <summary>The checks of a verification (metric label <c>check</c>).</summary>
internal enum VerificationCheck
{
    /// <summary>Stored size and SHA-256.</summary>
    Checksum,

    /// <summary>The gzip members inflate, with correct CRC-32 and length.</summary>
    Gzip,

    /// <summary>Content size and SHA-256, and the source's own check of the content.</summary>
    Integrity,
}

/// <param name="Check">Which check.</param>
/// <param name="Passed">Whether it passed.</param>
/// <param name="Detail">What was found, in words an operator reads; empty when passed.</param>
internal sealed record CheckResult(VerificationCheck Check, bool Passed, string Detail);

/// <summary>
/// What re-reading a stored backup showed, kept as <c>&lt;artifact&gt;.verification.json</c> beside it.
/// A mismatch is a result, not an exception.
/// </summary>
/// <param name="Id">The backup that was read.</param>
/// <param name="VerifiedAt">When, UTC.</param>
/// <param name="Passed">Whether every check passed.</param>
/// <param name="Checks">The checks in the order they ran; a check that could not run for an earlier failure is absent.</param>
internal sealed record VerificationResult(
    BackupId Id,
    DateTimeOffset VerifiedAt,
    bool Passed,
    IReadOnlyList<CheckResult> Checks)
{
    /// <summary>The first failed check in words, or null.</summary>
    public string? FirstFailure => Checks.FirstOrDefault(check => !check.Passed)?.Detail;
}
