using Npgsql;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Sources.Postgres.Logical;

/// <summary>Makes databases out of dumps, asks them, and drops them.</summary>
internal static class RestoreDatabase
{
    private const int ForcedDropSince = 13;

    // Of these settings the stored text is a list of names that are quoted already.
    private static readonly string[] Lists = ["local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces"];

    /// <summary>What a drill leaves out: it has to work for a role that owns nothing, and nothing of it may act.</summary>
    private static readonly string[] ForPractice = ["--no-owner", "--no-privileges", "--no-comments", "--no-tablespaces", "--no-publications", "--no-subscriptions", "--no-security-labels"];

    /// <summary>Restores into an existing empty database, and compares its rows with those that there were.</summary>
    /// <exception cref="DamagedLinkException">The dump is not what was stored.</exception>
    /// <exception cref="BackupException">It can't be restored here.</exception>
    public static async Task FillAsync(PostgresServer server, PostgresTools tools, string database, StoredChain chain, DatabaseContents? contents, bool isPractice, CancellationToken cancellationToken)
    {
        await using var connection = await server.OpenAsync(database, cancellationToken);
        await RequireExtensionsAsync(connection, server, contents, cancellationToken);
        foreach (var schema in contents?.Schemas ?? [])
            await connection.RowsAsync($"CREATE SCHEMA {SqlName.Quote(schema)}", cancellationToken);
        var tool = await tools.FindAsync("pg_restore", Math.Max(contents?.ToolMajor ?? 0, connection.PostgreSqlVersion.Major), ToolFit.SameOrNewer, cancellationToken);
        using var access = server.Access(database);
        foreach (var (link, what) in await StepsAsync(chain, contents, cancellationToken))
        {
            string[] arguments = ["--no-password", "--exit-on-error", $"--dbname={database}", .. what, .. isPractice ? ForPractice : []];
            var end = await ArchiveReader.RunAsync(link, tool, arguments, access, output => output.CopyToAsync(Stream.Null, cancellationToken), cancellationToken);
            if (end.ExitCode == 0)
                continue;
            throw new BackupException(
                FailureKind.Restore, $"{link.Name} could not be restored on '{server.ShownOf(database)}': {end.Failure}",
                isPractice ? "the dump was read whole before: see what it needs that is not there (an extension, a role, a right); docs/postgresql.md has what a drill's role needs" : "restore its globals.sql first if roles are missing; the agent's role has to be a superuser, or a member of the roles that own things");
        }

        if (contents is not null)
            await CompareAsync(connection, server, chain.Tip, contents, cancellationToken);
    }

    /// <summary>
    /// What is restored, in order. Of a differential one the tables come from the full one, the rows from itself, those that it
    /// leaves out and the full one has from that, and last what is built on rows: indexes, foreign keys, triggers.
    /// </summary>
    private static async Task<IReadOnlyList<(StoredLink Link, string[] What)>> StepsAsync(StoredChain chain, DatabaseContents? contents, CancellationToken cancellationToken)
    {
        if (chain.Links.Count == 1)
            return [(chain.Tip, [])];
        var full = chain.Links[0];
        var left = (await DatabaseContents.ReadAsync(full, cancellationToken))?.Tables.Where(table => contents?.Tables.Any(own => own.Quoted == table.Quoted) != true) ?? [];
        return
        [
            (full, ["--section=pre-data"]),
            (chain.Tip, ["--data-only"]),
            .. left.Select(table => (full, (string[])["--data-only", $"--schema={table.Schema}", $"--table={table.Name}"])),
            (full, ["--section=post-data"]),
        ];
    }

    /// <summary>As the dumped one was.</summary>
    public static string CreateStatement(string name, DatabaseProperties? properties, int serverMajor)
    {
        var statement = $"CREATE DATABASE {SqlName.Quote(name)} TEMPLATE template0";
        if (properties is null)
            return statement;
        statement += $" ENCODING {SqlName.Text(properties.Encoding)} LC_COLLATE {SqlName.Text(properties.Collate)} LC_CTYPE {SqlName.Text(properties.Ctype)}";
        if (properties is { Provider: "i", Locale: { } locale } && serverMajor >= 15)
            statement += $" LOCALE_PROVIDER icu ICU_LOCALE {SqlName.Text(locale)}";
        return statement;
    }

