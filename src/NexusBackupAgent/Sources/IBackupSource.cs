using NexusBackupAgent.Common;

namespace NexusBackupAgent.Sources;

/// <summary>
/// Something that is protected. Whoever captures it also knows how to check what was restored.
/// Failures are <see cref="BackupException"/>s that name the source's path and the mend.
/// </summary>
internal interface IBackupSource
{
    /// <summary>Metric label <c>kind</c>: <c>sqlite</c>.</summary>
    string Kind { get; }

    /// <summary>What the artifact's name ends with: <c>.db.gz</c>.</summary>
    string Extension { get; }

    /// <summary>Versions of what captures, by name, for the manifest.</summary>
    IReadOnlyDictionary<string, string> Tools { get; }

    /// <summary>Freezes a consistent state of the source; the caller disposes it.</summary>
    Task<SourceSnapshot> OpenSnapshotAsync(CancellationToken cancellationToken);

    /// <summary>The source's own check of restored content.</summary>
    /// <param name="path">A private copy, which nobody else uses.</param>
    /// <returns>Null when it is sound, otherwise what is wrong with it.</returns>
    Task<string?> CheckAsync(string path, CancellationToken cancellationToken);

    /// <summary>Asks restored content a question in the source's own language.</summary>
    /// <param name="path">A private copy, which nobody else uses. It is not changed, whatever the question.</param>
    /// <param name="question">One query that reads.</param>
    /// <exception cref="BackupException">It is none, or it failed.</exception>
    Task<ProbeAnswer> ProbeAsync(string path, string question, CancellationToken cancellationToken);
}
