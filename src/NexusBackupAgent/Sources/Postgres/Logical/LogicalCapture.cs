using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Sources.Postgres.Logical;

/// <summary>A database held still, and how it is dumped.</summary>
internal sealed record DumpPlan(PostgresToolFile Tool, PostgresToolFile? GlobalsTool, DumpSelection Selection, BackupType Type, string? Definitions);

/// <summary>Streams <c>pg_dump</c> into the artifact while the rows are counted in the same snapshot; then what a restore needs beside it.</summary>
internal sealed class LogicalCapture(PostgresServer server, string database, DatabaseSnapshot snapshot, DumpPlan plan, DateTimeOffset capturedAt) : ICapture
{
    public const string GlobalsPart = "globals.sql";

    /// <summary>Of <c>pg_dump</c>: docs/decisions.md has the measurements.</summary>
    public const int CompressionLevel = 1;

    private const int BufferSize = 1 << 17;

    public DateTimeOffset CapturedAt => capturedAt;

    public long? Length => null;

    public long ScratchNeeded => 0;

    public async Task WriteAsync(IArtifactSink sink, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var counting = snapshot.CountAsync(plan.Selection.Counted, stop.Token);
        string said;
        try
        {
            said = await DumpAsync(sink, counting, cancellationToken);
        }
        catch
        {
            await stop.CancelAsync();
            await ((Task)counting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        var contents = new DatabaseContents(
            $"{snapshot.ServerVersion}", plan.Tool.Version,
            await snapshot.PropertiesAsync(cancellationToken),
            await counting,
            plan.Selection.HasLargeObjects ? await snapshot.CountLargeObjectsAsync(cancellationToken) : null,
            await snapshot.ExtensionsAsync(cancellationToken),
            [.. plan.Selection.Notes, .. said.Length > 0 ? (string[])[$"pg_dump said: {said}"] : []])
        {
            Definitions = plan.Definitions,
            Schemas = plan.Selection.Schemas,
        };
        await sink.WritePartAsync(DatabaseContents.Part, ArtifactEncoding.None, async (content, token) => await content.WriteAsync(contents.ToJson(), token), cancellationToken);
        if (plan.GlobalsTool is { } globals)
            await sink.WritePartAsync(GlobalsPart, ArtifactEncoding.None, (content, token) => DumpGlobalsAsync(globals, content, token), cancellationToken);
    }

    public ValueTask DisposeAsync() => snapshot.DisposeAsync();

    /// <returns>What it said though it succeeded.</returns>
    private async Task<string> DumpAsync(IArtifactSink sink, Task counting, CancellationToken cancellationToken)
    {
        using var access = server.Access(database);
        string[] arguments =
        [
            "--format=custom", $"--compress={CompressionLevel}", "--no-password", $"--snapshot={snapshot.Id}", "--lock-wait-timeout=300000", "--quote-all-identifiers",
            .. plan.Type == BackupType.Full ? (string[])[] : ["--data-only"],
            .. plan.Selection.HasLargeObjects ? (string[])["--blobs"] : [],
            .. plan.Selection.Arguments,
        ];
        var said = "";
        var written = await sink.WriteAsync(
            async (content, token) =>
            {
                await using var tool = PostgresTool.Start(plan.Tool, arguments, access);
                await tool.Output.CopyToAsync(content, BufferSize, token);
                var end = await tool.EndAsync(token);
                if (end.ExitCode != 0)
                    throw await WhyAsync(end, counting, token);
                said = end.Line;
            },
            sink.Progress,
            cancellationToken);
        if (plan.Type != BackupType.Full)
            sink.DeclareRestored(written.Content); // all rows are its own
        return said;
    }

    private async Task DumpGlobalsAsync(PostgresToolFile globals, Stream content, CancellationToken cancellationToken)
    {
        using var access = server.Access(database);
        // Only a superuser may read the passwords of roles; a restore without them leaves the roles without.
        string[] arguments = ["--globals-only", "--no-password", $"--database={database}", .. await snapshot.IsSuperuserAsync(cancellationToken) ? (string[])[] : ["--no-role-passwords"]];
        await using var tool = PostgresTool.Start(globals, arguments, access);
        await tool.Output.CopyToAsync(content, BufferSize, cancellationToken);
        var end = await tool.EndAsync(cancellationToken);
        if (end.ExitCode != 0)
            throw await WhyAsync(end, Task.CompletedTask, cancellationToken);
    }

    /// <summary>The server's own word for the failure, where there is one.</summary>
    private async Task<BackupException> WhyAsync(PostgresToolEnd end, Task counting, CancellationToken cancellationToken)
    {
        try
        {
            if (counting.IsCompleted)
            {
                await counting;
                await snapshot.RequireHeldAsync(cancellationToken);
            }
            else
            {
                await using var again = await server.OpenAsync(database, cancellationToken); // its own connection counts a large table
            }
        }
        catch (BackupException broke)
        {
            return new BackupException(broke.Kind, $"{broke.Message} ({end.Failure})", broke.Hint, broke);
        }

        return new BackupException(FailureKind.SourceBusy, $"'{server.ShownOf(database)}' could not be dumped: {end.Failure}", "see the server's log; if a table is locked, let that work at another time");
    }
}
