using System.CommandLine;
using Spectre.Console;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup backup [SOURCE…] [--type T|--schedule S] [--textfile FILE]</c>: backs up now.</summary>
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
        var schedule = new Option<string?>("--schedule")
        {
            Description = context.Say("The backup of this schedule, as an agent would make it: its type, its name and its retention; default: of all sources that have it. For cron and timers", "このスケジュールのバックアップ（種別・名前・保持期間はエージェントの実行時と同じ）。既定: このスケジュールを持つ全ソース。cron・タイマー向け"),
            HelpName = "NAME",
        };
        SourceArguments.CompleteSchedules(context, schedule);
        var textfile = Textfile.Option(context);
        var json = context.Json();
        var command = new TaughtCommand(
            "backup",
            context.Say("Back up now, verify what was stored, and apply retention. Manual backups are kept until somebody deletes them.", "今すぐバックアップし、格納したものを検証し、保持期間を適用する。手動バックアップは削除されるまで保持する。"),
            new("nexus-backup backup", context.Say("every source", "全ソース")),
            new("nexus-backup backup itsm", context.Say("one source", "1つのソース")),
            new("nexus-backup backup itsm --type incremental", context.Say("only what changed", "変更分のみ")),
            new("nexus-backup backup --schedule daily", context.Say("as cron does where no agent runs", "エージェントのないホストでcronが実行")),
            new("nexus-backup backup itsm --json", context.Say("for scripts: one record for each run", "スクリプト向け: 実行ごとに1レコード")))
        {
            names, type, schedule, textfile, json,
        };
        command.Acts = _ => true;
        command.SetAction(async (parsed, cancellationToken) =>
        {
            context.Yield();
            var wanted = TypeOf(parsed.GetValue(type));
            if (parsed.GetValue(schedule) is not null && parsed.GetValue(type) is not null)
                throw new BackupException(FailureKind.Configuration, "--type and --schedule do not go together", "leave --type out: the configuration says the schedule's type");
            using var session = await context.OpenAgentAsync(parsed);
            return (int)await Textfile.AfterAsync(context, session.Agent, parsed.GetValue(textfile), async () =>
            {
                var jobs = JobsOf(SourceChoice.Choose(session.Agent.Roster.Current, parsed.GetValue(names)!), parsed.GetValue(names)!.Length > 0, parsed.GetValue(schedule), wanted);
                if (session.Agent.Register is { } register)
                    await register.EnterAllAsync(session.Agent.Roster.Current, context.TimeProvider, cancellationToken);
                return await RunAsync(context, session.Agent, jobs, context.CommandsOf(parsed), parsed.GetValue(json), cancellationToken);
            });
        });
        return command;
    }

    /// <param name="areNamed">Whether somebody named these sources: then each has to have the schedule.</param>
    private static IReadOnlyList<Job> JobsOf(IReadOnlyList<ScheduledSource> sources, bool areNamed, string? schedule, BackupType type)
    {
        if (sources.Count == 0)
            throw SourceChoice.Nothing(toDo: "back up");
        if (schedule is null)
            return [.. sources.Select(source => new Job(source.Source, BackupManifest.ManualSchedule, type, TimeSpan.Zero))];
        // A manual run that holds the lock is waited for, as the agent does: skipping a night for it would cost a restore point.
        var jobs = sources.SelectMany(source => source.Schedules.Where(own => own.Name == schedule).Select(own => new Job(source.Source, own.Name, own.Type, source.Source.TimeLimit))).ToList();
        if (areNamed && sources.FirstOrDefault(source => !jobs.Exists(job => job.Source.Name == source.Name)) is { } without)
            throw SourceArguments.NoSchedule($"source '{without.Name}' has no schedule '{schedule}'", [without], schedule);
        return jobs.Count > 0 ? jobs : throw SourceArguments.NoSchedule($"no source has a schedule '{schedule}'", sources, schedule);
    }

    private static async Task<ExitCode> RunAsync(
        CommandContext context, Agent agent, IReadOnlyList<Job> jobs, Commands commands, bool json, CancellationToken cancellationToken)
    {
        var terminal = context.Terminal;
        var runs = new List<(BackupCatalog Catalog, RunRecord Run)>();
        foreach (var (source, schedule, type, patience) in jobs)
        {
            if (cancellationToken.IsCancellationRequested)
                break;
            var run = await RunProgressBars.ShowAsync(terminal, source.Name, !json, progress =>
                agent.Backups.RunAsync(source, schedule, type, patience, progress, cancellationToken, context.Asker));
            runs.Add((source.Catalog, run));
            Tell(terminal, source, run, commands, json);
            if (run.Result == RunResult.Success)
                await CopyCommand.AfterRunAsync(context, agent, source, json, cancellationToken);
        }

        if (json)
            JsonDocuments.Print(terminal.Output, [.. runs.Select(run => RunDocument.Of(run.Catalog, run.Run))], JsonDocuments.Readably.IReadOnlyListRunDocument);
        if (runs.Count < jobs.Count)
            terminal.Warn($"stopped; not backed up: {string.Join(", ", jobs.Skip(runs.Count).Select(job => job.Source.Name))}");
        return ExitCodes.MostSevere(runs.Select(run => run.Run.Failure is { } failure ? ExitCodes.Of(failure.Kind) : ExitCode.Done));
    }

    private static void Tell(Terminal terminal, ProtectedSource source, RunRecord run, Commands commands, bool json)
    {
        if (run.Outcome?.Backup.Verification?.Note is { } note)
            terminal.Warn($"'{run.Source}' is backed up; {source.Source.Inspection.CheckName}: {note}");
        if (run.Outcome is { Backup.IsEncrypted: false } made && made.Decisions.Any(decision => decision is { Keep: true, Backup.IsEncrypted: true }))
            terminal.Warn($"'{run.Source}' is backed up, and this backup is not encrypted; stored ones are: write encryption: as it was, or leave it so");
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
            FailureKind.Configuration, $"--type {word} is not a type of backup", $"write one of: {EnumWord.All<BackupType>()}");

    /// <param name="Patience">How long another operation of the source that is under way is waited for.</param>
    private sealed record Job(ProtectedSource Source, string Schedule, BackupType Type, TimeSpan Patience);
}
