using System.CommandLine;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup status [SOURCE…] [--check]</c>: how well everything is protected, on one screen.</summary>
internal static class StatusCommand
{
    public static Command Create(CommandContext context)
    {
        var names = SourceArguments.Several(context, "SOURCE", context.Say("Only these sources. Default: all", "対象のソース。既定: すべて"));
        var check = new Option<bool>("--check")
        {
            Description = context.Say(
                "For scripts and cron: print nothing while every level is OK or NEW; otherwise a line for each reason, and the exit code of the most severe",
                "スクリプト・cron向け: 全レベルがOKまたはNEWなら何も出力しない。それ以外は理由を1行ずつ出力し、最も重大な理由の終了コードで終わる"),
        };
        var json = context.Json();
        var command = new TaughtCommand(
            "status",
            context.Say(
                "One screen: each source's newest good backup, its age and level (OK, L1, L2, L3; NEW before the first backup), the next run, the last failure, the disks, and whether an agent runs. Exit code 0; with --check it tells the state.",
                "1画面で表示: 各ソースの最新の正常バックアップ、経過時間、レベル（OK、L1、L2、L3、初回前はNEW）、次回実行、直近の失敗、ディスク、エージェントの稼働。終了コードは0。--check では状態を示す。"),
            new("nexus-backup status", context.Say("everything", "すべて")),
            new("nexus-backup status itsm", context.Say("one source", "1つのソース")),
            new("nexus-backup status --check", context.Say("silent while all is well; its exit code says what is not", "正常なら出力なし。異常は終了コードで示す")),
            new("nexus-backup status --json | jq -r .level"))
        {
            names, check, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = await context.OpenAgentAsync(parsed, needsState: true);
            var look = await session.Agent.States.ReadAsync(cancellationToken);
            var isCheck = parsed.GetValue(check);
            var chosen = isCheck ? SourceChoice.ChooseSome(session.Agent.Roster.Current, parsed.GetValue(names)!) : SourceChoice.Choose(session.Agent.Roster.Current, parsed.GetValue(names)!);
            var sources = await look.OfAllAsync(chosen, cancellationToken, withOrphans: !isCheck || parsed.GetValue(json)); // what is lost, the document tells

            var commands = context.CommandsOf(parsed);
            IReadOnlyDictionary<string, StoreForecast> forecasts = isCheck
                ? new Dictionary<string, StoreForecast>(StringComparer.Ordinal)
                : await look.ForecastAsync(sources, session.Agent.Roster.Current, cancellationToken);
            var verdict = new StatusCheck(look.Agent, sources, context.Language);
            if (parsed.GetValue(json))
                JsonDocuments.Print(context.Terminal.Output, StatusDocument.Of(look.Agent, sources, commands, session.Agent.Turns.IsUnderWay, forecasts), JsonDocuments.Readably.StatusDocument);
            else if (isCheck)
                verdict.Print(context.Terminal);
            else
                new Screen(context.Terminal, look.Agent, commands, session.Agent.Configuration.TimeZone, context.Language, session.Agent.Turns.IsUnderWay, forecasts).Print(sources);
            return (int)(isCheck ? verdict.Code : ExitCode.Done);
        });
        return command;
    }

    private sealed class Screen(Terminal terminal, AgentState agent, Commands commands, TimeZoneInfo zone, Language language, Func<string, bool> isUnderWay, IReadOnlyDictionary<string, StoreForecast> forecasts)
    {
        public void Print(IReadOnlyList<SourceState> sources)
        {
            PrintAgent();
            foreach (var reason in agent.Reasons)
                terminal.Paragraph($"{Readable.Coloured(reason.Level)} ", In(reason.Reason));
            terminal.Output.WriteLine();
            PrintSources(sources);
            foreach (var source in sources)
                PrintDetails(source);
            terminal.Output.WriteLine();
            PrintStores();
        }

        private string In(Bilingual text) => text.In(language);

        private string At(DateTimeOffset instant) => $"{ValueText.Minute(instant, zone)} {Readable.Zone(zone, instant)}";

        private void PrintAgent()
        {
            var (state, next) = StatusText.OfAgent(agent, commands, zone);
            var colour = agent switch { { StartsSchedules: true } => "green", { IsRunning: false, LastBeat: null } => "yellow", _ => "red" };
            terminal.Paragraph($"[{colour}]{In(StatusText.Agent)}[/]: ", In(state), next, In(StatusText.Next));
        }

        private void PrintSources(IReadOnlyList<SourceState> sources)
        {
            var label = Readable.Zone(zone, [.. sources.Select(source => source.NewestGood?.CapturedAt).Concat(sources.Select(source => source.NextRun)).OfType<DateTimeOffset>()]);
            var table = new FittedTable(
                longest: 0,
                new Column(In(StatusText.Source)), new Column(In(StatusText.Level)), new Column($"{In(StatusText.NewestGood)} {label}"), new Column(In(StatusText.Age), IsRight: true), new Column(In(StatusText.Backups), IsRight: true), new Column(In(StatusText.NextRun)));
            foreach (var source in sources)
            {
                table.Add(
                    new Cell(source.Name, "bold"),
                    Readable.LevelCell(agent.LevelOf(source), source.IsNew),
                    source.IsUnreadable ? In(StatusText.Unknown) : source.NewestGood is { } good ? ValueText.Minute(good.CapturedAt, zone) : In(StatusText.None),
                    source.Age is { } age ? In(SpanText.Measured(age)) : "",
                    source.IsUnreadable ? "?" : source.Backups.Count,
                    In(StatusText.Run(agent, source, zone)));
            }

            table.Print(terminal);
        }

        private void PrintDetails(SourceState source)
        {
            var mark = $"   {Readable.Plain(source.Name)}: ";
            if (agent.RefusalOf(source) is { } refusal)
            {
                terminal.Paragraph(mark, In(DiagnosisTexts.Blind(agent, SystemUser.Current.Name, refusal)), NextStep.Command(commands.As(agent.OtherOwner!.Value, "status")), In(StatusText.Next));
                return;
            }

            foreach (var reason in source.Reasons)
                terminal.Paragraph($"{Readable.Coloured(reason.Level)} {Readable.Plain(source.Name)}: ", In(reason.Reason));
            if (source is { IsUnreadable: false, Windows: { Count: > 0 } windows })
                terminal.Paragraph(mark, In(StatusText.OfWindows(windows, zone)));
            if (source.NewestGood is { Proof: Proof.Chain })
                terminal.Paragraph(mark, In(StatusText.OfProof(source.NewestProvenWhole, zone)));
            if (source is { ListFailure: { } unread, Store.Failure: null })
                terminal.Paragraph(mark, In(Bilingual.Quoted(unread.Message)), NextStep.Hint(unread.Hint), In(StatusText.Next));
            if (source.Activity?.RunStartedAt is { } started)
                Tell(mark, StatusText.OfBegunRun(source.Name, At(started), isUnderWay(source.Name), commands));
            if (source.LastFailure is { } failure)
                Tell(mark, StatusText.OfLastRun(failure, source, commands));
            foreach (var copy in source.Copies)
                Tell(copy.Owed.Count > 0 || copy.Returnable.Count > 0 || copy.Away is not null ? $"[yellow]![/]  {Readable.Plain(source.Name)}: " : mark, StatusText.OfCopies(copy, source.Store, source.Name, commands, zone));
            if (source.NewestGood is { IsEncrypted: true } encrypted)
                Tell(mark, StatusText.OfEncrypted(encrypted, source));
            if (source.ThreeTwoOne is { } rule)
                terminal.Paragraph(mark, In(rule.Text));
            if (source.LastDrill is { } drill)
                Tell(drill.Passed ? mark : $"[red]![/]  {Readable.Plain(source.Name)}: ", StatusText.OfDrill(drill, source.Name, commands, At(drill.EndedAt)));
            if (source.HookFailure is { } hook)
                Tell(mark, StatusText.OfHook(hook));
            foreach (var restore in StatusText.OfRestores(source, commands))
                Tell($"[red]![/]  {Readable.Plain(source.Name)}: ", restore);
            foreach (var review in source.Reviews.Where(review => review.Missing.Count > 0))
                terminal.Paragraph(mark, In(StatusText.OfMissing(review, zone)));
            if (source.Locks.Count > 0)
                terminal.Paragraph(mark, In(StatusText.OfLocks(source, zone)));
            if (source.Lost.Count > 0)
                Tell($"[yellow]![/]  {Readable.Plain(source.Name)}: ", StatusText.OfLost(source, commands));
            foreach (var unknown in source.Backups.Where(backup => backup is { Unreadable: not null, IsSetAside: false }))
                Tell(mark, StatusText.OfUnknown(unknown));
            foreach (var trouble in source.Backups.SelectMany(backup => backup.AllTroubles))
                Tell(mark, StatusText.OfTrouble(trouble));
            foreach (var orphan in source.Orphans)
                terminal.Paragraph(mark, In(StatusText.OfOrphan(orphan)));
        }

        private void Tell(string mark, (Bilingual Text, NextStep? Next) told) => terminal.Paragraph(mark, In(told.Text), told.Next, In(StatusText.Next));

        /// <summary>A store that answers, and tells no room, has no disk.</summary>
        private static string Unknown(StoreStatus store) => store.Failure is null ? "–" : "?";

        private void PrintStores()
        {
            var table = new FittedTable(
                longest: 5,
                new Column(In(StatusText.Store)), new Column(In(StatusText.Level)), new Column(In(StatusText.Used), IsRight: true), new Column(In(StatusText.Available), IsRight: true), new Column(In(StatusText.Critical)), new Column(In(StatusText.Path)));
            foreach (var store in agent.Stores.Values)
            {
                table.Add(
                    store.Name,
                    Readable.LevelCell(agent.Refusal(store.Failure) is null ? store.Level : null),
                    store.Space is { } space ? Readable.Percent(space.UsedRatio) : Unknown(store),
                    store.Space is { } room ? Readable.Size(room.Available) : Unknown(store),
                    In(StatusText.OfForecast(forecasts.GetValueOrDefault(store.Name), agent.Now, zone)),
                    store.Path);
            }

            table.Print(terminal);
            foreach (var store in agent.Stores.Values)
            {
                if (store.Failure is { } failure && agent.Refusal(failure) is null)
                    terminal.Paragraph($"{Readable.Coloured(store.Level)} ", In(Bilingual.Quoted(failure.Message)), NextStep.Hint(failure.Hint), In(StatusText.Next));
            }
        }
    }
}

