using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Logical;

/// <summary>Looks at a database as an operator would.</summary>
internal sealed class LogicalInspection(PostgresServer server) : ISourceInspection
{
    public bool Exists
    {
        get
        {
            try
            {
                server.Open().Dispose();
                return true;
            }
            catch (BackupException)
            {
                return false; // why, the trial of a capture tells
            }
        }
    }

    public bool IsServed => true;

    public IReadOnlyList<string> SafetyCopies
    {
        get
        {
            try
            {
                using var connection = server.Open(PostgresServer.Maintenance);
                var prefix = RestoreNames.SafetyPrefix(server.Resolved.Database!);
                return [.. connection.Rows("SELECT datname FROM pg_catalog.pg_database ORDER BY 1 DESC").Select(row => row[0]!).Where(name => name.StartsWith(prefix, StringComparison.Ordinal) && DatabasePattern.IsOfRestore(name))];
            }
            catch (Exception failure) when (failure is BackupException || PostgresFailure.IsKnown(failure))
            {
                return []; // that the server does not answer is told of the database
            }
        }
    }

    public HeldDeleted? HeldDeleted => null;

    public string CheckName => "pg_restore";

    public string? CommandFor(SourceQuestion question) => question switch
    {
        SourceQuestion.WhatIsThere => Psql(PostgresServer.Maintenance, "\\l+"),
        SourceQuestion.WhichDisk or SourceQuestion.DoesItsServerAnswer => ServerQuestions.Answers(server),
        SourceQuestion.WhatSaysItsServer => ServerQuestions.Says(server),
        SourceQuestion.WhoMayReachIt => Psql(database: null, "\\conninfo", "\\du"),
        SourceQuestion.WhoUsesIt => Psql(PostgresServer.Maintenance, $"SELECT pid, usename, application_name, state, query_start FROM pg_stat_activity WHERE datname = {SqlName.Text(server.Resolved.Database!)}"),
        SourceQuestion.IsItWhole => ToolProcess.Line(["pg_dump", "--format=custom", "--file=/dev/null", server.Shown]),
        _ => null,
    };

    public string CheckCommand(string safetyCopy) => ToolProcess.Line(["pg_dump", "--format=custom", "--file=/dev/null", server.ShownOf(safetyCopy)]);

    private string Psql(string? database, params IReadOnlyList<string> commands) =>
        ToolProcess.Line(["psql", database is null ? server.Shown : server.ShownOf(database), .. commands.SelectMany(command => (string[])["-c", command])]);
}
