using System.Collections.Immutable;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Status;

/// <summary>How the copies of a source in one further store are at one instant.</summary>
/// <param name="source">As its first store has it.</param>
/// <param name="first">What the first store shows.</param>
internal sealed class CopyState(ProtectedSource source, CopyTarget target, SourceListing first, DateTimeOffset now)
{
    private IReadOnlyList<Backup>? owed;
    private IReadOnlyList<Backup>? returnable;

    public required StoreStatus Store { get; init; }

    /// <summary>What the source's directory there shows.</summary>
    public required SourceListing Listing { get; init; }

    /// <summary>When the first store got its mark; null: nobody knows.</summary>
    public DateTimeOffset? FirstMadeAt { get; init; }

    /// <summary>What should be in the first store by the journal, and is not.</summary>
    public Lazy<IReadOnlySet<BackupId>> FirstLost { get; init; } = new(ImmutableHashSet<BackupId>.Empty);

    /// <summary>The last copying that ended; null when none did.</summary>
    public Operation? Last { get; init; }

    public string Name => Store.Name;

    /// <summary>Why copies can't be read or written there now, or it is another store; null when they can.</summary>
    public BackupException? Away => Store.Failure ?? Listing.Failure;

    public bool IsOffsite => target.IsOffsite;

    public BackupCatalog Catalog => target.Catalog;

    /// <summary>Newest first; none while they are not known.</summary>
    public IReadOnlyList<Backup> Backups => Listing.Backups ?? [];

    /// <summary>Whether the backups of both stores are known: now, or as this process last saw them.</summary>
    public bool IsKnown => first.Backups is not null && Listing.Backups is not null;

    public Backup? NewestGood => Backups.NewestGood(now);

    /// <summary>Good backups of the first store that it lacks and would keep; none while they are not known.</summary>
    public IReadOnlyList<Backup> Owed => owed ??= IsKnown ? OwedTo(Backups) : [];

    /// <summary>What <c>copy</c> brings back to a first store that lost its backups; none while they are not known.</summary>
    public IReadOnlyList<Backup> Returnable => returnable ??= IsKnown && Listing.Failure is null ? CopyPlan.Returnable(first.Backups!, FirstMadeAt, FirstLost.Value, Backups, source.Retention, now, source.Zone) : [];

    /// <summary>The capture of the oldest one that is newer than all copies; null when none waits. Before the first copying ended nothing is late.</summary>
    public DateTimeOffset? WaitingSince => Last is null ? null : Owed.Where(backup => NewestGood is not { } newest || backup.CapturedAt > newest.CapturedAt).Select(backup => (DateTimeOffset?)backup.CapturedAt).Min();

    /// <summary>What the first store does not let go for it.</summary>
    public IReadOnlyList<Backup> Held => Listing.Failure is null ? Owed : OwedTo([]);

    private IReadOnlyList<Backup> OwedTo(IReadOnlyList<Backup> copies) => CopyPlan.Owed(first.Backups ?? [], copies, target.Retention, now, source.Zone);
}
