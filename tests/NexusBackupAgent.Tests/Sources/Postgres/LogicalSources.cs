using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Postgres;
using NexusBackupAgent.Sources.Postgres.Logical;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>Sources of databases of a test's cluster.</summary>
internal static class LogicalSources
{
    public static LogicalSource Of(PostgresCluster cluster, string database, ScratchDirectory scratch, TimeProvider clock, LogicalOptions? options = null, string? binDirectory = null) =>
        Of(cluster.Uri(database), scratch, clock, options, binDirectory);

    public static LogicalSource Of(string uri, ScratchDirectory scratch, TimeProvider clock, LogicalOptions? options = null, string? binDirectory = null, string? passwordFile = null)
    {
        var server = new PostgresServer(PostgresAddress.Parse(uri, "/"), new PostgresCredentials(passwordFile, ServiceFile: null), scratch);
        return new LogicalSource(server, server, new PostgresTools(binDirectory ?? PostgresCluster.Binaries, clock), options ?? LogicalOptions.Everything, scratch, clock);
    }

    /// <summary>A directory of PostgreSQL's tools, some of which do something else; <c>$REAL</c> is the real one.</summary>
    public static string ToolsIn(string directory, params (string Tool, string Script)[] replaced)
    {
        Directory.CreateDirectory(directory);
        foreach (var tool in ((string[])["pg_dump", "pg_dumpall", "pg_restore"]).Union(replaced.Select(other => other.Tool)))
        {
            var real = Path.Combine(PostgresCluster.Binaries!, tool);
            var script = replaced.FirstOrDefault(other => other.Tool == tool).Script;
            var path = Path.Combine(directory, tool);
            File.WriteAllText(path, $"#!/bin/bash\nREAL='{real}'\n[[ $1 != --version ]] || {(script?.Contains("VERSION=", StringComparison.Ordinal) == true ? "true" : "exec \"$REAL\" --version")}\n{script ?? "exec \"$REAL\" \"$@\""}\n");
            File.SetUnixFileMode(path, (UnixFileMode)Convert.ToInt32("755", 8));
        }

        return directory;
    }
}
