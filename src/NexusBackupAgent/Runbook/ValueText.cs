using System.Globalization;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Runbook;

/// <summary>Measured values in both languages.</summary>
internal static class ValueText
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>Shown where the answer is in a store that can't be read.</summary>
    public static readonly Bilingual Unreadable = new("unknown: the store cannot be read", "不明（格納先を読み取れない）");

    /// <summary>Shown where none is in a store that is another one than it was.</summary>
    public static readonly Bilingual NotHere = new("none here: not the store that its backups were kept in", "なし（バックアップを保存してきた格納先ではない）");

    /// <summary>As the runbook's template writes it: <c>2026-02-14 02:00</c>.</summary>
    public static string Minute(DateTimeOffset instant, TimeZoneInfo zone) =>
        TimeZoneInfo.ConvertTime(instant, zone).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    public static string Day(DateTimeOffset instant, TimeZoneInfo zone) => TimeZoneInfo.ConvertTime(instant, zone).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>Once, where the first time stands.</summary>
    public static Bilingual TimesIn(TimeZoneInfo zone) => new($" (times in {zone.Id})", $"（時刻は {zone.Id}）");

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
