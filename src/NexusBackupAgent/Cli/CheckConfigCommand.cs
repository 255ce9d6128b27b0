using System.CommandLine;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup check-config</c>: every problem of the configuration at once.</summary>
internal static class CheckConfigCommand
{
    public static Command Create(CommandContext context)
    {
        var json = context.Json();
        var user = new Option<string?>("--as")
        {
            Description = context.Say("Check as this user, the service's: what that one may read and write counts. Only root may", "サービスの実行ユーザーとして確認する（そのユーザーの読み書き権限で判定）。rootのみ"),
            HelpName = "USER",
        };
        var command = new TaughtCommand(
            "check-config",
            context.Say("Find every problem at once: in the file, with the databases and stores that it names, and with schedules that cannot keep the RPO.", "すべての問題を一度に検出する: 設定ファイル、そこに書かれたデータベースと格納先、RPOを満たせないスケジュール。"),
            new("nexus-backup check-config"),
            new("nexus-backup check-config --config new.yml --json"),
            new("nexus-backup check-config --as nexus-backup", context.Say("as root: with what the service's user may read and write", "rootで実行: サービスの実行ユーザーの権限で確認")))
        {
            json, user,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var file = context.FindConfiguration(parsed);
            if (parsed.GetValue(user) is { } name)
                SystemUser.ActAs(name, $"sudo -u '{name}' nexus-backup check-config --config '{file}'");
            var problems = await ConfigurationFile.CheckAsync(file, context.TimeProvider.LocalTimeZone, context.Kinds, context.TimeProvider.GetUtcNow()).WaitAsync(cancellationToken);
            var configuration = context.ReadConfiguration(file).Configuration;
            var isUsable = !problems.Any(problem => problem.IsError);

            // Which of them are there to restore, only the store knows.
            var next = isUsable && configuration is { RestoresOnly: true } ? context.CommandsOf(parsed).Of("checklist") : null;
            var document = ConfigurationDocument.Of(file, problems, next);
            if (parsed.GetValue(json))
                JsonDocuments.Print(context.Terminal.Output, document, JsonDocuments.Readably.ConfigurationDocument);
            else
                Print(context, document, problems, configuration?.Methods ?? []);
            return (int)(!isUsable ? ExitCode.Usage : ExitCode.Done);
        });
        return command;
    }

    private static void Print(CommandContext context, ConfigurationDocument document, IReadOnlyList<ConfigurationProblem> problems, IReadOnlyList<ArtifactEncoding> methods)
    {
        var (terminal, file) = (context.Terminal, document.File);
        foreach (var problem in problems)
            terminal.Line(Terminal.Coloured(problem.IsError, problem.Text));
        terminal.Line(document switch
        {
            { Errors: 0, Warnings: 0 } => $"[green]✓[/] {Readable.Plain(file)}: no problems",
            { Errors: 0 } => $"[yellow]✓[/] {Readable.Plain(file)}: usable, {Count(document.Warnings, "warning")}",
            _ => $"[red]✗[/] {Readable.Plain(file)}: {Count(document.Errors, "error")}, {Count(document.Warnings, "warning")}",
        });
        foreach (var method in methods)
            terminal.Line($"compression by {Readable.Plain(FrameEngine.Of(method).Description)}");
        if (document.Next is { } next)
            terminal.Line($"next: {Readable.Plain(next)}");
    }

    private static string Count(int count, string what) => $"{count} {what}{(count == 1 ? "" : "s")}";
}
