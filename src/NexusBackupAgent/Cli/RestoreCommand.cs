using System.CommandLine;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup restore SOURCE [--id ID|--at TIME] [--to PATH] [--dry-run] [--force]</c>: puts a backup in place (runbook §3.3).</summary>
internal static class RestoreCommand
{
    /// <summary>A run that is nearly done is waited for.</summary>
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(10);

    public static Command Create(CommandContext context)
    {
        var name = SourceArguments.One(context, "The source to restore");
        var id = new Option<string?>("--id") { Description = "This backup and no other: an id or a file name as list shows them", HelpName = "ID" };
        var at = new Option<string?>("--at") { Description = "The newest captured at or before this time: 2026-02-14, '2026-02-14 02:00' (configured zone; to the end of that day, minute or second), or ISO 8601", HelpName = "TIME" };
        var to = new Option<string?>("--to") { Description = "Restore to this file, or into this directory. Default: over the live source", HelpName = "PATH" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Print what would be done; touch nothing" };
        var force = new Option<bool>("--force") { Description = "Replace an existing file; the old one is kept as <file>.pre_restore.<time>" };
        var json = CommandContext.Json();
        var command = new TaughtCommand(
            "restore",
            "Restore the newest good backup, or another. It is checked before anything is touched; if it is bad, the next older one is tried. A live source is only replaced with --force, and kept beside.",
            "nexus-backup restore itsm --dry-run --force             the plan: which backup, what would be lost",
            "nexus-backup restore itsm --to /tmp/look.db             elsewhere, to look at it",
            "nexus-backup restore itsm --force                       over the live source",
            "nexus-backup restore itsm --at '2026-02-14 02:00' --to /tmp",
            "nexus-backup restore itsm --id manual_20260214_093000.db.gz --force")
        {
            name, id, at, to, dryRun, force, json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(id) is not null && result.GetResult(at) is not null)
                result.AddError("--id and --at exclude each other");
            if (result.GetResult(to) is { Implicit: false } && string.IsNullOrWhiteSpace(result.GetValue(to)))
                result.AddError("--to is empty: name a file or a directory, or leave it out to restore over the live source");
        });
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = context.OpenAgent(parsed);
            var agent = session.Agent;
            var source = SourceArguments.Choose(agent.Roster.Current, [parsed.GetValue(name)!])[0];
            var wish = new RestoreWish(parsed.GetValue(id), parsed.GetValue(at) is { } time ? ParseTime(time, source.Source.Zone) : null);
            var place = parsed.GetValue(to) is { } path ? context.Resolve(path) : null;
            var work = new Work(context.Terminal, agent, source, parsed.GetValue(json));
            return (int)(parsed.GetValue(dryRun)
                ? await work.PlanAsync(wish, place, parsed.GetValue(force), cancellationToken)
                : await work.RestoreAsync(wish, place, parsed.GetValue(force), cancellationToken));
        });
        return command;
    }

    /// <summary>Nothing but a bar.</summary>
    public static RestoreEvents Quietly(IProgress<RunProgress>? progress) => new(
        _ => { }, (done, total) => progress?.Report(new RunProgress(RunStage.Verify, done, total)), _ => { }, _ => { });

    private static DateTimeOffset ParseTime(string text, TimeZoneInfo zone) => RestoreTime.Parse(text, zone) ?? throw new BackupException(
        FailureKind.Configuration, $"--at '{text}' is no time", "write 2026-02-14, '2026-02-14 02:00' in the configured zone, or 2026-02-13T17:00:00Z");

    private sealed class Work(Terminal terminal, Agent agent, ScheduledSource scheduled, bool json)
    {
        private readonly ProtectedSource source = scheduled.Source;

        private readonly List<RestoreCandidate> passedOver = [];

        public async Task<ExitCode> PlanAsync(RestoreWish wish, string? to, bool force, CancellationToken cancellationToken)
        {
            try
            {
                var preview = await agent.Restores.PreviewAsync(source, wish, to, force, cancellationToken);
                var lastDrill = (await (await agent.States.ReadAsync(cancellationToken)).OfAsync(scheduled, cancellationToken)).LastDrill;
                if (json)
                    Print(RestoreDocument.Of(preview, lastDrill));
                else
                    RestorePlanText.Print(terminal, preview, lastDrill);
                return preview.Refusal is { } refusal ? Tell(RunFailure.Of(refusal)) : ExitCode.Done;
            }
            catch (BackupException failure)
            {
                return Fail(failure);
            }
        }

        public async Task<ExitCode> RestoreAsync(RestoreWish wish, string? to, bool force, CancellationToken cancellationToken)
        {
            RestoreRecord record;
            try
            {
                record = await RunProgressBars.ShowAsync(terminal, source.Name, !json, progress =>
                    agent.Restores.RestoreAsync(source, wish, to, force, LockTimeout, Events(progress), cancellationToken));
            }
            catch (BackupException failure)
            {
                return Fail(failure);
            }

            if (record.Outcome is { Backup: { Backup.Verification: { Passed: false }, Reason: var doubt } })
                terminal.Warn($"what was restored was {doubt}");
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
            var backup = outcome.Backup.Backup;
            var age = agent.TimeProvider.GetUtcNow() - backup.CapturedAt;
            return $"{(outcome.Problem is null ? "[green]✓[/]" : "[yellow]![/]")} [bold]{Readable.Plain(source.Name)}[/] restored to {Readable.Plain(outcome.Place.Location)} from {Readable.Plain(backup.File)}: "
                + $"the state of {Readable.Time(backup.CapturedAt, source.Zone)}, {Readable.Duration(age)} ago; {Readable.Seconds(outcome.Took)}"
                + (outcome.Place.Owner is { } owner ? $"; owner {Readable.Plain(owner.Names)}, mode {owner.Octal}" : "")
                + (outcome.Place.SafetyCopy is { } safety ? $"; the old one is {Readable.Plain(safety)}" : "")
                + (outcome.Place.SetAside.Count > 0 ? $"; set aside: {Readable.Plain(string.Join(", ", outcome.Place.SetAside))}" : "");
        }

        private void Print(RestoreDocument document) => JsonDocuments.Print(terminal.Output, document, JsonDocuments.Readably.RestoreDocument);

        private ExitCode Fail(BackupException failure)
        {
            if (json)
                Print(RestoreDocument.Of(source.Name, failure));
            return Tell(RunFailure.Of(failure));
        }

        /// <summary>A failure that has no exit code of its own here is a failed restore.</summary>
        private ExitCode Tell(RunFailure failure)
        {
            terminal.Fail($"restore of '{source.Name}': {failure.Message}", failure.Hint);
            return ExitCodes.Of(failure.Kind) is var code and (ExitCode.Unexpected or ExitCode.NotFound or ExitCode.Busy or ExitCode.StoreFull) ? code : ExitCode.RestoreFailed;
        }
    }
}
