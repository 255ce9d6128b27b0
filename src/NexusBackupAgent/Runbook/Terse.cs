using System.Text.RegularExpressions;

namespace NexusBackupAgent.Runbook;

/// <summary>How a line that people read is set: a hash is told by its beginning.</summary>
internal static partial class Terse
{
    private const int DigitsOfHash = 12;

    public static string Of(string detail) => Hash().Replace(detail, match => $"{match.Value[..DigitsOfHash]}…");

    /// <summary>A SHA-256.</summary>
    [GeneratedRegex("[0-9a-f]{64}")]
    private static partial Regex Hash();
}
