using NexusBackupAgent.Common;

namespace NexusBackupAgent.Sources;

/// <summary>
/// What the captures of a kind keep elsewhere than in the store: objects in a bucket. Each belongs to the backup that was captured at
/// its instant, and to those that build on that one. Nothing of it goes because a backup is not found: only what was released
/// before its backup was removed, and what a capture began and no backup ever came of.
/// </summary>
internal interface IRemains
{
    /// <summary>Notes that backups are about to be removed. Done before the first of their files goes; that it was done can be taken back by <see cref="SettleAsync"/> alone.</summary>
    /// <param name="captured">Their instants.</param>
    Task ReleaseAsync(IReadOnlyCollection<DateTimeOffset> captured, CancellationToken cancellationToken);

    /// <summary>Why no backup may be removed now; null when it may.</summary>
    Task<BackupException?> WhyKeepAsync(CancellationToken cancellationToken) => Task.FromResult<BackupException?>(null);

    /// <summary>Removes what no backup needs any more: released, or begun before an instant and never committed.</summary>
    /// <param name="captured">The instants of all backups that there are, whatever their state.</param>
    /// <param name="before">What was begun later may still become a backup.</param>
    Task SettleAsync(IReadOnlyCollection<DateTimeOffset> captured, DateTimeOffset before, CancellationToken cancellationToken);
}
