using Npgsql;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Logical;

/// <summary>A database that a drill makes and drops. What a killed one left, the next one drops.</summary>
/// <param name="workspace">The drill's directory, of which a database needs nothing.</param>
internal sealed class PracticeTarget(PostgresServer server, PostgresTools tools, string workspace) : DrillPlace(workspace)
{
    public override string Location => server.Shown;

    public override string LookCommand => ToolProcess.Line(["psql", "-l", server.ShownOf(PostgresServer.Maintenance)]);

    public override string UnfinishedForm => $"{DatabasePattern.Own}drill_*";

    public override IDisposable Lock() => server.Open(PostgresServer.Maintenance);

    public override async Task<IPreparedRestore> PrepareAsync(StoredChain chain, DateTimeOffset? at, CancellationToken cancellationToken)
    {
        var maintenance = await server.OpenAsync(PostgresServer.Maintenance, cancellationToken);
        string? made = null;
        try
        {
            Sweep(maintenance);
            var contents = await DatabaseContents.ReadAsync(chain.Tip, cancellationToken);
            var name = RestoreNames.NewPractice();
            RestoreDatabase.TryLock(maintenance, RestoreNames.LockOfPractice(name)!.Value);
            await maintenance.RowsAsync(RestoreDatabase.CreateStatement(name, contents?.Database, maintenance.PostgreSqlVersion.Major), cancellationToken);
            made = name;
            await RestoreDatabase.FillAsync(server, tools, name, chain, contents, isPractice: true, cancellationToken);
            return new Prepared(server, maintenance, name, LogicalSource.Passed(chain, contents));
        }
        catch (Exception failure)
        {
            if (made is not null)
                TryDrop(maintenance, made);
            await maintenance.DisposeAsync();
            throw PostgresFailure.Translate(failure, server.Shown);
        }
    }

    /// <summary>Drops what drills left that were killed: nobody holds their locks.</summary>
    public static void Sweep(NpgsqlConnection maintenance)
    {
        foreach (var name in maintenance.Rows("SELECT datname FROM pg_catalog.pg_database").Select(row => row[0]!))
        {
            if (RestoreNames.LockOfPractice(name) is not { } key || !RestoreDatabase.TryLock(maintenance, key))
                continue;
            TryDrop(maintenance, name);
            maintenance.Rows($"SELECT pg_catalog.pg_advisory_unlock({key})");
        }
    }

    private static void TryDrop(NpgsqlConnection maintenance, string name)
    {
        try
        {
            RestoreDatabase.Drop(maintenance, name);
        }
        catch (Exception failure) when (PostgresFailure.IsKnown(failure))
        {
            // Another role's, or the server is gone: the next drill tries again.
        }
    }

    private sealed class Prepared(PostgresServer server, NpgsqlConnection maintenance, string name, ContentCheck check) : IPreparedRestore
    {
        public ContentCheck Check => check;

        public RestoredPlace Place => throw new NotSupportedException("a drill puts nothing in place");

        public Task<ProbeAnswer> ProbeAsync(string question, CancellationToken cancellationToken) => RestoreDatabase.ProbeAsync(server, name, question, cancellationToken);

        public Task SaveAsync(RestoreContext context, CancellationToken cancellationToken) => throw new NotSupportedException("a drill replaces nothing");

        public void Switch(RestoreContext context) => throw new NotSupportedException("a drill replaces nothing");

        public BackupException? RollBack() => null;

        public void MakeDurable()
        {
        }

        public async ValueTask DisposeAsync()
        {
            TryDrop(maintenance, name);
            await maintenance.DisposeAsync();
        }
    }
}
