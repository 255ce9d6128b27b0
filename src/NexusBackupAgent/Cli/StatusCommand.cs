using System.CommandLine;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Runs;
using NexusBackupAgent.Scheduling;
using Spectre.Console;

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
            var agent = session.Agent;
            var now = context.TimeProvider.GetUtcNow();
            var stores = agent.Stores.Values.Select(StoreStatus.Read).ToDictionary(store => store.Name, StringComparer.Ordinal);
            var log = agent.Journal.Read();
            var sources = new List<SourceStatus>();
            foreach (var source in agent.Roster.Current)
                sources.Add(await SourceStatus.ReadAsync(agent, source, log, stores, now, cancellationToken));

            var screen = new Screen(context.Terminal, agent.Configuration.TimeZone, now);
            if (parsed.GetValue(json))
                JsonDocuments.Print(context.Terminal, screen.Document(agent, sources, [.. stores.Values]), JsonDocuments.Readably.StatusDocument);
            else
                screen.Print(agent, sources, [.. stores.Values]);
            return (int)ExitCode.Done;
        });
        return command;
    }

    private sealed class Screen(Terminal terminal, TimeZoneInfo zone, DateTimeOffset now)
    {
        public void Print(Agent agent, IReadOnlyList<SourceStatus> sources, IReadOnlyList<StoreStatus> stores)
        {
            terminal.Line(AgentLine(IsRunning(agent), agent.Journal.LastBeat()));
            terminal.Output.WriteLine();
            terminal.Table(Sources(sources));
            foreach (var source in sources)
                PrintDetails(source);
            terminal.Output.WriteLine();
            terminal.Table(Stores(stores));
            foreach (var store in stores)
            {
                if (store.Failure is { } failure)
                    terminal.Line($"{Coloured(store.Level)} {Readable.Plain(failure.Message)} — next: {Readable.Plain(failure.Hint)}");
            }
        }

        public StatusDocument Document(Agent agent, IReadOnlyList<SourceStatus> sources, IReadOnlyList<StoreStatus> stores)
        {
            var beat = agent.Journal.LastBeat();
            var highest = sources.Select(source => source.Level).Concat(stores.Select(store => store.Level)).DefaultIfEmpty(EscalationLevel.Ok).Max();
            return new StatusDocument(
                new AgentDocument(IsRunning(agent), beat is { } at ? Readable.Utc(at) : null),
                Readable.Word(highest),
                [.. sources.Select(Document)],
                [.. stores.Select(store => new StoreDocument(
                    store.Name, store.Path, Readable.Word(store.Level), store.Space?.UsedRatio, store.Space?.Size, store.Space?.Available, store.Failure?.Message))]);
        }

        private SourceDocument Document(SourceStatus source) => new(
            source.Source.Name,
            Readable.Word(source.Level),
            [.. source.Reasons.Select(reason => $"{reason.Level}: {reason.Reason}")],
            source.NewestGood is { } good ? BackupDocument.Of(source.Source.Source.Catalog, good) : null,
            source.NewestGood is { } newest ? Math.Round((now - newest.CapturedAt).TotalSeconds) : null,
            source.Backups.Count,
            source.Activity?.RunStartedAt is { } started ? Readable.Utc(started) : null,
            source.NextRun is { } next ? Readable.Utc(next) : null,
            source.LastFailure is { } failure ? FailureDocument.Of(failure) : null,
            [.. source.Orphans.Select(orphan => new OrphanDocument(source.Source.Source.Catalog.Locate(orphan.File), orphan.Reason))],
            [.. source.Reviews.Where(review => review.Missing.Count > 0).Select(review => new MissingDocument(review.Schedule, review.Expected, [.. review.Missing.Select(Readable.Utc)]))]);

        private static bool IsRunning(Agent agent) => RunLock.IsHeld(agent.Configuration.StateDirectory, RunLock.Agent);

        private string AgentLine(bool isRunning, DateTimeOffset? beat) => beat switch
        {
            _ when isRunning => "agent [green]running[/]",
            null => "[yellow]no agent[/] has run here yet — next: nexus-backup run (or systemctl start nexus-backup)",
            { } at => $"agent [red]not running[/] since {Readable.Time(at, zone)} — next: systemctl start nexus-backup (or nexus-backup run)",
        };

        private Table Sources(IReadOnlyList<SourceStatus> sources)
        {
            var table = Columns("source", "level", "newest good backup", "age", "backups", "next run");
            foreach (var source in sources)
            {
                var good = source.NewestGood;
                table.AddRow(
                    $"[bold]{Readable.Plain(source.Source.Name)}[/]",
                    Coloured(source.Level),
                    good is null ? "none" : Readable.Time(good.CapturedAt, zone),
                    good is null ? "" : Readable.Duration(now - good.CapturedAt),
                    source.Backups.Count.ToString(System.Globalization.CultureInfo.InvariantCulture),
                    source.Activity?.RunStartedAt is { } started ? $"running for {Readable.Duration(now - started)}"
                        : source.NextRun is { } next ? Readable.Time(next, zone) : "manual only");
            }

            return table;
        }

        private void PrintDetails(SourceStatus source)
        {
            var name = Readable.Plain(source.Source.Name);
            foreach (var reason in source.Reasons)
                terminal.Line($"{Coloured(reason.Level)} {name}: {Readable.Plain(reason.Reason)}");
            if (source.LastFailure is { } failure)
                terminal.Line($"   {name}: {Readable.Plain(failure.Message)} — next: {Readable.Plain(failure.Hint)}");
            foreach (var review in source.Reviews.Where(review => review.Missing.Count > 0))
                terminal.Line($"   {name}: {Readable.Plain(Sentence(review))}");
            foreach (var orphan in source.Orphans)
                terminal.Line($"   {name}: {Readable.Plain(orphan.File)} is no backup: {Readable.Plain(orphan.Reason)}");
        }

        private string Sentence(MissingBackups review)
        {
            const int Most = 5;
            var times = review.Missing.Take(Most).Select(at => TimeZoneInfo.ConvertTime(at, zone).ToString("yyyy-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture));
            return $"{review.Missing.Count} of {review.Expected} {review.Schedule} backups {(review.Missing.Count == 1 ? "is" : "are")} missing: {string.Join(", ", times)}{(review.Missing.Count > Most ? ", …" : "")}";
        }

        private static Table Stores(IReadOnlyList<StoreStatus> stores)
        {
            var table = Columns("store", "level", "used", "available", "path");
            foreach (var store in stores)
            {
                table.AddRow(
                    Readable.Plain(store.Name),
                    Coloured(store.Level),
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

        private static string Coloured(EscalationLevel level) => level switch
        {
            EscalationLevel.Ok => "[green]OK[/]",
            EscalationLevel.L1 => "[yellow]L1[/]",
            _ => $"[red]{level}[/]",
        };
    }
}
