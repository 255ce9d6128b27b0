using System.Text.RegularExpressions;

namespace NexusBackupAgent.Scheduling;

/// <summary>Reads the text of a cron expression: macro or fields, each with its column for the message when it is wrong.</summary>
internal static partial class CronExpression
{
    private const string Macros = "@yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @every_minute";

    private static readonly CronField[] TimeOfDay = [CronField.Second, CronField.Minute, CronField.Hour];
    private static readonly CronField[] Fields = [.. TimeOfDay, CronField.DayOfMonth, CronField.Month, CronField.DayOfWeek];

    /// <returns>The local times named; and whether the expression is an interval, which happens in both passes of a repeated hour.</returns>
    /// <exception cref="FormatException">See <see cref="CronSchedule.Parse"/>.</exception>
    public static (CronCalendar Calendar, bool IsInterval) Parse(string expression)
    {
        var words = Word().Matches(expression);
        if (words is [{ Value: ['@', ..] } macro])
            return ParseFields(Word().Matches(Expand(macro)));
        if (words.Count is 5 or 6)
            return ParseFields(words);

        throw new FormatException(
            $"'{expression}' has {words.Count} fields: write 5 (minute hour day-of-month month day-of-week), 6 with seconds first, or one of {Macros}");
    }

    private static (CronCalendar Calendar, bool IsInterval) ParseFields(MatchCollection words)
    {
        var withSeconds = words.Count == Fields.Length;
        CronField[] fields = withSeconds ? Fields : Fields[1..];
        var values = fields.Zip(words, (field, word) => field.Parse(word.Value, word.Index + 1)).ToArray();
        var isInterval = fields.Zip(words).Any(pair => TimeOfDay.Contains(pair.First) && pair.Second.Value.AsSpan().IndexOfAny("*-/") >= 0);

        if (!withSeconds)
            values = [new CronValues(1), .. values]; // At second 0.
        return (new CronCalendar(values[0], values[1], values[2], values[3], values[4], values[5]), isInterval);
    }

    private static string Expand(Match macro) => macro.Value.ToLowerInvariant() switch
    {
        "@yearly" or "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" or "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        "@every_minute" => "* * * * *",
        _ => throw new FormatException($"macro at column {macro.Index + 1}: '{macro.Value}' is unknown; write one of {Macros}"),
    };

    [GeneratedRegex(@"\S+")]
    private static partial Regex Word();
}
