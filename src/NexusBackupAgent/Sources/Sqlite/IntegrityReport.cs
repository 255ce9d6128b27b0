namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>A rule of the schema that rows break: the file is sound, and holds what its application wrote.</summary>
/// <param name="Table">Whose rule it is.</param>
/// <param name="Words">For people.</param>
/// <param name="Index">The index that holds the rule; null of others.</param>
internal sealed record BrokenRule(string Table, string Words, string? Index = null);

/// <summary>What the rows of a check mean.</summary>
/// <param name="Damage">As SQLite says it.</param>
/// <param name="Broken">How many rows break each rule.</param>
/// <param name="NotChecked">What was gone through with stand-ins, so that nothing is known of it.</param>
internal sealed record SortedRows(IReadOnlyList<string> Damage, IReadOnlyList<(BrokenRule Rule, long Rows)> Broken, IReadOnlyList<string> NotChecked);

/// <summary>Tells the rows of <c>PRAGMA integrity_check</c> apart. Pure.</summary>
internal static class IntegrityRows
{
    /// <param name="rows">Each with how often it came.</param>
    /// <param name="rules">What is no damage, by the row that tells it.</param>
    /// <param name="called">What had a stand-in, which answers wrongly: what a table or an index that uses it seems to be, it may not be.</param>
    public static SortedRows Sort(IReadOnlyDictionary<string, long> rows, SqliteSchema schema, Dictionary<string, BrokenRule> rules, HashSet<SqlName> called)
    {
        var inDoubt = called.Count == 0 ? [] : schema.Trees.Where(tree => tree.Uses.Any(called.Contains)).ToList();
        var tables = inDoubt.Where(tree => tree.IsTable).Select(tree => tree.Name).ToHashSet(StringComparer.Ordinal);
        var indexes = schema.Trees.Where(tree => !tree.IsTable && tables.Contains(tree.Table)).Concat(inDoubt).Where(tree => !tree.IsTable).Select(tree => tree.Name).ToHashSet(StringComparer.Ordinal);
        var (damage, broken) = (new List<string>(), new List<(BrokenRule, long)>());
        foreach (var (row, count) in rows)
        {
            if (rules.TryGetValue(row, out var rule))
            {
                if (!tables.Contains(rule.Table) && !(rule.Index is { } index && indexes.Contains(index)))
                    broken.Add((rule, count));
            }
            else if (!IsOfIndex(row, indexes) && !tables.Any(table => row == $"row not in PRIMARY KEY order for {table}"))
            {
                damage.Add(row);
            }
        }

        return new SortedRows(damage, broken, [.. inDoubt.Where(tree => tree.IsTable || !tables.Contains(tree.Table)).Select(tree => NotChecked(tree, called))]);
    }

    /// <summary>Every row about what an index holds ends with its name.</summary>
    private static bool IsOfIndex(string row, HashSet<string> indexes) => indexes.Any(index => row.EndsWith($" index {index}", StringComparison.Ordinal));

    private static string NotChecked(SchemaTree tree, HashSet<SqlName> called)
    {
        var what = tree.IsTable ? $"rules and indexes of table {tree.Name}" : $"index {tree.Name} of table {tree.Table}";
        return $"{what} (only the application has {string.Join(" and ", tree.Uses.Where(called.Contains))})";
    }
}

/// <summary>What a check found, as it is kept and told.</summary>
internal sealed class IntegrityReport
{
    private const int MostDamage = 3;
    private const int MostNoted = 10;

    private readonly List<string> damage = [];
    private readonly Dictionary<BrokenRule, long> broken = [];
    private readonly List<string> notChecked = [];

    /// <summary>The first ones; null when the file is sound.</summary>
    public string? Damage => damage.Count == 0 ? null : string.Join("; ", damage.Take(MostDamage));

    /// <summary>What is no damage; null when there is nothing to say.</summary>
    public string? Note
    {
        get
        {
            string[] parts =
            [
                .. broken.Count == 0 ? [] : (string[])[$"the file is sound, and its content breaks {Join(broken.Select(one => $"{one.Key.Words} ({one.Value} {(one.Value == 1 ? "time" : "times")})"))}"],
                .. notChecked.Count == 0 ? [] : (string[])[$"not checked: {Join(notChecked)}"],
            ];
            return parts.Length == 0 ? null : OneLine(string.Join("; ", parts)); // names may hold line breaks
        }
    }

    public void Damaged(string finding) => damage.Add(OneLine(finding));

    public void Broken(IEnumerable<(BrokenRule Rule, long Rows)> rules)
    {
        foreach (var (rule, rows) in rules.Where(one => one.Rows > 0))
            broken[rule] = broken.GetValueOrDefault(rule) + rows;
    }

    public void NotChecked(string what) => notChecked.Add(OneLine(what));

    public void Add(SortedRows rows)
    {
        foreach (var finding in rows.Damage)
            Damaged(finding);
        Broken(rows.Broken);
        notChecked.AddRange(rows.NotChecked.Except(notChecked, StringComparer.Ordinal));
    }

    public void Add(IntegrityReport other)
    {
        damage.AddRange(other.damage);
        Broken(other.broken.Select(one => (one.Key, one.Value)));
        notChecked.AddRange(other.notChecked);
    }

    /// <summary>One of several lines would break every table and template that shows it.</summary>
    public static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();

    private static string Join(IEnumerable<string> all)
    {
        var told = all.Order(StringComparer.Ordinal).ToList();
        return string.Join(", ", told.Take(MostNoted)) + (told.Count > MostNoted ? $" and {told.Count - MostNoted} more" : "");
    }
}
