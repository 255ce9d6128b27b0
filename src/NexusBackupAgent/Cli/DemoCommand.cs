using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Spectre.Console;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Cli.Demo;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup demo [--exit]</c>: everything once, on a sample database, with nothing else installed.</summary>
internal static class DemoCommand
{
    private const int DefaultMegabytes = 120;

    public static Command Create(CommandContext context, ServeAgent serve)
    {
        var exit = new Option<bool>("--exit") { Description = context.Say("End after the first cycle instead of serving metrics", "メトリクスを提供せず、最初の1周で終了する") };
        var directory = new Option<string?>("--directory") { Description = context.Say("Where to make the demo. Default: a new directory under the temporary one", "デモの作成場所。既定: 一時ディレクトリ内の新しいディレクトリ"), HelpName = "DIR" };
        var size = new Option<int>("--size") { Description = context.Say($"Size of the sample database in MiB, 1 to 10000. Default: {DefaultMegabytes}", $"サンプルデータベースの大きさ（MiB）、1〜10000。既定: {DefaultMegabytes}"), HelpName = "MB", DefaultValueFactory = _ => DefaultMegabytes, CustomParser = SizeOf };
        var command = new TaughtCommand(
            "demo",
            context.Say("Try it: make a sample ITSM database, back it up, verify, restore it into scratch and compare, then back it up every minute and serve metrics until Ctrl-C.", "試用: サンプルのITSMデータベースを作成し、バックアップ・検証・作業領域への復元・比較を行う。その後はCtrl-Cまで毎分バックアップし、メトリクスを提供する。"),
            new("nexus-backup demo"),
            new("nexus-backup demo --exit --directory /tmp/try --size 500"))
        {
            exit, directory, size,
        };
        command.Acts = _ => true;
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var place = DemoDirectory.Open(parsed.GetValue(directory) is { } given ? context.Resolve(given) : null);
            var configuration = Configure(context, place);
            await CycleAsync(context, place, configuration, parsed.GetValue(size), parsed.GetValue(context.Verbose), cancellationToken);
            if (!parsed.GetValue(exit))
                await ServeAsync(context, place, configuration, serve, parsed.GetValue(context.Verbose), cancellationToken);
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static int SizeOf(ArgumentResult given)
    {
        if (int.TryParse(given.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var megabytes) && megabytes is >= 1 and <= 10_000)
            return megabytes;
        given.AddError($"--size takes 1 to 10000 MiB, not '{given.Tokens[0].Value}'");
        return DefaultMegabytes;
    }

    private static AgentConfiguration Configure(CommandContext context, DemoDirectory place)
    {
        var text = place.WriteConfiguration();
        context.Terminal.Line($"[bold]{Readable.Plain(place.Configuration)}[/]");
        foreach (var line in text.TrimEnd().Split('\n'))
            context.Terminal.Line($"  [dim]{Readable.Plain(line)}[/]");
        context.Terminal.Output.WriteLine();
        var (configuration, problems) = context.ReadConfiguration(place.Configuration);
        return configuration ?? throw new BackupException(FailureKind.Unexpected, $"the demo's own configuration is wrong: {problems[0]}", "report this line");
    }

    private static async Task CycleAsync(
        CommandContext context, DemoDirectory place, AgentConfiguration configuration, int megabytes, bool verbose, CancellationToken cancellationToken)
    {
        var started = context.TimeProvider.GetTimestamp();
        var isNew = await ProgressBar.ShowAsync(context.Terminal, "sample database", progress => place.MakeDatabase(megabytes, progress, cancellationToken));
        using var session = await CommandSession.OpenAsync(configuration, context.Terminal, context.TimeProvider, verbose);
        var steps = new DemoSteps(context.Terminal, session.Agent, place);
        steps.Add(
            "sample database",
            $"{Readable.Size(new FileInfo(place.Database).Length)}, {(isNew ? "made" : "kept from an earlier demo")}",
            context.TimeProvider.GetElapsedTime(started),
            place.Database);

        var backup = await steps.BackUpAsync(cancellationToken);
        await steps.VerifyAsync(backup, cancellationToken);
        await steps.RestoreAsync(backup, cancellationToken);
        await steps.PruneDryRunAsync(cancellationToken);
        PrintTable(context.Terminal, steps.Done);
        PrintCommands(context.Terminal, place, backup);
    }

    private static void PrintTable(Terminal terminal, IReadOnlyList<DemoStep> steps)
    {
        terminal.Output.WriteLine();
        var table = new Table().Border(TableBorder.None);
        foreach (var header in (string[])["step", "result", "time"])
            table.AddColumn(new TableColumn($"[dim]{header}[/]").NoWrap().PadLeft(0).PadRight(2));
        table.AddColumn(new TableColumn("[dim]where[/]").PadLeft(0).PadRight(0));
        foreach (var step in steps)
            table.AddRow(Readable.Plain(step.Name), $"[green]{Readable.Plain(step.Result)}[/]", Readable.Seconds(step.Took), Readable.Plain(step.Where));
        terminal.Screen.Write(table);
    }

    private static void PrintCommands(Terminal terminal, DemoDirectory place, Backup backup)
    {
        var file = Path.Combine(place.Backups, backup.File);
        terminal.Output.WriteLine();
        terminal.Line("Check it by hand, without the agent:");
        foreach (var command in (string[])
        [
            $"ls -lt '{place.Backups}'/*.db.gz",
            $"(cd '{place.Backups}' && sha256sum -c {BackupFiles.Checksum(backup.File)})",
            $"gunzip -t '{file}' && echo OK",
            $"(set -e; copy=$(mktemp); gunzip -c '{file}' > \"$copy\"; sqlite3 \"$copy\" 'PRAGMA integrity_check'; rm \"$copy\")",
        ])
            terminal.Line($"  {Readable.Plain(command)}");
        terminal.Output.WriteLine();
        terminal.Line($"Everything is in {Readable.Plain(place.Path)}; when you have seen enough: rm -r '{Readable.Plain(place.Path)}'");
    }

    private static async Task ServeAsync(CommandContext context, DemoDirectory place, AgentConfiguration configuration, ServeAgent serve, bool verbose, CancellationToken cancellationToken)
    {
        var terminal = context.Terminal;
        terminal.Output.WriteLine();
        using var loggers = LoggingSetup.ForService(configuration.Log, LogFormat.Text, terminal, configuration.TimeZone, verbose);
        await serve(configuration, context.TimeProvider, loggers, address => terminal.Line(
            $"Serving {address}, backing up every minute until Ctrl-C. Sign in as [bold]admin[/], password [bold]{place.Password}[/]\n"
            + "In another terminal:\n"
            + $"  curl -s {address}metrics | grep nexus_backup\n"
            + $"  nexus-backup status --config '{Readable.Plain(configuration.File)}'\n"), cancellationToken);
    }
}
