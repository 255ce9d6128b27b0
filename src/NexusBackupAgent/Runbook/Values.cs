using System.Globalization;

namespace NexusBackupAgent.Runbook;

/// <summary>Measured values in both languages.</summary>
internal static class Values
{
    /// <summary>The two largest units: <c>3 d 4 h</c>, <c>3日4時間</c>. A negative one is in the future.</summary>
    public static Bilingual Duration(TimeSpan span) => span switch
    {
        _ when span < TimeSpan.Zero => Duration(span.Negate()) is var ahead ? new($"-{ahead.English}", $"-{ahead.Japanese}") : default,
        { TotalMinutes: < 1 } => new($"{(int)span.TotalSeconds} s", $"{(int)span.TotalSeconds}秒"),
        { TotalHours: < 1 } => new($"{(int)span.TotalMinutes} min", $"{(int)span.TotalMinutes}分"),
        { TotalDays: < 1 } => new($"{(int)span.TotalHours} h {span.Minutes} min", $"{(int)span.TotalHours}時間{span.Minutes}分"),
        _ => new($"{(int)span.TotalDays} d {span.Hours} h", $"{(int)span.TotalDays}日{span.Hours}時間"),
    };

    /// <summary>For thresholds, always in hours.</summary>
    public static Bilingual Hours(TimeSpan span) => new(
        string.Create(CultureInfo.InvariantCulture, $"{span.TotalHours:0.##} h"), string.Create(CultureInfo.InvariantCulture, $"{span.TotalHours:0.##}時間"));

    /// <summary>As the runbook's template writes it: <c>2026-02-14 02:00</c>.</summary>
    public static string Minute(DateTimeOffset instant, TimeZoneInfo zone) =>
        TimeZoneInfo.ConvertTime(instant, zone).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    /// <summary>Rounded down, so that 79.9 % never reads as a threshold that was not reached.</summary>
    public static string Percent(double ratio) => string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(ratio * 100):0}%");

    /// <summary>Mebibytes: what is compared has one unit.</summary>
    public static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.0} MiB");

    public static string Seconds(TimeSpan span) => string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.00} s");
}
