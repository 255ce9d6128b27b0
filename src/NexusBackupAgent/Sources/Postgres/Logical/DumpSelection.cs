using NexusBackupAgent.Common;

namespace NexusBackupAgent.Sources.Postgres.Logical;

/// <summary>What of a database is dumped. Pure.</summary>
/// <param name="Counted">The tables whose rows are in the dump.</param>
/// <param name="Dumped">All of which <c>pg_dump</c> reads something.</param>
/// <param name="HasLargeObjects">A dump of chosen schemas or tables is without.</param>
internal sealed record DumpSelection(IReadOnlyList<string> Arguments, IReadOnlyList<Relation> Counted, IReadOnlyList<Relation> Dumped, bool HasLargeObjects, IReadOnlyList<string> Notes)
{
    /// <summary>Of chosen tables, whose dump is without their schemas; null: it has them.</summary>
    public IReadOnlyList<string>? Schemas { get; private init; }

    /// <exception cref="BackupException">Something that the configuration names is not there.</exception>
    public static DumpSelection Of(LogicalOptions options, IReadOnlyList<Relation> relations, bool isStandby, string shown)
    {
        var arguments = new List<string>();
        var chosen = relations;
        if (options.Schemas.Count > 0)
        {
            var schemas = relations.Select(relation => relation.Schema).Distinct(StringComparer.Ordinal).Where(schema => options.Schemas.Any(pattern => DatabasePattern.Matches(pattern, schema))).ToList();
            if (options.Schemas.FirstOrDefault(pattern => !schemas.Any(schema => DatabasePattern.Matches(pattern, schema))) is { } missing)
                throw Missing("schema", missing, "schemas", shown);
            arguments.AddRange(schemas.Select(schema => $"--schema={SqlName.Quote(schema)}"));
            chosen = [.. relations.Where(relation => schemas.Contains(relation.Schema))];
        }

        if (options.Tables.Count > 0)
        {
            var tables = WithPartitions(relations, [.. chosen.Where(relation => options.Tables.Any(name => name.Matches(relation.Schema, relation.Name)))]);
            if (options.Tables.FirstOrDefault(name => !tables.Any(table => name.Matches(table.Schema, table.Name))) is { } missing)
                throw Missing("table", missing.ToString(), "tables", shown);
            arguments.Clear(); // pg_dump takes the schemas then for tables of their own right
            arguments.AddRange(tables.Select(table => $"--table={SqlName.Quote(table.Schema)}.{SqlName.Quote(table.Name)}"));
            chosen = tables;
        }

        var excluded = WithPartitions(relations, [.. chosen.Where(relation => relation.Kind is 'r' or 'p' && options.ExcludeTableData.Any(name => name.Matches(relation.Schema, relation.Name)))]);
        if (options.ExcludeTableData.FirstOrDefault(name => !excluded.Any(table => name.Matches(table.Schema, table.Name))) is { } nowhere)
            throw Missing("table", nowhere.ToString(), "excludeTableData", shown);
        arguments.AddRange(excluded.Where(relation => relation.Kind == 'r').Select(table => $"--exclude-table-data={SqlName.Quote(table.Schema)}.{SqlName.Quote(table.Name)}"));

        var unlogged = isStandby ? chosen.Where(relation => relation is { Kind: 'r', IsUnlogged: true }).ToList() : [];
        if (unlogged.Count > 0)
            arguments.Add("--no-unlogged-table-data");
        var foreign = chosen.Where(relation => relation.Kind == 'f').ToList();
        return new DumpSelection(
            arguments,
            [.. chosen.Where(relation => relation.Kind == 'r' && !excluded.Contains(relation) && !unlogged.Contains(relation))],
            [.. chosen.Where(relation => relation.Kind != 'f' && !excluded.Contains(relation))],
            HasLargeObjects: options is { Schemas.Count: 0, Tables.Count: 0 },
            [
                .. excluded.Count > 0 ? (string[])[$"without the rows of {DatabaseSnapshot.Names(excluded)}, as the configuration says"] : [],
                .. unlogged.Count > 0 ? (string[])[$"without the rows of {DatabaseSnapshot.Names(unlogged)}: unlogged tables are empty on a standby"] : [],
                .. foreign.Count > 0 ? (string[])[$"without the rows of {DatabaseSnapshot.Names(foreign)}, which are on another server"] : [],
            ])
        {
            Schemas = options.Tables.Count == 0 ? null : [.. chosen.Select(relation => relation.Schema).Where(schema => schema != "public").Distinct(StringComparer.Ordinal)],
        };
    }

    private static List<Relation> WithPartitions(IReadOnlyList<Relation> relations, List<Relation> tables)
    {
        var known = tables.Select(table => table.Id).ToHashSet();
        for (var before = -1; before != tables.Count;)
        {
            before = tables.Count;
            tables.AddRange(relations.Where(relation => known.Contains(relation.Parent) && known.Add(relation.Id)).ToList());
        }

        return tables;
    }

    private static BackupException Missing(string what, string name, string key, string shown) => new(
        FailureKind.SourceInvalid, $"'{shown}' has no {what} {name}, which {key} names", $"check the name (psql: \\dt *.*), or take it out of {key}");
}
