using System.CommandLine;
using Spectre.Console;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup checklist [SOURCE…]</c>: the runbook's seven recovery checks (§6).</summary>
internal static class ChecklistCommand
{
    public static Command Create(CommandContext context)
    {
        var names = SourceArguments.Several(context, "SOURCE", context.Say("The sources to check. Default: all", "確認対象のソース。既定: すべて"));
        var json = context.Json();
        var command = new TaughtCommand(
            "checklist",
            context.Say($"The runbook's seven recovery checks, each measured now; the newest backup is really read back. Exit code 0 only if all pass; 4 if the backup is damaged (checks 3 to 5), otherwise 3. More: {RunbookPage.Of("checklist", Language.English)}", $"Runbookの復旧確認7項目を今測定する。最新のバックアップは実際に読み戻す。全項目合格なら終了コード0、バックアップ破損（項目3〜5）なら4、それ以外は3。詳細: {RunbookPage.Of("checklist", Language.Japanese)}"),
            new("nexus-backup checklist", context.Say("every source", "全ソース")),
            new("nexus-backup checklist itsm --lang ja", "復旧確認チェックリスト"))
        {
            names, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = await context.OpenAgentAsync(parsed, needsState: true);
            var sources = SourceChoice.ChooseSome(session.Agent.Roster.Current, parsed.GetValue(names)!);
            var work = new Work(context.Terminal, session.Agent, context.CommandsOf(parsed), context.Language, parsed.GetValue(json));
            return (int)await work.RunAsync(sources, cancellationToken);
        });
        return command;
    }

    private sealed class Work(Terminal terminal, Agent agent, Commands commands, Language language, bool json)
    {
        private readonly List<ChecklistDocument> documents = [];

        public async Task<ExitCode> RunAsync(IReadOnlyList<ScheduledSource> sources, CancellationToken cancellationToken)
        {
            var look = await agent.States.ReadAsync(cancellationToken);
            var codes = new List<ExitCode>();
            foreach (var source in sources)
            {
                var seen = await RunProgressBars.ShowAsync(terminal, source.Name, !json, progress => agent.Observer.ObserveAsync(look, source, evenStale: true, progress, cancellationToken));
                var items = RecoveryChecklist.Decide(seen, commands);
                codes.Add(CodeOf(items, seen.ReadBack));
                var document = ChecklistDocument.Of(source.Name, items, RecoveryChecklist.Then(seen, commands), language);
                documents.Add(document);
                if (!json)
                    Print(source.Name, items, document.Next);
            }

            if (json)
                JsonDocuments.Print(terminal.Output, [.. documents], JsonDocuments.Readably.IReadOnlyListChecklistDocument);
            return ExitCodes.MostSevere(codes);
        }

        private static ExitCode CodeOf(IReadOnlyList<CheckedItem> items, ReadBack? read) => items switch
        {
            _ when items.All(item => item.Passed) => ExitCode.Done,
            _ when read is { Failure: null } && items.Any(item => !item.Passed && item.Check is RecoveryCheck.Gzip or RecoveryCheck.Checksum or RecoveryCheck.DatabaseIntegrity) => ExitCode.VerificationFailed,
            _ => ExitCode.BackupFailed,
        };

        private void Print(string source, IReadOnlyList<CheckedItem> items, string? then)
        {
            var table = new Table().Border(TableBorder.None);
            foreach (var header in (Bilingual[])[Bilingual.Same("#"), ChecklistTexts.Item, ChecklistTexts.Result, ChecklistTexts.Measured])
                table.AddColumn(new TableColumn($"[dim]{Readable.Plain(header.In(language))}[/]").NoWrap().PadLeft(0).PadRight(2));
            foreach (var item in items)
            {
                table.AddRow(
                    $"{(int)item.Check}",
                    Readable.Plain(ChecklistTexts.Name(item.Check).In(language)),
                    item.Passed ? $"[green]{ChecklistTexts.Pass.In(language)}[/]" : $"[red]{ChecklistTexts.Fail.In(language)}[/]",
                    Readable.Plain(item.Measured.In(language)));
            }

            var failed = items.Count(item => !item.Passed);
            var verdict = failed == 0 ? $"[green]✓ {ChecklistTexts.AllPassed.In(language)}[/]" : $"[red]✗ {ChecklistTexts.Failed(failed).In(language)}[/]";
            terminal.Line($"[bold]{Readable.Plain(source)}[/]  {verdict}");
            terminal.Table(table);
            foreach (var next in items.Where(item => !item.Passed).GroupBy(item => item.Next))
                terminal.Line($"  {ChecklistTexts.Next.In(language)} ({string.Join(", ", next.Select(item => (int)item.Check))}): {Readable.Plain(next.Key!)}");
            if (then is not null)
                terminal.Line($"  {ChecklistTexts.Next.In(language)}: {Readable.Plain(then)}");
            terminal.Output.WriteLine();
        }
    }
}
