using System.CommandLine;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup report [SOURCE]</c>: the runbook's escalation report (§4), filled in.</summary>
internal static class ReportCommand
{
    public static Command Create(CommandContext context)
    {
        var name = SourceArguments.AtMostOne(context, context.Say("Only this source. Default: those with an incident in the last 7 days, or all when there is none", "このソースのみ。既定: 過去7日間に障害があったもの。なければすべて"));
        var person = new Option<string?>("--operator") { Description = context.Say("Who handles it. Default: the user who typed the command", "対応者。既定: コマンドを実行したユーザー"), HelpName = "NAME" };
        var json = context.Json();
        var command = new TaughtCommand(
            "report",
            context.Say($"The runbook's escalation report, filled in from the journal and the stores, ready to paste. More: {RunbookPage.Of("escalation", Language.English)}", $"Runbookのエスカレーション報告を履歴と格納先から記入し、そのまま貼り付けられる形で出力する。詳細: {RunbookPage.Of("escalation", Language.Japanese)}"),
            new("nexus-backup report"),
            new("nexus-backup report itsm --lang ja --operator 山田", "バックアップ障害報告"))
        {
            name, person, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var session = await context.OpenAgentAsync(parsed, needsState: true);
            var only = parsed.GetValue(name);
            var look = await session.Agent.States.ReadAsync(cancellationToken);
            var sources = SourceChoice.ChooseSome(session.Agent.Roster.Current, only is null ? [] : [only]);
            var incidents = await IncidentReader.ReadAsync(look, sources, areNamed: only is not null, cancellationToken);
            var who = parsed.GetValue(person) ?? Environment.GetEnvironmentVariable("SUDO_USER") ?? SystemUser.Current.Name;
            Print(context.Terminal, incidents, new IncidentReport(session.Agent.Configuration.TimeZone, who), who, context.Language, parsed.GetValue(json));
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static void Print(Terminal terminal, IReadOnlyList<Incident> incidents, IncidentReport report, string who, Language language, bool json)
    {
        if (json)
            JsonDocuments.Print(terminal.Output, [.. incidents.Select(incident => IncidentDocument.Of(incident, who, report.Text(incident, language), language))], JsonDocuments.Readably.IReadOnlyListIncidentDocument);
        else
            terminal.Output.WriteLine(string.Join("\n\n", incidents.Select(incident => report.Text(incident, language))));
    }
}
