using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace NexusBackupAgent.Cli;

/// <summary>The usual help, and below it what a newcomer asks next: examples, and what the exit codes mean.</summary>
internal sealed class TeachingHelp(HelpAction usual) : SynchronousCommandLineAction
{
    private const string OfAll = """
        Examples:
          nexus-backup demo                 try it: a sample database, backed up, verified, served; needs no configuration
          nexus-backup check-config         every mistake in the configuration at once
          nexus-backup backup               back up every source now
          nexus-backup list                 what there is to restore
          nexus-backup restore itsm         put the newest good backup in place; with --dry-run only say how
          nexus-backup diagnose             what is wrong, why, and the next command

        Exit codes:
          0  done
          1  unexpected error
          2  wrong command line or configuration
          3  a backup failed, or a source or store could not be used
          4  a verification failed, or a corrupt backup was found
          5  a restore failed or was refused, or a drill failed; what was there before is still there, unless it says otherwise
          6  no such source or backup
          7  busy: another run of the source is under way
          8  the store or the scratch space is full
        What a command printed may be lost (a full disk, a terminal that is gone). The code still says what became of the
        work; a command that only prints ends with 1.
        """;

    public override bool ClearsParseErrors => true;

    /// <summary>Makes the help of a command line teach.</summary>
    public static void Install(RootCommand root)
    {
        root.Options.Remove(root.Options.OfType<HelpOption>().Single());
        root.Options.Add(new HelpOption("--help", "-h") { Description = "Show this help", Action = new TeachingHelp(new HelpAction()) });
    }

    public override int Invoke(ParseResult parseResult)
    {
        usual.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        if (parseResult.CommandResult.Command is TaughtCommand command)
            output.WriteLine($"Examples:\n{string.Join('\n', command.Examples.Select(example => "  " + example))}");
        else
            output.WriteLine(OfAll);
        return (int)ExitCode.Done;
    }
}

/// <summary>A command whose help ends with examples.</summary>
/// <param name="name">As it is typed.</param>
/// <param name="description">One sentence or two.</param>
/// <param name="examples">Whole command lines, each with what it does behind two spaces or more.</param>
internal sealed class TaughtCommand(string name, string description, params string[] examples) : Command(name, description)
{
    public IReadOnlyList<string> Examples { get; } = examples;

    /// <summary>Whether it does more than to print: then its exit code says what became of that, whatever happens to what it prints.</summary>
    public Func<ParseResult, bool> Acts { get; set; } = _ => false;
}
