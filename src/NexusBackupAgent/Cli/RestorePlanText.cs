using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Cli;

/// <summary>The plan of <c>restore --dry-run</c> on a screen.</summary>
internal static class RestorePlanText
{
    /// <param name="changes">Null: the source is replaced as a whole.</param>
    public static void Print(Terminal terminal, RestorePreview preview, LastDrill? lastDrill, RestoreChanges? changes)
    {
        terminal.Line($"[bold]Restore of {Readable.Plain(preview.Request.Name)}: the plan; nothing is touched[/]");
        foreach (var (name, text) in Lines(preview, lastDrill))
            terminal.Line($"  [dim]{name,-12}[/]{Readable.Plain(text)}");
        if (changes is null)
            return;
        terminal.Line($"  [dim]{"changes",-12}[/]{changes.Added} new, {changes.Changed} changed, {changes.Deleted} deleted");
        foreach (var change in changes.First)
        {
            if (change.Line is { } line)
            {
                terminal.Line(Readable.Plain(LineText.Of(line)));
                continue;
            }

            var (colour, word) = change.Kind switch { ChangeKind.Add => ("green", "add"), ChangeKind.Change => ("yellow", "change"), _ => ("red", "delete") };
            terminal.Line($"  [{colour}]{word,-12}[/]{Readable.Plain(LineText.Of(change.Path))}{(change.What is null ? "" : $" [dim]({Readable.Plain(change.What)})[/]")}");
        }

        if (changes.LeftOff > 0)
            terminal.Line($"  [dim]{"",-12}[/]and {changes.LeftOff} more (--json shows more of them)");
    }

    private static IEnumerable<(string Name, string Text)> Lines(RestorePreview preview, LastDrill? lastDrill)
    {
        var (backup, target, zone) = (preview.Chosen.Backup, preview.Target, preview.Request.Zone);
        yield return ("backup", $"{preview.ChosenCatalog.Locate(backup.File)} ({backup.Id})");
        if (backup.Bases is [.., var full])
        {
            yield return ("chain", $"{full.File} (full) + {backup.Bases.Count} {(backup.Bases.Count == 1 ? "increment" : "increments")}, each applied to the one before:");
            foreach (var link in backup.Chain.Reverse().Skip(1))
                yield return ("", $"{link.File} ({link.Manifest.Type.Word()}, {Readable.Size(link.ActualLength)})");
        }

        yield return ("why", preview.Chosen.Reason);
        if (preview.Key is { } trial)
            yield return ("key", trial.Refusal?.Message ?? (trial.Key is { } key ? $"{key} opens it, as its beginning shows" : $"could not be tried: {trial.NotTried}"));
        yield return preview.Chosen.Instant is { } instant
            ? ("state of", $"{Readable.Time(instant.At, zone)}, {Readable.Duration(preview.Age)} ago; the backup is of {Readable.Time(backup.CapturedAt, zone)}")
            : ("captured", $"{Readable.Time(backup.CapturedAt, zone)}, {Readable.Duration(preview.Age)} ago");
        foreach (var passed in preview.Plan.Newer)
            yield return ("not", $"{passed.Backup.File}: {passed.Reason}");
        yield return ("to", target.Location);
        foreach (var part in preview.Parts ?? [])
            yield return ("tablespace", part.From == part.To ? $"{part.From}, where it was" : $"{part.From} → {part.To}");
        if (preview.Parts is null)
            yield return ("tablespaces", "not known before the backup is read: what tells them beside it is gone");
        if (preview.SafetyCopy is { } safety)
        {
            yield return ("overwrites", (target.Length > 0 ? Readable.Size(target.Length) : "what is there") + (target.IsLive ? $"; everything since {Readable.Time(preview.Chosen.StateOf, zone)} ({Readable.Duration(preview.Age)}) is then only in the safety copy" : ""));
            yield return ("safety copy", $"{safety} (with the time of the restore)");
        }
        else
        {
            yield return ("overwrites", "nothing");
        }

        if (preview.HeldDeleted is { } held)
        {
            yield return ("not yet", $"{target.Location} {held.Problem}");
            yield return ("first", held.Mend);
        }

        foreach (var user in preview.HeldDeleted is null ? preview.Users : [])
            yield return ("open in", $"process {user}{(preview.NeedsStop ? ": stop it before the restore, or the restore is refused" : "")}");
        foreach (var left in preview.Leftovers)
            yield return ("removes", $"{left}, which a restore left that was killed");
        foreach (var (name, text) in Service(preview))
            yield return (name, text);
        yield return ("room", $"{Readable.Size(preview.Needed)} needed{(backup.Manifest.IsCommitted ? "" : " or more: nobody knows the length of a hand-made backup")}, {(preview.Available is { } there ? Readable.Size(there) : "an unknown amount")} there");
        if (preview.NeedsForce)
            yield return ("to do it", "the same command with --force in place of --dry-run");
        yield return ("last drill", lastDrill switch
        {
            null => "no drill yet",
            { Reason: { } reason } => $"failed {Readable.Time(lastDrill.EndedAt, zone)}: {reason}",
            _ => $"took {Readable.Seconds(lastDrill.Took)}, {Readable.Time(lastDrill.EndedAt, zone)}",
        });
    }

    private static IEnumerable<(string Name, string Text)> Service(RestorePreview preview)
    {
        if (!preview.Target.IsLive)
            yield break;
        var settings = preview.Request.Settings;
        if (settings.Before.Count + settings.After.Count == 0)
            yield return ("service", "no commands in restore.before and restore.after: stop and start it yourself");
        foreach (var command in settings.Before)
            yield return ("before", ToolProcess.Line(command));
        foreach (var command in settings.After)
            yield return ("after", ToolProcess.Line(command));
        foreach (var health in settings.Health)
            yield return ("then", $"wait up to {settings.HealthTimeout.TotalSeconds:0} s for {health.Shown}");
    }
}
