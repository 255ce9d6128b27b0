using System.CommandLine;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup diagnose [SOURCE]</c>: walks the runbook's flowchart (§2) and names the cause.</summary>
internal static class DiagnoseCommand
{
    public static Command Create(CommandContext context)
    {
        var name = SourceArguments.AtMostOne(context, "Only this source. Default: all");
        var language = LanguageOption.Create();
        var json = CommandContext.Json();
        var command = new TaughtCommand(
            "diagnose",
            "Walk the runbook's flowchart (§2) and name the cause with its evidence and the next command: [A] checksum, [B] scheduler, [C] disk, DB database, [E] permission, [F] unknown. Exit code 0 healthy, 4 for A, 8 for C, otherwise 3.",
            "nexus-backup diagnose                  every source",
            "nexus-backup diagnose itsm --lang ja   診断フローチャート")
        {
            name, language, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = context.OpenAgent(parsed, needsState: true);
            var sources = SourceArguments.ChooseSome(session.Agent.Roster.Current, parsed.GetValue(name) is { } only ? [only] : []);
            var work = new Work(context.Terminal, session.Agent, context.CommandsOf(parsed), LanguageOption.Of(parsed, language), parsed.GetValue(json));
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
            foreach (var source in sources)
            {
                var seen = await RunProgressBars.ShowAsync(terminal, source.Name, !json, progress => agent.Observer.ObserveAsync(look, source, evenStale: false, progress, cancellationToken));
                var diagnosis = Flowchart.Walk(seen, commands);
                var log = diagnosis.Cause == Cause.Unknown ? await agent.LogSearch.FindAsync(source.Name, seen.Zone, cancellationToken) : [];
                documents.Add(DiagnosisDocument.Of(diagnosis, log, language));
                codes.Add(CodeOf(diagnosis.Cause));
                if (!json)
                    Print(diagnosis, log);
            }

            if (json)
                JsonDocuments.Print(terminal.Output, [.. documents], JsonDocuments.Readably.IReadOnlyListDiagnosisDocument);
            return ExitCodes.MostSevere(codes);
        }

        private static ExitCode CodeOf(Cause cause) => cause switch
        {
            Cause.Healthy => ExitCode.Done,
            Cause.Checksum => ExitCode.VerificationFailed,
            Cause.Disk => ExitCode.StoreFull,
            _ => ExitCode.BackupFailed,
        };

        private void Print(Diagnosis diagnosis, IReadOnlyList<string> log)
        {
            terminal.Line($"[bold]{Readable.Plain(diagnosis.Source)}[/]  {Heading(diagnosis.Cause)}  {(diagnosis.IsBlind ? "[yellow]–[/]" : Readable.Coloured(diagnosis.Level, diagnosis.IsNew))}");
            foreach (var reason in diagnosis.Reasons)
                terminal.Line($"  {Readable.Coloured(reason.Level)} {Readable.Plain(reason.Reason.In(language))}");
            foreach (var step in diagnosis.Steps)
                terminal.Line($"  {Readable.Mark(step.Passed)} {Readable.Plain($"[{step.Number}]")} {Readable.Plain(step.Question.In(language))}: {Readable.Plain(step.Evidence.In(language))}");
            foreach (var also in diagnosis.Findings.Skip(1))
                terminal.Line($"  {DiagnosisTexts.Also.In(language)}: {Heading(also.Cause)}: {Readable.Plain(also.Evidence.In(language))}");
            foreach (var line in log)
                terminal.Line($"  [dim]{Readable.Plain(line)}[/]");
            foreach (var (command, index) in diagnosis.Next.Select((command, index) => (command, index + 1)))
                terminal.Line($"  {DiagnosisTexts.Next.In(language)} {index}: {Readable.Plain(command)}");
            terminal.Line($"  [dim]{DiagnosisTexts.Runbook.In(language)}: {DiagnosisTexts.Link(diagnosis.Cause, language)}[/]");
            terminal.Output.WriteLine();
        }

        private string Heading(Cause cause)
        {
            var (letter, title, _) = DiagnosisTexts.Of(cause);
            return cause == Cause.Healthy ? $"[green]✓ {title.In(language)}[/]" : $"[red]✗ {Readable.Plain($"[{letter}]")} {Readable.Plain(title.In(language))}[/]";
        }
    }
}
