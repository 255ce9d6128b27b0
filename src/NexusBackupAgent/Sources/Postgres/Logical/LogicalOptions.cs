using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Sources.Postgres.Logical;

/// <summary>The keys of <c>method: logical</c>.</summary>
/// <param name="ExcludeTableData">Tables whose rows are left out, as <see cref="TableName"/> reads them.</param>
/// <param name="DifferentialExcludes">Tables whose rows a differential backup leaves out besides; a restore takes them from the full one.</param>
/// <param name="Schemas">Empty: all.</param>
/// <param name="Tables">Empty: all.</param>
/// <param name="ScratchServer">Where drills restore to; null: the server itself.</param>
internal sealed record LogicalOptions(IReadOnlyList<TableName> ExcludeTableData, IReadOnlyList<TableName> DifferentialExcludes, IReadOnlyList<string> Schemas, IReadOnlyList<TableName> Tables, PostgresAddress? ScratchServer)
{
    public static LogicalOptions Everything { get; } = new([], [], [], [], ScratchServer: null);

    public static IReadOnlyList<string> Keys => ["excludeTableData", "differentialExcludes", "schemas", "tables", "scratchServer"];

    /// <param name="isUsed">Whether the source's method is this one; its keys are read all the same.</param>
    public static LogicalOptions Bind(Section source, string baseDirectory, bool isUsed)
    {
        if (!isUsed)
        {
            foreach (var field in Keys.Select(source.Find).OfType<Field>())
                field.Error("has no meaning for method: physical", "remove it; only method: logical has it");
        }

        return new LogicalOptions(
            [.. Texts(source, "excludeTableData", "audit_logs").Select(TableName.Parse)],
            [.. Texts(source, "differentialExcludes", "audit_logs").Select(TableName.Parse)],
            Texts(source, "schemas", "public"),
            [.. Texts(source, "tables", "public.orders").Select(TableName.Parse)],
            source.Find("scratchServer") is { } server ? (server with { IsSecret = true }).Parse(text => PostgresAddress.Parse(text, baseDirectory), fallback: null, "postgresql://backup@scratch.example/postgres") : null);
    }

    /// <summary>What is dumped for a type of backup.</summary>
    public LogicalOptions For(BackupType type) => type == BackupType.Full ? this : this with { ExcludeTableData = [.. ExcludeTableData, .. DifferentialExcludes] };

    /// <summary>What stands in the way on a server that answers.</summary>
    /// <exception cref="Common.BackupException">The first of it.</exception>
    public async Task RequireAsync(PostgresServer server, string database)
    {
        await using var snapshot = await DatabaseSnapshot.OpenAsync(server, database, CancellationToken.None);
        DatabaseSnapshot.RequireReadable(DumpSelection.Of(this, snapshot.Relations, snapshot.IsStandby, server.Shown).Dumped, server.Shown);
    }

    private static IReadOnlyList<string> Texts(Section source, string key, string example) =>
        source.Find(key) is { IsEmpty: false } field ? [.. field.OneOrMany().Select(item => item.Text(example)).OfType<string>()] : [];
}

/// <summary>A table as the configuration names it: <c>audit_logs</c> in any schema, or <c>public.audit_logs</c>; <c>*</c> and <c>?</c> are wild. Letters count as they are written.</summary>
/// <param name="Schema">Null: any.</param>
internal sealed record TableName(string? Schema, string Name)
{
    public static TableName Parse(string text) => text.IndexOf('.') is > 0 and var dot ? new TableName(text[..dot], text[(dot + 1)..]) : new TableName(Schema: null, text);

    public bool Matches(string schema, string name) => (Schema is null || DatabasePattern.Matches(Schema, schema)) && DatabasePattern.Matches(Name, name);

    public override string ToString() => Schema is null ? Name : $"{Schema}.{Name}";
}
