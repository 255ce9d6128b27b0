using System.Globalization;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Restore;

/// <summary>Decides whether an answer is the expected one. Pure.</summary>
internal static class ProbeJudge
{
    /// <summary>What seconds reach in the year 5138; a larger number counts milliseconds.</summary>
    private const decimal MostSeconds = 100_000_000_000;

    /// <summary>A row may be written while the snapshot is being taken, and by another host's clock.</summary>
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(5);

    private static readonly string[] TimeFormats =
    [
        "yyyy-MM-dd",
        "yyyy-MM-dd HH:mm", "yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd HH:mmK", "yyyy-MM-dd'T'HH:mmK",
        "yyyy-MM-dd HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK",
    ];

    /// <param name="capturedAt">When the state was captured that was asked, UTC.</param>
    public static ProbeResult Judge(Probe probe, ProbeAnswer answer, DateTimeOffset capturedAt)
    {
        var detail = Mistake(probe, answer, capturedAt);
        return new ProbeResult(probe.Sql, Words(probe), answer.Text, detail is null, detail ?? "");
    }

    /// <summary>The expectation for people.</summary>
    public static string Words(Probe probe) => (probe.Expect, probe.MaxAge) switch
    {
        (null, null) => "any row",
        ({ } expect, null) => expect,
        (null, { } age) => $"not older than {SpanText.Limit(age).English}",
        ({ } expect, { } age) => $"{expect}, not older than {SpanText.Limit(age).English}",
    };

    private static string? Mistake(Probe probe, ProbeAnswer answer, DateTimeOffset capturedAt)
    {
        if (!answer.HasRow)
            return "it returned no row";
        if (probe is { Expect: null, MaxAge: null })
            return null;
        if (answer.Text is not { } text)
            return "it returned NULL";
        if (probe.Expect is { } expect && !Expectation.Parse(expect).IsMetBy(text))
            return $"it returned {text}";
        return probe.MaxAge is { } age ? TooOld(text, age, capturedAt) : null;
    }

    private static string? TooOld(string text, TimeSpan maxAge, DateTimeOffset capturedAt)
    {
        if (Instant(text) is not { } instant)
            return $"it returned {text}, which is no time (ISO 8601, or Unix seconds or milliseconds)";
        if (instant - capturedAt > ClockTolerance)
            return $"it returned {text}, which is after the capture at {capturedAt.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z; a time without offset is read as UTC";
        return capturedAt - instant > maxAge ? $"it returned {text}, which is {SpanText.Limit(capturedAt - instant).English} before the capture" : null;
    }

    private static DateTimeOffset? Instant(string text)
    {
        if (decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
            return Unix(number);
        return DateTimeOffset.TryParseExact(text, TimeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var instant) ? instant : null;
    }

    private static DateTimeOffset? Unix(decimal number)
    {
        var milliseconds = Math.Abs(number) < MostSeconds ? number * 1000 : number;
        return milliseconds >= DateTimeOffset.MinValue.ToUnixTimeMilliseconds() && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)milliseconds)
            : null;
    }
}
