using NexusBackupAgent.Common;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Status;

/// <summary>How one store is at one instant.</summary>
/// <param name="Name">The store.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Space">Null when it can't be asked.</param>
/// <param name="Failure">Why it can't be used, or not be written although it can be asked; null when nothing is wrong.</param>
internal sealed record StoreStatus(string Name, string Path, StoreSpace? Space, BackupException? Failure)
{
    public EscalationLevel Level => Escalation.OfStore(Failure is null, Space?.UsedRatio)?.Level ?? EscalationLevel.Ok;

    /// <summary>Nothing at all lies in it, as on a mount point without its disk; false when it can't be looked at.</summary>
    public bool IsBare { get; init; }

    /// <summary>It works, and is not the one that its backups were kept in: a mount point without its disk, another disk, or an emptied store.</summary>
    public bool IsAnother => Acceptance is not null;

    /// <summary>The command that makes it the store from now on; null: it is the one that it was, or nobody can tell.</summary>
    public string? Acceptance { get; init; }

    /// <summary>What it lies on: equal for what goes with one disk.</summary>
    public string? Medium { get; init; }

    /// <summary>When it got its mark, UTC; null: nobody knows.</summary>
    public DateTimeOffset? MadeAt { get; init; }

    public static async Task<StoreStatus> ReadAsync(IBackupStore store, StoreMarks marks, CancellationToken cancellationToken)
    {
        var health = await store.GetHealthAsync(cancellationToken);
        var another = health.Failure is null ? await marks.WhyNotAsync(store, cancellationToken) : null;
        return new StoreStatus(store.Name, store.Describe(""), health.Space, health.Failure ?? another) { IsBare = health.IsBare, Acceptance = another is null ? null : marks.Acceptance(store), Medium = health.Medium, MadeAt = health.Failure is null ? await StoreMarks.MadeAtAsync(store, cancellationToken) : null };
    }
}
