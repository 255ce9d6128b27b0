using System.Globalization;
using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Restore;

/// <summary>
/// What a probe's answer is compared with: an exact text, or <c>&gt;</c>, <c>&gt;=</c>, <c>&lt;</c>, <c>&lt;=</c>,
/// <c>=</c>, <c>!=</c> and a value. Where both sides are numbers they are compared as numbers, otherwise letter by letter.
/// </summary>
internal sealed class Expectation
{
    // The longer ones first: ">= 5" does not mean "> = 5".
    private static readonly string[] Comparisons = [">=", "<=", "!=", ">", "<", "="];

    private readonly string comparison;
    private readonly string value;

    private Expectation(string comparison, string value) => (this.comparison, this.value) = (comparison, value);

    /// <exception cref="WrongTextException">A comparison with nothing.</exception>
    public static Expectation Parse(string text)
    {
        var sign = Array.Find(Comparisons, sign => text.StartsWith(sign, StringComparison.Ordinal)) ?? "";
        var right = sign.Length == 0 ? text : text[sign.Length..].Trim();
        return sign.Length > 0 && right.Length == 0
            ? throw new WrongTextException("compares with nothing", $"write a value after {sign}, for example \"{sign} 1000\"")
            : new Expectation(sign, right);
    }

    public bool IsMetBy(string answer) => comparison switch
    {
        "" => string.Equals(answer, value, StringComparison.Ordinal),
        ">=" => Compare(answer) >= 0,
        "<=" => Compare(answer) <= 0,
        "!=" => Compare(answer) != 0,
        ">" => Compare(answer) > 0,
        "<" => Compare(answer) < 0,
        _ => Compare(answer) == 0,
    };

    /// <summary>As <see cref="Parse"/> reads it back.</summary>
    public override string ToString() => comparison.Length == 0 ? value : $"{comparison} {value}";

    private int Compare(string answer)
    {
        const NumberStyles Styles = NumberStyles.Float;
        // Decimal first: the whole numbers of SQLite have more digits than a double holds.
        if (decimal.TryParse(answer, Styles, CultureInfo.InvariantCulture, out var left) && decimal.TryParse(value, Styles, CultureInfo.InvariantCulture, out var right))
            return left.CompareTo(right);
        if (double.TryParse(answer, Styles, CultureInfo.InvariantCulture, out var large) && double.TryParse(value, Styles, CultureInfo.InvariantCulture, out var other) && double.IsFinite(large) && double.IsFinite(other))
            return large.CompareTo(other);
        return string.CompareOrdinal(answer, value);
    }
}
