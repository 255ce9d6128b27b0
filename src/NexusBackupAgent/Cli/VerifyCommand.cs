using System.CommandLine;
using Spectre.Console;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup verify [SOURCE|ID…] [--all]</c>: reads stored backups back, sets the corrupt ones aside and replaces them.</summary>
internal static class VerifyCommand
{
    /// <summary>A run that is nearly done is waited for.</summary>
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(10);

    private static (VerificationCheck Check, string Words)[] ChecksOf(ProtectedSource source, Backup backup) =>
    [
        (VerificationCheck.Checksum, "size and SHA-256"),
        (VerificationCheck.Encoding, backup switch { { IsEncrypted: false } => backup.Manifest.Encoding.Shown(), { Verification.IsOfStoredBytes: true } => "age", _ => $"age, {backup.Manifest.Encoding.Shown()}" }),
        (VerificationCheck.Integrity, source.Source.Inspection.CheckName),
    ];

    public static Command Create(CommandContext context)
    {
        var names = SourceArguments.Several(context, "SOURCE|ID", context.Say("Sources, or identities or file names of backups. Default: all sources", "ソース、またはバックアップのIDかファイル名。既定: 全ソース"));
        var all = new Option<bool>("--all") { Description = context.Say("Every backup of the sources, not only the newest of each", "各ソースの最新だけでなく、すべてのバックアップ") };
        var storedBytes = new Option<bool>("--stored-bytes") { Description = context.Say("Compare the stored bytes alone with their SHA-256, on all cores: quick, and no proof of what is in them. Only what differs is read back whole", "格納済みバイト列のSHA-256だけを全コアで照合する（高速。内容の証明にはならない）。一致しないものだけを読み戻して検証する") };
        var noReplacement = new Option<bool>("--no-replacement") { Description = context.Say("Start no new backup in place of a corrupt one; a running agent does within a minute", "破損バックアップの代替を取得しない（稼働中のエージェントは1分以内に取得する）") };
        var acceptLost = new Option<bool>("--accept-lost") { Description = context.Say("Read nothing back: the backups that are gone from the store were deleted on purpose, and nothing is to tell of them any more", "読み戻しはしない。格納先から消えたバックアップを意図した削除として受け入れ、以後は表示しない") };
        var selfTest = new Option<bool>("--self-test") { Description = context.Say("Damage copies of a sample in scratch space and prove that each check finds what it ought to; no backup is touched", "作業領域のサンプルのコピーを壊し、各検査が検出することを確かめる。バックアップには触れない") };
        var store = SourceArguments.Store(context);
        var textfile = Textfile.Option(context);
        var json = context.Json();
        var command = new TaughtCommand(
            "verify",
            context.Say("Read stored backups back: size, SHA-256, compression, and the source's own integrity check of the content. What two readings find corrupt is set aside as .bad and replaced by a new backup.", "格納済みバックアップを読み戻す: サイズ、SHA-256、圧縮、内容の整合性検査。2回の読取りで破損と判定したものは .bad にリネームして保全し、新しいバックアップで置き換える。"),
            new("nexus-backup verify", context.Say("the newest backup of each source", "各ソースの最新")),
            new("nexus-backup verify itsm --all", context.Say("every backup of itsm", "itsm のすべて")),
            new("nexus-backup verify 20260214T020000Z-3f9a2c", context.Say("one backup", "1つのバックアップ")),
            new("nexus-backup verify --all --stored-bytes", context.Say("what lies in the store, hour by hour between two whole verifications", "格納先の現物照合。通常の検証の合間に毎時など")),
            new("nexus-backup verify --self-test", context.Say("prove that the checks find damage", "検査が破損を検出することを確かめる")))
        {
            names, all, storedBytes, store, context.Identity, noReplacement, acceptLost, selfTest, textfile, json,
        };
        command.Validators.Add(result =>
        {
            if (!result.GetValue(acceptLost))
                return;
            if (result.GetValue(names) is null or [])
                result.AddError("--accept-lost needs a SOURCE: what was deleted on purpose is accepted of one source after the other");
            foreach (var other in (Option[])[all, storedBytes, store, noReplacement, selfTest])
            {
                if (result.GetResult(other) is { Implicit: false })
                    result.AddError($"--accept-lost and {other.Name} exclude each other");
            }
        });
        command.Acts = _ => true;
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = await context.OpenAgentAsync(parsed);
            return (int)await Textfile.AfterAsync(context, session.Agent, parsed.GetValue(textfile), async () =>
            {
                var isAway = await session.WarnOfOtherStoresAsync(context.Terminal, cancellationToken);
                if (parsed.GetValue(selfTest))
                    return await SelfTestCommand.RunAsync(context.Terminal, session.Agent, parsed.GetValue(json), cancellationToken);
                var work = new Work(context.Terminal, session.Agent, context.Asker, context.CommandsOf(parsed), parsed.GetValue(json), parsed.GetValue(all), parsed.GetValue(storedBytes), !parsed.GetValue(noReplacement), isAway);
                if (parsed.GetValue(acceptLost))
                    return await work.AcceptLostAsync(SourceChoice.Choose(session.Agent.Roster.Current, parsed.GetValue(names)!), cancellationToken);
                return await work.RunAsync(session.Agent.Roster.Current, parsed.GetValue(store), parsed.GetValue(names)!, cancellationToken);
            });
        });
        return command;
    }

    /// <param name="isAway">Whether a store is not the one that it was: what is not found there is not lost for good.</param>
    private sealed class Work(Terminal terminal, Agent agent, Asker asker, Commands commands, bool json, bool all, bool storedBytes, bool replace, bool isAway)
    {
        private readonly List<BackupDocument> documents = [];
        private readonly List<ExitCode> codes = isAway ? [ExitCode.BackupFailed] : [];
        private readonly HashSet<ProtectedSource> bereft = [];

        public async Task<ExitCode> RunAsync(IReadOnlyList<ScheduledSource> sources, string? store, string[] names, CancellationToken cancellationToken)
        {
            var choice = new BackupChoice(sources, all, Tell, store);
            var chosen = await choice.ChooseAsync(names, cancellationToken);
            if (storedBytes)
                await ReadStoredAsync(chosen, cancellationToken);
            else
                await VerifyAsync(chosen, cancellationToken);

            foreach (var source in all ? choice.Listed.Where(source => source.CopyStore is null) : []) // the journal knows what the first store has
                await TellLostAsync(source, cancellationToken);
            foreach (var source in replace ? bereft.Where(source => source.CopyStore is null) : [])
                await ReplaceAsync(source, cancellationToken);
            if (json)
                JsonDocuments.Print(terminal.Output, [.. documents], JsonDocuments.Readably.IReadOnlyListBackupDocument);
            return ExitCodes.MostSevere(codes);
        }

        private async Task VerifyAsync(IEnumerable<(ProtectedSource Source, Backup Backup)> chosen, CancellationToken cancellationToken)
        {
            foreach (var (source, backup) in chosen)
            {
                try
                {
                    var verified = await RunProgressBars.ShowAsync(terminal, source.Name, !json, progress =>
                        agent.Verifications.VerifyAsync(source, backup, LockTimeout, progress, cancellationToken, asker));
                    Tell(source, backup, verified, isAnyLeft: !verified.HasBrokenChain || await IsAnyLeftAsync(source, cancellationToken));
                }
                catch (BackupException failure)
                {
                    Fail($"cannot verify '{backup.File}' of '{source.Name}': {failure.Message}", failure);
                }
            }
        }

        /// <summary>Reads the stored bytes of each source's backups together, and verifies what is not as it was stored.</summary>
        private async Task ReadStoredAsync(IReadOnlyList<(ProtectedSource Source, Backup Backup)> chosen, CancellationToken cancellationToken)
        {
            var groups = chosen.GroupBy(one => one.Source.Turn, (_, own) => (own.First().Source, Backups: own.Select(one => one.Backup).ToList())).ToList();
            var ends = new StoredReadings[groups.Count];
            if (groups is [var (alone, its)])
                ends[0] = await RunProgressBars.ShowAsync(terminal, alone.Name, !json, progress => ReadAsync(alone, its, progress, cancellationToken));
            else
                await Parallel.ForAsync(0, groups.Count, new ParallelOptions { MaxDegreeOfParallelism = Cores.Used, CancellationToken = cancellationToken }, async (at, token) => ends[at] = await ReadAsync(groups[at].Source, groups[at].Backups, progress: null, token));
            foreach (var (source, (readings, problem)) in groups.Zip(ends, (group, end) => (group.Source, end)))
            {
                foreach (var (backup, shown) in readings)
                {
                    if (shown is null)
                        await VerifyAsync([(source, backup)], cancellationToken);
                    else
                        TellRead(source, backup, shown);
                }

                if (problem is not null)
                    Fail($"cannot read what is stored of '{source.Name}': {problem.Message}", problem);
            }
        }

        private Task<StoredReadings> ReadAsync(ProtectedSource source, List<Backup> backups, IProgress<RunProgress>? progress, CancellationToken cancellationToken) =>
            agent.Verifications.ReadStoredAsync(source, backups, LockTimeout, progress, cancellationToken, asker);

        /// <summary>While a store is another one, what is not found there is not lost.</summary>
        public async Task<ExitCode> AcceptLostAsync(IReadOnlyList<ScheduledSource> sources, CancellationToken cancellationToken)
        {
            var accepted = new List<string>();
            foreach (var source in isAway ? [] : sources.Select(source => source.Source))
            {
                try
                {
                    var lost = (await agent.Verifications.AcceptLostAsync(source, asker, cancellationToken)).Select(run => run.Backup!.Value.Value).ToList();
                    accepted.AddRange(lost);
                    Say(lost.Count == 0 ? $"'{source.Name}' lacks no backup" : $"'{source.Name}': accepted as deleted: {string.Join(", ", lost)}");
                }
                catch (BackupException failure)
                {
                    Fail($"cannot accept what '{source.Name}' lost: {failure.Message}", failure);
                }
            }

            if (json)
                JsonDocuments.Print(terminal.Output, accepted, JsonDocuments.Readably.IReadOnlyListString);
            return ExitCodes.MostSevere(codes);
        }

        private void Tell(ChoiceTrouble trouble)
        {
            if (trouble.Hint is null)
            {
                terminal.Warn(trouble.Message);
                return;
            }

            terminal.Fail(trouble.Message, trouble.Hint);
            codes.Add(trouble.Code);
        }

        /// <summary>What is gone without a trace is told here once; the looks at a source tell of it until somebody accepts it.</summary>
        private async Task TellLostAsync(ProtectedSource source, CancellationToken cancellationToken)
        {
            try
            {
                var lost = await agent.Verifications.FindLostAsync(source, cancellationToken);
                foreach (var half in lost.Halves)
                {
                    codes.Add(ExitCode.VerificationFailed);
                    terminal.Fail($"half of a backup of '{source.Name}' is gone: '{source.Catalog.Locate(half.File)}' is {half.Reason}", $"a copy of the store may have the other half: put it back under its name{Deleted(source)}");
                }

                if (lost.Whole.Count == 0)
                    return;
                codes.Add(ExitCode.VerificationFailed);
                terminal.Fail(
                    $"{(lost.Whole.Count == 1 ? "a backup" : $"{lost.Whole.Count} backups")} of '{source.Name}' that the journal knows {(lost.Whole.Count == 1 ? "is" : "are")} gone, or lost the manifest and counts as made by hand, and retention removed none of them: {string.Join(", ", lost.Whole.Select(run => run.Backup))}",
                    $"if somebody deleted them by hand: {commands.AcceptLost(source.Name)}; until then status, diagnose and report tell of them. If not, find out who did{(source.Copies.Count > 0 ? $", and {commands.Copy(source.Name)} brings back what a further store has" : ": a copy of the store may have them")}{Deleted(source)}");
                if (!isAway)
                    agent.Verifications.NoteLost(source, lost);
            }
            catch (BackupException failure)
            {
                Fail($"cannot look for lost backups of '{source.Name}': {failure.Message}", failure);
            }
        }

        /// <summary>Where the store keeps what was deleted.</summary>
        private static string Deleted(ProtectedSource source) =>
            source.Catalog.Store.Inspection.CommandFor(StoreQuestion.WhatWasDeleted, source.Catalog.Directory) is { } command ? $"; what was deleted in a bucket that keeps versions: {command}" : "";

        /// <summary>Whether a restore would find a backup to try in this store. Where it can't be listed, the list says why.</summary>
        private static async Task<bool> IsAnyLeftAsync(ProtectedSource source, CancellationToken cancellationToken)
        {
            try
            {
                return (await source.Catalog.ListAsync(cancellationToken)).Any(backup => backup.IsUsable);
            }
            catch (BackupException)
            {
                return true;
            }
        }

        /// <param name="isAnyLeft">Whether the list has one that can be restored.</param>
        private void Tell(ProtectedSource source, Backup before, Backup backup, bool isAnyLeft)
        {
            var checks = backup.HasBrokenChain ? [] : backup.Verification!.Checks; // it was not read for what it builds on
            documents.Add(BackupDocument.OfVerified(source.Catalog, backup));
            if (backup.State != BackupState.Good)
                TellUnsound(source, before, backup, isAnyLeft);
            foreach (var trouble in backup.Troubles)
            {
                codes.Add(ExitCode.VerificationFailed);
                terminal.Fail($"'{source.Catalog.Locate(trouble.File)}', beside a backup of '{source.Name}' that is {backup.State.Word()}, is not what it should be: {trouble.Reason}", trouble.Remedy);
            }

            TellChecks(source, backup, backup.HasBrokenChain ? [] : ChecksOf(source, backup), checks);
        }

        private void TellRead(ProtectedSource source, Backup backup, VerificationResult shown)
        {
            documents.Add(BackupDocument.OfRead(source.Catalog, backup, shown));
            TellChecks(source, backup, ChecksOf(source, backup), shown.Checks);
        }

        private void TellChecks(ProtectedSource source, Backup backup, (VerificationCheck Check, string Words)[] asked, IReadOnlyList<CheckResult> checks)
        {
            if (json)
                return;
            terminal.Line($"[bold]{Readable.Plain(source.Name)}[/] {Readable.Plain(source.Catalog.Locate(backup.File))}  {Readable.Coloured(backup.State)}");
            foreach (var (check, words) in asked)
                terminal.Line("  " + Sentence(words, checks.FirstOrDefault(result => result.Check == check)));
        }

        private void TellUnsound(ProtectedSource source, Backup before, Backup backup, bool isAnyLeft)
        {
            var (was, now) = (source.Catalog.Locate(before.File), source.Catalog.Locate(backup.File));
            if (backup is { HasBrokenChain: true, BrokenChain: { } reason })
            {
                codes.Add(ExitCode.VerificationFailed);
                terminal.Fail($"backup '{now}' of '{source.Name}' cannot be restored: {reason}", isAnyLeft ? $"what can be is in {source.ListCommand}"
                    : source.Copies.Count > 0 ? $"no other here can be either; what further stores have comes back with: nexus-backup copy '{source.Name}'"
                    : $"no other can be either; {source.MakeNew}");
                if (before.BrokenChain is null)
                    bereft.Add(source);
                return;
            }

            if (backup is { State: BackupState.Quarantined, Verification.Passed: true })
            {
                var takeBack = BackupFiles.IsSetAside(backup.File)
                    ? source.Catalog.Store.Inspection.Rename(source.Catalog.PathOf(backup.File), source.Catalog.PathOf(BackupFiles.Original(backup.File)))
                    : $"delete '{source.Catalog.Locate(BackupFiles.Verification(backup.File))}', then verify it again";
                terminal.Warn($"backup '{now}' of '{source.Name}' was set aside and is sound now{(takeBack is null ? "" : $"; to take it back: {takeBack}")}");
                return;
            }

            codes.Add(ExitCode.VerificationFailed);
            var message = $"backup '{was}' of '{source.Name}' is corrupt: {backup.Objection}";
            if (backup.State == BackupState.Corrupt && Refusal(source, backup) is { } refusal)
                terminal.Fail($"{message}; {refusal.Message}", refusal.Hint);
            else if (before.IsSetAside)
                terminal.Fail(message, "it was set aside before; delete it when it is no longer needed for analysis");
            else
                terminal.Fail($"{message}; {(backup.File == before.File ? "it is set aside under its own name, and no restore uses it" : $"it is kept as '{now}'")}", $"{source.Catalog.Store.CheckDisk()}; what is good is in {source.ListCommand}{(source.CopyStore is null ? "" : $"; {source.MakeNew}")}");
            if (backup.IsSetAside && !before.IsSetAside)
                bereft.Add(source);
        }

        private RunFailure? Refusal(ProtectedSource source, Backup backup) =>
            agent.Journal.Last(source.Name, OperationKind.Quarantine, source.CopyStore) is { } last && last.Backup == backup.Id ? last.Failure : null;

        /// <summary>Good news: standard output is the document's alone when there is one.</summary>
        private void Say(string news)
        {
            if (json)
                terminal.Warn(news);
            else
                terminal.Line($"[green]✓[/] {Readable.Plain(news)}");
        }

        private async Task ReplaceAsync(ProtectedSource source, CancellationToken cancellationToken)
        {
            var mended = new List<CopyRecord>();
            var run = await RunProgressBars.ShowAsync(terminal, source.Name, !json, progress =>
                agent.Replacements.RunIfDueAsync(source, LockTimeout, progress, cancellationToken, mended.Add));
            foreach (var (backup, from) in mended.SelectMany(record => record.Copied, (record, backup) => (backup, record.From)))
                Say($"'{source.Catalog.Locate(backup.File)}' of '{source.Name}' is whole again, from its copy in store '{from}'");
            if (run is null && mended.Exists(record => record.Copied.Count > 0))
                return; // that is what replaces it
            if (run is null)
                terminal.Warn($"no new backup of '{source.Name}' was started: {await agent.Replacements.WhyNotAsync(source, cancellationToken)}");
            else if (run.Failure is { } failure)
                terminal.Fail($"the backup of '{source.Name}' that was to replace it failed: {failure.Message}", failure.Hint);
            else if (json)
                terminal.Warn($"a new backup of '{source.Name}' replaces it: {source.Catalog.Locate(run.Outcome!.Backup.File)}");
            else
                terminal.Line($"[green]✓[/] [bold]{Readable.Plain(source.Name)}[/] {Readable.Plain(source.Catalog.Locate(run.Outcome!.Backup.File))} replaces it, [green]verified[/]");
        }

        private static string Sentence(string words, CheckResult? result) => result switch
        {
            null => $"[dim]- {words}: not tried[/]",
            { Passed: true, Detail: "" } => $"[green]✓[/] {words}",
            { Passed: true } => $"[green]✓[/] {words}; {Readable.Plain(result.Detail)}",
            _ => $"[red]✗[/] {words}: {Readable.Plain(result.Detail)}",
        };

        private void Fail(string message, BackupException failure)
        {
            terminal.Fail(message, failure.Hint);
            codes.Add(ExitCodes.Of(failure.Kind));
        }
    }
}
