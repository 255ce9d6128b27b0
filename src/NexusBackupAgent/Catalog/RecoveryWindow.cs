using System.Globalization;

namespace NexusBackupAgent.Catalog;

/// <summary>Instants that a source can be restored to without a gap: from one backup on, through those that continue it.</summary>
/// <param name="First">When the first backup was whole.</param>
/// <param name="Last">When the last one was begun: all that came before is in it.</param>
internal sealed record RecoveryWindow(DateTimeOffset First, DateTimeOffset Last)
{
    /// <summary>The windows of a source, newest first. A backup that nothing continues is one of a single instant. Linear in the number of backups, but for their order.</summary>
    /// <param name="backups">All of the source, in any order.</param>
    public static IReadOnlyList<RecoveryWindow> Of(IReadOnlyList<Backup> backups)
    {
        var windows = new List<RecoveryWindow>();
        var windowOf = new Dictionary<BackupId, int>();
        foreach (var backup in Usable(backups))
        {
            if (backup.Manifest.Continues is not { } before || !windowOf.TryGetValue(before, out var index))
            {
                index = windows.Count;
                windows.Add(new RecoveryWindow(backup.RestorableFrom, backup.RestorableFrom));
            }

            if (backup.CapturedAt > windows[index].Last)
                windows[index] = windows[index] with { Last = backup.CapturedAt };
            windowOf.TryAdd(backup.Id, index);
        }

        return [.. windows.OrderByDescending(window => window.Last)];
    }

    /// <summary>The windows in words: <c>from … to …</c>.</summary>
    public static string Text(IReadOnlyList<Backup> backups, TimeZoneInfo zone)
    {
        var windows = Of(backups);
        return windows.Count == 0 ? "of none" : string.Join(", or ", windows.Select(window => $"from {Shown(window.First, zone)} to {Shown(window.Last, zone)}"));
    }

    /// <summary>Oldest first.</summary>
    public static IEnumerable<Backup> Usable(IReadOnlyList<Backup> backups) => backups.Where(backup => backup.State == BackupState.Good).OrderBy(backup => backup.CapturedAt);

    /// <summary>The last instant at or before another one that is known to be met; null: none is.</summary>
    public static DateTimeOffset? LastInstant(IReadOnlyList<Backup> backups, DateTimeOffset at) =>
        Usable(backups).Select(backup => backup.RestorableFrom).Concat(Of(backups).Select(window => window.Last)).Where(instant => instant <= at).Select(instant => (DateTimeOffset?)instant).Max();

    public static string Shown(DateTimeOffset instant, TimeZoneInfo zone) => TimeZoneInfo.ConvertTime(instant, zone).ToString("yyyy-MM-dd HH:mm:ss zzz", CultureInfo.InvariantCulture);
}

/// <summary>How the good backups of a source lead to one instant: from each through those that continue it. Linear in their number, but for their order.</summary>
internal sealed class RecoveryPaths
{
    private readonly Dictionary<BackupId, ArraySegment<Backup>> paths = [];
    private readonly Dictionary<BackupId, DateTimeOffset> ends = [];

    /// <param name="backups">All of the source, in any order.</param>
    public RecoveryPaths(IReadOnlyList<Backup> backups, DateTimeOffset to)
    {
        IReadOnlyList<Backup> usable = [.. RecoveryWindow.Usable(backups)];
        var byId = new Dictionary<BackupId, Backup>();
        foreach (var backup in usable)
            byId.TryAdd(backup.Id, backup);
        foreach (var last in usable.Where(backup => backup.CapturedAt >= to))
            Follow(last, byId, to);
        foreach (var backup in usable.Reverse())
        {
            var end = Reach(backup);
            if (Before(backup, byId) is { } before && !(ends.TryGetValue(before.Id, out var known) && known >= end))
                ends[before.Id] = end;
        }
    }

    /// <summary>Whether none lead to the instant.</summary>
    public bool IsEmpty => paths.Count == 0;

    /// <summary>The backups behind one that lead to the instant, the last of them at it or later; empty where none do.</summary>
    public IReadOnlyList<Backup> From(Backup backup) => paths.GetValueOrDefault(backup.Id, ArraySegment<Backup>.Empty);

    /// <summary>The last instant that the backups behind one lead to, or its own.</summary>
    public DateTimeOffset End(Backup backup) => Reach(backup) is var end && end > backup.RestorableFrom ? end : backup.RestorableFrom;

    /// <summary>How far those before it lead through it.</summary>
    private DateTimeOffset Reach(Backup backup) => ends.TryGetValue(backup.Id, out var end) && end > backup.CapturedAt ? end : backup.CapturedAt;

    /// <summary>Back from a backup that reaches the instant to the first one that leads to it. One that has a path keeps it: it is the shorter one.</summary>
    private void Follow(Backup last, Dictionary<BackupId, Backup> byId, DateTimeOffset to)
    {
        var newestFirst = new List<Backup>();
        var starts = new List<BackupId>();
        for (var link = last; Before(link, byId) is { } before && before.CapturedAt < to && paths.TryAdd(before.Id, default); link = before)
        {
            newestFirst.Add(link);
            starts.Add(before.Id);
        }

        newestFirst.Reverse();
        var path = newestFirst.ToArray();
        for (var index = 0; index < starts.Count; index++)
            paths[starts[index]] = new ArraySegment<Backup>(path, path.Length - 1 - index, index + 1);
    }

    /// <summary>What a backup continues. One that is dated after it is none: a clock was wrong.</summary>
    private static Backup? Before(Backup backup, Dictionary<BackupId, Backup> byId) =>
        backup.Manifest.Continues is { } id && byId.TryGetValue(id, out var before) && before.CapturedAt <= backup.CapturedAt ? before : null;
}
