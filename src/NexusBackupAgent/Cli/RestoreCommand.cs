using System.CommandLine;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup restore SOURCE [--id ID|--at TIME] [--to PATH] [--dry-run] [--force]</c>: puts a backup in place.</summary>
internal static class RestoreCommand
{
    private const int MostOnScreen = 1000;
    private const int MostInDocument = 10_000;

    /// <summary>A run that is nearly done is waited for.</summary>
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(10);

    public static Command Create(CommandContext context)
    {
        var name = SourceArguments.One(context, context.Say("The source to restore", "リストアするソース"));
        var id = new Option<string?>("--id") { Description = context.Say("This backup and no other: an id or a file name as list shows them", "このバックアップのみ: list が示すIDまたはファイル名"), HelpName = "ID" };
        SourceArguments.CompleteBackups(context, id, name);
        var at = new Option<string?>("--at") { Description = context.Say("The newest captured at or before this time, or, of a source with a recoverable window (see status), exactly that instant: 2026-02-14, '2026-02-14 02:00' (configured zone; to the end of that day, minute or second), or ISO 8601", "この時刻以前に取得した最新のもの、復旧可能期間（status参照）のあるソースではその時点そのもの: 2026-02-14、'2026-02-14 02:00'（設定のタイムゾーン。その日・分・秒の終わりまで）、またはISO 8601"), HelpName = "TIME" };
        var to = new Option<string?>("--to") { Description = context.Say("Restore to this file or directory; of a database on a server, to a new one of this name. Default: over the live source", "このファイルまたはディレクトリへ復元する。サーバー上のDBは、この名前の新しいDBへ。既定: 稼働中のソースに上書き"), HelpName = "PATH" };
        var tablespaces = new Option<string[]>("--tablespace") { Description = context.Say("A tablespace of a cluster goes to another directory. Without it each goes where it was, if nothing is there. May be repeated", "クラスタのテーブル空間を別のディレクトリへ復元する。指定がなければ元の場所へ（何もない場合のみ）。複数指定可"), HelpName = "OLD=NEW" };
        var paths = new Option<string[]>("--path") { Description = context.Say("Of directories: only this file, directory or pattern (/etc/app/app.conf, '*.conf'); everything else stays as it is. May be repeated", "ディレクトリ: このファイル・ディレクトリ・パターンのみ（/etc/app/app.conf、'*.conf'）。他はそのまま残す。複数指定可"), HelpName = "PATTERN" };
        var delete = new Option<bool>("--delete") { Description = context.Say("Of directories: what is there and was not backed up goes; it is kept in the safety copy", "ディレクトリ: バックアップにないものを取り除く。安全コピーには残る") };
        var owner = new Option<string?>("--owner") { Description = context.Say("Of directories: give everything to this user and group. Default: as it was backed up", "ディレクトリ: すべてをこのユーザーとグループの所有にする。既定: バックアップ時のまま"), HelpName = "USER:GROUP" };
        var dryRun = new Option<bool>("--dry-run") { Description = context.Say("Print what would be done; touch nothing", "実行内容を表示するだけで、何も変更しない") };
        var force = new Option<bool>("--force") { Description = context.Say("Replace what is there; it is kept beside, as …pre_restore…<time>", "既存のものを置き換える。元のものは …pre_restore…<時刻> として残す") };
        var json = context.Json();
        var command = new TaughtCommand(
            "restore",
            context.Say("Restore the newest good backup, or another. It is checked before anything is touched; if it is bad, the next older one is tried. A live source is only replaced with --force, and kept beside.", "最新の正常バックアップ、または指定のものを復元する。何かに触れる前に検査し、不良なら次に古いものを試す。稼働中のソースは --force のときだけ置き換え、元のものを隣に残す。"),
            new("nexus-backup restore itsm --dry-run", context.Say("the plan: which backup, what would be lost", "計画: どのバックアップか、何が失われるか")),
            new("nexus-backup restore itsm --to /tmp/look.db", context.Say("elsewhere, to look at it", "別の場所へ（内容の確認用）")),
            new("nexus-backup restore itsm --force", context.Say("over the live source", "稼働中のソースに上書き")),
            new("nexus-backup restore itsm --at '2026-02-14 02:00' --to /tmp"),
            new("nexus-backup restore itsm --id manual_20260214_093000.db.gz --force"),
            new("nexus-backup restore config --path /etc/app/app.conf --to /tmp/look", context.Say("one file of a directory, to look at it", "ディレクトリのうち1ファイル（内容の確認用）")))
        {
            name, id, at, to, tablespaces, paths, delete, owner, context.Identity, dryRun, force, json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(id) is not null && result.GetResult(at) is not null)
                result.AddError("--id and --at exclude each other");
            if (result.GetResult(to) is { Implicit: false } && string.IsNullOrWhiteSpace(result.GetValue(to)))
                result.AddError("--to is empty: name a file or a directory, or leave it out to restore over the live source");
        });
        command.Acts = parsed => !parsed.GetValue(dryRun);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = await context.OpenAgentAsync(parsed);
            await session.WarnOfOtherStoresAsync(context.Terminal, cancellationToken);
            var agent = session.Agent;
            var source = SourceChoice.Choose(agent.Roster.Current, [parsed.GetValue(name)!])[0];
            var wish = (parsed.GetValue(at) is { } time ? ParseTime(time, source.Source.Zone) : new RestoreWish(parsed.GetValue(id))) with
            {
                Choices = new RestoreChoices
                {
                    Moves = [.. (parsed.GetValue(tablespaces) ?? []).Select(move => ParseMove(move, context.WorkingDirectory))],
                    Paths = parsed.GetValue(paths) ?? [],
                    Deletes = parsed.GetValue(delete),
                    Owner = parsed.GetValue(owner),
                },
            };
            var place = parsed.GetValue(to) is { } written ? source.Source.Source.PlaceOf(written, context.WorkingDirectory) : null;
            var work = new Work(context.Terminal, agent, context.Asker, source, context.CommandsOf(parsed), parsed.GetValue(json));
            return (int)(parsed.GetValue(dryRun)
                ? await work.PlanAsync(wish, place, parsed.GetValue(force), cancellationToken)
                : await work.RestoreAsync(wish, place, parsed.GetValue(force), cancellationToken));
        });
        return command;
    }

    /// <summary>Nothing but a bar.</summary>
    public static RestoreEvents Quietly(IProgress<RunProgress>? progress) => new(
        _ => { }, (done, total) => progress?.Report(new RunProgress(RunStage.Verify, done, total)), _ => { }, _ => { });

    private static RestoreWish ParseTime(string text, TimeZoneInfo zone) => RestoreTime.Parse(text, zone) ?? throw new BackupException(
        FailureKind.Configuration, $"--at '{text}' is no time", "write 2026-02-14, '2026-02-14 02:00' in the configured zone, or 2026-02-13T17:00:00Z");

    /// <summary>A path may hold an equals sign; the new one is less likely to.</summary>
    private static PlaceMove ParseMove(string text, string directory) => text.LastIndexOf('=') is > 0 and var at && text[0] == '/' && at < text.Length - 1
        ? new PlaceMove(text[..at].TrimEnd('/'), KernelPath.Absolute(text[(at + 1)..], directory))
        : throw new BackupException(FailureKind.Configuration, $"--tablespace '{text}' is no move", "write OLD=NEW, for example /srv/fast=/srv/restored_fast");

    private sealed class Work(Terminal terminal, Agent agent, Asker asker, ScheduledSource scheduled, Commands commands, bool json)
    {
        private readonly ProtectedSource source = scheduled.Source;

        private readonly List<RestoreCandidate> passedOver = [];

        public async Task<ExitCode> PlanAsync(RestoreWish wish, string? to, bool force, CancellationToken cancellationToken)
        {
            try
            {
                var preview = await agent.Restores.PreviewAsync(source, wish, to, force, cancellationToken);
                var lastDrill = (await (await agent.States.ReadAsync(cancellationToken)).OfAsync(scheduled, cancellationToken)).LastDrill;
                var changes = await RestoreChanges.ReadAsync(preview, json ? MostInDocument : MostOnScreen, cancellationToken);
                if (json)
                    Print(RestoreDocument.Of(preview, lastDrill, changes));
                else
                    RestorePlanText.Print(terminal, preview, lastDrill, changes);
                return preview.Impossible is { } refusal ? Tell(RunFailure.Of(refusal)) : ExitCode.Done;
            }
            catch (BackupException failure)
            {
                return await FailAsync(failure, wish, cancellationToken);
            }
        }

        public async Task<ExitCode> RestoreAsync(RestoreWish wish, string? to, bool force, CancellationToken cancellationToken)
        {
            RestoreRecord record;
            try
            {
                record = await RunProgressBars.ShowAsync(terminal, source.Name, !json, progress =>
                    agent.Restores.RestoreAsync(source, wish, to, force, LockTimeout, Events(progress), cancellationToken, asker));
            }
            catch (BackupException failure)
            {
                return await FailAsync(failure, wish, cancellationToken);
            }

            if (record.Outcome is { Backup: { Backup.Verification: { Passed: false }, Reason: var doubt } })
                terminal.Warn($"what was restored was {doubt}");
            if (await WithWhatFollowsAsync(record.Operation.Failure, wish, cancellationToken) is { } unrestorable)
                record = record with { Operation = record.Operation with { Failure = unrestorable } };
            if (record.Outcome?.Backup.Backup.Verification?.Note is { } note)
                terminal.Warn($"{source.Source.Inspection.CheckName} of what was restored: {note}");
            if (json)
                Print(RestoreDocument.Of(source.Name, record, passedOver, agent.TimeProvider.GetUtcNow()));
            else if (record.Outcome is { } outcome)
                Print(outcome);
            return record.Operation.Failure is { } failed ? Tell(failed) : ExitCode.Done;
        }

        private RestoreEvents Events(IProgress<RunProgress>? progress) => Quietly(progress) with
        {
            Step = step => Say($"[dim]·[/] {Readable.Plain(step.Text)}"),
            PassedOver = candidate =>
            {
                passedOver.Add(candidate);
                Say($"[red]✗[/] {Readable.Plain(candidate.Backup.File)}: {Readable.Plain(candidate.Reason)}");
            },
        };

        private void Say(string markup)
        {
            if (!json)
                terminal.Line(markup);
        }

        private void Print(RestoreOutcome outcome)
        {
            terminal.Line(Sentence(outcome));
            if (outcome.Place.Chown is { } chown)
                terminal.Line($"[yellow]![/] there was no file before, so whose it was is not known: if its service runs as another user than {Readable.Plain(outcome.Place.Owner?.Names ?? "")} — next: {Readable.Plain(chown)}");
        }

        private string Sentence(RestoreOutcome outcome)
        {
            var (backup, state) = (outcome.Backup.Backup, outcome.Backup.StateOf);
            var age = agent.TimeProvider.GetUtcNow() - state;
            return $"{(outcome.Problem is null ? "[green]✓[/]" : "[yellow]![/]")} [bold]{Readable.Plain(source.Name)}[/] restored to {Readable.Plain(outcome.Place.Location)} from {Readable.Plain(backup.File)}{(outcome.Backup.Copy is { } copy ? $" in store {Readable.Plain(copy.Store.Name)}" : "")}: "
                + $"the state of {Readable.Time(state, source.Zone)}, {Readable.Duration(age)} ago; {Readable.Seconds(outcome.Took)}"
                + (outcome.Place.Owner is { } owner ? $"; owner {Readable.Plain(owner.Names)}, mode {owner.Octal}" : "")
                + (outcome.Place.SafetyCopy is { } safety ? $"; the old one is {Readable.Plain(safety)}" : "")
                + (outcome.Place.SetAside.Count > 0 ? $"; set aside: {Readable.Plain(string.Join(", ", outcome.Place.SetAside))}" : "");
        }

        private void Print(RestoreDocument document) => JsonDocuments.Print(terminal.Output, document, JsonDocuments.Readably.RestoreDocument);

        private async Task<ExitCode> FailAsync(BackupException failure, RestoreWish wish, CancellationToken cancellationToken)
        {
            var told = await WithWhatFollowsAsync(RunFailure.Of(failure), wish, cancellationToken) ?? RunFailure.Of(failure);
            if (json)
                Print(RestoreDocument.Of(source.Name, told));
            return Tell(told);
        }

        /// <summary>Where no backup is left, whether a new one is being made is the next question.</summary>
        /// <returns>Null when there is one.</returns>
        private async Task<RunFailure?> WithWhatFollowsAsync(RunFailure? failure, RestoreWish wish, CancellationToken cancellationToken)
        {
            if (failure is not { Kind: FailureKind.Verification } || wish is not { Id: null, At: null })
                return null;
            var noun = source.Source.Noun.English;
            if (!source.IsThere())
                return failure with { Hint = $"no new backup can be made, because the {noun} is gone, or does not answer, as well; {failure.Hint}" };
            var works = (await agent.States.ReadAsync(cancellationToken)).Agent.Works;
            var follows = works
                ? $"the agent sets it aside and makes a new backup of what the {noun} holds now, if that is sound, within a minute; ask for it: {commands.Of("status", source.Name)}"
                : $"no agent runs that would make a new backup of what the {noun} holds now; make one: {commands.Backup(source.Name)}, and set the corrupt one aside: {commands.VerifyAll(source.Name)}";
            return failure with { Hint = $"{follows}. For the older state: {failure.Hint}" };
        }

        private ExitCode Tell(RunFailure failure)
        {
            terminal.Fail($"restore of '{source.Name}': {failure.Message}", failure.Hint);
            return ExitCodes.OfRestore(failure.Kind);
        }
    }
}
