using System.Globalization;
using System.Text.RegularExpressions;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Configuration;

/// <summary>Reads how fast a place may be written and read: one limit, or limits with their hours.</summary>
internal static partial class BandwidthBinder
{
    public const string Key = "bandwidth";

    private const string Example = "{limit: 2MB/s, from: \"08:00\", to: \"18:00\"}";

    /// <summary>At a lower one a backup of a megabyte takes a quarter of an hour, and what waits for it is taken for dead.</summary>
    private const long Least = 1000;

    public static readonly LevelKeys Keys = new("stores.<name>.bandwidth", "limit", "from", "to");

    /// <returns>None where the key is absent, or was reported.</returns>
    public static IReadOnlyList<BandwidthLimit> Bind(Section section) =>
        section.Find(Key) is { IsEmpty: false } field ? [.. field.OneOrMany().Select(BindOne).OfType<BandwidthLimit>()] : [];

    private static BandwidthLimit? BindOne(Field field)
    {
        if (field.Node is not MappingNode)
            return Rate(field) is { } only ? new BandwidthLimit(only, TimeOnly.MinValue, TimeOnly.MinValue) : null;
        if (field.Section(Example) is not { } section)
            return null;
        Keys.ReportOthers(section);
        if (section.Find("limit") is not { } limit)
        {
            section.Error("does not say how much", $"write for example {Example}");
            return null;
        }

        var (from, to) = (Hour(section.Find("from")), Hour(section.Find("to")));
        if (from is null != to is null)
            section.Error("has one end of its hours alone", $"write both, for example {Example}, or none: then it holds all day");
        return Rate(limit) is { } rate ? new BandwidthLimit(rate, from ?? TimeOnly.MinValue, to ?? TimeOnly.MinValue) : null;
    }

    private static TimeOnly? Hour(Field? field) => field?.Parse<TimeOnly?>(
        text => TimeOnly.TryParseExact(text, ["HH:mm", "H:mm"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) ? time : throw new FormatException("is no time of day"),
        fallback: null, "\"08:00\"", "write hours and minutes in quotes, \"08:00\" or \"18:30\", in the configured zone");

    private static long? Rate(Field field) => field.Parse<long?>(ParseRate, fallback: null, "10MB/s", "write a number and a unit, for example 500kB/s, 10MB/s, 5MiB/s or 100Mbit/s");

    private static long? ParseRate(string text)
    {
        var match = RateText().Match(text);
        if (!match.Success)
            throw new FormatException("is no rate");
        var number = decimal.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture);
        decimal unit = match.Groups["prefix"].Value.ToUpperInvariant() switch
        {
            "K" => 1_000,
            "M" => 1_000_000,
            "G" => 1_000_000_000,
            "KI" => 1 << 10,
            "MI" => 1 << 20,
            "GI" => 1 << 30,
            _ => 1,
        };
        var rate = number * unit / (match.Groups["unit"].Value == "B" ? 1 : 8);
        return rate < Least ? throw new FormatException("is less than 1kB/s") : (long)rate;
    }

    // A big B is a byte, and a bit is written out: b alone is taken for both.
    [GeneratedRegex("^(?<number>[0-9]{1,9}(?:\\.[0-9]{1,3})?) ?(?<prefix>[kKMG]i?)?(?<unit>B|bit)/s$", RegexOptions.CultureInvariant)]
    private static partial Regex RateText();
}
