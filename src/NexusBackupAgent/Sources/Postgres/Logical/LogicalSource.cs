using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Postgres.Logical;

/// <summary>One database, dumped by <c>pg_dump</c>.</summary>
internal sealed class LogicalSource(PostgresServer server, PostgresTools tools, LogicalOptions options, ScratchDirectory scratch, TimeProvider timeProvider) : IBackupSource
{
    /// <summary>The tools that it runs.</summary>
    public static IReadOnlyList<(string Program, ToolFit Fit)> Needed => [("pg_dump", ToolFit.SameOrNewer), ("pg_restore", ToolFit.SameOrNewer)];

    public string Kind => PostgresSourceKind.Word;

    public Bilingual Noun => PostgresSourceKind.Database;

    public string Location => server.Shown;

    public ISourceInspection Inspection => throw new NotSupportedException();

    public IReadOnlyDictionary<string, string> Tools => new Dictionary<string, string>(StringComparer.Ordinal);

    public ArtifactFormat? FormatOf(BackupType type) => type == BackupType.Full ? new ArtifactFormat(".dump", ArtifactEncoding.None) : null;

    public Task<ICapture> CaptureAsync(CaptureRequest request, CancellationToken cancellationToken) => throw new NotSupportedException($"{tools} {options} {scratch} {timeProvider}");

    public Task<ContentCheck> CheckAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken) => throw new NotSupportedException();

    public IRestoreTarget Target(string? to) => throw new NotSupportedException();
}
