using NexusBackupAgent.Catalog;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Restore;

/// <summary>What is to be restored, and where to.</summary>
/// <param name="Name">The source's name.</param>
/// <param name="Source">What checks and replaces it.</param>
/// <param name="Catalog">Its backups.</param>
/// <param name="Settings">What stops and starts its service.</param>
/// <param name="Zone">Of times in names and messages.</param>
/// <param name="Wish">Which backup.</param>
/// <param name="To">Absolute; null: over the live one.</param>
/// <param name="Force">Whether an existing file is replaced.</param>
internal sealed record RestoreRequest(
    string Name, IBackupSource Source, BackupCatalog Catalog, RestoreSettings Settings, TimeZoneInfo Zone, RestoreWish Wish, string? To, bool Force)
{
    /// <summary>Its copies in further stores, in the order of trying.</summary>
    public IReadOnlyList<BackupCatalog> Copies { get; init; } = [];
}
