using System.Text.RegularExpressions;
using YamlDotNet.Core;

namespace NexusBackupAgent.Configuration;

/// <summary>Says a YAML syntax error in the words of the mistake that usually causes it.</summary>
internal static partial class YamlMistake
{
    public static ConfigurationProblem Explain(string text, YamlException wrong)
    {
        var lines = text.Split('\n');
        var at = (int)Math.Clamp(wrong.Start.Line, 1, lines.Length);

        // The parser stumbles over a tab lines later, or blames the line where the mapping around it began.
        var tab = Array.FindIndex(lines, line => TabIndent().IsMatch(line));
        if (tab >= 0)
            return Problem(tab + 1, $"line {tab + 1} is indented with a tab; YAML allows only spaces", "replace the tab with two spaces") with { TellsLine = true };

        if (BareIndicator().Match(lines[at - 1]) is { Success: true } bare)
        {
            var value = bare.Groups["value"].Value.Trim();
            return Problem(at, $"a value that begins with {value[0]} must be in quotes", $"write {bare.Groups["key"].Value}: \"{value}\"");
        }

        return Problem(at, $"not valid YAML at column {wrong.Start.Column}: {OneLine(wrong.Message)}",
            "check indentation, colons and quotes on this line and the one before");
    }

    private static ConfigurationProblem Problem(int line, string problem, string mend) => new("", line, null, problem, mend);

    private static string OneLine(string message) => message.ReplaceLineEndings(" ").TrimEnd('.', ' ');

    [GeneratedRegex(@"^ *\t\s*\S", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TabIndent();

    /// <summary>The characters that mean something to YAML at the start of a value; <c>*</c> is common in cron, <c>@</c> in @daily.</summary>
    [GeneratedRegex(@"(?<key>\w+):\s+(?<value>[*@`%&!|>][^#,}]*)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex BareIndicator();
}
