using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Retention;

/// <summary>How long backups of a schedule are kept: <c>7d</c>, <c>4w</c>, <c>12mo</c>, <c>1y</c>, <c>36h</c>, or for ever.</summary>
/// <remarks>
/// Hours, days and weeks are exact (a day is 24 hours), as the runbook's <c>find -mtime</c> counts them.
/// Months and years are steps on the calendar of a zone: twelve months after 1 February 04:00 is 1 February 04:00.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
internal readonly partial record struct RetentionPeriod
{
    /// <summary>A longer period is taken for a slip of the keyboard.</summary>
    private const int MaximumYears = 1000;

    private readonly int count;
    private readonly Unit unit;

    private RetentionPeriod(int count, Unit unit)
    {
        this.count = count;
        this.unit = unit;
    }

    private enum Unit
    {
        Forever,
        Hours,
        Days,
        Weeks,
        Months,
        Years,
    }

    /// <summary>How many backups of its schedule a period of this length holds; 0 where nobody counted.</summary>
    public int Holds { get; init; }

    /// <summary>Kept until deleted by hand.</summary>
    public static RetentionPeriod Forever { get; }

    /// <exception cref="WrongTextException">The text is not a period; the message says what is.</exception>
    public static RetentionPeriod Parse(string text)
    {
        var trimmed = text.Trim();
        if (trimmed.Equals("forever", StringComparison.OrdinalIgnoreCase))
            return Forever;

        var match = CountAndUnit().Match(trimmed);
        if (!match.Success)
            throw new WrongTextException($"'{text}' is not a period", "write a whole number and one of h, d, w, mo, y, for example 7d, or forever", joint: ": ");

        var parsedUnit = ParseUnit(match.Groups["unit"].Value, text);
        if (!int.TryParse(match.Groups["count"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var parsedCount) || parsedCount > Maximum(parsedUnit))
            throw new WrongTextException($"'{text}' is too long a period", $"write at most {MaximumYears}y, or forever", joint: ": ");
        if (parsedCount == 0)
            throw new WrongTextException($"'{text}' would keep nothing", "write a number above zero, for example 7d", joint: ": ");
        return new RetentionPeriod(parsedCount, parsedUnit);
    }

    /// <summary>The instant from which a backup of <paramref name="capturedAt"/> is past its period; null: never.</summary>
    /// <param name="capturedAt">The instant of the snapshot.</param>
    /// <param name="zone">The calendar of months and years.</param>
    public DateTimeOffset? ExpiresAt(DateTimeOffset capturedAt, TimeZoneInfo zone)
    {
        try
        {
            return unit switch
            {
                Unit.Forever => null,
                Unit.Hours => capturedAt.AddHours(count),
                Unit.Days => capturedAt.AddDays(count),
                Unit.Weeks => capturedAt.AddDays(7L * count),
                Unit.Months => AddMonths(capturedAt, count, zone),
                _ => AddMonths(capturedAt, 12 * count, zone),
            };
        }
        catch (ArgumentOutOfRangeException)
        {
            return null; // Beyond the year 9999.
        }
    }

    /// <summary>The earliest capture that is not past its period at <paramref name="now"/>; null: every one.</summary>
    /// <param name="now">The instant to look at.</param>
    /// <param name="zone">The calendar of months and years.</param>
    public DateTimeOffset? StartOfWhatIsKept(DateTimeOffset now, TimeZoneInfo zone)
    {
        try
        {
            return unit switch
            {
                Unit.Forever => null,
                Unit.Hours => now.AddHours(-count),
                Unit.Days => now.AddDays(-count),
                Unit.Weeks => now.AddDays(-7L * count),
                Unit.Months => AddMonths(now, -count, zone),
                _ => AddMonths(now, -12 * count, zone),
            };
        }
        catch (ArgumentOutOfRangeException)
        {
            return null; // Before the year 1.
        }
    }

    /// <summary>The shortest text that <see cref="Parse"/> reads back to the same period.</summary>
    public override string ToString() =>
        unit == Unit.Forever ? "forever" : count.ToString(CultureInfo.InvariantCulture) + Suffix(unit);

    /// <remarks>
    /// A month that is too short ends on its last day. A local time that daylight saving skips moves forward by the
    /// length of the gap, and one that occurs twice is the second: in doubt a backup is kept longer.
    /// </remarks>
    private static DateTimeOffset AddMonths(DateTimeOffset capturedAt, int months, TimeZoneInfo zone)
    {
        var local = TimeZoneInfo.ConvertTime(capturedAt, zone).DateTime.AddMonths(months);
        return new DateTimeOffset(local.Ticks, TimeSpan.Zero) - zone.GetUtcOffset(local);
    }

    private static Unit ParseUnit(string unit, string text) => unit.ToLowerInvariant() switch
    {
        "h" => Unit.Hours,
        "d" => Unit.Days,
        "w" => Unit.Weeks,
        "mo" => Unit.Months,
        "y" => Unit.Years,
        "m" => throw new WrongTextException($"'{text}' is ambiguous: for months write mo, for example 12mo; minutes are too short to keep a backup", mend: null),
        _ => throw new WrongTextException($"'{text}' is not a period", "write a whole number and one of h, d, w, mo, y, for example 7d", joint: ": "),
    };

    private static string Suffix(Unit unit) => unit switch
    {
        Unit.Hours => "h",
        Unit.Days => "d",
        Unit.Weeks => "w",
        Unit.Months => "mo",
        _ => "y",
    };

    private static int Maximum(Unit unit) => MaximumYears * unit switch
    {
        Unit.Hours => 366 * 24,
        Unit.Days => 366,
        Unit.Weeks => 53,
        Unit.Months => 12,
        _ => 1,
    };

    [GeneratedRegex("^(?<count>[0-9]+) *(?<unit>[A-Za-z]+)$", RegexOptions.ExplicitCapture)]
    private static partial Regex CountAndUnit();
}

/// <summary>Decides what retention keeps and removes of one source's backups. Pure: no clock, no files.</summary>
/// <remarks>
/// A backup is removed only when nothing asks to keep it: it is good, made by a configured schedule, past its period,
/// covered by a newer one, no kept backup builds on it, and the clock is plausible. In doubt it is kept.
/// </remarks>
internal static class RetentionPolicy
{
    /// <param name="backups">All backups of one source, in any order.</param>
    /// <param name="periods">The retention of each schedule by name; a schedule that is not named keeps for ever.</param>
    /// <param name="now">The instant to decide at.</param>
    /// <param name="zone">The zone of calendar periods (months, years) and of the times in the reasons.</param>
    /// <param name="held">What something else asks to keep, and why; null: nothing.</param>
    /// <returns>One decision for each backup, newest first.</returns>
    public static IReadOnlyList<RetentionDecision> Decide(
        IReadOnlyCollection<Backup> backups,
        IReadOnlyDictionary<string, RetentionPeriod> periods,
        DateTimeOffset now,
        TimeZoneInfo zone,
        IReadOnlyDictionary<BackupId, string>? held = null)
    {
        var (newestFirst, rules, reasons) = Weigh(backups, periods, now, zone, held);
        return [.. newestFirst.Select(backup => reasons.TryGetValue(backup, out var toKeep)
            ? new RetentionDecision(backup, Keep: true, toKeep)
            : new RetentionDecision(backup, Keep: false, [rules.ReasonToRemove(backup)]))];
    }

    /// <summary>What <see cref="Decide"/> would remove, newest first, for who asks no reason: of a hundred thousand each is a text.</summary>
    public static IReadOnlyList<Backup> Removed(
        IReadOnlyCollection<Backup> backups, IReadOnlyDictionary<string, RetentionPeriod> periods, DateTimeOffset now, TimeZoneInfo zone, IReadOnlyDictionary<BackupId, string>? held = null)
    {
        var (newestFirst, _, reasons) = Weigh(backups, periods, now, zone, held);
        return Array.FindAll(newestFirst, backup => !reasons.ContainsKey(backup));
    }

    /// <returns>The backups, and why each that is kept is: at least one reason.</returns>
    private static (Backup[] NewestFirst, RetentionRules Rules, Dictionary<Backup, List<string>> Reasons) Weigh(
        IReadOnlyCollection<Backup> backups, IReadOnlyDictionary<string, RetentionPeriod> periods, DateTimeOffset now, TimeZoneInfo zone, IReadOnlyDictionary<BackupId, string>? held)
    {
        Backup[] newestFirst = [.. backups
            .OrderByDescending(backup => backup.CapturedAt)
            .ThenByDescending(backup => backup.Id.Value, StringComparer.Ordinal)];
        var clock = new ClockCheck(newestFirst, now, zone);
        var rules = new RetentionRules(newestFirst, periods, now, zone);
        // By reference: a backup whose files were copied by hand is here twice under one identity.
        var reasons = new Dictionary<Backup, List<string>>(ReferenceEqualityComparer.Instance);
        foreach (var backup in newestFirst)
        {
            if ((List<string>)[.. rules.ReasonsToKeep(backup), .. clock.ReasonsToKeep(backup), .. held is not null && held.TryGetValue(backup.Id, out var why) ? (string[])[why] : []] is { Count: > 0 } toKeep)
                reasons[backup] = toKeep;
        }

        KeepBases(newestFirst, reasons);
        return (newestFirst, rules, reasons);
    }

    /// <summary>
    /// What has to be expanded whole before retention goes on: backups that would cover expired ones, and were proven by their chain
    /// alone. Nothing goes on the strength of that.
    /// </summary>
    public static IReadOnlyList<Backup> ToExpand(
        IReadOnlyCollection<Backup> backups, IReadOnlyDictionary<string, RetentionPeriod> periods, DateTimeOffset now, TimeZoneInfo zone, IReadOnlyDictionary<BackupId, string>? held = null)
    {
        var unexpanded = backups.Where(backup => backup.Proof == Proof.Chain && backup.Bases.All(link => link.State == BackupState.Good)).ToList();
        if (unexpanded.Count == 0)
            return [];
        var going = NamesOfRemoved(backups);
        var supposed = NamesOfRemoved([.. backups.Select(backup => backup.Proof == Proof.Chain ? backup with { Verification = backup.Verification! with { Proof = Proof.Whole } } : backup)]);
        return [.. supposed.Where(backup => !going.Contains(backup)).Select(backup => backup.Schedule).Distinct(StringComparer.Ordinal)
            .Select(schedule => unexpanded.Where(backup => backup.Schedule == schedule).MaxBy(backup => backup.CapturedAt)).OfType<Backup>()];

        HashSet<(string File, string Schedule)> NamesOfRemoved(IReadOnlyCollection<Backup> of) => [.. Removed(of, periods, now, zone, held).Select(backup => (backup.File, backup.Schedule))];
    }

    /// <summary>Whatever a kept backup builds on, directly or through others, is kept with it; of two copies both.</summary>
    private static void KeepBases(IReadOnlyList<Backup> newestFirst, Dictionary<Backup, List<string>> reasons)
    {
        if (newestFirst.All(backup => backup.Bases.Count == 0))
            return;
        var byId = newestFirst.ToLookup(backup => backup.Id);
        var needed = new HashSet<BackupId>();
        foreach (var backup in newestFirst.Where(reasons.ContainsKey).ToList())
        {
            foreach (var @base in backup.Bases.TakeWhile(@base => needed.Add(@base.Id)).SelectMany(@base => byId[@base.Id])) // what is below one that is needed already is, too
            {
                if (!reasons.TryGetValue(@base, out var toKeep))
                    reasons[@base] = toKeep = [];
                toKeep.Add($"{backup.File}, which is kept, builds on it");
            }
        }
    }
}
