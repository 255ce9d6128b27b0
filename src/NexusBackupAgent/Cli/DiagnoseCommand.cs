using System.CommandLine;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup diagnose [SOURCE]</c>: walks the runbook's flowchart (§2) and names the cause.</summary>
internal static class DiagnoseCommand
{
    public static Command Create(CommandContext context)
    {
        var name = SourceArguments.AtMostOne(context, context.Say("Only this source. Default: all", "このソースのみ。既定: すべて"));
        var json = context.Json();
        var command = new TaughtCommand(
            "diagnose",
            context.Say($"Walk the runbook's flowchart and name the cause with its evidence and the next command: [A] checksum, [B] scheduler, [C] disk, DB database, [E] permission, [F] unknown. Exit code 0: no cause found; 4 for A, 8 for C, otherwise 3. More: {RunbookPage.Of("flowchart", Language.English)}", $"Runbookの診断フローチャートをたどり、原因・根拠・次のコマンドを示す: [A] チェックサム、[B] スケジューラ、[C] ディスク、DB データベース、[E] 権限、[F] 不明。終了コードは0: 原因なし、4: A、8: C、それ以外は3。詳細: {RunbookPage.Of("flowchart", Language.Japanese)}"),
            new("nexus-backup diagnose", context.Say("every source", "全ソース")),
            new("nexus-backup diagnose itsm --lang ja", "診断フローチャート"))
        {
            name, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = await context.OpenAgentAsync(parsed, needsState: true);
            var sources = SourceChoice.ChooseSome(session.Agent.Roster.Current, parsed.GetValue(name) is { } only ? [only] : []);
            var work = new Work(context.Terminal, session.Agent, context.CommandsOf(parsed), context.Language, parsed.GetValue(json));
            return (int)await work.RunAsync(sources, cancellationToken);
        });
        return command;
    }

    private sealed class Work(Terminal terminal, Agent agent, Commands commands, Language language, bool json)
    {
        public async Task<ExitCode> RunAsync(IReadOnlyList<ScheduledSource> sources, CancellationToken cancellationToken)
        {
            var documents = new List<DiagnosisDocument>();
            var look = await agent.States.ReadAsync(cancellationToken);
            var codes = new List<ExitCode>();
            if (!json)
                terminal.Line($"[dim]{Readable.Plain(ValueText.TimesIn(agent.Configuration.TimeZone).In(language).Trim())}[/]");
            foreach (var source in sources)
            {
                var seen = await RunProgressBars.ShowAsync(terminal, source.Name, !json, progress => agent.Observer.ObserveAsync(look, source, evenStale: false, progress, cancellationToken));
                var diagnosis = Flowchart.Walk(seen, commands);
                var log = await agent.LogSearch.FindAsync(diagnosis, seen.Zone, cancellationToken);
                documents.Add(DiagnosisDocument.Of(diagnosis, log, language));
                codes.Add(CodeOf(diagnosis));
                if (!json)
                    Print(diagnosis, log);
            }

            if (json)
                JsonDocuments.Print(terminal.Output, [.. documents], JsonDocuments.Readably.IReadOnlyListDiagnosisDocument);
            return ExitCodes.MostSevere(codes);
        }

        private static ExitCode CodeOf(Diagnosis diagnosis) => diagnosis.Cause switch
        {
            Cause.Healthy => ExitCode.Done,
            Cause.None when diagnosis.Level <= EscalationLevel.L1 => ExitCode.Done,
            Cause.Checksum or Cause.Bereft => ExitCode.VerificationFailed,
            Cause.Disk => ExitCode.StoreFull,
            _ => ExitCode.BackupFailed,
        };

        private void Print(Diagnosis diagnosis, IReadOnlyList<string> log)
        {
            terminal.Line($"[bold]{Readable.Plain(diagnosis.Source)}[/]  {Heading(diagnosis.Cause, diagnosis.Noun)}  {(diagnosis.IsBlind ? "[yellow]–[/]" : Readable.Coloured(diagnosis.Level, diagnosis.IsNew))}");
            foreach (var reason in diagnosis.Reasons)
                terminal.Line($"  {Readable.Coloured(reason.Level)} {Readable.Plain(reason.Reason.In(language))}");
            foreach (var step in diagnosis.Steps)
                terminal.Line($"  {Readable.Mark(step.Passed)} {Readable.Plain($"[{step.Number}]")} {Readable.Plain(step.Question.In(language))}: {Readable.Plain(step.Evidence.In(language))}");
            foreach (var also in diagnosis.Findings.Skip(1))
                terminal.Line($"  {DiagnosisTexts.Also.In(language)}: {Heading(also.Cause, diagnosis.Noun)}: {Readable.Plain(also.Evidence.In(language))}");
            foreach (var line in log)
                terminal.Line($"  [dim]{Readable.Plain(line)}[/]");
            foreach (var (command, index) in diagnosis.Next.Select((command, index) => (command, index + 1)))
                terminal.Line($"  {DiagnosisTexts.Next.In(language)} {index}: {Readable.Plain(command)}");
            terminal.Line($"  [dim]{DiagnosisTexts.Runbook.In(language)}: {DiagnosisTexts.Link(diagnosis.Cause, language)}[/]");
            if (ShippedFile.Find(RunbookPage.Name.In(language)) is { } page)
                terminal.Line($"  [dim]{DiagnosisTexts.Runbook.In(language)}: {Readable.Plain(page)}[/]");
            terminal.Output.WriteLine();
        }

        private string Heading(Cause cause, Bilingual noun)
        {
            var (letter, title) = (DiagnosisTexts.Of(cause).Letter, DiagnosisTexts.TitleOf(cause, noun));
            if (cause is Cause.Healthy or Cause.None)
                return cause == Cause.Healthy ? $"[green]✓ {title.In(language)}[/]" : $"[yellow]! {title.In(language)}[/]";
            return $"[red]✗ {Readable.Plain($"[{letter}]")} {Readable.Plain(title.In(language))}[/]";
        }
    }
}
