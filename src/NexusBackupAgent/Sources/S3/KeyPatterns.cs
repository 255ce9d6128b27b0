using System.Text;
using System.Text.RegularExpressions;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Sources.S3;

/// <summary>Which objects of a bucket count, by patterns as <c>aws s3 sync</c> takes them: <c>*</c> means any letters, <c>/</c> too; <c>?</c> one; <c>[ab]</c> one of them.</summary>
internal sealed class KeyPatterns
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    private readonly Regex[] include;
    private readonly Regex[] exclude;

    /// <param name="include">Empty: all.</param>
    /// <param name="exclude">Of those that are included.</param>
    public KeyPatterns(IReadOnlyList<string> include, IReadOnlyList<string> exclude)
        : this([.. include.Select(Expression)], [.. exclude.Select(Expression)])
    {
    }

    private KeyPatterns(Regex[] include, Regex[] exclude) => (this.include, this.exclude) = (include, exclude);

    /// <param name="folder">Of which nothing counts.</param>
    public KeyPatterns Without(string folder) => new(include, [.. exclude, Expression(folder + "*")]);

    public bool Has(string key) => (include.Length == 0 || Array.Exists(include, pattern => pattern.IsMatch(key))) && !Array.Exists(exclude, pattern => pattern.IsMatch(key));

    /// <summary>One pattern, or a list of them.</summary>
    public static IReadOnlyList<string> Bind(Section section, string key) => [.. (section.Find(key)?.OneOrMany() ?? []).Select(field => field.Text("*.tmp")).OfType<string>()];

    /// <summary>One pattern of the same form.</summary>
    public static Regex Expression(string pattern)
    {
        var text = new StringBuilder("\\A");
        for (var at = 0; at < pattern.Length; at++)
        {
            if (pattern[at] == '[' && pattern.IndexOf(']', Math.Min(at + 2, pattern.Length)) is > 0 and var end)
            {
                var letters = pattern[(at + 1)..end];
                text.Append('[').Append(letters[0] == '!' ? "^" : "").Append(Regex.Escape(letters[0] == '!' ? letters[1..] : letters).Replace("]", "\\]", StringComparison.Ordinal)).Append(']');
                at = end;
            }
            else
            {
                text.Append(pattern[at] switch { '*' => ".*", '?' => ".", var letter => Regex.Escape($"{letter}") });
            }
        }

        return new Regex(text.Append("\\z").ToString(), RegexOptions.Singleline | RegexOptions.CultureInvariant, Limit);
    }
}

/// <summary>Some objects of a backup, as an operator names them: a key, a folder, or a pattern.</summary>
internal sealed class KeySelection(IReadOnlyList<string> wanted)
{
    private readonly IReadOnlyList<Regex> patterns = [.. wanted.Where(text => text.AsSpan().ContainsAny('*', '?', '[')).Select(KeyPatterns.Expression)];

    /// <summary>What of a backup is meant.</summary>
    /// <exception cref="BackupException">Nothing is.</exception>
    public Inventory Of(Inventory inventory, StoredChain chain)
    {
        var chosen = wanted.Count == 0 ? inventory : inventory with { Objects = Inventory.Pack(inventory.Objects.Where(line => Has(line.Key!))) };
        return chosen.Objects.Count > 0 ? chosen : throw new BackupException(
            FailureKind.Restore,
            $"{chain.Tip.Name} holds nothing that --path names",
            "see what it holds (nexus-backup list --contents ID), or restore an older one (--id, --at)");
    }

    public bool Has(string key) => wanted.Count == 0 || wanted.Any(text => key == text || key.StartsWith(text.EndsWith('/') ? text : text + "/", StringComparison.Ordinal)) || patterns.Any(pattern => pattern.IsMatch(key));
}
