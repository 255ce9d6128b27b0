using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Operations;

/// <summary>Which backup an increment builds on.</summary>
internal static class IncrementBase
{
    /// <summary>Of backups that one restore needs, the full one included. Each costs a restore some time, and is one more file that must not be damaged.</summary>
    public const int LongestChain = 256;

    /// <summary>
    /// The newest good full backup for a differential one, the newest good one of any type and schedule for an incremental one.
    /// Only one that was read back and that everything under it is there for; not one that somebody made by hand.
    /// </summary>
    /// <param name="type">Differential or incremental.</param>
    /// <param name="backups">All of the source, in any order.</param>
    /// <param name="now">The instant to look at.</param>
    /// <exception cref="NoIncrementException">There is none.</exception>
    public static Backup Choose(BackupType type, IEnumerable<Backup> backups, DateTimeOffset now)
    {
        var candidates = backups
            .Where(backup => !backup.Manifest.Adopted && (type == BackupType.Incremental || backup.Manifest.Type == BackupType.Full))
            .ToList();
        var chosen = candidates.NewestGood(now) ?? throw new NoIncrementException(WhyNone(type, candidates, now));
        var links = chosen.Bases.Count + 1;
        return links < LongestChain
            ? chosen
            : throw new NoIncrementException($"a restore of {chosen.File} needs {links} files already, the most that it may need");
    }

    private static string WhyNone(BackupType type, IReadOnlyList<Backup> candidates, DateTimeOffset now)
    {
        var none = type == BackupType.Differential ? "there is no good full backup to build on" : "there is no good backup to build on";
        return candidates.MaxBy(backup => backup.CapturedAt) switch
        {
            null => none,
            var newest when newest.IsFromTheFuture(now) => $"{none}: {newest.File} is from the future",
            { BrokenChain: { } broken } newest => $"{none}: {newest.File} can't be restored, because {broken}",
            var newest => $"{none}: {newest.File} is {newest.State.Word()}",
        };
    }
}
