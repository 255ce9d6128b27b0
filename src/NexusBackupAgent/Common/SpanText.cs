using System.Globalization;

namespace NexusBackupAgent.Common;

/// <summary>Spans of time in words. The unit follows the size.</summary>
internal static class SpanText
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>What was measured, in the two largest units: <c>3 d 4 h</c>, <c>3日4時間</c>. A negative one is in the future; less than a second is none.</summary>
    public static Bilingual Measured(TimeSpan span) => span switch
    {
        _ when span <= -Second => Measured(span.Negate()) is var ahead ? new($"-{ahead.English}", $"-{ahead.Japanese}") : default,
        { TotalSeconds: < 1 } => new("0 s", "0秒"),
        { TotalMinutes: < 1 } => new($"{(int)span.TotalSeconds} s", $"{(int)span.TotalSeconds}秒"),
        { TotalHours: < 1 } => new($"{(int)span.TotalMinutes} min", $"{(int)span.TotalMinutes}分"),
        { TotalDays: < 1 } => new($"{(int)span.TotalHours} h {span.Minutes} min", $"{(int)span.TotalHours}時間{span.Minutes}分"),
        { TotalDays: >= 60 } => new($"{(int)span.TotalDays} d", $"{(int)span.TotalDays}日"),
        _ => new($"{(int)span.TotalDays} d {span.Hours} h", $"{(int)span.TotalDays}日{span.Hours}時間"),
    };

    /// <summary>What was configured: <c>2 min</c>, <c>24 h</c>. Days begin where the runbook no longer counts hours, behind 96.</summary>
    public static Bilingual Limit(TimeSpan span) => span switch
    {
        { TotalMinutes: < 1 } => In(span.TotalSeconds, " s", "秒"),
        { TotalHours: < 1, Seconds: not 0 } => new($"{(int)span.TotalMinutes} min {span.Seconds} s", $"{(int)span.TotalMinutes}分{span.Seconds}秒"),
        { TotalHours: < 1 } => In(span.TotalMinutes, " min", "分"),
        { TotalHours: <= 96 } => In(span.TotalHours, " h", "時間"),
        _ => In(span.TotalDays, " d", "日"),
    };

    private static Bilingual In(double value, string english, string japanese)
    {
        var number = value.ToString("0.##", CultureInfo.InvariantCulture);
        return new(number + english, number + japanese);
    }
}
