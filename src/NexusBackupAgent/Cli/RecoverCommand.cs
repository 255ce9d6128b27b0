using System.CommandLine;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup recover STORE [--to FILE]</c>: the configuration of a new machine, made of what a store holds.</summary>
internal static class RecoverCommand
{
    private const string Usual = "nexus-backup.yml";

    public static Command Create(CommandContext context)
    {
        var address = new Argument<string>("STORE") { Description = context.Say("The store: a directory, or s3://BUCKET/PREFIX", "格納先: ディレクトリ、または s3://BUCKET/PREFIX") };
        var to = new Option<string?>("--to") { Description = context.Say($"The file to make. Default: ./{Usual}. One that exists is never overwritten", $"作成するファイル。既定: ./{Usual}。既存のファイルは上書きしない"), HelpName = "FILE" };
        var options = context.Kinds.Stores.AddressOptions.Select(option => new Option<string?>(option.Name) { Description = option.Help.In(context.Language), HelpName = option.Value }).ToList();
        var json = context.Json();
        var command = new TaughtCommand(
            "recover",
            context.Say(
                "Make a configuration to restore with, of what a store holds: for the day on which the machine is gone. Nothing is written but that file, and it backs up nothing by itself.",
                "格納先の内容からリストア用の設定を作成する（マシンを失った日のため）。書き込むのはそのファイルだけで、その設定が自動でバックアップを始めることはない。"),
            new("nexus-backup recover /mnt/backups"),
            new("nexus-backup recover s3://nexus-backups/host-a --region ap-northeast-1", context.Say("key and secret key from the environment, the default profile or the machine's role", "キーは環境変数、既定のプロファイル、またはマシンのロールから")),
            new("nexus-backup recover s3://nexus-backups/host-a --endpoint https://s3.example --access-key AKIAEXAMPLE --secret-key-file s3.secret --to restore.yml"))
        {
            address, to, json,
        };
        options.ForEach(command.Options.Add);
        command.Acts = _ => true;
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var file = context.Resolve(parsed.GetValue(to) ?? Usual);
            if (FileStatus.Of(file) is not null)
                throw RecoveredConfiguration.Taken(file); // before anybody waits for a store
            var given = options.Where(option => parsed.GetValue(option) is not null).ToDictionary(option => option.Name, option => parsed.GetValue(option)!, StringComparer.Ordinal);
            var keys = context.Kinds.Stores.Recognise(parsed.GetValue(address)!, given, context.WorkingDirectory);
            var settings = RecoveredConfiguration.Bind(context.Kinds, keys);
            var (store, now) = (settings.Open(), context.TimeProvider.GetUtcNow());
            var found = await new StoreSurvey(store, context.Kinds.Sources, context.TimeProvider) { Around = [.. settings.Around.Select(place => place.Open())] }.RunAsync(cancellationToken);
            var complete = await CompleteAsync(settings, keys, found, cancellationToken);
            RecoveredConfiguration.Save(file, RecoveredConfiguration.Write(found, complete, store.Describe(""), now));
            var next = NextOf(found, new Commands(file), now);
            if (parsed.GetValue(json))
                JsonDocuments.Print(context.Terminal.Output, RecoveryDocument.Of(store.Describe(""), file, found, now, next.Text), JsonDocuments.Readably.RecoveryDocument);
            else
                Print(context, found, store.Describe(""), file, next, now);
            foreach (var trouble in found.Troubles)
                context.Terminal.Warn($"{trouble.Message} — next: {trouble.Hint}");
            return (int)ExitCode.Done;
        });
        return command;
    }

    /// <summary>What the store itself can't tell now is left out: check-config asks again.</summary>
    private static async Task<(MappingNode Keys, MappingNode? Offered)> CompleteAsync(IStoreSettings store, MappingNode keys, SurveyedStore found, CancellationToken cancellationToken)
    {
        try
        {
            return await store.CompleteAsync(keys, [.. found.Sources.SelectMany(source => source.Backups.Take(1), (source, backup) => source.Directory.Length == 0 ? backup.File : $"{source.Directory}/{backup.File}")], cancellationToken);
        }
        catch (BackupException)
        {
            return (keys, null);
        }
    }

    private static NextStep NextOf(SurveyedStore found, Commands commands, DateTimeOffset now) =>
        found.Sources.Any(source => source.Origin is null) || found.Sources.Select(source => source.Backups.NewestGood(now)).FirstOrDefault(newest => newest is not null) is not { } first
            ? new NextStep(commands.CheckConfig(), IsCommand: true)
            : new NextStep(first.IsEncrypted ? commands.RestoreDryRunWithKey(first.Manifest.Source) : commands.RestoreDryRun(first.Manifest.Source), IsCommand: true);

    private static void Print(CommandContext context, SurveyedStore found, string store, string file, NextStep next, DateTimeOffset now)
    {
        var zone = found.TimeZone is { } id && TimeZoneInfo.TryFindSystemTimeZoneById(id, out var known) ? known : TimeZoneInfo.Utc;
        var newest = found.Sources.Select(source => source.Backups.NewestGood(now)).ToList();
        context.Terminal.Line($"[bold]{Readable.Plain(store)}[/]");
        var table = new FittedTable(
            longest: 4,
            new Column(context.Say("source", "ソース")), new Column(context.Say("kind", "種類")), new Column($"{context.Say("newest good backup", "最新の正常バックアップ")} {Readable.Zone(zone, [.. newest.OfType<Backup>().Select(backup => backup.CapturedAt)])}"),
            new Column(context.Say("backups", "バックアップ数"), IsRight: true), new Column(context.Say("was", "元の場所")));
        foreach (var (source, good) in found.Sources.Zip(newest))
        {
            table.Add(
                LineText.Of(source.Name), source.Kind.Key,
                good is null ? new Cell(context.Say("none", "なし"), "red") : $"{Readable.Time(good.CapturedAt, zone)} ({SpanText.Measured(now - good.CapturedAt).In(context.Language)})",
                source.Backups.Count,
                source.Place is { } place ? LineText.Of($"{place} ({source.Origin!.Host})") : new Cell(context.Say("not known: fill it in", "不明: 記入が必要"), "yellow"));
        }

        table.Print(context.Terminal);
        context.Terminal.Paragraph(
            "[green]✓[/] ",
            context.Say($"{file} restores from there, and backs up nothing by itself: no source has schedules", $"{file} を作成した。リストア専用で、自動バックアップはしない（スケジュールなし）"),
            next, context.Say("next", "次"));
    }
}
