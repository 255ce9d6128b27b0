using System.CommandLine;
using System.Text.Json;
using NexusBackupAgent.Artifacts.Age;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup list [SOURCE]</c>: the backups, newest first.</summary>
internal static class ListCommand
{
    public static Command Create(CommandContext context)
    {
        var name = SourceArguments.AtMostOne(context, context.Say("Only this source's backups. Default: all sources'", "このソースのバックアップのみ。既定: 全ソース"));
        var contents = new Option<string[]>("--contents")
        {
            Description = context.Say("The files of this backup, or those that a path or pattern names; of sources that consist of files", "このバックアップに含まれるファイル。パスまたはパターンで絞り込める（ファイルからなるソース）"),
            HelpName = "ID [PATTERN]",
            Arity = new ArgumentArity(1, 2),
            AllowMultipleArgumentsPerToken = true,
        };
        var store = SourceArguments.Store(context);
        var json = context.Json();
        var command = new TaughtCommand(
            "list",
            context.Say("List the backups, newest first, and files that belong to none.", "バックアップを新しい順に一覧表示する。どのバックアップにも属さないファイルも示す。"),
            new("nexus-backup list", context.Say("all sources", "全ソース")),
            new("nexus-backup list itsm --json | jq -r '.[0].file'", context.Say("where the newest backup of itsm is", "itsm の最新バックアップの場所")),
            new("nexus-backup list --contents 20260213T170000Z-6c6db3 '*.conf'", context.Say("the files of a backup of a directory", "ディレクトリのバックアップに含まれるファイル")))
        {
            name, contents, store, context.Identity, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = await context.OpenAgentAsync(parsed);
            var isAway = await session.WarnOfOtherStoresAsync(context.Terminal, cancellationToken);
            var sources = SourceChoice.Choose(session.Agent.Roster.Current, parsed.GetValue(name) is { } only ? [only] : [], parsed.GetValue(store));
            if (parsed.GetValue(contents) is { Length: > 0 } wanted)
            {
                await new Contents(context.Terminal, parsed.GetValue(json)).PrintAsync([.. sources.Select(source => source.Source)], wanted[0], wanted.ElementAtOrDefault(1), cancellationToken);
                return (int)ExitCode.Done;
            }

            var listed = new List<(BackupCatalog Catalog, Backup Backup, string? FullBecause, BackupHolders? Holders)>();
            List<ExitCode> codes = isAway ? [ExitCode.BackupFailed] : [];
            var screen = new Screen(context.Terminal, context.TimeProvider.GetUtcNow(), context.Language, isAway);
            foreach (var source in sources.Select(source => source.Source))
            {
                try
                {
                    var fullBecause = session.Agent.Journal.FullBecause(source.Name);
                    var holders = await BackupHolders.FindAsync(source, copy => TryListAsync(context.Terminal, source, copy, cancellationToken));
                    if (parsed.GetValue(json))
                    {
                        listed.AddRange((await source.Catalog.ListOnceAsync(withOrphans: false, cancellationToken)).Backups.Select(backup => (source.Catalog, backup, fullBecause.GetValueOrDefault(backup.Id), holders)));
                        continue;
                    }

                    var (backups, orphans) = await source.Catalog.ListOnceAsync(withOrphans: true, cancellationToken);
                    screen.Print(source, backups, orphans.Where(orphan => orphan.Sweepable.Count == 0 || !session.Agent.Turns.IsUnderWay(source.Turn)), fullBecause, holders);
                }
                catch (BackupException failure)
                {
                    context.Terminal.Fail($"cannot list '{source.Name}': {failure.Message}", SourceChoice.HintOf(source, failure.Kind, failure.Hint, "list"));
                    codes.Add(ExitCodes.Of(failure.Kind));
                }
            }

            if (parsed.GetValue(json))
                JsonArray.Print(context.Terminal.Output, listed, one => BackupDocument.Of(one.Catalog, one.Backup) with { FullBecause = one.FullBecause, Stores = one.Holders?.Of(one.Backup) }, JsonDocuments.Readably.IReadOnlyListBackupDocument);
            return (int)ExitCodes.MostSevere(codes);
        });
        return command;
    }

    /// <summary>The files of one backup.</summary>
    private sealed class Contents(Terminal terminal, bool json)
    {
        public async Task PrintAsync(IReadOnlyList<ProtectedSource> sources, string id, string? pattern, CancellationToken cancellationToken)
        {
            var (source, catalog, backup) = await FindAsync(sources, id, cancellationToken);
            var first = true;
            await foreach (var file in BackupContents.Read(source.Source, catalog, backup, pattern, cancellationToken))
            {
                if (json)
                    terminal.Output.Write($"{(first ? "[" : ",")}{Environment.NewLine}  {JsonSerializer.Serialize(ContentDocument.Of(file), JsonDocuments.InOneLine.ContentDocument)}");
                else
                    terminal.Output.WriteLine(Line(file, source.Zone));
                first = false;
            }

            if (json)
                terminal.Output.WriteLine(first ? "[]" : Environment.NewLine + "]");
        }

        /// <summary>In the first stores, then where copies are: one that is away need not be the one that has it.</summary>
        private static async Task<(ProtectedSource, BackupCatalog, Backup)> FindAsync(IReadOnlyList<ProtectedSource> sources, string id, CancellationToken cancellationToken)
        {
            BackupException? away = null;
            foreach (var (source, catalog) in sources.Select(source => (source, source.Catalog)).Concat(sources.SelectMany(source => source.Copies.Select(copy => (source, copy.Catalog)))))
            {
                try
                {
                    if ((await catalog.ListAsync(cancellationToken)).FirstOrDefault(backup => backup.Id.Value == id || backup.File == id) is { } found)
                        return (source, catalog, found);
                }
                catch (BackupException unlisted)
                {
                    away ??= unlisted;
                }
            }

            throw away ?? new BackupException(FailureKind.NotFound, $"there is no backup '{id}'", "write an id or a file name as nexus-backup list shows them");
        }

        /// <summary>As <c>tar -tv</c> does.</summary>
        private static string Line(CapturedFile file, TimeZoneInfo zone)
        {
            var type = file.Type switch { "directory" => 'd', "link" => 'l', "hardLink" => 'h', _ => '-' };
            var mode = file.Mode is { } bits ? Convert.ToString(bits, 8).PadLeft(4, '0') : "";
            return $"{type}{mode} {file.Owner,-15} {file.Bytes,12} {Readable.Time(file.Modified, zone)} {LineText.Of(file.Path)}{(file.Target is { } target ? $"{(file.Type == "link" ? " -> " : " link to ")}{LineText.Of(target)}" : "")}";
        }
    }

    private static async Task<IReadOnlyList<Backup>?> TryListAsync(Terminal terminal, ProtectedSource source, CopyTarget copy, CancellationToken cancellationToken)
    {
        try
        {
            return (await copy.Catalog.ListOnceAsync(withOrphans: false, cancellationToken)).Backups;
        }
        catch (BackupException away)
        {
            terminal.Warn($"copies of '{source.Name}' in store '{copy.Store}' can't be listed: {away.Message}; {away.Hint}");
            return null;
        }
    }

    private sealed class Screen(Terminal terminal, DateTimeOffset now, Language language, bool isAway)
    {
        public void Print(ProtectedSource source, IReadOnlyList<Backup> backups, IEnumerable<Orphan> orphans, IReadOnlyDictionary<BackupId, string> fullBecause, BackupHolders? holders)
        {
            terminal.Paragraph($"[bold]{Readable.Plain(source.Name)}[/]  ", source.Catalog.Locate(""));
            if (backups.Count == 0)
                terminal.Line(Readable.Plain("  " + In(isAway || holders?.Further.Count > 0 ? new("no backups here", "ここにはバックアップなし") : new("no backups yet", "バックアップなし"))));
            else
                PrintTable(backups, source.Zone, holders);
            foreach (var (store, good) in backups.Any(backup => backup.State == BackupState.Good) ? [] : holders?.Further ?? [])
                Tell("yellow", new("copies", "コピー"), In(new($"store {store} has {good} good; nexus-backup list '{source.Name}' --store '{store}' lists them, nexus-backup copy '{source.Name}' brings them back", $"格納先 {store} に正常バックアップ{good}件。一覧: nexus-backup list '{source.Name}' --store '{store}'、復旧: nexus-backup copy '{source.Name}'")));
            foreach (var reason in backups.Where(backup => fullBecause.ContainsKey(backup.Id)).GroupBy(backup => fullBecause[backup.Id], StringComparer.Ordinal))
                Tell("dim", new("made full", "フルで取得"), $"{string.Join(", ", reason.Select(backup => backup.File))}{In(new($" (because {reason.Key})", $"（理由: 「{reason.Key}」）"))}");
            foreach (var note in backups.Where(backup => backup.Verification?.Note is not null).GroupBy(backup => backup.Verification!.Note!, StringComparer.Ordinal))
                Tell("yellow", new("note", "注記"), $"{string.Join(", ", note.Select(backup => backup.File))} ({note.Key})");
            foreach (var backup in backups.Where(backup => backup.Unreadable is not null))
                Tell("yellow", new("unknown", "不明"), $"{backup.File} ({backup.Unreadable!.Message})");
            foreach (var proof in backups.Where(backup => backup is { IsEncrypted: true, State: BackupState.Good }).GroupBy(backup => backup.Proof).OrderByDescending(group => group.Key))
                Tell("dim", new("encrypted", "暗号化"), $"{proof.Count()} ({In(StatusText.OfEncrypted(proof.Key))})");
            foreach (var closed in backups.Where(backup => backup.AwaitsKey))
                Tell("yellow", new("unknown", "不明"), $"{closed.File} ({ArtifactKeys.Missing(closed.File, []).Message}; nexus-backup verify {closed.Id} --identity FILE)");
            foreach (var trouble in backups.SelectMany(backup => backup.AllTroubles))
                Tell("yellow", new("damaged", "損傷"), $"{trouble.File} ({trouble.Reason}; {trouble.Remedy})");
            foreach (var reason in backups.Where(backup => backup.HasBrokenChain).GroupBy(backup => backup.BrokenChain!, StringComparer.Ordinal))
                Tell("red", new("unrestorable", "復元不可"), $"{string.Join(", ", reason.Select(backup => backup.File))} ({reason.Key})");
            foreach (var orphan in orphans)
                Tell("yellow", new("no backup", "バックアップではない"), $"{orphan.File} ({orphan.Reason})");
            terminal.Output.WriteLine();
        }

        private string In(Bilingual text) => text.In(language);

        private void Tell(string colour, Bilingual what, string text) => terminal.Paragraph($"  [{colour}]{In(what)}:[/] ", text);

        private void PrintTable(IReadOnlyList<Backup> backups, TimeZoneInfo zone, BackupHolders? holders)
        {
            var times = Readable.Zone(zone, [.. backups.Select(backup => backup.CapturedAt)]);
            Column[] columns =
            [
                new("id"), new($"{In(new("captured", "取得日時"))} {times}"), new(In(StatusText.Age), IsRight: true), new(In(new("size", "サイズ")), IsRight: true),
                new(In(new("state", "状態"))), new(In(new("type", "種別"))), new(In(new("file", "ファイル"))),
            ];
            var further = new List<(Column Column, Func<Backup, string> Cell)>();
            if (backups.Any(backup => backup is { State: BackupState.Good, Proof: not null and not Proof.Whole })) // else each is as proven as can be
                further.Add((new Column(In(new("proof", "検査範囲"))), backup => backup is { State: BackupState.Good, Proof: { } proof } ? In(StatusText.WordOf(proof)) : ""));
            if (holders is not null)
                further.Add((new Column(In(new("good in", "正常な格納先"))), backup => string.Join(", ", holders.Of(backup))));
            var table = new FittedTable(longest: 6, [.. columns, .. further.Select(more => more.Column)]) { Beside = 1, Made = backups.Select(Row) };
            table.Print(terminal);

            Cell[] Row(Backup backup)
            {
                Cell[] cells =
                [
                    backup.Id.Value, Readable.Time(backup.CapturedAt, zone), In(SpanText.Measured(now - backup.CapturedAt)), Readable.Size(backup.ActualLength),
                    Readable.StateCell(backup, language), backup.Manifest.Type.Word(), backup.File,
                ];
                return [.. cells, .. further.Select(more => (Cell)more.Cell(backup))];
            }
        }
    }
}
