using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Logical;

/// <summary>One database, dumped by <c>pg_dump</c>.</summary>
internal sealed class LogicalSource(PostgresServer server, PostgresServer practice, PostgresTools tools, LogicalOptions options, ScratchDirectory scratch, TimeProvider timeProvider) : IBackupSource
{
    private static readonly ArtifactFormat Dump = new(".dump", ArtifactEncoding.None);

    private IReadOnlyDictionary<string, string> used = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The tools that it runs.</summary>
    public static IReadOnlyList<(string Program, ToolFit Fit)> Needed => [("pg_dump", ToolFit.SameOrNewer), ("pg_dumpall", ToolFit.SameOrNewer), ("pg_restore", ToolFit.SameOrNewer)];

    public string Kind => PostgresSourceKind.Word;

    public Bilingual Noun => PostgresSourceKind.Database;

    public string Location => server.Shown;

    public ISourceInspection Inspection => new LogicalInspection(server);

    /// <summary>Of the last capture.</summary>
    public IReadOnlyDictionary<string, string> Tools => used;

    public ArtifactFormat? FormatOf(BackupType type) => type == BackupType.Full ? Dump : null;

    public IReadOnlyList<string> CommandsByHand(IReadOnlyList<string> chain) =>
    [
        $"createdb --template=template0 restored",
        $"pg_restore --exit-on-error --dbname=restored {ToolProcess.Line([chain[0]])}",
    ];

    public async Task<ICapture> CaptureAsync(CaptureRequest request, CancellationToken cancellationToken)
    {
        var database = server.Resolved.Database!;
        var snapshot = await DatabaseSnapshot.OpenAsync(server, database, cancellationToken);
        try
        {
            var capturedAt = timeProvider.GetUtcNow();
            var major = snapshot.ServerVersion.Major;
            var selection = DumpSelection.Of(options, snapshot.Relations, snapshot.IsStandby, server.Shown);
            DatabaseSnapshot.RequireReadable(selection.Dumped, server.Shown);
            var dump = await tools.FindAsync("pg_dump", major, ToolFit.SameOrNewer, cancellationToken);
            var globals = await tools.FindAsync("pg_dumpall", major, ToolFit.SameOrNewer, cancellationToken);
            used = new Dictionary<string, string>(StringComparer.Ordinal) { ["postgresql"] = $"{snapshot.ServerVersion}", ["pg_dump"] = dump.Version };
            return new LogicalCapture(server, database, snapshot, new DumpPlan(dump, globals, selection, request.Type, Definitions: null), capturedAt);
        }
        catch
        {
            await snapshot.DisposeAsync();
            throw;
        }
    }

    public async Task<ContentCheck> CheckAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        var contents = await DatabaseContents.ReadAsync(chain.Tip, cancellationToken);
        var tool = await tools.FindAsync("pg_restore", contents?.ToolMajor ?? 0, ToolFit.Newest, cancellationToken);
        var finding = await ArchiveReader.CheckAsync(chain.Tip, contents, tool, cancellationToken);
        return new ContentCheck(finding, Note: contents is null ? "how many rows each table had is not known" : contents.Notes.Count > 0 ? string.Join("; ", contents.Notes) : null);
    }

    public string PlaceOf(string written, string? directory) => written;

    public IRestoreTarget Target(string? to) => new LogicalTarget(server, tools, scratch, server.Resolved.Database!, to);

    public IRestoreTarget ForPractice(string workspace) => new PracticeTarget(practice, tools, workspace);
}
