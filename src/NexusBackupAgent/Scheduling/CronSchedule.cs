namespace NexusBackupAgent.Scheduling;

/// <summary>A parsed cron expression. Immutable; the caller supplies instant and zone.</summary>
internal sealed class CronSchedule
{
    /// <exception cref="FormatException">The expression is wrong; the message names the field, the position (1-based column) and what is allowed.</exception>
    public static CronSchedule Parse(string expression) => throw new NotSupportedException();

    /// <summary>The first occurrence strictly after <paramref name="after"/>, in UTC; null if there is none.</summary>
    public DateTimeOffset? GetNextOccurrence(DateTimeOffset after, TimeZoneInfo zone) => throw new NotSupportedException();

    /// <summary>The last occurrence at or before <paramref name="at"/>, in UTC; null if there is none.</summary>
    public DateTimeOffset? GetPreviousOccurrence(DateTimeOffset at, TimeZoneInfo zone) => throw new NotSupportedException();

    /// <summary>The expression as it was written.</summary>
    public override string ToString() => throw new NotSupportedException();
}
