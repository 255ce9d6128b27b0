using System.Text;
using System.Text.RegularExpressions;
using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Sources.Trees;

/// <summary>
/// Which files of a directory are meant. A pattern without a slash is of a name, wherever it is (<c>*.tmp</c>); one with a slash is of
/// a path from the configured directory on (<c>temp/**</c>). <c>*</c> and <c>?</c> do not cross a slash, <c>**</c> does. A directory that is excluded is not looked into.
/// </summary>
/// <param name="include">Empty: everything. Directories are always looked into.</param>
internal sealed class TreePatterns(IReadOnlyList<string> include, IReadOnlyList<string> exclude)
{
    private readonly IReadOnlyList<Regex> included = [.. include.Select(Compile)];
    private readonly IReadOnlyList<Regex> excluded = [.. exclude.Select(Compile)];

    /// <param name="path">From the configured directory on, without a slash at its ends.</param>
    public bool Means(string path, bool isDirectory) =>
        !excluded.Any(pattern => pattern.IsMatch(path)) && (isDirectory || included.Count == 0 || included.Any(pattern => pattern.IsMatch(path)));

    /// <exception cref="WrongTextException">It is none.</exception>
    public static string Parse(string text) => text.Trim('/').Length == 0 || text.Split('/').Contains("..") || NameText.HasControlCharacter(text)
        ? throw new WrongTextException("is no pattern of files", "write for example \"*.tmp\" or \"temp/**\"")
        : text;

    private static Regex Compile(string pattern)
    {
        var text = pattern.Trim('/');
        var regex = new StringBuilder(pattern.TrimEnd('/').Contains('/') ? @"\A" : @"\A(.*/)?");
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at..].StartsWith("**/", StringComparison.Ordinal))
                (_, at) = (regex.Append("(.*/)?"), at + 2);
            else if (text[at..].StartsWith("**", StringComparison.Ordinal))
                (_, at) = (regex.Append(".*"), at + 1);
            else
                regex.Append(text[at] switch { '*' => "[^/]*", '?' => "[^/]", var letter => Regex.Escape(letter.ToString()) });
        }

        return new Regex(regex.Append(@"\z").ToString(), RegexOptions.Singleline | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
    }
}
