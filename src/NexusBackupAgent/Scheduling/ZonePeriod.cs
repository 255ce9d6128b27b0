using System.Runtime.InteropServices;

namespace NexusBackupAgent.Scheduling;

/// <summary>
/// The stretch of time around an instant in which a zone's offset from UTC does not change, at most 60 hours of it.
/// </summary>
/// <remarks>
/// Asks the zone only for the offset at an instant, the one question that has a single answer everywhere: for half-hour
/// daylight saving, negative daylight saving, a changed base offset and a day left out at the date line.
/// </remarks>
/// <param name="Start">UTC; the change of offset before the instant, or 30 hours before it.</param>
/// <param name="End">UTC, exclusive; the next change of offset, or 30 hours after the instant.</param>
/// <param name="Offset">Local time minus UTC.</param>
/// <param name="OffsetBefore">The offset up to <paramref name="Start"/>; the same as <paramref name="Offset"/> when nothing changed there.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ZonePeriod(DateTime Start, DateTime End, TimeSpan Offset, TimeSpan OffsetBefore)
{
    /// <summary>More than the largest jump, a whole day.</summary>
    private static readonly TimeSpan Reach = TimeSpan.FromHours(30);

    /// <param name="instant">UTC, a whole second.</param>
    /// <param name="zone">Any zone.</param>
    public static ZonePeriod At(DateTime instant, TimeZoneInfo zone)
    {
        var offset = OffsetAt(instant, zone);
        var (early, late) = (instant - Reach, instant + Reach);
        var start = OffsetAt(early, zone) == offset ? early : FirstSecond(early, instant, at => OffsetAt(at, zone) == offset);
        var end = OffsetAt(late, zone) == offset ? late : FirstSecond(instant, late, at => OffsetAt(at, zone) != offset);
        return new ZonePeriod(start, end, offset, start == early ? offset : OffsetAt(start.AddSeconds(-1), zone));
    }

    /// <summary>The second in (<paramref name="no"/>, <paramref name="yes"/>] at which <paramref name="holds"/> turns true.</summary>
    private static DateTime FirstSecond(DateTime no, DateTime yes, Func<DateTime, bool> holds)
    {
        while (yes - no > TimeSpan.FromSeconds(1))
        {
            var middle = no.AddSeconds((yes - no).Ticks / TimeSpan.TicksPerSecond / 2);
            if (holds(middle))
                yes = middle;
            else
                no = middle;
        }

        return yes;
    }

    private static TimeSpan OffsetAt(DateTime instant, TimeZoneInfo zone) =>
        zone.GetUtcOffset(new DateTimeOffset(instant.Ticks, TimeSpan.Zero));
}
