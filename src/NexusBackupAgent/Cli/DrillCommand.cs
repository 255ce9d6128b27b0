using System.CommandLine;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup drill [SOURCE…]</c>: practises a restore now.</summary>
internal static class DrillCommand
{
    /// <summary>A run that is nearly done is waited for.</summary>
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(10);

    public static Command Create(CommandContext context)
    {
        var names = SourceArguments.Several(context, "SOURCE", context.Say("The sources whose restore is practised. Default: all", "リストア訓練の対象ソース。既定: すべて"));
        var store = SourceArguments.Store(context);
        var json = context.Json();
        var command = new TaughtCommand(
            "drill",
            context.Say("Practise a restore: expand the newest good backup into scratch space, check it, ask it the configured probes, measure the time. The live source is not touched.", "リストア訓練: 最新の正常バックアップを作業領域に展開し、検査し、設定した確認を行い、時間を計測する。稼働中のソースには触れない。"),
            new("nexus-backup drill", context.Say("every source", "全ソース")),
            new("nexus-backup drill itsm", context.Say("one source", "1つのソース")),
            new("nexus-backup drill --json | jq -r '.[] | \"\\(.source) \\(.seconds)\"'"))
        {
            names, store, context.Identity, json,
        };
        command.Acts = _ => true;
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = await context.OpenAgentAsync(parsed);
            await session.WarnOfOtherStoresAsync(context.Terminal, cancellationToken);
            var sources = SourceChoice.Choose(session.Agent.Roster.Current, parsed.GetValue(names)!, parsed.GetValue(store));
            if (sources.Count == 0)
                throw SourceChoice.Nothing(toDo: "practise with");
            return (int)await new Work(context.Terminal, session.Agent, context.Asker, parsed.GetValue(json)).RunAsync(sources, cancellationToken);
        });
        return command;
    }

    private sealed class Work(Terminal terminal, Agent agent, Asker asker, bool json)
    {
        private readonly List<DrillDocument> documents = [];
        private readonly List<ExitCode> codes = [];

        public async Task<ExitCode> RunAsync(IReadOnlyList<ScheduledSource> sources, CancellationToken cancellationToken)
        {
            foreach (var source in sources.Select(source => source.Source))
            {
                cancellationToken.ThrowIfCancellationRequested();
                try
                {
                    Tell(source, await RunProgressBars.ShowAsync(terminal, source.Name, !json, progress =>
                        agent.Drills.RunAsync(source, progress, LockTimeout, cancellationToken, asker)));
                }
                catch (BackupException failure)
                {
                    var now = agent.TimeProvider.GetUtcNow(); // it never began, and is in no journal
                    Tell(source, new DrillRecord(new Operation(0, source.Name, OperationKind.Drill, now, now, Backup: null, "", RunFailure.Of(failure)), Backup: null));
                }
            }

            if (json)
                JsonDocuments.Print(terminal.Output, [.. documents], JsonDocuments.Readably.IReadOnlyListDrillDocument);
            return ExitCodes.MostSevere(codes);
        }

        private void Tell(ProtectedSource source, DrillRecord drill)
        {
            documents.Add(DrillDocument.Of(source, drill));
            if (!json && drill is { Backup: { } backup, Result: { } result })
                Print(source, backup, result);
            if (drill.Operation.Failure is { } failure)
                Fail(source, failure);
        }

        private void Print(ProtectedSource source, Backup backup, DrillResult result)
        {
            terminal.Line(
                $"{Mark(result.Passed)} [bold]{Readable.Plain(source.Name)}[/] {Readable.Plain(source.Catalog.Locate(backup.File))}  "
                + $"data {Readable.Duration(result.DrilledAt - backup.CapturedAt)} old, restored in [bold]{Readable.Seconds(TimeSpan.FromSeconds(result.Seconds))}[/]");
            if (backup.State == BackupState.Good)
                terminal.Line($"  [green]✓[/] {Readable.Plain(source.Source.Inspection.DrillCheckName + (backup.Verification?.Note is { } note ? $"; {note}" : ""))}");
            foreach (var probe in result.Probes)
                terminal.Line($"  {Mark(probe.Passed)} {Readable.Plain(probe.Sql)}: {Readable.Plain(probe.Answer ?? probe.Detail)} [dim](expected: {Readable.Plain(probe.Expectation)})[/]");
        }

        private void Fail(ProtectedSource source, RunFailure failure)
        {
            terminal.Fail($"drill of '{source.Name}' failed: {failure.Message}", SourceChoice.HintOf(source, failure.Kind, failure.Hint, "drill"));
            codes.Add(ExitCodes.OfDrill(failure.Kind));
        }

        private static string Mark(bool passed) => passed ? "[green]✓[/]" : "[red]✗[/]";
    }
}
