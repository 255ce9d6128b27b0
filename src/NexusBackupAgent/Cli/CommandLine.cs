using System.CommandLine;
using System.CommandLine.Invocation;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Cli;

/// <summary>The command line <c>nexus-backup</c>: its commands, and what becomes of their failures.</summary>
internal sealed class CommandLine
{
    private const string Description = """
        Backs up SQLite databases on a schedule, proves every backup restorable, and tells Prometheus how well protected they are.

        Examples:
          nexus-backup demo                 try it: a sample database, backed up, verified, served; needs no configuration
          nexus-backup check-config         every mistake in the configuration at once
          nexus-backup backup               back up every source now
          nexus-backup list                 what there is to restore

        Exit codes:
          0  done
          1  unexpected error
          2  wrong command line or configuration
          3  a backup failed, or a source or store could not be used
          4  a verification failed, or a corrupt backup was found
          6  no such source or backup
          7  busy: another run of the source is under way
          8  the store or the scratch space is full
        """;

    /// <summary>What a signal leaves a command to undo what is half done.</summary>
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(60);

    private readonly CommandContext context;
    private readonly RootCommand root;

    /// <param name="context">What the commands share.</param>
    public CommandLine(CommandContext context)
    {
        this.context = context;
        root = new RootCommand(Description)
        {
            BackupCommand.Create(context),
            ListCommand.Create(context),
            VerifyCommand.Create(context),
        };
        root.Options.Add(context.Config);
        root.Options.Add(context.Verbose);
    }

    /// <summary>Runs one command to its end.</summary>
    /// <returns>The exit code; every failure was told.</returns>
    public async Task<int> InvokeAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var command = root.Parse(arguments);
        if (command.Action is ParseErrorAction)
            return (int)TellUsage(command);
        try
        {
            var settings = new InvocationConfiguration
            {
                Output = context.Terminal.Output,
                Error = context.Terminal.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = StopTimeout,
            };
            return await command.InvokeAsync(settings, cancellationToken);
        }
        catch (Exception failure)
        {
            var code = Tell(failure);
            if (command.GetValue(context.Verbose))
                context.Terminal.Error.WriteLine(failure);
            return (int)code;
        }
    }

    private ExitCode TellUsage(ParseResult command)
    {
        var name = command.CommandResult.Command is RootCommand ? "nexus-backup" : $"nexus-backup {command.CommandResult.Command.Name}";
        foreach (var error in command.Errors)
            context.Terminal.Fail(error.Message.TrimEnd('.'), $"{name} --help");
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
