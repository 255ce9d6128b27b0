using System.CommandLine;
using Spectre.Console;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup backup [SOURCE…] [--type T]</c>: backs up now.</summary>
internal static class BackupCommand
{
    public static Command Create(CommandContext context)
    {
        var names = SourceArguments.Several(context, "SOURCE", context.Say("The sources to back up. Default: all", "バックアップ対象のソース。既定: すべて"));
        var type = new Option<string?>("--type")
        {
            Description = context.Say("full (the default), differential (what changed since the newest good full backup) or incremental (since the newest good one of any type); where there is none, a full one is made", "full（既定）、differential（最新の正常なフルからの差分）、incremental（種別を問わず最新の正常なものからの増分）。基となるものがなければフルを取得"),
            HelpName = "TYPE",
        };
        type.CompletionSources.Add([.. Enum.GetValues<BackupType>().Select(word => word.Word())]);
        var json = context.Json();
        var command = new TaughtCommand(
            "backup",
            context.Say("Back up now, verify what was stored, and apply retention. Manual backups are kept until somebody deletes them.", "今すぐバックアップし、格納したものを検証し、保持期間を適用する。手動バックアップは削除されるまで保持する。"),
            new("nexus-backup backup", context.Say("every source", "全ソース")),
            new("nexus-backup backup itsm", context.Say("one source", "1つのソース")),
            new("nexus-backup backup itsm --type incremental", context.Say("only what changed", "変更分のみ")),
            new("nexus-backup backup itsm --json", context.Say("for scripts: one record for each run", "スクリプト向け: 実行ごとに1レコード")))
        {
            names, type, json,
        };
        command.Acts = _ => true;
        command.SetAction(async (parsed, cancellationToken) =>
        {
            context.Yield();
            var wanted = TypeOf(parsed.GetValue(type));
            using var session = context.OpenAgent(parsed);
            var sources = SourceChoice.Choose(session.Agent.Roster.Current, parsed.GetValue(names)!);
            if (sources.Count == 0)
                throw SourceChoice.Nothing(toDo: "back up");
            return (int)await RunAsync(context, session.Agent, sources, wanted, context.CommandsOf(parsed), parsed.GetValue(json), cancellationToken);
        });
        return command;
    }

    private static async Task<ExitCode> RunAsync(
        CommandContext context, Agent agent, IReadOnlyList<ScheduledSource> sources, BackupType type, Commands commands, bool json, CancellationToken cancellationToken)
    {
        var terminal = context.Terminal;
        var runs = new List<(BackupCatalog Catalog, RunRecord Run)>();
        foreach (var source in sources.Select(source => source.Source))
        {
            if (cancellationToken.IsCancellationRequested)
                break;
            var run = await RunProgressBars.ShowAsync(terminal, source.Name, !json, progress =>
                agent.Backups.RunAsync(source, BackupManifest.ManualSchedule, type, TimeSpan.Zero, progress, cancellationToken, context.Asker));
            runs.Add((source.Catalog, run));
            Tell(terminal, source, run, commands, json);
        }

        if (json)
            JsonDocuments.Print(terminal.Output, [.. runs.Select(run => RunDocument.Of(run.Catalog, run.Run))], JsonDocuments.Readably.IReadOnlyListRunDocument);
        if (runs.Count < sources.Count)
            terminal.Warn($"stopped; not backed up: {string.Join(", ", sources.Skip(runs.Count).Select(source => source.Name))}");
        return ExitCodes.MostSevere(runs.Select(run => run.Run.Failure is { } failure ? ExitCodes.Of(failure.Kind) : ExitCode.Done));
    }

    private static void Tell(Terminal terminal, ProtectedSource source, RunRecord run, Commands commands, bool json)
    {
        if (run.Outcome?.Backup.Verification?.Note is { } note)
            terminal.Warn($"'{run.Source}' is backed up; {source.Source.Inspection.CheckName}: {note}");
        if (run.Failure is { } failure)
        {
            terminal.Fail($"backup of '{run.Source}' failed: {failure.Message}", commands.HintOf(failure, run.Source));
        }
        else if (!json)
        {
            terminal.Line(Sentence(source, run));
            if (run.Outcome!.FullBecause is { } reason)
                terminal.Line(Readable.Plain($"  full instead of {run.Type.Word()}, because {reason}"));
        }
    }

    private static string Sentence(ProtectedSource source, RunRecord run)
    {
        var manifest = run.Outcome!.Backup.Manifest;
        var pruned = run.Outcome.Decisions.Count(decision => !decision.Keep);
        return $"[green]✓[/] [bold]{Readable.Plain(run.Source)}[/] {Readable.Plain(source.Catalog.Locate(manifest.File))}  "
            + $"{Sizes(manifest)}, {Readable.Seconds(run.EndedAt - run.StartedAt)}, [green]verified[/]"
            + (pruned > 0 ? $", {pruned} pruned" : "");
    }

    private static string Sizes(BackupManifest manifest)
    {
        var stored = Readable.Size(manifest.Stored.Length);
        if (manifest.Restored is { } restored)
            return $"{Readable.Size(manifest.Content.Length)} of changes in {Readable.Size(restored.Length)} → {stored}";
        return $"{Readable.Size(manifest.Content.Length)} → {stored} ({(double)manifest.Content.Length / Math.Max(manifest.Stored.Length, 1):0.0}×)";
    }

    private static BackupType TypeOf(string? word) => word is null
        ? BackupType.Full
        : EnumWord.Of<BackupType>(word) ?? throw new BackupException(
            FailureKind.Configuration, $"--type {word} is not a type of backup", $"write one of: {string.Join(", ", Enum.GetValues<BackupType>().Select(type => type.Word()))}");
}
