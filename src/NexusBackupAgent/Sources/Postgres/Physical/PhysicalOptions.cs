using Microsoft.Extensions.Logging;
using Npgsql;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>The keys of <c>method: physical</c>.</summary>
internal sealed record PhysicalOptions
{
    public static IReadOnlyList<string> Keys => [];

    /// <summary>The tools that it runs.</summary>
    public static IReadOnlyList<(string Program, ToolFit Fit)> Needed => [("pg_basebackup", ToolFit.Same)];

    /// <param name="isUsed">Whether the source's method is this one; its keys are read all the same.</param>
    public static PhysicalOptions Bind(Section source, string baseDirectory, bool isUsed)
    {
        if (isUsed)
            source.Find("method")?.Error("is not supported by this version", "write method: logical");
        return new PhysicalOptions();
    }

    public static IBackupSource Open(PhysicalOptions options, string name, PostgresServer server, PostgresTools tools, ScratchDirectory scratch, TimeProvider timeProvider, ILoggerFactory loggers) =>
        throw new NotSupportedException("there are no physical backups yet");

    /// <summary>What stands in the way on a server that answers.</summary>
    public static IEnumerable<(string Problem, string Mend, bool IsError)> Check(PhysicalOptions options, NpgsqlConnection connection) => [];
}
