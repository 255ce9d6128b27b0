using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>Writes a state of a database, page for page, or as a WAL with the pages that an earlier state had not.</summary>
/// <param name="earlier">What an increment builds on; null for a full backup. Disposed with this.</param>
/// <param name="index">Gets the hashes of the pages that the artifact holds; null when nothing will build on it. Disposed with this.</param>
internal sealed class SqliteCapture(SqliteSnapshot snapshot, PageHistory? earlier, PageIndexDraft? index) : ICapture
{
    public DateTimeOffset CapturedAt => snapshot.CapturedAt;

    public long? Length => snapshot.Length;

    /// <summary>A check expands the database.</summary>
    public long ScratchNeeded => snapshot.Length;

    public async Task WriteAsync(IArtifactSink sink, CancellationToken cancellationToken)
    {
        var digests = earlier is null ? await WriteFullAsync(sink, cancellationToken) : await WriteChangesAsync(earlier, index!, sink, cancellationToken);
        if (index is { IsComplete: true })
            await sink.WriteSidecarAsync(PageIndexes.Ending, (stored, token) => index.WriteToAsync(stored, digests.Content.Sha256, token), cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await snapshot.DisposeAsync();
        earlier?.Dispose();
        index?.Dispose();
    }

    private Task<ArtifactDigests> WriteFullAsync(IArtifactSink sink, CancellationToken cancellationToken)
    {
        if (index is null)
            return sink.WriteAsync(snapshot.CopyToAsync, sink.Progress, cancellationToken);
        return sink.WriteAsync(
            async (content, token) =>
            {
                await using var indexing = new DatabaseIndexer(index, content);
                await snapshot.CopyToAsync(indexing, token);
                indexing.Complete();
            },
            sink.Progress,
            cancellationToken);
    }

    private async Task<ArtifactDigests> WriteChangesAsync(PageHistory before, PageIndexDraft draft, IArtifactSink sink, CancellationToken cancellationToken)
    {
        var restored = default(ArtifactDigest);
        var digests = await sink.WriteAsync(
            async (content, token) => restored = await new WalCapture(before, draft, content).RunAsync(snapshot, sink.Progress, token),
            progress: null, // what is stored is only a part of what is looked at
            cancellationToken);
        sink.DeclareRestored(restored);
        return digests;
    }
}
