using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Catalog;

/// <summary>What the names of a source's artifacts end with.</summary>
/// <param name="Full">Of full backups: <c>.db.gz</c>.</param>
/// <param name="Increment">Of differential and incremental ones: <c>.db-wal.gz</c>; null when the source has none.</param>
internal sealed record ArtifactExtensions(string Full, string? Increment = null)
{
    public static ArtifactExtensions Of(IBackupSource source) =>
        new(source.FormatOf(BackupType.Full)!.Extension, source.FormatOf(BackupType.Incremental)?.Extension);

    public string Of(BackupType type) =>
        type == BackupType.Full ? Full : Increment ?? throw new NotSupportedException($"a source of this kind has no {type.Word()} backups");

    /// <summary>Whether a name, as it was stored, is that of an artifact.</summary>
    public bool EndsOf(string name) => All.Any(extension => name.EndsWith(extension, StringComparison.Ordinal));

    /// <summary>Whether one of them stands anywhere in a name.</summary>
    public bool AreIn(string name) => All.Any(extension => name.Contains(extension, StringComparison.Ordinal));

    /// <summary>Whether a name, as it was stored, is that of a differential or incremental artifact.</summary>
    public bool IsIncrement(string name) => Increment is not null && name.EndsWith(Increment, StringComparison.Ordinal);

    private IEnumerable<string> All => Increment is null ? [Full] : [Full, Increment];
}
