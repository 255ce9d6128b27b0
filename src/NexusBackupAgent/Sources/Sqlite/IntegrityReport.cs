using Microsoft.Data.Sqlite;
using NexusBackupAgent.Platform;
using SQLitePCL;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>A rule of the schema that rows break: the file is sound, and holds what its application wrote.</summary>
/// <param name="Table">Whose rule it is.</param>
/// <param name="Words">For people.</param>
/// <param name="Index">The index that holds the rule; null of others.</param>
internal sealed record BrokenRule(string Table, string Words, string? Index = null);

/// <summary>What the rows of a check mean.</summary>
/// <param name="Damage">As SQLite says it.</param>
/// <param name="Broken">How many rows break each rule.</param>
/// <param name="Unclear">What the place of a key tells, by its index or table; it is damage unless its application orders keys in another way.</param>
/// <param name="NotChecked">What was gone through with stand-ins, so that nothing is known of it.</param>
internal sealed record SortedRows(
    IReadOnlyList<FoundRows> Damage, IReadOnlyList<(BrokenRule Rule, long Rows)> Broken, IReadOnlyList<(SchemaTree Tree, FoundRows Rows)> Unclear, IReadOnlyList<string> NotChecked);

/// <summary>Rows of a check that tell the same of different rows of a table.</summary>
/// <param name="First">As SQLite says it.</param>
/// <param name="Count">How many there are.</param>
internal readonly record struct FoundRows(string First, long Count = 1);

/// <summary>The rows of <c>PRAGMA integrity_check</c>, as they come. There is one for each row that an index lacks; those of one kind are kept as one.</summary>
internal sealed class IntegrityRows
{
    private const string OfPages = "*** in database ";
    private const string OfRow = "row ";

    private readonly Dictionary<string, FoundRows> kinds = new(StringComparer.Ordinal);

    public int Kinds => kinds.Count;

    /// <summary>How many came.</summary>
    public long Count { get; private set; }

    public void Add(string row)
    {
        Count++;
        // What is wrong with pages comes as one row, with a line for each finding below its head.
        foreach (var line in row.StartsWith(OfPages, StringComparison.Ordinal) ? row.Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..] : [row])
        {
            var kind = KindOf(line);
            kinds[kind] = kinds.TryGetValue(kind, out var before) ? before with { Count = before.Count + 1 } : new FoundRows(line);
        }
    }

    public void RemoveOk() => kinds.Remove("ok");

    /// <param name="rules">What is no damage, by the row that tells it.</param>
    /// <param name="called">What had a stand-in, which answers wrongly: what a table or an index that uses it seems to be, it may not be.</param>
    public SortedRows Sort(SqliteSchema schema, Dictionary<string, BrokenRule> rules, HashSet<SqlName> called)
    {
        var inDoubt = called.Count == 0 ? [] : schema.Trees.Where(tree => tree.Uses.Any(called.Contains)).ToList();
        var tables = inDoubt.Where(tree => tree.IsTable).Select(tree => tree.Name).ToHashSet(StringComparer.Ordinal);
        var indexes = schema.Trees.Where(tree => !tree.IsTable && tables.Contains(tree.Table)).Concat(inDoubt).Where(tree => !tree.IsTable).Select(tree => tree.Name).ToHashSet(StringComparer.Ordinal);
        var (damage, broken, unclear) = (new List<FoundRows>(), new List<(BrokenRule, long)>(), new List<(SchemaTree, FoundRows)>());
        foreach (var (row, found) in kinds)
        {
            if (rules.TryGetValue(row, out var rule))
            {
                if (!tables.Contains(rule.Table) && !(rule.Index is { } index && indexes.Contains(index)))
                    broken.Add((rule, found.Count));
            }
            else if (schema.Trees.FirstOrDefault(tree => TellsPlace(row, tree)) is { } tree)
            {
                if (!tables.Contains(tree.Name) && !indexes.Contains(tree.Name))
                    unclear.Add((tree, found));
            }
            else if (!indexes.Any(index => IsOfIndex(row, index)))
            {
                damage.Add(found);
            }
        }

        return new SortedRows(damage, broken, unclear, [.. inDoubt.Where(tree => tree.IsTable || !tables.Contains(tree.Table)).Select(tree => NotChecked(tree, called))]);
    }

    /// <summary>Whether keys are not where this SQLite looks for them. An index may lack them, or be made in another order.</summary>
    private static bool TellsPlace(string row, SchemaTree tree) => tree.IsTable
        ? row == $"row not in PRIMARY KEY order for {tree.Name}"
        : row == $"{OfRow}missing from index {tree.Name}" || row == $"{OfRow}values differ from index {tree.Name}" || row == WrongCount(tree);

    /// <summary>Of an index of some rows, it may be the choice of them that differs.</summary>
    public static string WrongCount(SchemaTree index) => $"wrong # of entries in index {index.Name}";

    /// <summary>Every row about what an index holds ends with its name.</summary>
    private static bool IsOfIndex(string row, string index) => row.EndsWith($" index {index}", StringComparison.Ordinal);

    /// <returns>Without the number of the row that it tells of.</returns>
    private static string KindOf(string line)
    {
        if (!line.StartsWith(OfRow, StringComparison.Ordinal))
            return line;
        var end = OfRow.Length;
        while (end < line.Length && char.IsAsciiDigit(line[end]))
            end++;
        return end > OfRow.Length && end < line.Length && line[end] == ' ' ? OfRow + line[(end + 1)..] : line;
    }

    private static string NotChecked(SchemaTree tree, HashSet<SqlName> called)
    {
        var what = tree.IsTable ? $"rules and indexes of table {tree.Name}" : $"index {tree.Name} of table {tree.Table}";
        return $"{what} (only the application has {string.Join(" and ", tree.Uses.Where(called.Contains))})";
    }
}

