using System.CommandLine;
using Spectre.Console;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Operations;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup list [SOURCE]</c>: the backups, newest first.</summary>
internal static class ListCommand
{
    public static Command Create(CommandContext context)
    {
        var name = SourceArguments.AtMostOne(context, "Only this source's backups. Default: all sources'");
        var json = CommandContext.Json();
        var command = new TaughtCommand(
            "list",
            "List the backups, newest first, and files that belong to none.",
            "nexus-backup list                                  all sources",
            "nexus-backup list itsm --json | jq -r '.[0].file'  where the newest backup of itsm is")
        {
            name, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = context.OpenAgent(parsed);
            var sources = SourceArguments.Choose(session.Agent.Roster.Current, parsed.GetValue(name) is { } only ? [only] : []);
            var listed = new List<(BackupCatalog Catalog, Backup Backup, string? FullBecause)>();
            var codes = new List<ExitCode>();
            foreach (var source in sources.Select(source => source.Source))
            {
                try
                {
                    var fullBecause = session.Agent.Journal.FullBecause(source.Name);
                    if (parsed.GetValue(json))
                    {
                        listed.AddRange((await source.Catalog.ListAsync(cancellationToken)).Select(backup => (source.Catalog, backup, fullBecause.GetValueOrDefault(backup.Id))));
                        continue;
                    }

                    var (backups, orphans) = await source.Catalog.ListWithOrphansAsync(cancellationToken);
                    Print(context, source, backups, orphans, fullBecause, session.Agent.Turns.IsUnderWay);
                }
                catch (BackupException failure)
                {
                    context.Terminal.Fail($"cannot list '{source.Name}': {failure.Message}", failure.Hint);
                    codes.Add(ExitCodes.Of(failure.Kind));
                }
            }

            if (parsed.GetValue(json))
                JsonArray.Print(context.Terminal.Output, listed, one => BackupDocument.Of(one.Catalog, one.Backup) with { FullBecause = one.FullBecause }, JsonDocuments.Readably.IReadOnlyListBackupDocument);
            return (int)ExitCodes.MostSevere(codes);
        });
        return command;
    }

    private static void Print(
        CommandContext context,
        ProtectedSource source,
        IReadOnlyList<Backup> backups,
        IReadOnlyList<Orphan> orphans,
        IReadOnlyDictionary<BackupId, string> fullBecause,
        Func<string, bool> isUnderWay)
    {
        var terminal = context.Terminal;
        terminal.Line($"[bold]{Readable.Plain(source.Name)}[/]  {Readable.Plain(source.Catalog.Locate(""))}");
        if (backups.Count == 0)
            terminal.Line("  no backups yet");
        else
            PrintTable(terminal, backups, source.Zone, context.TimeProvider.GetUtcNow());
        foreach (var reason in backups.Where(backup => fullBecause.ContainsKey(backup.Id)).GroupBy(backup => fullBecause[backup.Id], StringComparer.Ordinal))
            terminal.Line($"  [dim]made full:[/] {Readable.Plain(string.Join(", ", reason.Select(backup => backup.File)))} (because {Readable.Plain(reason.Key)})");
        foreach (var note in backups.Where(backup => backup.Verification?.Note is not null).GroupBy(backup => backup.Verification!.Note!, StringComparer.Ordinal))
            terminal.Line($"  [yellow]note:[/] {Readable.Plain(string.Join(", ", note.Select(backup => backup.File)))} ({Readable.Plain(note.Key)})");
        foreach (var backup in backups.Where(backup => backup.Unreadable is not null))
            terminal.Line($"  [yellow]unknown:[/] {Readable.Plain(backup.File)} ({Readable.Plain(backup.Unreadable!.Message)})");
        foreach (var trouble in backups.SelectMany(backup => backup.AllTroubles))
            terminal.Line($"  [yellow]damaged:[/] {Readable.Plain(trouble.File)} ({Readable.Plain(trouble.Reason)}; {Readable.Plain(trouble.Remedy)})");
        foreach (var reason in backups.Where(backup => backup.HasBrokenChain).GroupBy(backup => backup.BrokenChain!, StringComparer.Ordinal))
            terminal.Line($"  [red]unrestorable:[/] {Readable.Plain(string.Join(", ", reason.Select(backup => backup.File)))} ({Readable.Plain(reason.Key)})");
        foreach (var orphan in orphans.Where(orphan => orphan.Sweepable.Count == 0 || !isUnderWay(source.Name)))
            terminal.Line($"  [yellow]no backup:[/] {Readable.Plain(orphan.File)} ({Readable.Plain(orphan.Reason)})");
        terminal.Output.WriteLine();
    }

    private static void PrintTable(Terminal terminal, IReadOnlyList<Backup> backups, TimeZoneInfo zone, DateTimeOffset now)
    {
        if (terminal.IsWatched)
        {
            terminal.Table(ScreenTable(backups, zone, now));
            return;
        }

        var table = new PlainTable(("file", false), ("captured", false), ("age", true), ("size", true), ("state", false), ("id", false));
        foreach (var backup in backups)
            table.Add(Cells(backup, zone, now));
        table.Print(terminal.Output);
    }

    private static Table ScreenTable(IReadOnlyList<Backup> backups, TimeZoneInfo zone, DateTimeOffset now)
    {
        var table = new Table().Border(TableBorder.None)
            .AddColumn(Column("[dim]file[/]").PadLeft(2))
            .AddColumn(Column("[dim]captured[/]"))
            .AddColumn(Column("[dim]age[/]").RightAligned())
            .AddColumn(Column("[dim]size[/]").RightAligned())
            .AddColumn(Column("[dim]state[/]"))
            .AddColumn(Column("[dim]id[/]"));
        foreach (var backup in backups)
        {
            var cells = Cells(backup, zone, now);
            table.AddRow(Readable.Plain(cells[0]), cells[1], cells[2], cells[3], Readable.Coloured(backup.State), Readable.Plain(cells[5]));
        }

        return table;
    }

    private static string[] Cells(Backup backup, TimeZoneInfo zone, DateTimeOffset now) =>
    [
        backup.File, Readable.Time(backup.CapturedAt, zone), Readable.Duration(now - backup.CapturedAt), Readable.Size(backup.ActualLength), backup.State.Word(), backup.Id.Value,
    ];

    private static TableColumn Column(string header) => new TableColumn(header).NoWrap().PadLeft(0).PadRight(2);
}
