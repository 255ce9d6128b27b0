using System.CommandLine;
using System.Globalization;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup audit</c>: who asked for what.</summary>
internal static class AuditCommand
{
    private const int Usual = 50;
    private const int Most = 100_000;

    public static Command Create(CommandContext context)
    {
        var limit = new Option<int>("--limit") { Description = context.Say($"How many. Default: {Usual}", $"件数。既定: {Usual}"), HelpName = "N", DefaultValueFactory = _ => Usual, CustomParser = given =>
        {
            if (int.TryParse(given.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count is >= 1 and <= Most)
                return count;
            given.AddError($"--limit takes 1 to {Most}, not '{given.Tokens[0].Value}'");
            return Usual;
        } };
        var json = context.Json();
        var command = new TaughtCommand(
            "audit",
            context.Say("Who did what: the backups, verifications, drills, restores and prunes that a user, a program or a command asked for, newest first. What a schedule began is not among them.", "誰が何をしたか: ユーザー・プログラム・コマンドが要求したバックアップ、検証、訓練、リストア、削除を新しい順に表示する。スケジュールによるものは含まない。"),
            new("nexus-backup audit"),
            new("nexus-backup audit --limit 1000 --json"))
        {
            limit, json,
        };
        command.SetAction(async (parsed, _) =>
        {
            using var session = await context.OpenAgentAsync(parsed, needsState: true);
            var asked = session.Agent.Journal.Asked(parsed.GetValue(limit));
            if (parsed.GetValue(json))
                JsonDocuments.Print(context.Terminal.Output, [.. asked.Select(AuditDocument.Of)], JsonDocuments.Readably.IReadOnlyListAuditDocument);
            else
                Print(context, asked, session.Agent.Configuration.TimeZone);
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static void Print(CommandContext context, IReadOnlyList<Operation> asked, TimeZoneInfo zone)
    {
        if (asked.Count == 0)
        {
            context.Terminal.Line(context.Say("nobody has asked for anything yet", "記録なし"));
            return;
        }

        var table = new FittedTable(
            longest: 6,
            new Column($"{context.Say("at", "日時")} {Readable.Zone(zone, [.. asked.Select(operation => operation.StartedAt)])}"), new Column(context.Say("user", "ユーザー")), new Column(context.Say("address", "アドレス")), new Column(context.Say("action", "操作")), new Column(context.Say("source", "ソース")), new Column(context.Say("outcome", "結果")), new Column(context.Say("detail", "詳細")));
        foreach (var document in asked.Select(operation => (Operation: operation, Document: AuditDocument.Of(operation))))
            table.Add(Readable.Time(document.Operation.StartedAt, zone), document.Document.User, document.Document.Address ?? "–", document.Document.Action, document.Document.Source, document.Document.Outcome, document.Document.Detail ?? document.Document.Backup ?? "");
        table.Print(context.Terminal);
    }
}