/// <summary>What a check found, as it is kept and told.</summary>
internal sealed class IntegrityReport
{
    private const int MostNoted = 10;

    private readonly List<FoundRows> damage = [];
    private readonly Dictionary<BrokenRule, long> broken = [];
    private readonly List<string> notChecked = [];

    /// <summary>The statement that lists what is damaged.</summary>
    public string Listing { get; set; } = "";

    /// <summary>The first finding, and how many more there are; null when the file is sound.</summary>
    public string? Damage => damage.Count == 0 ? null : damage.Sum(found => found.Count) - 1 is > 0 and var more
        ? $"{damage[0].First} (and {more} more {(more == 1 ? "finding" : "findings")}: {Listing} of the expanded file lists them)"
        : damage[0].First;

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

    public void Damaged(FoundRows found) => damage.Add(found with { First = OneLine(found.First) });

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

/// <summary>Asks what <c>integrity_check</c> does not tell of a database that is opened read-only: whether its rows keep CHECKs and foreign keys.</summary>
internal sealed class SqliteRules
{
    private readonly BareConnection bare;
    private readonly IntegrityReport report = new();

    private SqliteRules(BareConnection bare) => this.bare = bare;

    /// <exception cref="SqliteException">The database is damaged, or can't be read.</exception>
    public static IntegrityReport Ask(string path, SqliteSchema schema, CancellationToken cancellationToken)
    {
        using var connection = new BareConnection(path, schema.Missing, cancellationToken);
        var rules = new SqliteRules(connection);
        foreach (var table in schema.Tables)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (table.Checks.Count > 0)
                rules.AskChecks(table);
            if (table.MayRefer)
                rules.AskForeignKeys(table);
        }

        return rules.report;
    }

    private void AskChecks(SchemaTree table) => Ask(
        $"CHECK of table {table.Name}",
        $"SELECT {string.Join(", ", table.Checks.Select(check => $"count(*) FILTER (WHERE NOT {check})"))} FROM {SqliteSchema.Quote(table.Name)}",
        row => table.Checks.Select((check, index) => (new BrokenRule(table.Name, $"CHECK {IntegrityReport.OneLine(check)} of table {table.Name}"), row.GetInt64(index))));

    private void AskForeignKeys(SchemaTree table) => Ask(
        $"foreign keys of table {table.Name}",
        $"PRAGMA foreign_key_check({SqliteSchema.Quote(table.Name)})",
        row => [(new BrokenRule(table.Name, $"foreign key from table {table.Name} to {row.GetString(2)}"), 1)]);

    /// <param name="what">For people, when it can't be asked, or only with stand-ins.</param>
    private void Ask(string what, string sql, Func<SqliteDataReader, IEnumerable<(BrokenRule Rule, long Rows)>> broken)
    {
        bare.StandIns.Forget();
        var asked = new IntegrityReport();
        try
        {
            using var command = bare.Connection.CreateCommand();
            command.CommandText = sql;
            using var reader = command.ExecuteReader();
            while (reader.Read())
                asked.Broken(broken(reader));
        }
        catch (SqliteException refused) when (refused.SqliteErrorCode == raw.SQLITE_ERROR)
        {
            report.NotChecked($"{what} ({SqliteError.Reason(refused)})");
            return;
        }

        if (bare.StandIns.Called is { Count: > 0 } called)
            report.NotChecked($"{what} (only the application has {string.Join(" and ", called)})");
        else
            report.Add(asked);
    }
}
