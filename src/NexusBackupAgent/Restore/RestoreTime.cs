using System.Globalization;

namespace NexusBackupAgent.Restore;

/// <summary>
/// An instant as an operator types it for <c>--at</c>: a date, a date and time in the configured zone, or ISO 8601 with an
/// offset. It reaches to the end of what it names: the day, the minute, the second. Whoever reads <c>02:00</c> in a
/// list means the backup of 02:00:03 too.
/// </summary>
internal static class RestoreTime
{
    private static readonly (string Format, TimeSpan Unit)[] Formats =
    [
        ("yyyy-MM-dd", TimeSpan.FromDays(1)),
        ("yyyy-MM-dd HH:mm", TimeSpan.FromMinutes(1)),
        ("yyyy-MM-dd'T'HH:mm", TimeSpan.FromMinutes(1)),
        ("yyyy-MM-dd HH:mm:ss", TimeSpan.FromSeconds(1)),
        ("yyyy-MM-dd'T'HH:mm:ss", TimeSpan.FromSeconds(1)),
    ];

    /// <returns>The wish for the last instant that is meant, UTC; null when the text is none.</returns>
    public static RestoreWish? Parse(string text, TimeZoneInfo zone)
    {
        foreach (var (format, unit) in Formats)
        {
            if (DateTime.TryParseExact(text, format, CultureInfo.InvariantCulture, DateTimeStyles.None, out var local))
                return Within(InZone(local, zone), InZone(local + unit, zone));
            if (unit < TimeSpan.FromDays(1) && DateTimeOffset.TryParseExact(text, [format + "zzz", format + "'Z'"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var instant))
                return Within(instant.ToUniversalTime(), (instant + unit).ToUniversalTime());
        }

        return DateTimeOffset.TryParseExact(text, ["o", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var exact)
            ? new RestoreWish(At: exact.ToUniversalTime())
            : null;
    }

    private static RestoreWish Within(DateTimeOffset from, DateTimeOffset end) => new(At: end.AddTicks(-1)) { AtFrom = from };

    /// <summary>A local time that comes twice means the later one. One that a change of clocks skips is moved on by the length of the gap.</summary>
    private static DateTimeOffset InZone(DateTime local, TimeZoneInfo zone)
    {
        var offset = zone.IsAmbiguousTime(local) ? zone.GetAmbiguousTimeOffsets(local).Min()
            : zone.IsInvalidTime(local) ? zone.GetUtcOffset(local.AddDays(-1))
            : zone.GetUtcOffset(local);
        return new DateTimeOffset(local, offset).ToUniversalTime();
    }
}
