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
            "One screen: each source's newest good backup, its age and level (OK, L1, L2, L3), the next run, the last failure, the disks, and whether an agent runs.",
            "nexus-backup status",
            "nexus-backup status --json | jq -r .level")
        {
            json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = context.OpenAgent(parsed);
            var status = await AgentStatus.ReadAsync(session.Agent, cancellationToken);
            var sources = new List<SourceStatus>();
            foreach (var source in session.Agent.Roster.Current)
                sources.Add(await status.OfAsync(source, cancellationToken));

            var screen = new Screen(context.Terminal, status, context.CommandsOf(parsed));
            if (parsed.GetValue(json))
                JsonDocuments.Print(context.Terminal, screen.Document(sources), JsonDocuments.Readably.StatusDocument);
            else
                screen.Print(sources);
            return (int)ExitCode.Done;
        });
        return command;
    }

    private sealed class Screen(Terminal terminal, AgentStatus status, Commands commands)
    {
        private readonly TimeZoneInfo zone = status.Agent.Configuration.TimeZone;
        private readonly DateTimeOffset now = status.Now;

        public void Print(IReadOnlyList<SourceStatus> sources)
        {
            var stores = status.Stores.Values;
            terminal.Line(AgentLine());
            foreach (var reason in status.Reasons)
                terminal.Line($"{Readable.Coloured(reason.Level)} {Readable.Plain(reason.Reason.English)}");
            terminal.Output.WriteLine();
            terminal.Table(Sources(sources));
            foreach (var source in sources)
                PrintDetails(source);
            terminal.Output.WriteLine();
            terminal.Table(Stores());
            foreach (var store in stores)
            {
                if (store.Failure is { } failure)
                    terminal.Line($"{Readable.Coloured(store.Level)} {Readable.Plain(failure.Message)} — next: {Readable.Plain(failure.Hint)}");
            }
        }

        public StatusDocument Document(IReadOnlyList<SourceStatus> sources)
        {
            var stores = status.Stores.Values;
            var ofAgent = Escalation.Highest(status.Reasons);
            var highest = sources.Select(source => source.Level).Concat(stores.Select(store => store.Level)).Append(ofAgent).Max();
            return new StatusDocument(
                new AgentDocument(status.Condition.IsRunning, status.Condition.LastBeat is { } at ? Readable.Utc(at) : null, Readable.Word(ofAgent)),
                Readable.Word(highest),
                [.. sources.Select(Document)],
                [.. stores.Select(store => new StoreDocument(
                    store.Name, store.Path, Readable.Word(store.Level), store.Space?.UsedRatio, store.Space?.Size, store.Space?.Available, store.Failure?.Message))]);
        }

        private SourceDocument Document(SourceStatus source) => new(
            source.Source.Name,
            Readable.Word(source.Level),
            [.. source.Reasons.Select(reason => $"{reason.Level}: {reason.Reason.English}")],
            source.NewestGood is { } good ? BackupDocument.Of(source.Source.Source.Catalog, good) : null,
            source.NewestGood is { } newest ? Math.Round((now - newest.CapturedAt).TotalSeconds) : null,
            source.IsUnreadable ? null : source.Backups.Count,
            source.Activity?.RunStartedAt is { } started ? Readable.Utc(started) : null,
            source.NextRun is { } next ? Readable.Utc(next) : null,
            source.LastFailure is { } failure ? FailureDocument.Of(failure with { Hint = commands.Named(failure.Hint, source.Name) }) : null,
            source.LastDrill is { } drill ? LastDrillDocument.Of(drill) : null,
            source.HookFailure is { } hook ? FailureDocument.Of(hook) : null,
            source.RestoreToMend is { } restore ? Readable.Utc(restore.StartedAt) : null,
            [.. source.Orphans.Select(orphan => new OrphanDocument(source.Source.Source.Catalog.Locate(orphan.File), orphan.Reason))],
            [.. source.Reviews.Where(review => review.Missing.Count > 0).Select(review => new MissingDocument(review.Schedule, review.Expected, [.. review.Missing.Select(Readable.Utc)]))]);

        private string AgentLine() => status.Condition switch
        {
            { IsRunning: true, LastBeat: { } beat } when status.Condition.IsStuck(now) =>
                $"agent [red]running, but its scheduler has stopped[/] since {Readable.Time(beat, zone)} — next: systemctl restart nexus-backup",
            { IsRunning: true } => "agent [green]running[/]",
            { LastBeat: null } => "[yellow]no agent[/] has run here yet — next: nexus-backup run (or systemctl start nexus-backup)",
            { LastBeat: { } at } => $"agent [red]not running[/] since {Readable.Time(at, zone)} — next: systemctl start nexus-backup (or nexus-backup run)",
        };

        private Table Sources(IReadOnlyList<SourceStatus> sources)
        {
            var table = Columns("source", "level", "newest good backup", "age", "backups", "next run");
            foreach (var source in sources)
            {
                var good = source.NewestGood;
                table.AddRow(
                    $"[bold]{Readable.Plain(source.Source.Name)}[/]",
                    Readable.Coloured(source.Level),
                    source.IsUnreadable ? Values.Unreadable.English : good is null ? "none" : Readable.Time(good.CapturedAt, zone),
                    good is null ? "" : Readable.Duration(now - good.CapturedAt),
                    source.IsUnreadable ? "?" : source.Backups.Count.ToString(System.Globalization.CultureInfo.InvariantCulture),
                    source.Activity?.RunStartedAt is { } started ? $"running for {Readable.Duration(now - started)}"
                        : source.NextRun is { } next ? Readable.Time(next, zone) : "manual only");
            }

            return table;
        }

        private void PrintDetails(SourceStatus source)
        {
            var name = Readable.Plain(source.Source.Name);
            foreach (var reason in source.Reasons)
                terminal.Line($"{Readable.Coloured(reason.Level)} {name}: {Readable.Plain(reason.Reason.English)}");
            if (source.ListFailure is { } unread && status.StoreOf(source.Source).Failure is null)
                terminal.Line($"   {name}: {Readable.Plain(unread.Message)} — next: {Readable.Plain(unread.Hint)}");
            if (source.LastFailure is { } failure)
                terminal.Line($"   {name}: {Readable.Plain(StatusSentences.OfLastRun(failure, source, status, commands))}");
            if (source.LastDrill is { } drill)
                terminal.Line($"   {name}: {Sentence(drill, name)}");
            if (source.HookFailure is { } hook)
                terminal.Line($"   {name}: the last hook failed: {Readable.Plain(hook.Message)} — next: {Readable.Plain(hook.Hint)}");
            foreach (var restore in StatusSentences.OfRestores(source, status, commands))
                terminal.Line($"[red]![/]  {name}: {Readable.Plain(restore)}");
            foreach (var review in source.Reviews.Where(review => review.Missing.Count > 0))
                terminal.Line($"   {name}: {Readable.Plain(Sentence(review))}");
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
            foreach (var store in status.Stores.Values)
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
