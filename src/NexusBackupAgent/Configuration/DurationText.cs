using System.Globalization;

namespace NexusBackupAgent.Configuration;

/// <summary>Durations as the configuration writes them: a whole number and a unit, <c>30s</c>, <c>10m</c>, <c>24h</c>, <c>2d</c>.</summary>
internal static class DurationText
{
    /// <summary>How to write one, for the mend of a problem.</summary>
    public const string Teaching = "write a whole number and a unit (s, m, h, d), for example 30s, 10m, 24h or 2d";

    private static readonly TimeSpan Longest = TimeSpan.FromDays(3650);

    /// <exception cref="FormatException">Not a duration, or longer than ten years.</exception>
    public static TimeSpan Parse(string text)
    {
        var unit = UnitOf(text);
        if (unit is null || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            throw new FormatException("is not a duration");
        if (count > Longest.Ticks / unit.Value.Ticks)
            throw new FormatException("is longer than ten years");
        return unit.Value * count;
    }

    /// <summary>The shortest text for a whole number of seconds that <see cref="Parse"/> reads back: <c>36h</c>.</summary>
    public static string Format(TimeSpan duration) => duration switch
    {
        _ when duration == TimeSpan.Zero => "0s",
        _ when IsWhole(duration.TotalDays) && duration > TimeSpan.FromDays(2) => Write(duration.TotalDays, 'd'),
        _ when IsWhole(duration.TotalHours) => Write(duration.TotalHours, 'h'),
        _ when IsWhole(duration.TotalMinutes) => Write(duration.TotalMinutes, 'm'),
        _ => Write(Math.Ceiling(duration.TotalSeconds), 's'),
    };

    private static TimeSpan? UnitOf(string text) => text.Length == 0 ? null : text[^1] switch
    {
        's' => TimeSpan.FromSeconds(1),
        'm' => TimeSpan.FromMinutes(1),
        'h' => TimeSpan.FromHours(1),
        'd' => TimeSpan.FromDays(1),
        _ => null,
    };

    private static bool IsWhole(double count) => count == Math.Floor(count);

    private static string Write(double count, char unit) => string.Create(CultureInfo.InvariantCulture, $"{count}{unit}");
}
