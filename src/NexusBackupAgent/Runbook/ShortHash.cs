using System.Text.RegularExpressions;

namespace NexusBackupAgent.Runbook;

/// <summary>Layout of a line that people read: of a SHA-256 it shows the beginning.</summary>
internal static partial class ShortHash
{
    private const int DigitsOfHash = 12;

    public static string In(string text) => Hash().Replace(text, match => $"{match.Value[..DigitsOfHash]}…");

    /// <summary>A SHA-256.</summary>
    [GeneratedRegex("[0-9a-f]{64}")]
    private static partial Regex Hash();
}