    /// <summary>Owner, settings and rights of the database itself, which no dump of a database alone restores.</summary>
    public static IEnumerable<string> PropertyStatements(string name, DatabaseProperties properties)
    {
        var database = SqlName.Quote(name);
        yield return $"ALTER DATABASE {database} OWNER TO {SqlName.Quote(properties.Owner)}";
        foreach (var setting in properties.Settings)
        {
            var value = Lists.Contains(setting.Name, StringComparer.Ordinal) && setting.Value.Length > 0 ? setting.Value : SqlName.Text(setting.Value);
            yield return setting.Role is { } role
                ? $"ALTER ROLE {role} IN DATABASE {database} SET {SqlName.Quote(setting.Name)} TO {value}" // regrole has quoted it
                : $"ALTER DATABASE {database} SET {SqlName.Quote(setting.Name)} TO {value}";
        }

        if (properties.Grants is null)
            yield break;
        yield return $"REVOKE ALL ON DATABASE {database} FROM PUBLIC";
        foreach (var grant in properties.Grants)
            yield return $"GRANT {grant.Privilege} ON DATABASE {database} TO {(grant.Role is { } role ? SqlName.Quote(role) : "PUBLIC")}{(grant.MayGrant ? " WITH GRANT OPTION" : "")}";
    }

    public static void Drop(NpgsqlConnection maintenance, string name)
    {
        if (maintenance.PostgreSqlVersion.Major < ForcedDropSince)
            maintenance.Rows($"SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = {SqlName.Text(name)}");
        maintenance.Rows($"DROP DATABASE IF EXISTS {SqlName.Quote(name)}{(maintenance.PostgreSqlVersion.Major >= ForcedDropSince ? " WITH (FORCE)" : "")}");
    }

    public static bool Exists(NpgsqlConnection maintenance, string name) => maintenance.Rows($"SELECT 1 FROM pg_catalog.pg_database WHERE datname = {SqlName.Text(name)}").Count > 0;

    public static bool TryLock(NpgsqlConnection maintenance, long key) => maintenance.Rows($"SELECT pg_catalog.pg_try_advisory_lock({key})")[0][0] == "t";

    /// <summary>Asks one question that reads.</summary>
    public static async Task<ProbeAnswer> ProbeAsync(PostgresServer server, string database, string question, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await server.OpenAsync(database, cancellationToken);
            await connection.RowsAsync("BEGIN TRANSACTION READ ONLY", cancellationToken);
            var rows = await connection.RowsAsync(question, cancellationToken); // two statements in one are refused by the server
            return rows.Count == 0 || rows[0].Length == 0 ? new ProbeAnswer(HasRow: false, Text: null) : new ProbeAnswer(HasRow: true, rows[0][0]);
        }
        catch (PostgresException refused)
        {
            throw new BackupException(FailureKind.Restore, $"the probe could not be asked: {refused.MessageText}", "write one query that reads", refused);
        }
    }

    private static async Task RequireExtensionsAsync(NpgsqlConnection connection, PostgresServer server, DatabaseContents? contents, CancellationToken cancellationToken)
    {
        if (contents is null or { Extensions.Count: 0 })
            return;
        var there = (await connection.RowsAsync("SELECT name::text FROM pg_catalog.pg_available_extensions", cancellationToken)).Select(row => row[0]!).ToHashSet(StringComparer.Ordinal);
        var missing = contents.Extensions.Where(extension => !there.Contains(extension)).ToList();
        if (missing.Count > 0)
            throw new BackupException(FailureKind.Restore, $"the server of '{server.Shown}' lacks what the dump needs: extension {string.Join(", ", missing)}", $"install it there (apt-cache search postgresql-{connection.PostgreSqlVersion.Major} {missing[0]}), then run the command again");
    }

    private static async Task CompareAsync(NpgsqlConnection connection, PostgresServer server, StoredLink link, DatabaseContents contents, CancellationToken cancellationToken)
    {
        var found = new Dictionary<string, long>(StringComparer.Ordinal);
        await connection.RowsAsync("SET row_security = off", cancellationToken);
        foreach (var table in contents.Tables)
            found[table.Quoted] = long.Parse((await connection.RowsAsync($"SELECT pg_catalog.count(*) FROM ONLY {table.Quoted}", cancellationToken))[0][0]!, System.Globalization.CultureInfo.InvariantCulture);
        var difference = ArchiveReader.Difference(contents.Tables, found);
        if (difference is null && contents.LargeObjects is { } expected && (await connection.RowsAsync("SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata", cancellationToken))[0][0] is var objects && objects != $"{expected}")
            difference = $"there are {objects} large objects, and there were {expected}";
        if (difference is not null)
            throw new BackupException(FailureKind.Restore, $"{link.Name} was restored on '{server.Shown}', and is not what there was: {difference}", "see the server's log; nothing that is live was touched");
    }
}
