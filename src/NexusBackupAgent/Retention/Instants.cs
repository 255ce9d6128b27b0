using System.Globalization;

namespace NexusBackupAgent.Retention;

/// <summary>How the reasons write an instant: local time of the configured zone with its offset, to the minute.</summary>
internal static class Instants
{
    public static string InZone(DateTimeOffset instant, TimeZoneInfo zone) =>
        TimeZoneInfo.ConvertTime(instant, zone).ToString("yyyy-MM-dd HH:mm zzz", CultureInfo.InvariantCulture);
}
