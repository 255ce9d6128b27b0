using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace NexusBackupAgent.Catalog;

/// <summary>
/// Names one backup: the capture instant in UTC and six hexadecimal digits, <c>20260214T020000Z-3f9a2c</c>.
/// Sorts by time as text.
/// </summary>
internal readonly record struct BackupId(string Value)
{
    /// <summary>A new identity for a backup captured at <paramref name="capturedAt"/>.</summary>
    public static BackupId New(DateTimeOffset capturedAt) =>
        Create(capturedAt, RandomNumberGenerator.GetHexString(6, lowercase: true));

    /// <summary>The identity of a file that somebody else made: always the same for the same name and time.</summary>
    public static BackupId ForAdopted(DateTimeOffset capturedAt, string file) =>
        Create(capturedAt, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(file)))[..6]);

    /// <summary>Whether it names a backup of that second.</summary>
    public bool IsOf(DateTimeOffset capturedAt) => Value.StartsWith(Second(capturedAt), StringComparison.Ordinal);

    public override string ToString() => Value;

    private static BackupId Create(DateTimeOffset capturedAt, string suffix) => new($"{Second(capturedAt)}-{suffix}");

    private static string Second(DateTimeOffset capturedAt) => capturedAt.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
}
