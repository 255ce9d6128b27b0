using System.Globalization;
using Spectre.Console;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Cli;

/// <summary>Values in the form that people read.</summary>
internal static class Readable
{
    /// <summary>Three digits and a binary unit: <c>12.3 MiB</c>.</summary>
    public static string Size(long bytes) => ValueText.Size(bytes);

    /// <summary>The two largest units: <c>3 d 4 h</c>, <c>5 min</c>, <c>12 s</c>. A negative one is in the future.</summary>
    public static string Duration(TimeSpan span) => SpanText.Measured(span).English;

    /// <summary>Local time of a zone: <c>2026-02-14 02:00:00</c>.</summary>
    public static string Time(DateTimeOffset instant, TimeZoneInfo zone) =>
        TimeZoneInfo.ConvertTime(instant, zone).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>What to write beside times of a zone: its offset where all of them have the same, otherwise its name.</summary>
    public static string Zone(TimeZoneInfo zone, params IReadOnlyCollection<DateTimeOffset> instants)
    {
        var offsets = instants.Select(zone.GetUtcOffset).Distinct().ToList();
        return offsets switch
        {
            [var only] when only == TimeSpan.Zero => "UTC",
            [var only] => $"{(only < TimeSpan.Zero ? "-" : "+")}{only:hh\\:mm}",
            _ => zone.Id,
        };
    }

    /// <summary><c>12.3 s</c>; below a second two digits, <c>0.04 s</c>.</summary>
    public static string Seconds(TimeSpan span) =>
        span.TotalSeconds.ToString(span.TotalSeconds < 1 ? "0.00 s" : "0.0 s", CultureInfo.InvariantCulture);

    public static string Percent(double ratio) => string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(ratio * 100):0} %");

    /// <summary>A state in its colour, as markup.</summary>
    public static string Coloured(BackupState state) => state switch
    {
        BackupState.Good => "[green]good[/]",
        BackupState.Unverified => "[yellow]unverified[/]",
        _ => $"[red]{state.Word()}[/]",
    };

    /// <summary>The same as a cell of a table.</summary>
    public static Cell StateCell(Backup backup, Language language) => backup.State switch
    {
        BackupState.Good when backup.Proof == Proof.Chain => new(new Bilingual("good (chain)", "正常（差分のみ検証）").In(language), "green"),
        BackupState.Good => new(new Bilingual("good", "正常").In(language), "green"),
        BackupState.Unverified => new(new Bilingual("unverified", "未検証").In(language), "yellow"),
        BackupState.Corrupt => new(new Bilingual("corrupt", "破損").In(language), "red"),
        var state => new(new Bilingual(state.Word(), "保全").In(language), "red"),
    };

    /// <summary>Whether something passed, as markup; a dash when that is not known.</summary>
    public static string Mark(bool? passed) => passed switch { true => "[green]✓[/]", false => "[red]✗[/]", null => "[yellow]–[/]" };

    /// <summary>A level in its colour, as markup.</summary>
    /// <param name="isNew">Whether it is the level of a new source.</param>
    public static string Coloured(EscalationLevel level, bool isNew = false) => $"[{ColourOf(level, isNew)}]{level.Label(isNew)}[/]";

    /// <param name="level">Null: who looks may not see enough to name one.</param>
    public static Cell LevelCell(EscalationLevel? level, bool isNew = false) => level is { } known ? new(known.Label(isNew), ColourOf(known, isNew)) : new("–", "yellow");

    /// <summary>Text that holds no markup.</summary>
    public static string Plain(string text) => Markup.Escape(text);

    private static string ColourOf(EscalationLevel level, bool isNew) => level switch { EscalationLevel.Ok => isNew ? "blue" : "green", EscalationLevel.L1 => "yellow", _ => "red" };
}
