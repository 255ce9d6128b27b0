namespace NexusBackupAgent.Catalog;

/// <summary>The one answer to what a source would be restored from.</summary>
internal static class NewestGoodBackup
{
    /// <summary>How far two hosts' clocks may differ without suspicion.</summary>
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The newest backup that was read back and found good. One from the future does not count: a clock was wrong when it
    /// was made, and it would hide for years that nothing newer comes.
    /// </summary>
    /// <param name="backups">Of one source, in any order.</param>
    /// <param name="now">The instant to look at.</param>
    public static Backup? NewestGood(this IEnumerable<Backup> backups, DateTimeOffset now) => backups
        .Where(backup => backup.State == BackupState.Good && !backup.IsFromTheFuture(now))
        .MaxBy(backup => backup.CapturedAt);

    public static bool IsFromTheFuture(this Backup backup, DateTimeOffset now) => backup.CapturedAt - now > ClockTolerance;
}
