using System.Collections.Concurrent;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Status;

/// <summary>What one look at a source's directory in its store shows.</summary>
/// <param name="Backups">Newest first; null when they are not known.</param>
/// <param name="Failure">Why they can't be listed now; null when they can. A process that remembers may know them all the same.</param>
internal sealed record SourceListing(IReadOnlyList<Backup>? Backups, BackupException? Failure = null)
{
    /// <summary>Files that belong to no backup; none where nobody asked for them.</summary>
    public IReadOnlyList<Orphan> Orphans { get; init; } = [];

    /// <summary>By a process that remembers what it read of files that do not change.</summary>
    /// <param name="withOrphans">Whether files that belong to no backup are looked for as well.</param>
    public static Task<SourceListing> ReadAsync(BackupCatalog catalog, bool withOrphans, CancellationToken cancellationToken) =>
        OfAsync(async () => withOrphans ? await catalog.ListWithOrphansAsync(cancellationToken) : (await catalog.ListAsync(cancellationToken), []));

    /// <summary>The same by a process that looks once.</summary>
    public static Task<SourceListing> ReadOnceAsync(BackupCatalog catalog, bool withOrphans, CancellationToken cancellationToken) =>
        OfAsync(() => catalog.ListOnceAsync(withOrphans, cancellationToken));

    private static async Task<SourceListing> OfAsync(Func<Task<(IReadOnlyList<Backup> Backups, IReadOnlyList<Orphan> Orphans)>> read)
    {
        try
        {
            var (backups, orphans) = await read();
            return new SourceListing(backups) { Orphans = orphans };
        }
        catch (BackupException failure)
        {
            return new SourceListing(Backups: null, failure);
        }
    }
}

/// <summary>The backups of each source as this process last saw them: that they can't be listed now is no news of them.</summary>
internal sealed class ListingMemory
{
    private readonly ConcurrentDictionary<string, IReadOnlyList<Backup>> seen = new(StringComparer.Ordinal);

    /// <returns>The listing; one that failed has the backups that were seen last, if any ever were.</returns>
    public SourceListing Remember(string source, SourceListing listing)
    {
        if (listing.Backups is not { } backups)
            return listing with { Backups = seen.GetValueOrDefault(source) };
        seen[source] = backups;
        return listing;
    }
}
