using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Files;
using NexusBackupAgent.Sources.Sqlite;

namespace NexusBackupAgent.Tests.Support;

/// <summary>A source that does what a test tells it, once per capture; after the script it gives its content.</summary>
internal sealed class ScriptedSource(TimeProvider clock, params Func<CancellationToken, Task>[] script) : IBackupSource, IFileContent
{
    private int opened;

    public int Opened => opened;

    public string? Finding { get; set; }

    /// <summary>What happens in each check before it says its finding.</summary>
    public Func<CancellationToken, Task>? Checking { get; set; }

    public int Checked { get; set; }

    public ISourceService? Service { get; init; }

    public IRemains? Remains { get; init; }

    /// <summary>What it answers to any question.</summary>
    public Func<string, CancellationToken, Task<ProbeAnswer>> Answering { get; set; } = (_, _) => Task.FromResult(new ProbeAnswer(HasRow: true, "1000"));

    public string Kind => "sqlite";

    public Bilingual Noun => SqliteSource.Word;

    public string Location => "/nonexistent/scripted.db";

    public IReadOnlyList<string> Companions { get; } = ["-wal"];

    public IReadOnlyDictionary<string, string> Tools { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public static Func<CancellationToken, Task> Fails(FailureKind kind) => _ => throw new BackupException(kind, "scripted " + kind, "do nothing");

    public ISourceInspection Inspection => new SqliteInspection(Location, Companions);

    public ArtifactFormat? FormatOf(BackupType type) => type == BackupType.Full ? new ArtifactFormat(".db.gz", ArtifactEncoding.Gzip) : null;

    public async Task<ICapture> CaptureAsync(CaptureRequest request, CancellationToken cancellationToken)
    {
        var turn = Interlocked.Increment(ref opened) - 1;
        if (turn < script.Length)
            await script[turn](cancellationToken);
        return new Capture(clock.GetUtcNow());
    }

    public async Task<ContentCheck> CheckAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken)
    {
        if (chain.ExpandedLength is { } room)
            scratch.RequireRoom(room);
        return await CheckAsync(chain, Stream.Null, cancellationToken);
    }

    public IRestoreTarget Target(string? to) => new FileTarget(this, Location, to);

    public async Task<ContentCheck> ExpandAsync(StoredChain chain, string file, CancellationToken cancellationToken)
    {
        await using var content = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.None, bufferSize: 0);
        return await CheckAsync(chain, content, cancellationToken);
    }

    public Task<ProbeAnswer> ProbeAsync(string file, string question, CancellationToken cancellationToken) => Answering(question, cancellationToken);

    public Task<SavedCopy> SaveAsync(string path, string copy, CancellationToken cancellationToken)
    {
        File.Copy(path, copy);
        return Task.FromResult(SavedCopy.Alone);
    }

    public Task MergeCompanionsAsync(string path, CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task<ContentCheck> CheckAsync(StoredChain chain, Stream content, CancellationToken cancellationToken)
    {
        await chain.Tip.CopyContentAsync(content, cancellationToken);
        Checked++;
        if (Checking is not null)
            await Checking(cancellationToken);
        return new ContentCheck(Finding) { IsOfElsewhere = Remains is not null };
    }

    private sealed class Capture(DateTimeOffset capturedAt) : ICapture
    {
        public DateTimeOffset CapturedAt => capturedAt;

        public long? Length => 1000;

        public long ScratchNeeded => 1000;

        public Task WriteAsync(IArtifactSink sink, CancellationToken cancellationToken) =>
            sink.WriteAsync((content, token) => content.WriteAsync(Some.Noise(1000), token).AsTask(), sink.Progress, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
