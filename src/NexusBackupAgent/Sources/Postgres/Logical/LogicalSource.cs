using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Logical;

/// <summary>One database, dumped by <c>pg_dump</c>.</summary>
internal sealed class LogicalSource(PostgresServer server, PostgresServer practice, PostgresTools tools, LogicalOptions options, ScratchDirectory scratch, TimeProvider timeProvider) : IBackupSource
{
    private static readonly ArtifactFormat Dump = new(".dump", ArtifactEncoding.None);
    private static readonly ArtifactFormat RowsAlone = new(".data.dump", ArtifactEncoding.None);

    private IReadOnlyDictionary<string, string> used = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The tools that it runs.</summary>
    public static IReadOnlyList<(string Program, ToolFit Fit)> Needed => [("pg_dump", ToolFit.SameOrNewer), ("pg_dumpall", ToolFit.SameOrNewer), ("pg_restore", ToolFit.SameOrNewer)];

    public string Kind => PostgresSourceKind.Word;

    public Bilingual Noun => PostgresSourceKind.Database;

    public string Location => server.Shown;

    public ISourceInspection Inspection => new LogicalInspection(server);

    /// <summary>Of the last capture.</summary>
    public IReadOnlyDictionary<string, string> Tools => used;

    /// <summary>A differential one holds all rows and no definition: what is restored of it goes into the tables of the full one.</summary>
    public ArtifactFormat? FormatOf(BackupType type) => type switch
    {
        BackupType.Full => Dump,
        BackupType.Differential => RowsAlone,
        _ => null,
    };

    public IReadOnlyList<string> CommandsByHand(IReadOnlyList<string> chain) =>
    [
        "createdb --template=template0 restored",
        .. chain.Count == 1
            ? (string[])[Command(chain[0])]
            : [Command("--section=pre-data", chain[0]), Command("--data-only", chain[1]), Command("--section=post-data", chain[0])],
    ];

    public async Task<ICapture> CaptureAsync(CaptureRequest request, CancellationToken cancellationToken)
    {
        var database = server.Resolved.Database!;
        var snapshot = await DatabaseSnapshot.OpenAsync(server, database, cancellationToken);
        try
        {
            var capturedAt = timeProvider.GetUtcNow();
            var major = snapshot.ServerVersion.Major;
            var definitions = await snapshot.DefinitionsAsync(cancellationToken);
            if (request.Base is { } @base)
                await RequireIncrementAsync(@base, snapshot, definitions, cancellationToken);
            var selection = DumpSelection.Of(options.For(request.Type), snapshot.Relations, snapshot.IsStandby, server.Shown);
            DatabaseSnapshot.RequireReadable(selection.Dumped, server.Shown);
            var dump = await tools.FindAsync("pg_dump", major, ToolFit.SameOrNewer, cancellationToken);
            var globals = await tools.FindAsync("pg_dumpall", major, ToolFit.SameOrNewer, cancellationToken);
            used = new Dictionary<string, string>(StringComparer.Ordinal) { ["postgresql"] = $"{snapshot.ServerVersion}", ["pg_dump"] = dump.Version };
            return new LogicalCapture(server, database, snapshot, new DumpPlan(dump, globals, selection, request.Type, definitions), capturedAt);
        }
        catch
        {
            await snapshot.DisposeAsync();
            throw;
        }
    }

    public async Task<ContentCheck> CheckAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        DatabaseContents? contents = null;
        foreach (var link in chain.Links)
        {
            contents = await DatabaseContents.ReadAsync(link, cancellationToken);
            var tool = await tools.FindAsync("pg_restore", contents?.ToolMajor ?? 0, ToolFit.Newest, cancellationToken);
            if (await ArchiveReader.CheckAsync(link, contents, tool, cancellationToken) is { } finding)
                return link == chain.Tip ? new ContentCheck(finding) : throw link.Refuse(finding);
        }

        return Passed(chain, contents);
    }

    public string PlaceOf(string written, string? directory) => written;

    public IRestoreTarget Target(string? to) => new LogicalTarget(server, tools, scratch, server.Resolved.Database!, to);

    public IRestoreTarget ForPractice(string workspace) => new PracticeTarget(practice, tools, workspace);

    /// <summary>What is said of a backup with which nothing is wrong.</summary>
    public static ContentCheck Passed(StoredChain chain, DatabaseContents? contents) => new(
        Finding: null,
        chain.Links.Count > 1 ? chain.Tip.Content : null,
        contents is null ? "how many rows each table had is not known" : contents.Notes.Count > 0 ? string.Join("; ", contents.Notes) : null);

    /// <param name="words">Its options, and the file behind them.</param>
    private static string Command(params IReadOnlyList<string> words)
    {
        string[] command = ["pg_restore", "--exit-on-error", "--dbname=restored"];
        return EncryptedName.Is(words[^1]) ? $"{EncryptedName.DecryptCommand(words[^1])} | {ToolProcess.Line([.. command, .. words.SkipLast(1)])}" : ToolProcess.Line([.. command, .. words]);
    }

    /// <summary>Rows alone go into the tables that the full one defines, and nowhere else.</summary>
    private static async Task RequireIncrementAsync(StoredChain @base, DatabaseSnapshot snapshot, string definitions, CancellationToken cancellationToken)
    {
        if (await DatabaseContents.ReadAsync(@base.Tip, cancellationToken) is not { Definitions: { } before })
            throw new NoIncrementException($"{@base.Tip.Name} does not say what tables it has");
        if (before != definitions)
            throw new NoIncrementException($"the definitions of the tables changed since {@base.Tip.Name}, and a differential backup holds rows alone");
        if (await snapshot.CountLargeObjectsAsync(cancellationToken) > 0)
            throw new NoIncrementException("there are large objects, which a dump of rows alone does not bring back");
    }
}
