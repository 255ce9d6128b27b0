using System.Globalization;

namespace NexusBackupAgent.Catalog;

/// <summary>Instants that a source can be restored to without a gap: from one backup on, through those that continue it.</summary>
/// <param name="First">The state of the first backup.</param>
/// <param name="Last">The state of the last one.</param>
internal sealed record RecoveryWindow(DateTimeOffset First, DateTimeOffset Last)
{
    /// <summary>The good backups that lead from one to an instant, each continuing the one before it; as far as there are any.</summary>
    public static IReadOnlyList<Backup> From(Backup backup, IReadOnlyList<Backup> backups, DateTimeOffset to)
    {
        var through = new List<Backup>();
        for (var at = backup; at.CapturedAt < to && Next(at, backups) is { } next; at = next)
            through.Add(next);
        return through;
    }

    /// <summary>The windows of a source, newest first. A backup that nothing continues is one of a single instant.</summary>
    /// <param name="backups">All of the source, in any order.</param>
    public static IReadOnlyList<RecoveryWindow> Of(IReadOnlyList<Backup> backups)
    {
        var good = backups.Where(IsUsable).OrderBy(backup => backup.CapturedAt).ToList();
        var windows = new List<(RecoveryWindow Window, Backup Last)>();
        foreach (var backup in good)
        {
            var index = backup.Manifest.Continues is { } id ? windows.FindIndex(window => window.Last.Id == id) : -1;
            if (index >= 0)
                windows[index] = (windows[index].Window with { Last = backup.CapturedAt }, backup);
            else
                windows.Add((new RecoveryWindow(backup.CapturedAt, backup.CapturedAt), backup));
        }

        return [.. windows.Select(window => window.Window).OrderByDescending(window => window.Last)];
    }

    /// <summary>The windows in words: <c>from … to …</c>.</summary>
    public static string Text(IReadOnlyList<Backup> backups, TimeZoneInfo zone)
    {
        var windows = Of(backups);
        return windows.Count == 0 ? "of none" : string.Join(", or ", windows.Select(window => $"from {Shown(window.First, zone)} to {Shown(window.Last, zone)}"));
    }

    private static Backup? Next(Backup backup, IReadOnlyList<Backup> backups) => backups
        .Where(other => other.Manifest.Continues == backup.Id && IsUsable(other))
        .MinBy(other => other.CapturedAt);

    private static bool IsUsable(Backup backup) => backup.State == BackupState.Good;

    public static string Shown(DateTimeOffset instant, TimeZoneInfo zone) => TimeZoneInfo.ConvertTime(instant, zone).ToString("yyyy-MM-dd HH:mm:ss zzz", CultureInfo.InvariantCulture);
}
