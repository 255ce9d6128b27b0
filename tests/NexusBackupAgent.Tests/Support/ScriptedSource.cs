using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Tests.Support;

/// <summary>A source that does what a test tells it, once per snapshot; after the script it gives its content.</summary>
internal sealed class ScriptedSource(TimeProvider clock, params Func<CancellationToken, Task>[] script) : IBackupSource
{
    private int opened;

    public int Opened => opened;

    public string? Finding { get; set; }

    /// <summary>What happens in each check before it says its finding.</summary>
    public Func<CancellationToken, Task>? Checking { get; set; }

    public int Checked { get; set; }

    public string Kind => "sqlite";

    public string Extension => ".db.gz";

    public string? IncrementExtension => null;

    public Task<ArtifactDigest> CopyChangesAsync(
        SourceSnapshot snapshot, PageHistory earlier, PageIndexDraft index, Stream destination, IProgress<long>? progress, CancellationToken cancellationToken) =>
        throw new NotSupportedException("It is backed up in full only.");

    public PageIndexer IndexPages(bool isIncrement, PageIndexDraft index, Stream passOn) => throw new NotSupportedException("It has no pages.");

    public Stream OpenIncrement(string path) => throw new NotSupportedException("It is backed up in full only.");

    public string Path => "/nonexistent/scripted.db";

    public IReadOnlyList<string> Companions { get; } = ["-wal"];

    public IReadOnlyDictionary<string, string> Tools { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public ISourceInspection Inspection => new SqliteInspection(Path, Companions, async cancellationToken => await OpenSnapshotAsync(cancellationToken));

    public static Func<CancellationToken, Task> Fails(FailureKind kind) => _ => throw new BackupException(kind, "scripted " + kind, "do nothing");

    public async Task<SourceSnapshot> OpenSnapshotAsync(CancellationToken cancellationToken)
    {
        var turn = Interlocked.Increment(ref opened) - 1;
        if (turn < script.Length)
            await script[turn](cancellationToken);
        return new Snapshot(clock.GetUtcNow());
    }

    public async Task<string?> CheckAsync(string path, CancellationToken cancellationToken)
    {
        Checked++;
        if (Checking is not null)
            await Checking(cancellationToken);
        return Finding;
    }

    /// <summary>What it answers to any question.</summary>
    public Func<string, CancellationToken, Task<ProbeAnswer>> Answering { get; set; } = (_, _) => Task.FromResult(new ProbeAnswer(HasRow: true, "1000"));

    public Task<ProbeAnswer> ProbeAsync(string path, string question, CancellationToken cancellationToken) => Answering(question, cancellationToken);

    public Task<SavedCopy> SaveAsync(string path, string copy, CancellationToken cancellationToken)
    {
        File.Copy(path, copy);
        return Task.FromResult(SavedCopy.Alone);
    }

    public Task SettleAsync(string path, CancellationToken cancellationToken) => Task.CompletedTask;

    private sealed class Snapshot(DateTimeOffset capturedAt) : SourceSnapshot(capturedAt, length: 1000)
    {
        public override async Task CopyToAsync(Stream destination, CancellationToken cancellationToken) =>
            await destination.WriteAsync(Some.Noise(1000), cancellationToken);

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
