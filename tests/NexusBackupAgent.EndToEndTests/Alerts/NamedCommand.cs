using System.Text.RegularExpressions;
using NexusBackupAgent.Cli;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>A command of the agent as a text for operators names it.</summary>
/// <param name="Name">Such as <c>verify</c>.</param>
/// <param name="Options">Such as <c>--all</c>.</param>
internal sealed partial record NamedCommand(string Name, IReadOnlyList<string> Options)
{
    /// <summary>Those in a text. The name of a source may be a template, quoted for the shell.</summary>
    public static IEnumerable<NamedCommand> In(string text) =>
        from command in Command().Matches(Template().Replace(text, "SOURCE"))
        select new NamedCommand(command.Groups["name"].Value, [.. Option().Matches(command.Groups["words"].Value).Select(option => option.Value)]);

    /// <summary>What the command line itself does not know of it; none when it can be typed so.</summary>
    public async Task<IReadOnlyList<string>> UnknownAsync()
    {
        using var output = new StringWriter();
        var terminal = new Terminal(output, output, outputIsWatched: false, errorIsWatched: false);
        var context = new CommandContext(terminal, new NoClock(), Path.GetTempPath());
        var code = await new CommandLine(context, AgentHost.RunAsync).InvokeAsync([Name, "--help"], CancellationToken.None);
        var help = output.ToString();
        return code != 0 || !help.Contains($"nexus-backup {Name}", StringComparison.Ordinal)
            ? [Name]
            : [.. Options.Where(option => !Regex.IsMatch(help, $@"(?<![\w-]){Regex.Escape(option)}(?![\w-])")).Select(option => $"{Name} {option}")];
    }

    public override string ToString() => string.Join(' ', [Name, .. Options]);

    /// <summary>Help asks no clock.</summary>
    private sealed class NoClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => throw new NotSupportedException();
    }

    [GeneratedRegex(@"'\{\{.*?\}\}'")]
    private static partial Regex Template();

    // Words, file names and placeholders between the options belong to it; a comma, a Japanese word or the end of the code ends it.
    [GeneratedRegex(@"\bnexus-backup (?<name>[a-z][a-z-]+)(?<words>(?: (?:--?[a-z-]+|[A-Za-z0-9_./'…-]+))*)")]
    private static partial Regex Command();

    [GeneratedRegex(@"(?<![\w-])--[a-z-]+")]
    private static partial Regex Option();
}
