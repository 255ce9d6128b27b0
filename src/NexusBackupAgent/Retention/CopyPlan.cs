using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Retention;

/// <summary>
/// Which backups of a source's first store another one lacks. Pure. What the other store would remove at once is not missed
/// there: so a shorter retention copies nothing twice, and a longer one keeps what the first store let go.
/// </summary>
internal static class CopyPlan
{
    /// <param name="first">The backups of the first store.</param>
    /// <param name="copies">Those of the other one.</param>
    /// <param name="periods">How long the other one keeps those of each schedule.</param>
    /// <param name="now">The instant to decide at.</param>
    /// <param name="zone">As of <see cref="RetentionPolicy"/>.</param>
    /// <returns>The good ones that are owed, in the order of copying: the newest first, because it is worth most, and before each what it builds on.</returns>
    public static IReadOnlyList<Backup> Owed(
        IReadOnlyList<Backup> first, IReadOnlyList<Backup> copies, IReadOnlyDictionary<string, RetentionPeriod> periods, DateTimeOffset now, TimeZoneInfo zone)
    {
        var there = copies.Where(IsThere).Select(backup => backup.Id).ToHashSet();
        var whole = copies.Where(IsWhole).Select(backup => backup.File).ToHashSet(StringComparer.Ordinal);
        var candidates = first.Where(backup => IsSound(backup) && !there.Contains(backup.Id) && !(MayBeLeft(backup) && whole.Contains(backup.File))).DistinctBy(backup => backup.Id).ToList();
        if (candidates.Count == 0)
            return [];
        var kept = RetentionPolicy.Decide([.. copies, .. candidates], periods, now, zone).Where(decision => decision.Keep).Select(decision => decision.Backup).ToHashSet(ReferenceEqualityComparer.Instance);
        var owed = candidates.Where(kept.Contains).ToDictionary(backup => backup.Id);
        var order = new List<Backup>(owed.Count);
        foreach (var backup in owed.Values.OrderByDescending(backup => backup.CapturedAt).ThenByDescending(backup => backup.Id.Value, StringComparer.Ordinal).ToList())
        {
            foreach (var link in backup.Chain.Reverse())
            {
                if (owed.Remove(link.Id, out var next))
                    order.Add(next);
            }
        }

        return order;
    }

    /// <summary>
    /// What the first store lost and would keep, and another one has: the good copies of what was captured before it became the
    /// store that it is, or all where nothing is left; and what the journal misses there, what lost its manifest alone, and what
    /// a backup builds on that is there. What else is gone somebody deleted: it stays away. The limit is the store's, and not
    /// that of what came back already: so an interruption leaves the rest returnable.
    /// </summary>
    /// <param name="firstMadeAt">When the first store got its mark; null: nobody knows.</param>
    /// <param name="lost">What should be in the first store by the journal, and is not.</param>
    /// <param name="periods">How long the first store keeps those of each schedule.</param>
    /// <returns>In the order of copying.</returns>
    public static IReadOnlyList<Backup> Returnable(
        IReadOnlyList<Backup> first, DateTimeOffset? firstMadeAt, IReadOnlySet<BackupId> lost, IReadOnlyList<Backup> copies, IReadOnlyDictionary<string, RetentionPeriod> periods, DateTimeOffset now, TimeZoneInfo zone)
    {
        var owed = Owed(copies, first, periods, now, zone);
        if (first.Count == 0)
            return owed;
        var left = first.Where(MayBeLeft).Select(backup => backup.File).ToHashSet(StringComparer.Ordinal);
        var missed = first.Select(backup => backup.MissingBase).OfType<BackupId>().ToHashSet();
        var coming = owed.Where(backup => backup.CapturedAt < firstMadeAt || lost.Contains(backup.Id) || missed.Contains(backup.Id) || (IsWhole(backup) && left.Contains(backup.File)))
            .SelectMany(backup => backup.Chain).Select(link => link.Id).ToHashSet(); // one without what it builds on can't be restored
        return [.. owed.Where(backup => coming.Contains(backup.Id))];
    }

    /// <summary>Whether it is known to be good with all that it builds on: nothing else is copied.</summary>
    public static bool IsSound(Backup backup) => backup.Manifest.IsCommitted && backup.Chain.All(link => link is { State: BackupState.Good, Manifest.IsCommitted: true });

    /// <summary>
    /// Whether it may be what is left of a backup whose manifest is gone. It then counts as made by hand, under an identity of its
    /// own, and nothing that builds on the backup knows it: where the backup itself is, it must not take its place.
    /// </summary>
    public static bool MayBeLeft(Backup backup) => !backup.IsSetAside && (backup.Manifest.Adopted || !backup.Manifest.IsCommitted);

    private static bool IsWhole(Backup backup) => backup is { IsSetAside: false, Manifest: { IsCommitted: true, Adopted: false } };

    /// <summary>
    /// What is not known to be bad there is not written again. One whose base is gone there is whole itself, and gets its base back.
    /// Where what lies elsewhere is damaged, another copy would be no better.
    /// </summary>
    private static bool IsThere(Backup copy) => copy.IsDamagedElsewhere || copy is { IsSetAside: false, Manifest.IsCommitted: true } && (copy.HasBrokenChain || copy.IsUsable);
}
