using Npgsql;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Logical;

/// <summary>
/// The database that a restore puts in place. The restored one is made under another name; then both change names in one
/// transaction, so that whichever instant the server dies in, the old one or the new one bears the name.
/// </summary>
/// <param name="live">The source's own database.</param>
/// <param name="to">Another name; null: the live one.</param>
internal sealed class LogicalTarget(PostgresServer server, PostgresTools tools, ScratchDirectory scratch, string live, string? to) : IRestoreTarget
{
    private readonly string name = to ?? live;

    public string Location => server.ShownOf(name);

    public string Volume => scratch.Path;

    public string? SpaceCommand => null;

    public string LookCommand => ToolProcess.Line(["psql", "-l", server.ShownOf(PostgresServer.Maintenance)]);

    public bool IsLive => name == live;

    public bool Exists => Ask(connection => RestoreDatabase.Exists(connection, name));

    public long Length => Ask(connection => connection.Rows($"SELECT pg_catalog.pg_database_size(oid) FROM pg_catalog.pg_database WHERE datname = {SqlName.Text(name)}") is [[{ } size]] ? long.Parse(size, System.Globalization.CultureInfo.InvariantCulture) : 0);

    public string SafetyForm => RestoreNames.SafetyPrefix(name) + "<time>";

    public string UnfinishedForm => RestoreNames.RestoringPrefix(name) + "*";

    public IReadOnlyList<string> Leftovers => Ask(LeftoversIn);

    /// <summary>Sessions are ended when the names change, and not before.</summary>
    public IReadOnlyList<FileUser> Users() => [];

    public BackupException? Obstacle(IReadOnlyList<string> forbidden)
    {
        if (name is PostgresServer.Maintenance or "template0" or "template1" || DatabasePattern.IsOfRestore(name))
            return new BackupException(FailureKind.Restore, $"'{name}' is no name for a restored database", "name another one with --to, for example --to shop_look");
        if (name.Length == 0 || name.Contains('\0') || System.Text.Encoding.UTF8.GetByteCount(name) > RestoreNames.Longest)
            return new BackupException(FailureKind.Restore, $"'{name}' can't be the name of a database: it may have 1 to {RestoreNames.Longest} bytes", "name another one with --to");
        try
        {
            using var connection = server.Open(PostgresServer.Maintenance);
            var rights = connection.Rows($"SELECT r.rolsuper, r.rolcreatedb, (SELECT pg_catalog.pg_has_role(d.datdba, 'MEMBER') FROM pg_catalog.pg_database d WHERE d.datname = {SqlName.Text(name)}) FROM pg_catalog.pg_roles r WHERE r.rolname = current_user")[0];
            return rights switch
            {
                ["t", ..] => null,
                [_, "f", ..] => new BackupException(FailureKind.Restore, $"the agent's role may not make databases on '{server.Shown}'", "ALTER ROLE role CREATEDB on the server, or name a role that may"),
                [_, _, "f"] => new BackupException(FailureKind.Restore, $"the agent's role does not own '{Location}', so it may not rename it", "restore with a superuser's role, or to another database with --to"),
                _ => null,
            };
        }
        catch (Exception failure) when (PostgresFailure.IsKnown(failure))
        {
            return (BackupException)PostgresFailure.Translate(failure, server.Shown);
        }
        catch (BackupException failure)
        {
            return failure;
        }
    }

    public long RoomFor(long content) => 0;

    public long? Available() => null;

    public string SafetyName(DateTimeOffset now, TimeZoneInfo zone) => Ask(connection => RestoreNames.Safety(name, now, zone, taken => RestoreDatabase.Exists(connection, taken)));

    public IDisposable Lock()
    {
        var connection = server.Open(PostgresServer.Maintenance);
        try
        {
            if (!RestoreDatabase.TryLock(connection, RestoreNames.LockOfTarget(name)))
                throw new BackupException(FailureKind.Locked, $"another restore to '{Location}' is under way", "wait until it is done, look at what it restored, then run the command again if that is not what you want");
            foreach (var left in LeftoversIn(connection)) // none that lives is at work here
                RestoreDatabase.Drop(connection, left);
            return new HeldLock(connection, RestoreNames.LockOfTarget(name));
        }
        catch (Exception failure)
        {
            connection.Dispose();
            throw PostgresFailure.Translate(failure, Location);
        }
    }

