namespace NexusBackupAgent.Sources;

/// <summary>What a safety copy is of.</summary>
/// <param name="Settled">SHA-256 of what the file holds once <see cref="IBackupSource.SettleAsync"/> has brought in what its
/// companions hold. Null: they hold nothing, or nothing that can be brought in.</param>
/// <param name="Beside">Endings of the companions that were copied beside the copy, which is of the file as it lies. Empty:
/// what they hold is in the copy, or they hold nothing, or can't be brought in.</param>
internal sealed record SavedCopy(string? Settled, IReadOnlyList<string> Beside)
{
    /// <summary>The file alone, as it lies.</summary>
    public static SavedCopy Alone { get; } = new(Settled: null, []);
}
