namespace NexusBackupAgent.Configuration;

/// <summary>Names of time zones, as the IANA database has them.</summary>
internal static class ZoneText
{
    public const string Teaching = "write an IANA name, for example Asia/Tokyo; timedatectl list-timezones shows all";

    /// <summary>Abbreviations such as JST differ in one letter from zones on the other side of the earth.</summary>
    private const int ShortestGuess = 5;

    /// <exception cref="FormatException">The host knows no such zone; the message names the nearest one.</exception>
    public static TimeZoneInfo Parse(string text) =>
        TimeZoneInfo.TryFindSystemTimeZoneById(text, out var zone)
            ? zone
            : throw new FormatException("is not a time zone that this host knows" + (Nearest(text) is { } nearest ? $"; did you mean {nearest}?" : ""));

    private static string? Nearest(string text)
    {
        var known = TimeZoneInfo.GetSystemTimeZones().Select(zone => zone.Id).ToArray();
        return Array.Find(known, id => id.EndsWith($"/{text}", StringComparison.OrdinalIgnoreCase))
            ?? (text.Length < ShortestGuess ? null : NearestWord.Find(text, known));
    }
}