    public async Task<IPreparedRestore> PrepareAsync(StoredChain chain, DateTimeOffset? at, CancellationToken cancellationToken)
    {
        var maintenance = await server.OpenAsync(PostgresServer.Maintenance, cancellationToken);
        string? made = null;
        try
        {
            var contents = await DatabaseContents.ReadAsync(chain.Tip, cancellationToken);
            var restoring = RestoreNames.NewRestoring(name);
            await maintenance.RowsAsync(RestoreDatabase.CreateStatement(restoring, contents?.Database, maintenance.PostgreSqlVersion.Major), cancellationToken);
            made = restoring;
            await RestoreDatabase.FillAsync(server, tools, restoring, chain, contents, isPractice: false, cancellationToken);
            if (contents is not null)
                await SetPropertiesAsync(maintenance, restoring, contents.Database, cancellationToken);
            await AnalyzeAsync(restoring, cancellationToken);
            return new PreparedDatabase(this, server, maintenance, restoring, LogicalSource.Passed(chain, contents));
        }
        catch (Exception failure)
        {
            if (made is not null)
                PreparedDatabase.TryDrop(maintenance, made);
            await maintenance.DisposeAsync();
            throw PostgresFailure.Translate(failure, Location);
        }
    }

    /// <summary>The name that it takes.</summary>
    public string Name => name;

    private IReadOnlyList<string> LeftoversIn(NpgsqlConnection connection) =>
        [.. connection.Rows("SELECT datname FROM pg_catalog.pg_database ORDER BY 1").Select(row => row[0]!).Where(found => found.StartsWith(RestoreNames.RestoringPrefix(name), StringComparison.Ordinal))];

    private static async Task SetPropertiesAsync(NpgsqlConnection maintenance, string restoring, DatabaseProperties properties, CancellationToken cancellationToken)
    {
        foreach (var statement in RestoreDatabase.PropertyStatements(restoring, properties))
            await maintenance.RowsAsync(statement, cancellationToken);
    }

    /// <summary>Without statistics the first queries of its service would take hours.</summary>
    private async Task AnalyzeAsync(string restoring, CancellationToken cancellationToken)
    {
        await using var connection = await server.OpenAsync(restoring, cancellationToken);
        await connection.RowsAsync("ANALYZE", cancellationToken);
    }

    private T Ask<T>(Func<NpgsqlConnection, T> question)
    {
        using var connection = server.Open(PostgresServer.Maintenance);
        try
        {
            return question(connection);
        }
        catch (Exception failure) when (PostgresFailure.IsKnown(failure))
        {
            throw PostgresFailure.Translate(failure, Location);
        }
    }
}

/// <summary>A lock of the server's, held by a connection: it ends with this process, and at once when this is disposed, not when the server notices.</summary>
internal sealed class HeldLock(NpgsqlConnection connection, long key) : IDisposable
{
    public void Dispose()
    {
        try
        {
            connection.Rows($"SELECT pg_catalog.pg_advisory_unlock({key})");
        }
        catch (Exception gone) when (PostgresFailure.IsKnown(gone) || gone is InvalidOperationException)
        {
            // With the connection the lock is gone too.
        }

        connection.Dispose();
    }
}

