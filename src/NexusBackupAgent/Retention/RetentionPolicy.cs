using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Retention;

/// <summary>Decides what retention keeps and removes of one source's backups. Pure: no clock, no files.</summary>
/// <remarks>
/// A backup is removed only when nothing asks to keep it: it is good, made by a configured schedule, past its period,
/// covered by a newer one, no kept backup builds on it, and the clock is plausible. In doubt it is kept.
/// </remarks>
internal static class RetentionPolicy
{
    /// <param name="backups">All backups of one source, in any order.</param>
    /// <param name="periods">The retention of each schedule by name; a schedule that is not named keeps for ever.</param>
    /// <param name="now">The instant to decide at.</param>
    /// <param name="zone">The zone of calendar periods (months, years) and of the times in the reasons.</param>
    /// <returns>One decision for each backup, newest first.</returns>
    public static IReadOnlyList<RetentionDecision> Decide(
        IReadOnlyCollection<Backup> backups,
        IReadOnlyDictionary<string, RetentionPeriod> periods,
        DateTimeOffset now,
        TimeZoneInfo zone)
    {
        Backup[] newestFirst = [.. backups
            .OrderByDescending(backup => backup.CapturedAt)
            .ThenByDescending(backup => backup.Id.Value, StringComparer.Ordinal)];
        var clock = new ClockCheck(newestFirst, now, zone);
        var rules = new RetentionRules(newestFirst, periods, now, zone);
        // By reference: a backup whose files were copied by hand is here twice under one identity.
        var reasons = new Dictionary<Backup, List<string>>(ReferenceEqualityComparer.Instance);
        foreach (var backup in newestFirst)
            reasons[backup] = [.. rules.ReasonsToKeep(backup), .. clock.ReasonsToKeep(backup)];

        KeepBases(newestFirst, reasons);
        return [.. newestFirst.Select(backup => reasons[backup] is { Count: > 0 } toKeep
            ? new RetentionDecision(backup, Keep: true, toKeep)
            : new RetentionDecision(backup, Keep: false, [rules.ReasonToRemove(backup)]))];
    }

    /// <summary>Whatever a kept backup builds on, directly or through others, is kept with it; of two copies both.</summary>
    private static void KeepBases(IReadOnlyList<Backup> newestFirst, Dictionary<Backup, List<string>> reasons)
    {
        var byId = newestFirst.ToLookup(backup => backup.Id);
        var needed = new HashSet<BackupId>();
        foreach (var backup in newestFirst.Where(backup => reasons[backup].Count > 0).ToList())
        {
            foreach (var @base in backup.Bases.TakeWhile(@base => needed.Add(@base.Id)).SelectMany(@base => byId[@base.Id])) // what is below one that is needed already is, too
                reasons[@base].Add($"{backup.File}, which is kept, builds on it");
        }
    }
}
