using System.Globalization;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Runbook;

/// <summary>Measured values in both languages.</summary>
internal static class ValueText
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>Shown where the answer is in a store that can't be read.</summary>
    public static readonly Bilingual Unreadable = new("unknown: the store cannot be read", "不明（格納先を読み取れない）");

    /// <summary>The two largest units: <c>3 d 4 h</c>, <c>3日4時間</c>. A negative one is in the future.</summary>
    public static Bilingual Duration(TimeSpan span) => span switch
    {
        _ when span < TimeSpan.Zero => Duration(span.Negate()) is var ahead ? new($"-{ahead.English}", $"-{ahead.Japanese}") : default,
        { TotalMinutes: < 1 } => new($"{(int)span.TotalSeconds} s", $"{(int)span.TotalSeconds}秒"),
        { TotalHours: < 1 } => new($"{(int)span.TotalMinutes} min", $"{(int)span.TotalMinutes}分"),
        { TotalDays: < 1 } => new($"{(int)span.TotalHours} h {span.Minutes} min", $"{(int)span.TotalHours}時間{span.Minutes}分"),
        { TotalDays: >= 60 } => new($"{(int)span.TotalDays} d", $"{(int)span.TotalDays}日"),
        _ => new($"{(int)span.TotalDays} d {span.Hours} h", $"{(int)span.TotalDays}日{span.Hours}時間"),
    };

    /// <summary>Thresholds are shown in hours, as the runbook writes them.</summary>
    public static Bilingual Hours(TimeSpan span) => new(
        string.Create(CultureInfo.InvariantCulture, $"{span.TotalHours:0.##} h"), string.Create(CultureInfo.InvariantCulture, $"{span.TotalHours:0.##}時間"));

    /// <summary>As the runbook's template writes it: <c>2026-02-14 02:00</c>.</summary>
    public static string Minute(DateTimeOffset instant, TimeZoneInfo zone) =>
        TimeZoneInfo.ConvertTime(instant, zone).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    /// <summary>Rounded down, so that 79.9 % never reads as a threshold that was not reached.</summary>
    public static string Percent(double ratio) => string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(ratio * 100):0}%");

    /// <summary>Three digits and a binary unit: <c>12.3 MiB</c>.</summary>
    public static string Size(long bytes)
    {
        var value = (double)bytes;
        var unit = 0;
        while (value >= 1023.5 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return unit == 0 || value >= 99.95
            ? string.Create(CultureInfo.InvariantCulture, $"{value:0} {Units[unit]}")
            : string.Create(CultureInfo.InvariantCulture, $"{value:0.0} {Units[unit]}");
    }

    public static string Seconds(TimeSpan span) => string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.00} s");
}
