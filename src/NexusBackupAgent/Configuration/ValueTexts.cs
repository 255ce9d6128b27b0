using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Configuration;

/// <summary>Paths as the configuration writes them.</summary>
internal static class PathText
{
    /// <summary>Absolute; a relative one is taken from the configuration file's directory.</summary>
    /// <exception cref="FormatException">Cannot be a path, or would not mean what it means to a shell.</exception>
    public static string Parse(string text, string baseDirectory)
    {
        if (NameText.HasControlCharacter(text))
            throw new FormatException("contains a control character");
        if (text == "~" || text.StartsWith("~/", StringComparison.Ordinal))
            throw new WrongTextException("begins with ~, which only a shell expands", "write the absolute path");
        return KernelPath.Absolute(text, baseDirectory);
    }

    /// <summary>A directory inside a store, with forward slashes; empty for the store itself.</summary>
    /// <exception cref="FormatException">Leads out of the store.</exception>
    public static string ParseInsideStore(string text)
    {
        var parts = text.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".").ToArray();
        if (Path.IsPathRooted(text))
            throw new FormatException("is an absolute path, and a backup directory lies inside its store");
        if (parts.Contains(".."))
            throw new FormatException("leads out of the store with ..");
        if (NameText.HasControlCharacter(text))
            throw new FormatException("contains a control character");
        if (Array.Exists(parts, NameText.IsTooLongForFileName))
            throw new FormatException("has a part longer than the 255 bytes that a file name may have");
        return string.Join('/', parts);
    }

    /// <summary>Whether <paramref name="path"/> is <paramref name="directory"/> or lies below it. Both absolute.</summary>
    public static bool IsInside(string path, string directory) =>
        Path.GetRelativePath(directory, path) is var relative
        && relative != ".." && !relative.StartsWith("../", StringComparison.Ordinal);
}

/// <summary>Names of stores, sources and schedules. They become metric labels, and parts of paths and file names.</summary>
internal static class NameText
{
    public const int MaximumLength = 100;

    private const int MaximumFileNameBytes = 255;

    /// <summary>Any text that can name a directory; spaces, quotes and every script are fine.</summary>
    /// <returns>What is wrong with it, or null.</returns>
    public static string? FindMistake(string name) => name switch
    {
        _ when string.IsNullOrWhiteSpace(name) => "is an empty name",
        _ when name.StartsWith('.') => "begins with a dot",
        _ when name.Contains('/') => "contains a slash",
        _ when HasControlCharacter(name) => "contains a control character",
        _ when name.EnumerateRunes().Count() > MaximumLength => $"is longer than {MaximumLength} characters",
        _ => null,
    };

    public static bool HasControlCharacter(string text) => text.EnumerateRunes().Any(IsControl);

    /// <summary>A letter outside ASCII takes up to four bytes of a file name.</summary>
    public static bool IsTooLongForFileName(string name) => Encoding.UTF8.GetByteCount(name) > MaximumFileNameBytes;

    /// <summary>Line breaks of any kind would break one-line messages; a lone surrogate has no UTF-8.</summary>
    private static bool IsControl(Rune rune) =>
        rune == Rune.ReplacementChar
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}

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

/// <summary>Where HTTP listens.</summary>
internal static partial class ListenText
{
    /// <exception cref="FormatException">Neither <c>http://HOST:PORT</c> nor <c>https://HOST:PORT</c>.</exception>
    public static Uri Parse(string text)
    {
        if (!WebAddress.HasScheme(text) || !Uri.TryCreate(text, UriKind.Absolute, out var address))
            throw new FormatException("is not an http or https address");
        if (address.PathAndQuery != "/" || address.UserInfo.Length > 0 || address.Fragment.Length > 0)
            throw new FormatException("has more than a host and a port");
        if (!Port().IsMatch(text))
            throw new FormatException("has no port");
        return address;
    }

    /// <summary>The parsed address cannot tell a written port 80 from none.</summary>
    [GeneratedRegex(@":[0-9]+/?$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Port();
}

/// <summary>Addresses of web services, as the configuration and secret files write them.</summary>
internal static class WebAddress
{
    /// <summary>Whether a text means to be one.</summary>
    public static bool HasScheme(string text) =>
        text.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || text.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    /// <exception cref="FormatException">Not an http or https address; the message does not repeat it, because it may be a secret.</exception>
    public static Uri Parse(string text) =>
        HasScheme(text) && Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Host.Length > 0
            ? address
            : throw new FormatException("is not an http or https address");

    /// <summary>For logs and messages: without what may be a secret, the user info and the query.</summary>
    public static string Shown(Uri address) => address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
}
