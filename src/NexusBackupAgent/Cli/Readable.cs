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

    /// <summary>Whether something passed, as markup; a dash when that is not known.</summary>
    public static string Mark(bool? passed) => passed switch { true => "[green]✓[/]", false => "[red]✗[/]", null => "[yellow]–[/]" };

    /// <summary>A level in its colour, as markup.</summary>
    /// <param name="isNew">Whether it is the level of a new source.</param>
    public static string Coloured(EscalationLevel level, bool isNew = false)
    {
        var colour = level switch { EscalationLevel.Ok => isNew ? "blue" : "green", EscalationLevel.L1 => "yellow", _ => "red" };
        return $"[{colour}]{level.Label(isNew)}[/]";
    }

    /// <summary>Text that holds no markup.</summary>
    public static string Plain(string text) => Markup.Escape(text);
}
