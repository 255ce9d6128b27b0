using System.CommandLine;

namespace NexusBackupAgent.Cli;

/// <summary>A command whose help ends with examples.</summary>
/// <param name="name">As it is typed.</param>
/// <param name="description">One sentence or two.</param>
/// <param name="examples">Whole command lines, each with what it does behind two spaces or more.</param>
internal sealed class TaughtCommand(string name, string description, params string[] examples) : Command(name, description)
{
    public IReadOnlyList<string> Examples { get; } = examples;
}
