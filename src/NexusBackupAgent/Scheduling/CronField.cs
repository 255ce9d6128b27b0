using System.Globalization;
using System.Text.RegularExpressions;
using NCrontab;

namespace NexusBackupAgent.Scheduling;

/// <summary>One of the fields of a cron expression: its name, what it may hold, and how it is read.</summary>
/// <remarks>
/// NCrontab reads the values and names. Ranges and steps are worked out here, because NCrontab turns a reversed range
/// around (<c>fri-mon</c> would be Monday to Friday), takes a step of 0 for 1, knows no 7 for Sunday, and says no column.
/// </remarks>
internal sealed partial class CronField
{
    private readonly string name;
    private readonly CrontabFieldKind kind;
    private readonly int lowest;
    private readonly int highest;
    private readonly string allowed;

    private CronField(string name, CrontabFieldKind kind, int lowest, int highest, string alternative = "")
    {
        this.name = name;
        this.kind = kind;
        this.lowest = lowest;
        this.highest = highest;
        allowed = $"{lowest} to {(kind == CrontabFieldKind.DayOfWeek ? 7 : highest)}{alternative}";
    }

    public static CronField Second { get; } = new("second", CrontabFieldKind.Second, 0, 59);

    public static CronField Minute { get; } = new("minute", CrontabFieldKind.Minute, 0, 59);

    public static CronField Hour { get; } = new("hour", CrontabFieldKind.Hour, 0, 23);

    public static CronField DayOfMonth { get; } = new("day-of-month", CrontabFieldKind.Day, 1, 31);

    public static CronField Month { get; } = new("month", CrontabFieldKind.Month, 1, 12, " or JAN to DEC");

    public static CronField DayOfWeek { get; } = new("day-of-week", CrontabFieldKind.DayOfWeek, 0, 6, " (0 and 7 are Sunday) or SUN to SAT");

    private int Size => highest - lowest + 1;

    /// <param name="text">The field: items with commas between.</param>
    /// <param name="column">1-based, where it begins in the expression.</param>
    /// <exception cref="FormatException">Names the field, the item's column and what is allowed.</exception>
    public CronValues Parse(string text, int column)
    {
        var bits = 0UL;
        foreach (var item in text.Split(','))
        {
            bits |= ParseItem(item, column);
            column += item.Length + 1;
        }

        return new CronValues(bits);
    }

    private ulong ParseItem(string text, int column)
    {
        var item = Item().Match(text);
        if (!item.Success)
            throw Refuse(text, column);

        var (first, last) = Range(item, column);
        var step = item.Groups["step"] is { Success: true } written ? ParseStep(written.Value, column + written.Index) : 1;
        var bits = 0UL;
        for (var value = first; value <= last; value += step)
            bits |= 1UL << (lowest + ((value - lowest) % Size));
        return bits;
    }

    /// <summary>First and last value; a range that ends below its start, such as 22-2, goes on past the field's end.</summary>
    private (int First, int Last) Range(Match item, int column)
    {
        if (item.Groups["all"].Success)
            return (lowest, highest);

        var (from, to) = (item.Groups["from"], item.Groups["to"]);
        var first = ParseValue(from.Value, column + from.Index);
        var last = (to.Success, item.Groups["step"].Success) switch
        {
            (true, _) => ParseValue(to.Value, column + to.Index),
            (false, true) => highest,
            _ => first,
        };
        return (first, last >= first ? last : last + Size);
    }

    private int ParseValue(string text, int column)
    {
        if (kind == CrontabFieldKind.DayOfWeek && text == "7")
            return 7;
        if (CrontabField.TryParse(kind, text) is { } value)
            return value.GetFirst();
        throw Refuse(text, column);
    }

    private int ParseStep(string text, int column)
    {
        var step = int.Parse(text, CultureInfo.InvariantCulture);
        if (step >= 1 && step <= highest)
            return step;
        throw new FormatException($"{name} field at column {column}: a step of {text} is not allowed; write 1 to {highest}");
    }

    private FormatException Refuse(string text, int column) =>
        new($"{name} field at column {column}: '{text}' is not allowed; write {allowed}, *, a range such as {lowest + 1}-{lowest + 5}, a step such as */2, or a list of these with commas and no spaces");

    /// <summary>Four digits are more than any field takes; names have three letters, as everywhere in cron.</summary>
    [GeneratedRegex("^((?<all>[*])|(?<from>[0-9]{1,4}|[A-Za-z]{3})(-(?<to>[0-9]{1,4}|[A-Za-z]{3}))?)(/(?<step>[0-9]{1,4}))?$", RegexOptions.ExplicitCapture)]
    private static partial Regex Item();
}
