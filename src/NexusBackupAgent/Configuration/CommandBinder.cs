using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Configuration;

/// <summary>Commands as the configuration writes them: a list of arguments, never a shell's string.</summary>
/// <param name="baseDirectory">Where a program's relative path begins.</param>
internal sealed class CommandBinder(string baseDirectory)
{
    /// <summary>One command or a list of them.</summary>
    /// <param name="example">A command that would be right: <c>[systemctl, stop, itsm]</c>.</param>
    /// <returns>Without those that were reported.</returns>
    public IReadOnlyList<IReadOnlyList<string>> Several(Field field, string example) =>
        field is { Node: ListNode list } && list.Items.Any(item => item is ListNode)
            ? [.. field.OneOrMany().Select(item => One(item, example)).OfType<IReadOnlyList<string>>()]
            : field is { IsEmpty: true } or { Node: ListNode { Items: [] } } ? []
            : One(field, example) is { } command ? [command] : [];

    /// <summary>One command.</summary>
    /// <returns>Null after a report.</returns>
    public IReadOnlyList<string>? One(Field field, string example)
    {
        var mend = $"write a list of arguments, for example {field.Name}: {example}";
        if (field.Node is ScalarNode { IsNull: false } text && !field.IsSecret)
            mend = $"write {field.Name}: {AsList(text.Text)}";
        var problem = field.Node switch
        {
            ScalarNode { IsNull: true } => "has no value",
            ScalarNode => "is one text, and a command is a list of arguments, never a shell string",
            MappingNode => "is a mapping where a list of arguments is expected",
            ListNode { Items: [] } => "is an empty list where a command is expected",
            ListNode { Items: var items } when !items.All(item => item is ScalarNode { IsNull: false }) => "has something that is no argument: each is one text, in quotes if it is empty",
            ListNode { Items: var items } => MistakeIn([.. items.OfType<ScalarNode>().Select(item => item.Text)]),
            _ => null,
        };
        if (problem is not null)
        {
            field.Error(problem, mend);
            return null;
        }

        var words = ((ListNode)field.Node).Items.OfType<ScalarNode>().Select(item => item.Text).ToList();
        return [Locate(words[0]), .. words.Skip(1)];
    }

    /// <summary>Warnings for programs that are not there. The service may find others than whoever checks, with a PATH and environment of its own.</summary>
    /// <param name="key">The dotted path of the commands' key.</param>
    public static IEnumerable<ConfigurationProblem> FindMissing(IEnumerable<IReadOnlyList<string>> commands, string key) =>
        from command in commands
        where ProgramFile.Find(command[0]) is null
        select new ConfigurationProblem(
            key, Line: 0, command[0], "there is no such program, or it may not be executed",
            "check it (command -v), install it, or write its full path", IsError: false);

    private static string? MistakeIn(IReadOnlyList<string> words) => words switch
    {
        _ when words[0].Length == 0 => "names no program",
        _ when words.Any(word => word.Contains('\0')) => "has an argument with a null character, which no program can be given",
        _ when words[0].Any(char.IsWhiteSpace) && !words[0].Contains('/') => "has a whole command line as its program; each argument is an entry of its own",
        _ => null,
    };

    /// <summary>A path is taken from the configuration file's directory, as every other; a bare name is looked for on PATH.</summary>
    private string Locate(string program) => program.Contains('/') ? KernelPath.Absolute(program, baseDirectory) : program;

    private static string AsList(string line) => $"[{string.Join(", ", line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))}]";
}
