using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Runs;

/// <summary>Who has to act (runbook §4).</summary>
internal enum EscalationLevel
{
    /// <summary>Nobody.</summary>
    Ok,

    /// <summary>The operator.</summary>
    L1,

    /// <summary>The system administrator.</summary>
    L2,

    /// <summary>Management.</summary>
    L3,
}

/// <summary>Something that asks for a level.</summary>
/// <param name="Level">Which.</param>
/// <param name="Reason">What, in words for an operator.</param>
internal sealed record EscalationReason(EscalationLevel Level, string Reason);

/// <summary>What is known of one source when its level is decided.</summary>
/// <param name="Backups">Its backups; null when the store can't be listed.</param>
/// <param name="AddedAt">When the agent first saw it, UTC; null when it never did.</param>
/// <param name="ConsecutiveFailures">Failed runs since the last success.</param>
/// <param name="Overdue">Backups past retention that are still there.</param>
/// <param name="DiskUsedRatio">Of its store, 0 to 1; null when the store does not tell.</param>
/// <param name="RpoWarning">L1 from this age of the newest good backup on.</param>
/// <param name="RpoCritical">L2 from this age on.</param>
internal sealed record SourceCondition(
    IReadOnlyList<Backup>? Backups,
    DateTimeOffset? AddedAt,
    int ConsecutiveFailures,
    int Overdue,
    double? DiskUsedRatio,
    TimeSpan RpoWarning,
    TimeSpan RpoCritical);

/// <summary>Decides the level of a source, for everything that shows one. Pure.</summary>
internal static class Escalation
{
    public const double DiskWarning = 0.8;
    public const double DiskCritical = 0.9;

    /// <summary>What was set aside stays as evidence; it must not keep a level up for ever. As the alert counts.</summary>
    private static readonly TimeSpan SetAsideIsNews = TimeSpan.FromDays(1);

    /// <returns>Everything that asks for a level, the highest first; none: the source is well protected.</returns>
    public static IReadOnlyList<EscalationReason> Decide(SourceCondition source, DateTimeOffset now) =>
        [.. OfBackups(source, now).Concat(OfRuns(source)).Append(OfDisk(source.DiskUsedRatio)).OfType<EscalationReason>().OrderByDescending(reason => reason.Level)];

    /// <summary>The highest level that a reason asks for.</summary>
    public static EscalationLevel Highest(IEnumerable<EscalationReason> reasons) =>
        reasons.Select(reason => reason.Level).DefaultIfEmpty(EscalationLevel.Ok).Max();

    /// <returns>Null below the warning threshold.</returns>
    public static EscalationReason? OfDisk(double? usedRatio) => usedRatio switch
    {
        >= DiskCritical => new(EscalationLevel.L2, $"its store's disk is {usedRatio * 100:0} % full"),
        >= DiskWarning => new(EscalationLevel.L1, $"its store's disk is {usedRatio * 100:0} % full"),
        _ => null,
    };

    private static IEnumerable<EscalationReason> OfBackups(SourceCondition source, DateTimeOffset now)
    {
        if (source.Backups is not { } backups)
        {
            yield return new(EscalationLevel.L2, "its store cannot be read");
            yield break;
        }

        var corrupt = backups.Count(backup => backup.State is BackupState.Corrupt or BackupState.Quarantined);
        if (backups.Count > 0 && corrupt == backups.Count)
            yield return new(EscalationLevel.L3, corrupt == 1 ? "its only backup is corrupt" : $"all {corrupt} backups are corrupt");
        else if (OfCorrupt(backups, now) is { } ofCorrupt)
            yield return ofCorrupt;

        if (backups.FirstOrDefault(backup => backup.IsFromTheFuture(now)) is { } future)
            yield return new(EscalationLevel.L1, $"{future.File} was captured in the future, so a clock was or is wrong; nothing is pruned. Check the time (timedatectl); if it is right now, delete that backup by hand");
        if (OfAge(source, backups, now) is { } ofAge)
            yield return ofAge;
        if (source.Overdue > 0)
            yield return new(EscalationLevel.L1, $"{source.Overdue} {(source.Overdue == 1 ? "backup is" : "backups are")} past retention and not deleted");
    }

    private static EscalationReason? OfCorrupt(IReadOnlyList<Backup> backups, DateTimeOffset now)
    {
        var corrupt = backups.Count(backup => backup.State == BackupState.Corrupt);
        var setAside = backups.Count(backup => backup is { State: BackupState.Quarantined, Verification: { Passed: false } found } && now - found.VerifiedAt < SetAsideIsNews);
        return (corrupt, setAside) switch
        {
            (0, 0) => null,
            (0, 1) => new(EscalationLevel.L1, "a backup was found corrupt within the last day, and set aside"),
            (0, _) => new(EscalationLevel.L1, $"{setAside} backups were found corrupt within the last day, and set aside"),
            (1, 0) => new(EscalationLevel.L1, "a backup is corrupt"),
            _ => new(EscalationLevel.L1, $"{corrupt + setAside} backups are corrupt"),
        };
    }

    private static EscalationReason? OfAge(SourceCondition source, IReadOnlyList<Backup> backups, DateTimeOffset now)
    {
        var good = backups.NewestGood(now)?.CapturedAt;
        if (good is null)
        {
            return (now - source.AddedAt) switch
            {
                null => new(EscalationLevel.L1, "there is no good backup yet"), // whether it had its day is unknown
                { } known when known >= source.RpoWarning => new(EscalationLevel.L3, "there is no good backup"),
                _ => null,
            };
        }

        var age = now - good.Value;
        if (age >= source.RpoCritical)
            return new(EscalationLevel.L2, $"the newest good backup is older than {Hours(source.RpoCritical)}");
        return age >= source.RpoWarning ? new(EscalationLevel.L1, $"the newest good backup is older than {Hours(source.RpoWarning)}") : null;
    }

    private static IEnumerable<EscalationReason> OfRuns(SourceCondition source)
    {
        if (source.ConsecutiveFailures >= 2)
            yield return new(EscalationLevel.L2, $"{source.ConsecutiveFailures} runs failed in a row");
        else if (source.ConsecutiveFailures == 1)
            yield return new(EscalationLevel.L1, "the last run failed");
    }

    private static string Hours(TimeSpan span) => $"{span.TotalHours:0.##} h";
}
