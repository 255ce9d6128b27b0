using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Scheduling;

/// <summary>Decides which stored backups a scheduled verification reads back (runbook §7). Pure.</summary>
internal static class VerificationRound
{
    /// <summary>
    /// The newest one always, because it is what a restore would take; and of the others those that were read longest ago:
    /// as many as keep the load even, and whatever would otherwise be older than <paramref name="spread"/> before the
    /// next round. What was set aside is known to be corrupt and is not read again.
    /// </summary>
    /// <param name="backups">Of one source.</param>
    /// <param name="now">The instant of the round.</param>
    /// <param name="next">The instant of the next one; null when there is none: then everything is read.</param>
    /// <param name="spread">Within which every backup is read; above zero.</param>
    /// <returns>The newest first, then those read longest ago; what others build on before those, so that damage is found once.</returns>
    public static IReadOnlyList<Backup> Choose(IReadOnlyCollection<Backup> backups, DateTimeOffset now, DateTimeOffset? next, TimeSpan spread)
    {
        var stored = backups.Where(backup => backup.State != BackupState.Quarantined && !backup.AwaitsKey).ToList();
        if (stored.Count == 0)
            return [];

        var newest = stored.MaxBy(backup => backup.CapturedAt)!;
        var others = stored.Where(backup => backup != newest).OrderBy(backup => LastRead(backup, now)).ToList();
        var until = next is { } at && at > now ? at : DateTimeOffset.MaxValue;
        var share = Math.Ceiling(stored.Count * Math.Min(1, (until - now) / spread));
        return [.. others.Where((backup, place) => place < share || until - LastRead(backup, now) > spread).Prepend(newest).OrderBy(backup => backup.Bases.Count)];
    }

    /// <summary>What was never read, or by a clock that was ahead, comes first.</summary>
    private static DateTimeOffset LastRead(Backup backup, DateTimeOffset now) =>
        backup.Verification?.VerifiedAt is { } at && at <= now ? at : DateTimeOffset.MinValue;
}
