using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Cli;

/// <summary>The command line <c>nexus-backup</c>: its commands, and what becomes of their failures.</summary>
internal sealed class CommandLine
{
    private readonly CommandContext context;
    private readonly Dictionary<string, Func<Command>> commands;

    /// <param name="context">What the commands share.</param>
    /// <param name="serve">Runs the agent as a service.</param>
    public CommandLine(CommandContext context, ServeAgent serve)
    {
        this.context = context;
        commands = new(StringComparer.Ordinal) // in the order of the help
        {
            ["run"] = () => RunCommand.Create(context, serve),
            ["backup"] = () => BackupCommand.Create(context),
            ["list"] = () => ListCommand.Create(context),
            ["verify"] = () => VerifyCommand.Create(context),
            ["restore"] = () => RestoreCommand.Create(context),
            ["drill"] = () => DrillCommand.Create(context),
            ["copy"] = () => CopyCommand.Create(context),
            ["prune"] = () => PruneCommand.Create(context),
            ["status"] = () => StatusCommand.Create(context),
            ["diagnose"] = () => DiagnoseCommand.Create(context),
            ["checklist"] = () => ChecklistCommand.Create(context),
            ["report"] = () => ReportCommand.Create(context),
            ["metrics"] = () => MetricsCommand.Create(context),
            ["rules"] = () => RulesCommand.Create(context),
            ["audit"] = () => AuditCommand.Create(context),
            ["check-config"] = () => CheckConfigCommand.Create(context),
            ["hash-password"] = () => HashPasswordCommand.Create(context),
            ["recover"] = () => RecoverCommand.Create(context),
            ["certificate"] = () => CertificateCommand.Create(context),
            ["demo"] = () => DemoCommand.Create(context, serve),
        };
    }

