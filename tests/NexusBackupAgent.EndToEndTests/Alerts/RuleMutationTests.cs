using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;
using Xunit.Abstractions;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>The rules' tests notice when a rule is changed: otherwise they would prove nothing.</summary>
/// <param name="output">Gets the count of mutants, which <c>tests/run</c> shows.</param>
public sealed partial class RuleMutationTests(ITestOutputHelper output)
{
    private static readonly string Mutate = Repository.File("tests", "alerts", "mutate");

    /// <summary>Of the rules that changed, or whose tests did, since that was last seen; <c>tests/run all</c> tries all.</summary>
    [SkippableFact]
    public async Task Every_mutant_of_every_rule_is_caught()
    {
        Require.Tool("promtool", "prometheus");
        Require.Tool("python3");

        var result = await Tool.RunAsync(Mutate, TestScope.IsWhole ? [] : ["--changed"]);

        Assert.True(result.ExitCode == 0, result.Text);
        var count = Count().Match(result.Output);
        output.WriteLine(count.Value);
        Assert.Equal(count.Groups[1].Value, count.Groups[2].Value);
        Assert.True(!TestScope.IsWhole || int.Parse(count.Groups[1].Value, null) > 8 * RuleFile.Rules.Count, result.Text);
    }

    /// <summary>The script itself: without the tests that see an alert, its mutants survive and are named.</summary>
    [SkippableFact]
    public async Task A_mutant_that_no_test_notices_is_named_and_fails_the_check()
    {
        Require.Tool("promtool", "prometheus");
        Require.Tool("python3");
        using var copy = new TempFolder();

        var result = await Tool.RunAsync(Mutate, ["--only", "NexusBackupStoreDown", copy.Path]);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("SURVIVED: NexusBackupStoreDown/L2: level L2 becomes L3", result.Output, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"^([0-9]+) mutants, ([0-9]+) caught.*", RegexOptions.Multiline)]
    private static partial Regex Count();
}
