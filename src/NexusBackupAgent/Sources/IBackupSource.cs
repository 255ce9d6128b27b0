using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Sources;

/// <summary>
/// Something that is protected. Whoever captures it also knows how to check and to replace it.
/// Failures are <see cref="BackupException"/>s that name the source's path and the mend.
/// </summary>
internal interface IBackupSource
{
    /// <summary>Metric label <c>kind</c>: <c>sqlite</c>.</summary>
    string Kind { get; }

    /// <summary>What the artifact's name ends with: <c>.db.gz</c>.</summary>
    string Extension { get; }

    /// <summary>What the names of its differential and incremental artifacts end with: <c>.db-wal.gz</c>; null when it has full ones only.</summary>
    string? IncrementExtension { get; }

    /// <summary>Where the live one is, symbolic links not followed; it need not exist.</summary>
    string Path { get; }

    /// <summary>
    /// Endings of the files that its application keeps beside it and that belong to its present content alone: beside other
    /// content they would corrupt it.
    /// </summary>
    IReadOnlyList<string> Companions { get; }

    /// <summary>Versions of what captures, by name, for the manifest.</summary>
    IReadOnlyDictionary<string, string> Tools { get; }

    /// <summary>Looks at the live one for people.</summary>
    ISourceInspection Inspection { get; }

    /// <summary>Freezes a consistent state of the source; the caller disposes it.</summary>
    Task<SourceSnapshot> OpenSnapshotAsync(CancellationToken cancellationToken);

    /// <summary>Writes what a state has that an earlier one had not, as the content of an increment.</summary>
    /// <param name="snapshot">A state of this source, with pages of the same size as the earlier one's.</param>
    /// <param name="earlier">The state that the increment builds on.</param>
    /// <param name="index">Told the pages that the increment holds.</param>
    /// <param name="destination">Where the content goes.</param>
    /// <param name="progress">Told the bytes of the state that were looked at.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>Length and SHA-256 of the state that a restore gives.</returns>
    /// <exception cref="NoIncrementException">The state can't be made of the earlier one.</exception>
    Task<ArtifactDigest> CopyChangesAsync(
        SourceSnapshot snapshot, PageHistory earlier, PageIndexDraft index, Stream destination, IProgress<long>? progress, CancellationToken cancellationToken);

    /// <summary>Notes the pages of an artifact's content while it passes.</summary>
    /// <param name="isIncrement">What content it is.</param>
    /// <param name="index">Told the pages; complete afterwards when the content consists of pages.</param>
    /// <param name="passOn">Where the content goes.</param>
    PageIndexer IndexPages(bool isIncrement, PageIndexDraft index, Stream passOn);

    /// <summary>Brings a restored state up to a later one.</summary>
    /// <param name="path">The restored state that an increment builds on; a private copy.</param>
    /// <returns>Takes the increment's content, in order. Writing to it and disposing it (<see cref="IAsyncDisposable"/>) change the file;
    /// both throw <see cref="InvalidDataException"/> when the content is no increment of this kind, or is not whole. <see cref="IDisposable.Dispose"/>
    /// says nothing of the content and only closes the file, which then holds neither state.</returns>
    Stream OpenIncrement(string path);

    /// <summary>The source's own check of restored content.</summary>
    /// <param name="path">A private copy, which nobody else uses.</param>
    /// <returns>Null when it is sound, otherwise what is wrong with it.</returns>
    Task<string?> CheckAsync(string path, CancellationToken cancellationToken);

    /// <summary>Asks restored content a question in the source's own language.</summary>
    /// <param name="path">A private copy, which nobody else uses. It is not changed, whatever the question.</param>
    /// <param name="question">One query that reads.</param>
    /// <exception cref="BackupException">It is none, or it failed.</exception>
    Task<ProbeAnswer> ProbeAsync(string path, string question, CancellationToken cancellationToken);

    /// <summary>Copies what is at a path, whole and consistent, and leaves that as it is. Nobody has it open.</summary>
    /// <param name="path">The live one, or another of its kind.</param>
    /// <param name="copy">A new file, flushed to the disk when this returns.</param>
    /// <returns>What the copy is of. What its companions hold is in it if they make something sound together; if not, they
    /// are copied beside it.</returns>
    Task<SavedCopy> SaveAsync(string path, string copy, CancellationToken cancellationToken);

    /// <summary>
    /// Brings into the file itself what its companions hold, sound or not, so that it is without them what its application
    /// would find with them. Nobody has it open. Stopped at any instant, it can be begun again.
    /// </summary>
    Task SettleAsync(string path, CancellationToken cancellationToken);
}