/// <summary>A restored database under a name of its own, until it takes another one's.</summary>
internal sealed class PreparedDatabase(LogicalTarget target, PostgresServer server, NpgsqlConnection maintenance, string restoring, ContentCheck check) : IPreparedRestore
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private string? safety;
    private bool isSwitched;

    public ContentCheck Check => check;

    public RestoredPlace Place => new(target.Location, Owner: null, safety, [], safety is null ? "" : WayBack(safety));

    public Task<ProbeAnswer> ProbeAsync(string question, CancellationToken cancellationToken) => RestoreDatabase.ProbeAsync(server, restoring, question, cancellationToken);

    public Task SaveAsync(RestoreContext context, CancellationToken cancellationToken)
    {
        if (!Guard(() => RestoreDatabase.Exists(maintenance, target.Name)))
            return Task.CompletedTask;
        safety = target.NameSafetyCopy(context);
        return Task.CompletedTask;
    }

    /// <summary>While the renaming waits for the old one's sessions, which it lets no new one join, another connection ends them.</summary>
    public void Switch(RestoreContext context)
    {
        context.Step(new RestoreStep(RestoreStage.Replace, safety is null ? $"give the restored database the name {target.Name}" : $"end the connections to {target.Name} and exchange the two by renaming"));
        using var over = new CancellationTokenSource();
        var ending = safety is null ? Task.CompletedTask : Task.Run(() => EndSessionsAsync(over.Token), CancellationToken.None);
        try
        {
            Guard(() =>
            {
                using var transaction = maintenance.BeginTransaction();
                if (safety is not null)
                    maintenance.Rows($"ALTER DATABASE {SqlName.Quote(target.Name)} RENAME TO {SqlName.Quote(safety)}");
                maintenance.Rows($"ALTER DATABASE {SqlName.Quote(restoring)} RENAME TO {SqlName.Quote(target.Name)}");
                transaction.Commit();
                return true;
            });
            isSwitched = true;
        }
        finally
        {
            over.Cancel();
            ending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
        }
    }

    /// <summary>Both renamings are one transaction; only where its end was not heard is there something to look for.</summary>
    public BackupException? RollBack()
    {
        if (safety is null || isSwitched)
            return null;
        try
        {
            using var connection = server.Open(PostgresServer.Maintenance);
            if (!RestoreDatabase.Exists(connection, safety))
            {
                safety = null;
                return null;
            }

            using var transaction = connection.BeginTransaction();
            connection.Rows($"ALTER DATABASE {SqlName.Quote(target.Name)} RENAME TO {SqlName.Quote(restoring)}");
            connection.Rows($"ALTER DATABASE {SqlName.Quote(safety)} RENAME TO {SqlName.Quote(target.Name)}");
            transaction.Commit();
            safety = null;
            return null;
        }
        catch (Exception failure) when (failure is BackupException || PostgresFailure.IsKnown(failure))
        {
            return new BackupException(FailureKind.Restore, $"whether '{target.Location}' is the old database or the restored one is not known: {failure.Message}; if '{safety}' exists, that is the old one", $"look: {target.LookCommand}", failure);
        }
    }

    public void MakeDurable()
    {
        // The commit was.
    }

    public async ValueTask DisposeAsync()
    {
        if (!isSwitched)
            TryDrop(maintenance, restoring);
        await maintenance.DisposeAsync();
    }

    public static void TryDrop(NpgsqlConnection maintenance, string name)
    {
        try
        {
            RestoreDatabase.Drop(maintenance, name);
        }
        catch (Exception failure) when (PostgresFailure.IsKnown(failure) || failure is InvalidOperationException)
        {
            // The failure that brought us here is the one to tell; the next restore drops it.
        }
    }

    private async Task EndSessionsAsync(CancellationToken cancellationToken)
    {
        await using var connection = await server.OpenAsync(PostgresServer.Maintenance, cancellationToken);
        while (true)
        {
            await connection.RowsAsync($"SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = {SqlName.Text(target.Name)} AND pid <> pg_catalog.pg_backend_pid()", cancellationToken);
            await Task.Delay(Pause, TimeProvider.System, cancellationToken);
        }
    }

    private string WayBack(string kept) => ToolProcess.Line(
    [
        "psql", server.ShownOf(PostgresServer.Maintenance),
        "-c", $"ALTER DATABASE {SqlName.Quote(target.Name)} RENAME TO {SqlName.Quote(RestoreNames.Undone(target.Name))}",
        "-c", $"ALTER DATABASE {SqlName.Quote(kept)} RENAME TO {SqlName.Quote(target.Name)}",
    ]);

    private T Guard<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception failure) when (PostgresFailure.IsKnown(failure))
        {
            throw PostgresFailure.Translate(failure, target.Location);
        }
    }
}
