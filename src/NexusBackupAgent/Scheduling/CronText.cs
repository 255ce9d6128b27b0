using System.Globalization;
using System.Text.RegularExpressions;
using Cronos;
using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Scheduling;

/// <summary>
/// Reads the text of a cron expression for Cronos. Cronos says neither where an expression is wrong nor what it may be,
/// and knows more forms than are promised here, so each field is looked at first.
/// </summary>
internal static partial class CronText
{
    private static readonly string[] Macros =
        ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@every_minute"];

    private static readonly Field[] TimeOfDay = [new("second", 0, 59), new("minute", 0, 59), new("hour", 0, 23)];

    private static readonly Field[] Fields =
    [
        .. TimeOfDay,
        new("day-of-month", 1, 31),
        new("month", 1, 12, " or JAN to DEC", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
        new("day-of-week", 0, 7, " (0 and 7 are Sunday) or SUN to SAT", "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
    ];

    /// <returns>The local times named; whether the expression is an interval, which happens in both passes of a repeated hour; and whether it restricts both kinds of days, which many a reader takes for either.</returns>
    /// <exception cref="WrongTextException">See <see cref="CronSchedule.Parse"/>.</exception>
    public static (CronExpression Calendar, bool IsInterval, bool RestrictsBothDays) Read(string expression)
    {
        var words = Word().Matches(expression);
        if (words is [{ Value: ['@', ..] } macro])
            return ReadFields(Word().Matches(Expand(macro)));
        if (words.Count is 5 or 6)
            return ReadFields(words);

        throw new WrongTextException(
            $"'{expression}' has {words.Count} fields", $"write 5 (minute hour day-of-month month day-of-week), 6 with seconds first, or one of {string.Join(", ", Macros)}", joint: ": ");
    }

    private static (CronExpression Calendar, bool IsInterval, bool RestrictsBothDays) ReadFields(MatchCollection words)
    {
        var fields = words.Count == Fields.Length ? Fields : Fields[1..];
        var read = string.Join(' ', fields.Zip(words, (field, word) => field.Read(word.Value, word.Index + 1)));
        var isInterval = fields.Zip(words).Any(pair => TimeOfDay.Contains(pair.First) && pair.Second.Value.AsSpan().IndexOfAny("*-/") >= 0);
        return (CronExpression.Parse(read, fields == Fields ? CronFormat.IncludeSeconds : CronFormat.Standard), isInterval, words[^3].Value != "*" && words[^1].Value != "*" && !IsWeek(words[^3].Value));
    }

    /// <returns>The macro as Cronos writes it in fields.</returns>
    private static string Expand(Match macro) =>
        Macros.Contains(macro.Value, StringComparer.OrdinalIgnoreCase)
            ? CronExpression.Parse(macro.Value).ToString()
            : throw new WrongTextException($"macro at column {macro.Index + 1}: '{macro.Value}' is unknown", $"write one of {string.Join(", ", Macros)}");

    /// <summary>Seven days in a row, as <c>8-14</c>: with a day of the week they are the way to say "the second Sunday".</summary>
    private static bool IsWeek(string days) =>
        days.Split('-') is [var first, var last] && int.TryParse(first, CultureInfo.InvariantCulture, out var from) && int.TryParse(last, CultureInfo.InvariantCulture, out var to) && to - from == 6;

    [GeneratedRegex(@"\S+")]
    private static partial Regex Word();

    /// <summary>Four digits are more than any field takes; names have three letters, as everywhere in cron.</summary>
    [GeneratedRegex("^([*]|(?<from>[0-9]{1,4}|[A-Za-z]{3})(-(?<to>[0-9]{1,4}|[A-Za-z]{3}))?)(/(?<step>[0-9]{1,4}))?$", RegexOptions.ExplicitCapture)]
    private static partial Regex Item();

    private sealed class Field(string name, int lowest, int highest, string alternative = "", params string[] names)
    {
        private const int Sunday = 7;

        private readonly int last = highest == Sunday ? Sunday - 1 : highest;

        /// <param name="text">The field: items with commas between.</param>
        /// <param name="column">1-based, where it begins in the expression.</param>
        /// <returns>The same as Cronos reads it.</returns>
        /// <exception cref="WrongTextException">Names the field, the item's column and what is allowed.</exception>
        public string Read(string text, int column)
        {
            var items = text.Split(',');
            for (var i = 0; i < items.Length; i++)
            {
                var length = items[i].Length;
                items[i] = ReadItem(items[i], column);
                column += length + 1;
            }

            return string.Join(',', items);
        }

        /// <returns>
        /// First and last value and step, each written out: Cronos refuses <c>*</c> in a list, takes <c>7/2</c> for Sunday alone,
        /// and lets <c>1/2</c> end at 7, which is Sunday again.
        /// </returns>
        private string ReadItem(string text, int column)
        {
            var item = Item().Match(text);
            if (!item.Success)
                throw Refuse(text, column);

            var (from, to, step) = (item.Groups["from"], item.Groups["to"], item.Groups["step"]);
            var begin = from.Success ? Value(from, column) : lowest;
            var end = to.Success ? Value(to, column) : from.Success && !step.Success ? begin : last;
            if (begin == Sunday && end != begin && highest == Sunday)
                begin = 0;
            return step.Success ? $"{begin}-{end}/{Step(step, column)}" : $"{begin}-{end}";
        }

        private int Value(Group written, int column)
        {
            var value = int.TryParse(written.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? number
                : Array.FindIndex(names, name => name.Equals(written.Value, StringComparison.OrdinalIgnoreCase)) is var index and >= 0 ? index + lowest : -1;
            return value >= lowest && value <= highest ? value : throw Refuse(written.Value, column + written.Index);
        }

        private int Step(Group written, int column)
        {
            var step = int.Parse(written.Value, CultureInfo.InvariantCulture);
            return step >= 1 && step <= last
                ? step
                : throw new WrongTextException($"{name} field at column {column + written.Index}: a step of {written.Value} is not allowed", $"write 1 to {last}");
        }

        private WrongTextException Refuse(string text, int column) => new(
            $"{name} field at column {column}: '{text}' is not allowed",
            $"write {lowest} to {highest}{alternative}, *, a range such as {lowest + 1}-{lowest + 5}, a step such as */2, or a list of these with commas and no spaces");
    }
}
