using System.Text.RegularExpressions;

namespace NexusBackupAgent.Runbook;

/// <summary>Words of the journal for a line that people read: a hash is told by its beginning, and of many files the first speaks for all.</summary>
internal static partial class Terse
{
    private const int DigitsOfHash = 12;

    public static string Of(string detail)
    {
        var parts = detail.Split("; ");
        var files = parts.Count(part => OneFile().IsMatch(part));
        var told = files > 1 ? $"{string.Join("; ", parts.TakeWhile(part => !OneFile().IsMatch(part)).Append(parts.First(part => OneFile().IsMatch(part))))}; and {files - 1} more files" : detail;
        return Hash().Replace(told, match => $"{match.Value[..DigitsOfHash]}…");
    }

    /// <summary>A SHA-256.</summary>
    [GeneratedRegex("[0-9a-f]{64}")]
    private static partial Regex Hash();

    /// <summary>What is said of one artifact; the first of them may stand behind the sentence that they explain.</summary>
    [GeneratedRegex(@"(^|: )[^ :]+\.gz(\.bad)?: ")]
    private static partial Regex OneFile();
}
