using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Tests.Restore;

/// <summary>A real source that does something of its own in the place of settling.</summary>
/// <param name="settle">Given the source's own way to settle.</param>
internal sealed class RiggedSource(IBackupSource inner, Func<Func<Task>, Task> settle) : IBackupSource
{
    public string Kind => inner.Kind;

    public string Extension => inner.Extension;

    public string? IncrementExtension => inner.IncrementExtension;

    public string Path => inner.Path;

    public IReadOnlyList<string> Companions => inner.Companions;

    public IReadOnlyDictionary<string, string> Tools => inner.Tools;

    public ISourceInspection Inspection => inner.Inspection;

    public Task<SourceSnapshot> OpenSnapshotAsync(CancellationToken cancellationToken) => inner.OpenSnapshotAsync(cancellationToken);

    public Task<ArtifactDigest> CopyChangesAsync(
        SourceSnapshot snapshot, PageHistory earlier, PageIndexDraft index, Stream destination, IProgress<long>? progress, CancellationToken cancellationToken) =>
        inner.CopyChangesAsync(snapshot, earlier, index, destination, progress, cancellationToken);

    public PageIndexer IndexPages(bool isIncrement, PageIndexDraft index, Stream passOn) => inner.IndexPages(isIncrement, index, passOn);

    public Stream OpenIncrement(string path) => inner.OpenIncrement(path);

    public Task<string?> CheckAsync(string path, CancellationToken cancellationToken) => inner.CheckAsync(path, cancellationToken);

    public Task<ProbeAnswer> ProbeAsync(string path, string question, CancellationToken cancellationToken) => inner.ProbeAsync(path, question, cancellationToken);

    public Task<SavedCopy> SaveAsync(string path, string copy, CancellationToken cancellationToken) => inner.SaveAsync(path, copy, cancellationToken);

    public Task SettleAsync(string path, CancellationToken cancellationToken) => settle(() => inner.SettleAsync(path, cancellationToken));
}
