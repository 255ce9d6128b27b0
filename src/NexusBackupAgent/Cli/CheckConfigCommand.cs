using System.CommandLine;
using NexusBackupAgent.Artifacts.Deflate;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Documents;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup check-config</c>: every problem of the configuration at once.</summary>
internal static class CheckConfigCommand
{
    public static Command Create(CommandContext context)
    {
        var json = context.Json();
        var command = new TaughtCommand(
            "check-config",
            context.Say("Find every problem at once: in the file, with the databases and stores that it names, and with schedules that cannot keep the RPO.", "すべての問題を一度に検出する: 設定ファイル、そこに書かれたデータベースと格納先、RPOを満たせないスケジュール。"),
            new("nexus-backup check-config"),
            new("nexus-backup check-config --config new.yml --json"))
        {
            json,
        };
        command.SetAction(parsed =>
        {
            var file = context.FindConfiguration(parsed);
            var problems = Problems(context, file);
            if (parsed.GetValue(json))
                JsonDocuments.Print(context.Terminal.Output, ConfigurationDocument.Of(file, problems), JsonDocuments.Readably.ConfigurationDocument);
            else
                Print(context.Terminal, file, problems);
            return (int)(problems.Any(problem => problem.IsError) ? ExitCode.Usage : ExitCode.Done);
        });
        return command;
    }

    private static IReadOnlyList<ConfigurationProblem> Problems(CommandContext context, string file)
    {
        var (configuration, problems) = context.ReadConfiguration(file);
        return configuration is null
            ? problems
            : [.. problems, .. ConfigurationFile.CheckEnvironment(configuration), .. ConfigurationFile.CheckCoverage(configuration, context.TimeProvider.GetUtcNow())];
    }

    private static void Print(Terminal terminal, string file, IReadOnlyList<ConfigurationProblem> problems)
    {
        foreach (var problem in problems)
            terminal.Line(Terminal.Coloured(problem.IsError, problem.Text));
        var document = ConfigurationDocument.Of(file, problems);
        terminal.Line(document switch
        {
            { Errors: 0, Warnings: 0 } => $"[green]✓[/] {Readable.Plain(file)}: no problems",
            { Errors: 0 } => $"[yellow]✓[/] {Readable.Plain(file)}: usable, {Count(document.Warnings, "warning")}",
            _ => $"[red]✗[/] {Readable.Plain(file)}: {Count(document.Errors, "error")}, {Count(document.Warnings, "warning")}",
        });
        terminal.Line($"compression by {Readable.Plain(GzipEngine.Description)}");
    }

    private static string Count(int count, string what) => $"{count} {what}{(count == 1 ? "" : "s")}";
}
