using System.CommandLine;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup prune [SOURCE…] [--dry-run]</c>: applies retention.</summary>
internal static class PruneCommand
{
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(10);

    public static Command Create(CommandContext context)
    {
        var names = SourceArguments.Several(context, "SOURCE", context.Say("The sources to prune. Default: all", "対象のソース。既定: すべて"));
        var dryRun = new Option<bool>("--dry-run") { Description = context.Say("Say what would be removed and why, and remove nothing", "削除対象と理由を表示するだけで、削除しない") };
        var json = context.Json();
        var command = new TaughtCommand(
            "prune",
            context.Say("Remove backups past their retention. Every decision is printed with its reasons; nothing is removed unless a newer verified backup covers it.", "保持期間を過ぎたバックアップを削除する。判断ごとに理由を表示する。より新しい検証済みバックアップがないものは削除しない。"),
            new("nexus-backup prune --dry-run", context.Say("what would go, and why", "削除対象と理由")),
            new("nexus-backup prune itsm", context.Say("remove it", "削除する")))
        {
            names, dryRun, json,
        };
        command.Acts = parsed => !parsed.GetValue(dryRun);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = await context.OpenAgentAsync(parsed);
            await session.WarnOfOtherStoresAsync(context.Terminal, cancellationToken);
            var sources = SourceChoice.Choose(session.Agent.Roster.Current, parsed.GetValue(names)!);
            var work = new Work(context.Terminal, session.Agent, context.Asker, parsed.GetValue(dryRun), parsed.GetValue(json));
            return (int)await work.RunAsync([.. sources.Select(source => source.Source)], cancellationToken);
        });
        return command;
    }

    private sealed class Work(Terminal terminal, Agent agent, Asker asker, bool dryRun, bool json)
    {
        private readonly List<DecisionDocument> documents = [];
        private readonly List<ExitCode> codes = [];

        public async Task<ExitCode> RunAsync(IReadOnlyList<ProtectedSource> sources, CancellationToken cancellationToken)
        {
            foreach (var source in sources)
            {
                try
                {
                    await PruneAsync(source, cancellationToken);
                }
                catch (BackupException failure)
                {
                    terminal.Fail($"cannot prune '{source.Name}': {failure.Message}", failure.Hint);
                    codes.Add(ExitCodes.Of(failure.Kind));
                }
            }

            if (json)
                JsonDocuments.Print(terminal.Output, [.. documents], JsonDocuments.Readably.IReadOnlyListDecisionDocument);
            return ExitCodes.MostSevere(codes);
        }

        private async Task PruneAsync(ProtectedSource source, CancellationToken cancellationToken)
        {
            // A dry run changes nothing, so it need not wait for a backup that is under way.
            var record = dryRun ? await agent.Prunings.PlanAsync(source, cancellationToken) : await agent.Prunings.RunAsync(source, LockTimeout, cancellationToken, asker);
            if (!dryRun && record.Refusal is { } refusal)
            {
                terminal.Fail(refusal.Message, refusal.Hint);
                codes.Add(ExitCodes.Of(refusal.Kind));
            }

            Tell(source, record);
        }

        private void Tell(ProtectedSource source, PruneRecord record)
        {
            var (decisions, removed) = (record.Decisions, record.Removed);
            documents.AddRange(decisions.Select(decision => DecisionDocument.Of(source.Catalog, decision, removed.Contains(decision.Backup))));
            if (json)
                return;

            var going = decisions.Count(decision => !decision.Keep);
            terminal.Line($"[bold]{Readable.Plain(source.Name)}[/]  {decisions.Count - going} kept, {(dryRun ? $"{going} would be removed{(record.Depending.Count == 0 ? "" : $", {record.Depending.Count} of those kept as well, if what covers them is good when it is expanded")}" : $"{removed.Count} removed")}");
            foreach (var decision in decisions)
                terminal.Line(Sentence(decision, removed.Contains(decision.Backup)));
            terminal.Output.WriteLine();
        }

        private string Sentence(RetentionDecision decision, bool removed)
        {
            var word = decision switch
            {
                { Keep: true } => "[green]keep[/]   ",
                _ when removed => "[red]removed[/]",
                _ => dryRun ? "[red]remove[/] " : "[yellow]kept[/]   ",
            };
            return $"  {word}  {Readable.Plain(decision.Backup.File)}  [dim]{Readable.Plain(string.Join("; ", decision.Reasons))}[/]";
        }
    }
}
