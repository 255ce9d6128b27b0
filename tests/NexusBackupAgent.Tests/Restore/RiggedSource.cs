using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Files;
using NexusBackupAgent.Sources.Sqlite;

namespace NexusBackupAgent.Tests.Restore;

/// <summary>A real source that does something of its own in the place of settling.</summary>
/// <param name="settle">Given the source's own way to settle.</param>
internal sealed class RiggedSource(IBackupSource inner, Func<Func<Task>, Task> settle) : IBackupSource
{
    public string Kind => inner.Kind;

    public Bilingual Noun => inner.Noun;

    public string Location => inner.Location;

    public IReadOnlyDictionary<string, string> Tools => inner.Tools;

    public ISourceInspection Inspection => inner.Inspection;

    public ArtifactFormat? FormatOf(BackupType type) => inner.FormatOf(type);

    public Task<ICapture> CaptureAsync(CaptureRequest request, CancellationToken cancellationToken) => inner.CaptureAsync(request, cancellationToken);

    public Task<ContentCheck> CheckAsync(StoredChain chain, ScratchDirectory scratch, CancellationToken cancellationToken) => inner.CheckAsync(chain, scratch, cancellationToken);

    public IRestoreTarget Target(string? to) => new FileTarget(new RiggedFiles(new SqliteFiles(), settle), inner.Location, to);

    private sealed class RiggedFiles(SqliteFiles files, Func<Func<Task>, Task> settle) : IFileContent
    {
        public IReadOnlyList<string> Companions => files.Companions;

        public Task<ContentCheck> ExpandAsync(StoredChain chain, string file, CancellationToken cancellationToken) => files.ExpandAsync(chain, file, cancellationToken);

        public Task<ProbeAnswer> ProbeAsync(string file, string question, CancellationToken cancellationToken) => files.ProbeAsync(file, question, cancellationToken);

        public Task<SavedCopy> SaveAsync(string path, string copy, CancellationToken cancellationToken) => files.SaveAsync(path, copy, cancellationToken);

        public Task MergeCompanionsAsync(string path, CancellationToken cancellationToken) => settle(() => files.MergeCompanionsAsync(path, cancellationToken));
    }
}
