using System.Globalization;
using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;
using static NexusBackupAgent.EndToEndTests.Alerts.Thresholds;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>The runbook's pages name the <see cref="Thresholds"/>, each in every section that needs it, and no others.</summary>
public sealed partial class RunbookThresholdTests
{
    private static readonly Dictionary<string, int[]> PercentsBySection = new()
    {
        ["flowchart"] = [DiskPercent.L2],
        ["escalation"] = [DiskPercent.L1, DiskPercent.L2, DiskPercent.L2],
        ["checklist"] = [DiskPercent.L1],
        ["prevention"] = [DiskPercent.L1, DiskPercent.L2],
        ["nexusbackupstoragefull"] = [DiskPercent.L1, DiskPercent.L2],
    };

    private static readonly Dictionary<string, int[]> HoursBySection = new()
    {
        ["escalation"] = [AgeHours.L1, AgeHours.L2, AgeHours.L1, AgeHours.L1, AgeHours.L1, AgeHours.L2, AgeHours.L2],
        ["checklist"] = [AgeHours.L1],
        ["nexusbackupnone"] = [AgeHours.L1],
        ["nexusbackupstale"] = [AgeHours.L1, AgeHours.L2],
    };

    [Theory]
    [InlineData("runbook.md", "| L1 (warning) |", "one failed run", "disk {0} to {1} %", "`rpo.warning` ({2} h)")]
    [InlineData("runbook.md", "| L2 (critical) |", "two or more failed runs in a row", "disk {1} % and more", "`rpo.critical` ({3} h)")]
    [InlineData("runbook.md", "| L3 (critical) |", "`rpo.warning`, {2} h,")]
    [InlineData("runbook.md", "RPO, by the age", "below {2} h normal", "{2} to {3} h warning", "above {3} h crisis")]
    [InlineData("runbook.md", "| 6 | disk space |", "below {0} %")]
    [InlineData("runbook.md", "| disk | alerts at", "{0} % and {1} %")]
    [InlineData("runbook.md", "      ├─ store ≥", "≥ {1} % or full")]
    [InlineData("runbook.md", "**L3.** A source has no backup", "its warning threshold ({2} h)")]
    [InlineData("runbook.md", "**L1** when the newest good backup", "older than `rpo.warning` ({2} h)", "**L2** beyond `rpo.critical` ({3} h)")]
    [InlineData("runbook.md", "**L1** after one failed run", "**L2** after two or more in a row")]
    [InlineData("runbook.md", "**L1** from", "**L1** from {0} % of the store's disk", "**L2** from {1} %")]
    [InlineData("runbook.ja.md", "| L1（warning） |", "単発のバックアップ失敗", "ディスク使用率{0}〜{1}%", "`rpo.warning`（{2}時間）")]
    [InlineData("runbook.ja.md", "| L2（critical） |", "連続{5}回以上のバックアップ失敗", "ディスク使用率{1}%以上", "`rpo.critical`（{3}時間）")]
    [InlineData("runbook.ja.md", "| L3（critical） |", "`rpo.warning`（{2}時間）")]
    [InlineData("runbook.ja.md", "RPOは最終正常バックアップ", "{2}時間未満は正常範囲", "{2}〜{3}時間は警告", "{3}時間超は危機")]
    [InlineData("runbook.ja.md", "| 6 | ディスク容量 |", "使用率{0}%未満")]
    [InlineData("runbook.ja.md", "| ディスク監視 |", "{0}%・{1}%")]
    [InlineData("runbook.ja.md", "      ├─ 格納先の使用率", "使用率{1}%以上・満杯")]
    [InlineData("runbook.ja.md", "**L3** 到達でき", "警告しきい値（{2}時間）")]
    [InlineData("runbook.ja.md", "最終正常バックアップから", "`rpo.warning`（{2}時間）を超過し、75分続くと **L1**", "`rpo.critical`（{3}時間）を超過すると **L2**")]
    [InlineData("runbook.ja.md", "単発の失敗で", "単発の失敗で **L1**、連続{5}回以上で **L2**")]
    [InlineData("runbook.ja.md", "格納先ディスクの使用率が", "{0}%以上で **L1**、{1}%以上で **L2**")]
    [InlineData("monitoring.md", "[runbook.md](runbook.md)", "{2} h and {3} h")]
    public void Each_sentence_with_a_threshold_has_it_for_the_right_level(string page, string line, params string[] expected)
    {
        var text = Assert.Single(File.ReadLines(Repository.File("docs", page)), one => one.StartsWith(line, StringComparison.Ordinal));

        Assert.All(expected, words => Assert.Contains(In(words), text, StringComparison.Ordinal));
    }

    /// <summary>Also for a sentence that is new: what it says of a disk or an age has to be entered here.</summary>
    [Theory]
    [InlineData("runbook.md")]
    [InlineData("runbook.ja.md")]
    public void No_section_has_another_number_of_percents_or_of_hours_of_age(string page)
    {
        var text = File.ReadAllText(Repository.File("docs", page));

        Assert.Equal(Lines(PercentsBySection), Lines(NumbersBySection(text, Percent())));
        // Ages are told from other spans (a limit of six hours, the 26 hours of an alert) by what they stand beside.
        Assert.Equal(Lines(HoursBySection), Lines(NumbersBySection(text, Age())));
    }

    private static IEnumerable<string> Lines(Dictionary<string, int[]> numbers) => numbers.Select(section => $"{section.Key}: {string.Join(", ", section.Value)}");

    /// <summary>What the pattern's groups hold, under the anchor before it, in the page's order.</summary>
    private static Dictionary<string, int[]> NumbersBySection(string text, Regex pattern)
    {
        var anchors = Anchor().Matches(text);
        return pattern.Matches(text)
            .GroupBy(match => anchors.Last(anchor => anchor.Index < match.Index).Groups[1].Value)
            .ToDictionary(section => section.Key, section => section.SelectMany(NumbersOf).ToArray());
    }

    private static IEnumerable<int> NumbersOf(Match match) =>
        match.Groups.Values.Skip(1).Where(group => group.Success).Select(group => int.Parse(group.Value, CultureInfo.InvariantCulture));

    [GeneratedRegex("<a id=\"([a-z-]+)\"></a>")]
    private static partial Regex Anchor();

    [GeneratedRegex("(?:([0-9]+)(?: to |〜))?([0-9]+) ?%")]
    private static partial Regex Percent();

    // Japanese writes every span in 時間; those that are no ages are followed by 以内, を超える, 超えて, である, た or an alert's window.
    [GeneratedRegex("(?:([0-9]+)(?: to |〜))?([0-9]+)(?: h\\b|時間(?=[）未は超](?!え)))")]
    private static partial Regex Age();
}
