using System.Text;
using System.Text.RegularExpressions;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Sources.Directories;

/// <summary>
/// A pattern of files. One without a slash is of a name, wherever it is (<c>*.tmp</c>); one with a slash is of a path from the
/// beginning on (<c>temp/**</c>). <c>*</c> and <c>?</c> do not cross a slash, <c>**</c> does. What lies below a directory that is meant is meant too.
/// </summary>
internal sealed class TreePattern
{
    private readonly Regex regex;
    private readonly IReadOnlyList<string>? beginning;

    /// <param name="text">As <see cref="Parse"/> lets it through.</param>
    public TreePattern(string text)
    {
        var isPath = text.TrimEnd('/').Contains('/');
        var pattern = text.Trim('/');
        beginning = isPath ? [.. pattern.Split('/').TakeWhile(part => !part.Contains('*') && !part.Contains('?'))] : null;
        var made = new StringBuilder(isPath ? @"\A" : @"\A(.*/)?");
        for (var at = 0; at < pattern.Length; at++)
        {
            if (pattern[at..].StartsWith("**/", StringComparison.Ordinal))
                (_, at) = (made.Append("(.*/)?"), at + 2);
            else if (pattern[at..].StartsWith("**", StringComparison.Ordinal))
                (_, at) = (made.Append(".*"), at + 1);
            else
                made.Append(pattern[at] switch { '*' => "[^/]*", '?' => "[^/]", var letter => Regex.Escape(letter.ToString()) });
        }

        regex = new Regex(made.Append(@"(/.*)?\z").ToString(), RegexOptions.Singleline | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture);
    }

    /// <exception cref="WrongTextException">It is none.</exception>
    public static string Parse(string text) => text.Trim('/').Length == 0 || text.Split('/').Contains("..") || NameText.HasControlCharacter(text)
        ? throw new WrongTextException("is no pattern of files", "write for example \"*.tmp\" or \"temp/**\"")
        : text;

    /// <exception cref="BackupException">It is none.</exception>
    public static TreePattern ParseOption(string text)
    {
        try
        {
            return new TreePattern(Parse(text));
        }
        catch (WrongTextException wrong)
        {
            throw new BackupException(FailureKind.Configuration, $"'{text}' {wrong.Message}", "write a whole path (/etc/app/app.conf), or a pattern: '*.conf', '/etc/app/**'");
        }
    }

    /// <param name="path">Without a slash at its ends.</param>
    public bool Means(string path) => regex.IsMatch(path);

    /// <summary>Whether something at or below a directory could be meant, as far as that is seen without looking.</summary>
    public bool MayMeanBelow(string directory)
    {
        if (beginning is null)
            return true;
        var parts = directory.Split('/');
        return parts.Zip(beginning).All(both => both.First == both.Second);
    }
}

/// <summary>Which files of a directory are meant. A directory that is excluded is not looked into.</summary>
/// <param name="include">Empty: everything. Directories are always looked into.</param>
internal sealed class TreePatterns(IReadOnlyList<string> include, IReadOnlyList<string> exclude)
{
    private readonly IReadOnlyList<TreePattern> included = [.. include.Select(pattern => new TreePattern(pattern))];
    private readonly IReadOnlyList<TreePattern> excluded = [.. exclude.Select(pattern => new TreePattern(pattern))];

    public static TreePatterns All { get; } = new([], []);

    /// <param name="path">From the configured directory on, without a slash at its ends.</param>
    public bool Means(string path, bool isDirectory) =>
        !excluded.Any(pattern => pattern.Means(path)) && (isDirectory || included.Count == 0 || included.Any(pattern => pattern.Means(path)));
}

/// <summary>What of a tree was chosen.</summary>
/// <param name="patterns">Of whole paths; empty: all.</param>
internal sealed class TreeSelection(IReadOnlyList<string> patterns)
{
    private readonly IReadOnlyList<TreePattern> chosen = [.. patterns.Select(TreePattern.ParseOption)];

    public bool IsAll => chosen.Count == 0;

    public bool Takes(string path) => IsAll || chosen.Any(pattern => pattern.Means(path));

    public bool MayTakeBelow(string directory) => IsAll || chosen.Any(pattern => pattern.MayMeanBelow(directory));
}
