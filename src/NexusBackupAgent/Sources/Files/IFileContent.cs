namespace NexusBackupAgent.Sources.Files;

/// <summary>What a kind whose source is one file, with companions beside it, knows of such files.</summary>
internal interface IFileContent
{
    /// <summary>
    /// Endings of the files that its application keeps beside it and that belong to its present content alone: beside other
    /// content they would corrupt it.
    /// </summary>
    IReadOnlyList<string> Companions { get; }

    /// <summary>Restores a stored backup into a file and checks it.</summary>
    /// <param name="file">An existing empty file, which nobody else uses.</param>
    /// <exception cref="DamagedLinkException">The backup, or one that it builds on, is not what was stored.</exception>
    Task<ContentCheck> ExpandAsync(StoredChain chain, string file, CancellationToken cancellationToken);

    /// <summary>Asks restored content a question in the kind's own language.</summary>
    /// <param name="file">A private copy, which nobody else uses. It is not changed, whatever the question.</param>
    /// <param name="question">One query that reads.</param>
    /// <exception cref="Common.BackupException">It is none, or it failed.</exception>
    Task<ProbeAnswer> ProbeAsync(string file, string question, CancellationToken cancellationToken);

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
    Task MergeCompanionsAsync(string path, CancellationToken cancellationToken);
}

/// <summary>What a safety copy is of.</summary>
/// <param name="Settled">SHA-256 of what the file holds once <see cref="IFileContent.MergeCompanionsAsync"/> has brought in what its
/// companions hold. Null: they hold nothing, or nothing that can be brought in.</param>
/// <param name="Beside">Endings of the companions that were copied beside the copy, which is of the file as it lies. Empty:
/// what they hold is in the copy, or they hold nothing, or can't be brought in.</param>
internal sealed record SavedCopy(string? Settled, IReadOnlyList<string> Beside)
{
    /// <summary>The file alone, as it lies.</summary>
    public static SavedCopy Alone { get; } = new(Settled: null, []);
}
