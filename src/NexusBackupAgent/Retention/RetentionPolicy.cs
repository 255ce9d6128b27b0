using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Retention;

/// <summary>Decides what retention keeps and removes of one source's backups. Pure: no clock, no files.</summary>
internal static class RetentionPolicy
{
    /// <param name="backups">All backups of one source, in any order.</param>
    /// <param name="periods">The retention of each schedule by name; a schedule that is not named keeps for ever.</param>
    /// <param name="now">The instant to decide at.</param>
    /// <param name="zone">The zone of calendar periods (weeks, months, years).</param>
    /// <returns>One decision for each backup, newest first.</returns>
    public static IReadOnlyList<RetentionDecision> Decide(
        IReadOnlyCollection<Backup> backups,
        IReadOnlyDictionary<string, RetentionPeriod> periods,
        DateTimeOffset now,
        TimeZoneInfo zone) => throw new NotSupportedException();
}
