using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary><c>deploy/man</c> beside what <c>--help</c> says.</summary>
public sealed partial class ManualPageTests
{
    [Fact]
    public async Task The_page_has_every_command_every_option_and_every_exit_code_and_no_other()
    {
        var page = (await File.ReadAllTextAsync(Repository.File("deploy/man/nexus-backup.1"))).Replace("\\-", "-", StringComparison.Ordinal);
        var help = await HelpAsync();
        var commands = Names(CommandLine().Matches(Section(help, "Commands:")));
        var texts = await Task.WhenAll(commands.Select(command => HelpAsync(command)));

        Assert.Equal(commands, Names(PageCommand().Matches(Section(page, ".SH COMMANDS", ".SH OPTIONS"))));
        Assert.Equal(Names(Option().Matches(string.Concat(texts.Append(help)))), Names(Option().Matches(page)));
        Assert.Equal(Names(ExitCode().Matches(Section(help, "Exit codes:"))), Names(PageExitCode().Matches(Section(page, ".SH EXIT STATUS", ".SH FILES"))));
    }

    private static async Task<string> HelpAsync(params string[] command)
    {
        var help = await Tool.RunAsync(AgentProgram.Path, [.. command, "--help"]);
        Assert.True(help.ExitCode == 0, help.Text);
        return help.Output;
    }

    /// <summary>What follows a heading, to the next one; default: to the next empty line.</summary>
    private static string Section(string text, string heading, string next = "\n\n")
    {
        var start = text.IndexOf(heading, StringComparison.Ordinal);
        Assert.True(start >= 0, $"no '{heading}'");
        var end = text.IndexOf(next, start, StringComparison.Ordinal);
        return end < 0 ? text[start..] : text[start..end];
    }

    private static IEnumerable<string> Names(MatchCollection found) => [.. found.Select(match => match.Groups[1].Value).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    [GeneratedRegex(@"^  ([a-z][a-z-]*) ", RegexOptions.Multiline)]
    private static partial Regex CommandLine();

    [GeneratedRegex(@"^\.TP\n\.BI? ""?([a-z][a-z-]*)", RegexOptions.Multiline)]
    private static partial Regex PageCommand();

    [GeneratedRegex(@"(--[a-z][a-z-]*)")]
    private static partial Regex Option();

    [GeneratedRegex(@"^  ([0-9])  ", RegexOptions.Multiline)]
    private static partial Regex ExitCode();

    [GeneratedRegex(@"^\.B ([0-9])$", RegexOptions.Multiline)]
    private static partial Regex PageExitCode();
}
