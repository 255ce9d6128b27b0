using System.CommandLine;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Runs;
using NexusBackupAgent.Scheduling;
using Spectre.Console;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup verify [SOURCE|ID…] [--all]</c>: reads stored backups back.</summary>
internal static class VerifyCommand
{
    /// <summary>A run that is nearly done is waited for.</summary>
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(10);

    private static readonly (VerificationCheck Check, string Words)[] Checks =
    [
        (VerificationCheck.Checksum, "size and SHA-256"),
        (VerificationCheck.Gzip, "gzip"),
        (VerificationCheck.Integrity, "PRAGMA integrity_check"),
    ];

    public static Command Create(CommandContext context)
    {
        var names = SourceArguments.Several(context, "SOURCE|ID", "Sources, or identities or file names of backups. Default: all sources");
        var all = new Option<bool>("--all") { Description = "Every backup of the sources, not only the newest of each" };
        var json = CommandContext.Json();
        var command = new TaughtCommand(
            "verify",
            "Read stored backups back: size, SHA-256, gzip, and the database's own integrity check on the expanded content.",
            "nexus-backup verify                              the newest backup of each source",
            "nexus-backup verify itsm --all                   every backup of itsm",
            "nexus-backup verify 20260214T020000Z-3f9a2c      one backup")
        {
            names, all, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = context.OpenAgent(parsed);
            var work = new Work(context.Terminal, session.Agent, parsed.GetValue(json), parsed.GetValue(all));
            return (int)await work.RunAsync(parsed.GetValue(names)!, cancellationToken);
        });
        return command;
    }

    private sealed class Work(Terminal terminal, Agent agent, bool json, bool all)
    {
        private readonly List<BackupDocument> documents = [];
        private readonly List<ExitCode> codes = [];

        public async Task<ExitCode> RunAsync(string[] names, CancellationToken cancellationToken)
        {
            foreach (var (source, backup) in await ChooseAsync(names, cancellationToken))
            {
                try
                {
                    var verified = await RunProgressBars.ShowAsync(terminal, source.Name, !json, progress =>
                        agent.Verifications.VerifyAsync(source, backup, LockTimeout, progress, cancellationToken));
                    Tell(source, verified);
                }
                catch (BackupException failure)
                {
                    Fail($"cannot verify '{backup.File}' of '{source.Name}': {failure.Message}", failure);
                }
            }

            if (json)
                JsonDocuments.Print(terminal, [.. documents], JsonDocuments.Readably.IReadOnlyListBackupDocument);
            return ExitCodes.MostSevere(codes);
        }

        private async Task<IReadOnlyList<(ProtectedSource Source, Backup Backup)>> ChooseAsync(string[] names, CancellationToken cancellationToken)
        {
            var sources = agent.Roster.Current;
            if (names.Length == 0)
                return await OfSourcesAsync(sources, named: false, cancellationToken);

            var chosen = new List<(ProtectedSource, Backup)>();
            foreach (var name in names.Distinct(StringComparer.Ordinal))
            {
                chosen.AddRange(SourceArguments.Find(sources, name) is { } source
                    ? await OfSourcesAsync([source], named: true, cancellationToken)
                    : [await FindAsync(sources, name, cancellationToken)]);
            }

            return chosen;
        }

        private async Task<IReadOnlyList<(ProtectedSource, Backup)>> OfSourcesAsync(
            IReadOnlyList<ScheduledSource> sources, bool named, CancellationToken cancellationToken)
        {
            var chosen = new List<(ProtectedSource, Backup)>();
            foreach (var source in sources.Select(source => source.Source))
            {
                try
                {
                    var backups = await source.Catalog.ListAsync(cancellationToken);
                    if (backups.Count == 0)
                        None(source.Name, named);
                    chosen.AddRange((all ? backups : backups.Take(1)).Select(backup => (source, backup)));
                }
                catch (BackupException failure)
                {
                    Fail($"cannot list '{source.Name}': {failure.Message}", failure);
                }
            }

            return chosen;
        }

        private void None(string source, bool named)
        {
            if (!named)
            {
                terminal.Warn($"source '{source}' has no backups");
                return;
            }

            terminal.Fail($"source '{source}' has no backups", $"make one: nexus-backup backup '{source}'");
            codes.Add(ExitCode.NotFound);
        }

        private static async Task<(ProtectedSource, Backup)> FindAsync(IReadOnlyList<ScheduledSource> sources, string name, CancellationToken cancellationToken)
        {
            foreach (var source in sources.Select(source => source.Source))
            {
                var backups = await source.Catalog.ListAsync(cancellationToken);
                if (backups.FirstOrDefault(backup => backup.Id.Value == name || backup.File == Path.GetFileName(name)) is { } found)
                    return (source, found);
            }

            throw SourceArguments.Unknown(sources, name, "source or backup");
        }

        private void Tell(ProtectedSource source, Backup backup)
        {
            var verification = backup.Verification!;
            documents.Add(BackupDocument.Of(source.Catalog, backup) with
            {
                Checks = [.. verification.Checks.Select(check => new CheckDocument(check.Check.Word(), check.Passed, check.Detail))],
            });
            if (backup.State != BackupState.Good)
            {
                codes.Add(ExitCode.VerificationFailed);
                terminal.Fail(
                    $"backup '{source.Catalog.Locate(backup.File)}' of '{source.Name}' is corrupt: {verification.FirstFailure ?? "its size has changed"}",
                    $"keep it for analysis and make a new one: nexus-backup backup '{source.Name}'");
            }

            if (json)
                return;
            terminal.Line($"[bold]{Readable.Plain(source.Name)}[/] {Readable.Plain(source.Catalog.Locate(backup.File))}  {Readable.Coloured(backup.State)}");
            foreach (var (check, words) in Checks)
                terminal.Line("  " + Sentence(words, verification.Checks.FirstOrDefault(result => result.Check == check)));
        }

        private static string Sentence(string words, CheckResult? result) => result switch
        {
            null => $"[dim]- {words}: not tried[/]",
            { Passed: true } => $"[green]✓[/] {words}",
            _ => $"[red]✗[/] {words}: {Readable.Plain(result.Detail)}",
        };

        private void Fail(string message, BackupException failure)
        {
            terminal.Fail(message, failure.Hint);
            codes.Add(ExitCodes.Of(failure.Kind));
        }
    }
}