/// <summary>What <c>status --check</c> says: nothing while all is well.</summary>
internal sealed class StatusCheck(AgentState agent, IReadOnlyList<SourceState> sources, Language language)
{
    /// <summary>Of the most severe reason.</summary>
    public ExitCode Code => ExitCodes.MostSevere([
        .. Reasons.Select(reason => CodeOf(reason.Reason.Cause)),
        .. agent.IsBlindOnAny(sources) ? (ExitCode[])[ExitCode.BackupFailed] : [],
    ]);

    private IEnumerable<(string Subject, EscalationReason Reason)> Reasons =>
    [
        .. agent.Reasons.Select(reason => ("agent", reason)),
        .. sources.Where(source => agent.RefusalOf(source) is null).SelectMany(source => source.Reasons.Select(reason => (source.Name, reason))),
    ];

    public void Print(Terminal terminal)
    {
        foreach (var (subject, reason) in Reasons.OrderByDescending(told => told.Reason.Level))
            terminal.Line($"{Readable.Coloured(reason.Level)} {Readable.Plain(subject)}: {Readable.Plain(reason.Reason.In(language))}");
        foreach (var source in sources)
        {
            if (agent.RefusalOf(source) is { } refusal)
                terminal.Line($"– {Readable.Plain(source.Name)}: {Readable.Plain(DiagnosisTexts.Blind(agent, SystemUser.Current.Name, refusal).In(language))}");
        }
    }

    private static ExitCode CodeOf(EscalationCause cause) => cause switch
    {
        EscalationCause.Corrupt or EscalationCause.AllCorrupt or EscalationCause.SelfTestFailed => ExitCode.VerificationFailed,
        EscalationCause.RestoreFailed or EscalationCause.DrillFailed or EscalationCause.DrillOverdue => ExitCode.RestoreFailed,
        EscalationCause.StorageFull => ExitCode.StoreFull,
        _ => ExitCode.BackupFailed,
    };
}
