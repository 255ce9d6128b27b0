using System.CommandLine;
using Spectre.Console;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup status</c>: how well everything is protected, on one screen.</summary>
internal static class StatusCommand
{
    public static Command Create(CommandContext context)
    {
        var json = CommandContext.Json();
        var command = new TaughtCommand(
            "status",
            "One screen: each source's newest good backup, its age and level (OK, L1, L2, L3; NEW before the first backup), the next run, the last failure, the disks, and whether an agent runs.",
            "nexus-backup status",
            "nexus-backup status --json | jq -r .level")
        {
            json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = context.OpenAgent(parsed, needsState: true);
            var look = await session.Agent.States.ReadAsync(cancellationToken);
            var sources = new List<SourceState>();
            foreach (var source in session.Agent.Roster.Current)
                sources.Add(await look.OfAsync(source, cancellationToken, withOrphans: true));

            var commands = context.CommandsOf(parsed);
            if (parsed.GetValue(json))
                JsonDocuments.Print(context.Terminal.Output, StatusDocument.Of(look.Agent, sources, commands), JsonDocuments.Readably.StatusDocument);
            else
                new Screen(context.Terminal, look.Agent, commands, session.Agent.Configuration.TimeZone).Print(sources);
            return (int)ExitCode.Done;
        });
        return command;
    }

    private sealed class Screen(Terminal terminal, AgentState agent, Commands commands, TimeZoneInfo zone)
    {
        public void Print(IReadOnlyList<SourceState> sources)
        {
            terminal.Line(AgentLine());
            foreach (var reason in agent.Reasons)
                terminal.Line($"{Readable.Coloured(reason.Level)} {Readable.Plain(reason.Reason.English)}");
            terminal.Output.WriteLine();
            terminal.Table(Sources(sources));
            foreach (var source in sources)
                PrintDetails(source);
            terminal.Output.WriteLine();
            terminal.Table(Stores());
            foreach (var store in agent.Stores.Values)
            {
                if (store.Failure is { } failure)
                    terminal.Line($"{Readable.Coloured(store.Level)} {Readable.Plain(failure.Message)} — next: {Readable.Plain(failure.Hint)}");
            }
        }

        private string AgentLine() => agent switch
        {
            { IsStuck: true, LastBeat: { } beat } =>
                $"agent [red]running, but its scheduler has stopped[/] since {Readable.Time(beat, zone)} — next: systemctl restart nexus-backup",
            { IsRunning: true } => "agent [green]running[/]",
            { LastBeat: null } => "[yellow]no agent[/] has run here yet — next: nexus-backup run (or systemctl start nexus-backup)",
            { LastBeat: { } at } => $"agent [red]not running[/] since {Readable.Time(at, zone)} — next: systemctl start nexus-backup (or nexus-backup run)",
        };

        private Table Sources(IReadOnlyList<SourceState> sources)
        {
            var table = Columns("source", "level", "newest good backup", "age", "backups", "next run");
            foreach (var source in sources)
            {
                var good = source.NewestGood;
                table.AddRow(
                    $"[bold]{Readable.Plain(source.Name)}[/]",
                    Readable.Coloured(source.Level, source.IsNew),
                    source.IsUnreadable ? ValueText.Unreadable.English : good is null ? "none" : Readable.Time(good.CapturedAt, zone),
                    source.Age is { } age ? Readable.Duration(age) : "",
                    source.IsUnreadable ? "?" : source.Backups.Count.ToString(System.Globalization.CultureInfo.InvariantCulture),
                    source.Activity?.RunStartedAt is { } started ? $"running for {Readable.Duration(source.Now - started)}"
                        : source.NextRun is { } next ? Readable.Time(next, zone) : "manual only");
            }

            return table;
        }

        private void PrintDetails(SourceState source)
        {
            var name = Readable.Plain(source.Name);
            foreach (var reason in source.Reasons)
                terminal.Line($"{Readable.Coloured(reason.Level)} {name}: {Readable.Plain(reason.Reason.English)}");
            if (source is { ListFailure: { } unread, Store.Failure: null })
                terminal.Line($"   {name}: {Readable.Plain(unread.Message)} — next: {Readable.Plain(unread.Hint)}");
            if (source.LastFailure is { } failure)
                terminal.Line($"   {name}: {Readable.Plain(StatusText.OfLastRun(failure, source, commands))}");
            if (source.LastDrill is { } drill)
                terminal.Line($"   {name}: {Sentence(drill, name)}");
            if (source.HookFailure is { } hook)
                terminal.Line($"   {name}: the last hook failed: {Readable.Plain(hook.Message)} — next: {Readable.Plain(hook.Hint)}");
            foreach (var restore in StatusText.OfRestores(source, commands))
                terminal.Line($"[red]![/]  {name}: {Readable.Plain(restore)}");
            foreach (var review in source.Reviews.Where(review => review.Missing.Count > 0))
                terminal.Line($"   {name}: {Readable.Plain(Sentence(review))}");
            foreach (var unknown in source.Backups.Where(backup => backup is { Unreadable: not null, IsSetAside: false }))
                terminal.Line($"   {name}: {Readable.Plain(unknown.File)} is not known to be good: {Readable.Plain(unknown.Unreadable!.Message)} — next: {Readable.Plain(unknown.Unreadable.Hint)}");
            foreach (var trouble in source.Backups.SelectMany(backup => backup.AllTroubles))
                terminal.Line($"   {name}: {Readable.Plain(trouble.File)} is damaged: {Readable.Plain(trouble.Reason)} — next: {Readable.Plain(trouble.Remedy)}");
            foreach (var orphan in source.Orphans)
                terminal.Line($"   {name}: {Readable.Plain(orphan.File)} is no backup: {Readable.Plain(orphan.Reason)}");
        }

        private string Sentence(LastDrill drill, string name)
        {
            var at = $"restore drill of {Readable.Time(drill.EndedAt, zone)}";
            if (!drill.Passed)
                return $"[red]{at} failed[/]: {Readable.Plain(drill.Reason!)} — next: nexus-backup drill '{name}'";
            var age = drill.DataAge is { } old ? $", of data that was {Readable.Duration(old)} old" : "";
            return $"{at}: recovered in {Readable.Seconds(drill.Took)}{age}";
        }

        private string Sentence(MissingBackups review)
        {
            const int Most = 5;
            var times = review.Missing.Take(Most).Select(at => TimeZoneInfo.ConvertTime(at, zone).ToString("yyyy-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture));
            return $"{review.Missing.Count} of {review.Expected} {review.Schedule} backups {(review.Missing.Count == 1 ? "is" : "are")} missing: {string.Join(", ", times)}{(review.Missing.Count > Most ? ", …" : "")}";
        }

        private Table Stores()
        {
            var table = Columns("store", "level", "used", "available", "path");
            foreach (var store in agent.Stores.Values)
            {
                table.AddRow(
                    Readable.Plain(store.Name),
                    Readable.Coloured(store.Level),
                    store.Space is { } space ? Readable.Percent(space.UsedRatio) : "?",
                    store.Space is { } room ? Readable.Size(room.Available) : "?",
                    Readable.Plain(store.Path));
            }

            return table;
        }

        private static Table Columns(params string[] headers)
        {
            var table = new Table().Border(TableBorder.None);
            foreach (var header in headers)
                table.AddColumn(new TableColumn($"[dim]{header}[/]").NoWrap().PadLeft(0).PadRight(2));
            return table;
        }
    }
}
