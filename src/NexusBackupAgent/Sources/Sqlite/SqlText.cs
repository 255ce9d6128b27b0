namespace NexusBackupAgent.Sources.Sqlite;

/// <param name="IsCollation">Otherwise a function.</param>
/// <param name="Name">As <see cref="Fold"/> gives it.</param>
internal readonly record struct SqlName(bool IsCollation, string Name)
{
    /// <summary>In lower case: SQLite does not tell cases apart, of the English letters alone.</summary>
    public static string Fold(string name) => string.Create(name.Length, name, (folded, from) =>
    {
        for (var index = 0; index < folded.Length; index++)
            folded[index] = char.IsAsciiLetterUpper(from[index]) ? (char)(from[index] | 0x20) : from[index];
    });

    public string Words => IsCollation ? $"collation {Name}" : $"function {Name}()";

    public override string ToString() => $"the {Words}";
}

/// <summary>Reads statements of a schema, as far as SQLite does not tell by other means what they say.</summary>
internal static class SqlText
{
    private enum Kind
    {
        End,
        Word,
        Quoted,
        Text,
        Other,
    }

    /// <summary>
    /// What a statement may call. It finds too much rather than too little: every name before a parenthesis counts as a function,
    /// also a table's own. Whether it is one, SQLite tells by calling it.
    /// </summary>
    public static HashSet<SqlName> NamesIn(string sql)
    {
        var found = new HashSet<SqlName>();
        var (position, last, isCollate) = (0, default(string), false);
        while (true)
        {
            var kind = Next(sql, ref position, out var token);
            if (kind == Kind.End)
                return found;
            if (kind == Kind.Other && token == "(" && last is not null)
                found.Add(new SqlName(IsCollation: false, last));
            if (kind != Kind.Other && isCollate)
                found.Add(new SqlName(IsCollation: true, token));
            isCollate = kind == Kind.Word && token == "collate";
            if (kind == Kind.Word && token is "regexp" or "match" or "like" or "glob")
                found.Add(new SqlName(IsCollation: false, token)); // these operators call a function
            last = kind is Kind.Word or Kind.Quoted ? token : null;
        }
    }

    /// <summary>The conditions of its CHECKs, each with its parentheses: inside those of the table the word stands for nothing else.</summary>
    public static IReadOnlyList<string> ChecksIn(string sql)
    {
        var checks = new List<string>();
        var (position, depth, start, isCheck) = (0, 0, -1, false);
        while (Next(sql, ref position, out var token) is var kind and not Kind.End)
        {
            if (kind == Kind.Other && token == "(")
            {
                depth++;
                if (isCheck && depth == 2)
                    start = position - 1;
            }
            else if (kind == Kind.Other && token == ")")
            {
                depth--;
                if (depth == 1 && start >= 0)
                {
                    checks.Add(sql[start..position]);
                    start = -1;
                }
            }

            isCheck = kind == Kind.Word && token == "check";
        }

        return checks;
    }

    /// <summary>Which rows an index is of: what follows its WHERE; null when it has none.</summary>
    public static string? WhereIn(string sql)
    {
        var (position, depth) = (0, 0);
        while (Next(sql, ref position, out var token) is var kind and not Kind.End)
        {
            if (kind == Kind.Word && token == "where" && depth == 0)
                return sql[position..];
            depth += kind == Kind.Other ? token switch { "(" => 1, ")" => -1, _ => 0 } : 0;
        }

        return null;
    }

    /// <param name="token">Names in lower case, without their quotes.</param>
    private static Kind Next(string sql, ref int position, out string token)
    {
        SkipSpace(sql, ref position);
        token = "";
        if (position >= sql.Length)
            return Kind.End;
        var first = sql[position];
        if (first is '\'' or '"' or '`' or '[')
        {
            token = Quoted(sql, ref position, first == '[' ? ']' : first);
            return first == '\'' ? Kind.Text : Kind.Quoted;
        }

        var start = position++;
        if (!IsOfName(first))
        {
            token = sql[start..position];
            return Kind.Other;
        }

        while (position < sql.Length && IsOfName(sql[position]))
            position++;
        token = SqlName.Fold(sql[start..position]);
        return Kind.Word;
    }

    private static void SkipSpace(string sql, ref int position)
    {
        while (position < sql.Length)
        {
            var rest = sql.AsSpan(position);
            if (char.IsWhiteSpace(rest[0]))
                position++;
            else if (rest.StartsWith("--", StringComparison.Ordinal))
                position = After(sql, "\n", position);
            else if (rest.StartsWith("/*", StringComparison.Ordinal))
                position = After(sql, "*/", position + 2);
            else
                return;
        }
    }

    private static int After(string sql, string end, int position) =>
        position < sql.Length && sql.IndexOf(end, position, StringComparison.Ordinal) is >= 0 and var found ? found + end.Length : sql.Length;

    /// <summary>A quote within is written twice, but not in brackets.</summary>
    private static string Quoted(string sql, ref int position, char end)
    {
        var start = ++position;
        while (position < sql.Length && (sql[position] != end || (end != ']' && position + 1 < sql.Length && sql[position + 1] == end)))
            position += sql[position] == end ? 2 : 1;
        var name = sql[start..Math.Min(position, sql.Length)];
        position++;
        return SqlName.Fold(name.Replace($"{end}{end}", $"{end}", StringComparison.Ordinal));
    }

    private static bool IsOfName(char one) => char.IsAsciiLetterOrDigit(one) || one is '_' or '$' || one > '\x7f';
}