    /// <summary>Runs one command to its end.</summary>
    /// <returns>The exit code; every failure was told.</returns>
    public async Task<int> InvokeAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        context.Speak(arguments);
        var command = Declare(arguments).Parse(arguments);
        if (command.Action is ParseErrorAction)
            return (int)TellUsage(command);
        try
        {
            var settings = new InvocationConfiguration
            {
                Output = context.Terminal.Output,
                Error = context.Terminal.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // the caller's token is cancelled by signals, from the first instant on
            };
            return TellLost(command, await command.InvokeAsync(settings, cancellationToken));
        }
        catch (Exception failure)
        {
            var code = Tell(failure);
            if (command.GetValue(context.Verbose))
                context.Terminal.Error.WriteLine(failure);
            return TellLost(command, (int)code);
        }
    }

    /// <summary>Last of all that output is missing. The exit code stays what became of the work; only where the output was all there was to do is that a failure.</summary>
    private int TellLost(ParseResult parsed, int code)
    {
        if (context.Terminal.Lost is not { } lost)
            return code;
        var isDone = code == (int)ExitCode.Done;
        if (isDone && (parsed.CommandResult.Command as TaughtCommand)?.Acts(parsed) != true)
        {
            context.Terminal.Fail($"the output could not be written: {lost.Message}", "make room where it goes (df -h), then run the command again");
            return (int)ExitCode.Unexpected;
        }

        context.Terminal.Warn($"{(isDone ? $"{parsed.CommandResult.Command.Name} did what it was asked to, but" : "besides,")} its output could not be written: {lost.Message}; nexus-backup status and list show what is there now");
        return code;
    }

    /// <summary>Declares the command that is asked for; all of them only when the first word is none, for help, completion and a mistyped name.</summary>
    private RootCommand Declare(IReadOnlyList<string> arguments)
    {
        var root = new RootCommand(context.Say(
            "Takes backups on a schedule, proves every one restorable, and tells Prometheus how well protected the data is.",
            "スケジュールに従ってバックアップを取得し、復元可能なことを毎回確かめ、データの保護状態をPrometheusに伝える。"));
        if (arguments is [var name, ..] && commands.TryGetValue(name, out var asked))
            root.Subcommands.Add(asked());
        else
            commands.Values.ToList().ForEach(create => root.Subcommands.Add(create()));
        root.Options.Add(context.Config);
        root.Options.Add(context.Verbose);
        root.Options.Add(context.Lang);
        TeachingHelp.Install(root, context);
        return root;
    }

    private ExitCode TellUsage(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var name = command is RootCommand ? "nexus-backup" : $"nexus-backup {command.Name}";
        if (parsed.UnmatchedTokens is [var token, ..])
        {
            var words = command.Subcommands.Select(known => known.Name).Concat(command.Options.Concat(parsed.RootCommandResult.Command.Options).Select(option => option.Name)).ToList();
            var nearest = NearestWord.Find(token, words);
            context.Terminal.Fail($"{name} knows no '{token}'", nearest is null ? $"{name} --help" : $"did you mean '{nearest}'? ({name} --help)");
        }
        else if (command.Arguments.FirstOrDefault(argument => argument.Arity.MinimumNumberOfValues > 0 && parsed.GetResult(argument) is not { Tokens.Count: > 0 }) is { } missing)
        {
            context.Terminal.Fail($"{name} needs a {missing.Name}", $"{name} --help");
        }
        else if (command is RootCommand && parsed.Tokens.Count == 0)
        {
            context.Terminal.Fail("nexus-backup needs a command", "nexus-backup --help lists them; nexus-backup demo tries it on a sample database");
        }
        else if (parsed.Errors.Select(error => error.SymbolResult).OfType<OptionResult>().FirstOrDefault(option => option.Tokens.Count < option.Option.Arity.MinimumNumberOfValues) is { Option: var empty })
        {
            context.Terminal.Fail($"{empty.Name} needs a value{(empty.HelpName is { } value ? $": {empty.Name} {value}" : "")}", $"{name} --help");
        }
        else if (parsed.Errors.Select(error => error.SymbolResult).OfType<OptionResult>().FirstOrDefault(option => option.Tokens.Count > option.Option.Arity.MaximumNumberOfValues) is { Option: var doubled })
        {
            context.Terminal.Fail($"{doubled.Name} is there more than once", $"{name} --help");
        }
        else if (command is RootCommand && !parsed.Errors.Any(error => error.SymbolResult is OptionResult))
        {
            context.Terminal.Fail("nexus-backup needs a command", $"{name} --help");
        }
        else
        {
            context.Terminal.Fail((parsed.Errors.FirstOrDefault(error => error.SymbolResult is OptionResult) ?? parsed.Errors[0]).Message.TrimEnd('.'), $"{name} --help");
        }

        return ExitCode.Usage;
    }

    private ExitCode Tell(Exception failure)
    {
        switch (failure)
        {
            case BackupException foreseen:
                context.Terminal.Fail(foreseen.Message, foreseen.Hint);
                return ExitCodes.Of(foreseen.Kind);
            case OperationCanceledException:
                context.Terminal.Fail("stopped before the end", "run the command again when it suits; nothing was left half done");
                return ExitCodes.Of(FailureKind.Interrupted);
            case var known when IoFailure.IsKnown(known):
                context.Terminal.Fail(known.Message, "check the path and the disk, then run the command again");
                return ExitCodes.Of(FailureKind.Io);
            default:
                context.Terminal.Fail($"unexpected: {failure.Message}", "run the command again with --verbose and report what it prints");
                return ExitCode.Unexpected;
        }
    }
}

/// <summary>
/// Ctrl-C, SIGTERM, and SIGHUP, which a terminal sends that goes away. The first asks the command to stop and clean up. A
/// second Ctrl-C or SIGTERM ends the process at once, and leaves to the next run what a crash leaves. SIGHUP never does: a
/// closed terminal sends it more than once, by the kernel and by the shell, and nobody asked for a half done restore.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly List<PosixSignalRegistration> registrations;
    private int demands;

    public StopSignals()
    {
        registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop)];
        if (!ToolProcess.IgnoresHangUp)
            registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop));
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => stop.Token;

    public void Dispose()
    {
        registrations.ForEach(registration => registration.Dispose());
        stop.Dispose();
    }

    private void Stop(PosixSignalContext signal)
    {
        if (signal.Signal != PosixSignal.SIGHUP && Interlocked.Increment(ref demands) > 1)
            return;
        signal.Cancel = true; // the process goes on, to its orderly end
        stop.Cancel();
    }
}
