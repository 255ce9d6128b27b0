using System.Globalization;
using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Alerts;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>
/// The shipped rules in a hurry: minutes become seconds, an hour ten seconds, a day a minute. Names, comparisons, labels and
/// texts, and the thresholds of age, disk and failures, stay as they are.
/// </summary>
internal static partial class FastRules
{
    /// <summary>Seconds after which a scheduler counts as stuck; it beats every fifteen at the latest.</summary>
    public const int StuckAfter = 25;

    public static string Text { get; } = Hurry(File.ReadAllText(RuleFile.Path));

    public static string Hurry(string rules)
    {
        var sooner = Heartbeat().Replace(rules, match => match.Groups["before"].Value + StuckAfter.ToString(CultureInfo.InvariantCulture));
        sooner = Silence().Replace(sooner, match => match.Groups["before"].Value + "10");
        return Duration().Replace(sooner, match => $"{match.Groups["before"].Value}{Seconds(match)}s");
    }

    private static int Seconds(Match duration) => int.Parse(duration.Groups["count"].Value, CultureInfo.InvariantCulture) * duration.Groups["unit"].Value switch
    {
        "m" => 1,
        "h" => 10,
        _ => 60,
    };

    [GeneratedRegex(@"(?<before>\b(?:interval|keep_firing_for): |\[|\boffset )(?<count>\d+)(?<unit>[mhd])(?<after>\b)")]
    private static partial Regex Duration();

    [GeneratedRegex(@"(?<before>scheduler_idle_seconds\[5m\]\) > )600\b")]
    private static partial Regex Heartbeat();

    [GeneratedRegex(@"(?<before>agent_silence_seconds > )600\b")]
    private static partial Regex Silence();
}
