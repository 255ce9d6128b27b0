using System.Text.RegularExpressions;

namespace NexusBackupAgent.Tests.Configuration;

/// <summary>docs/configuration.md says what the reader does.</summary>
public sealed partial class ConfigurationReferenceTests
{
    private static readonly string Reference = File.ReadAllText(RepositoryFile.Find("docs/configuration.md"));

    [Fact]
    public void Every_level_has_a_table_of_all_its_keys()
    {
        foreach (var level in AgentBinder.LevelsOf(AgentKinds.Shipped))
        {
            var heading = level.Place.Length == 0 ? "## Top level\n" : $"## `{level.Place}`\n";
            var start = Reference.IndexOf(heading, StringComparison.Ordinal);
            Assert.True(start >= 0, heading);
            var section = Reference[start..Reference.IndexOf("\n## ", start, StringComparison.Ordinal)];

            Assert.Equal(level.Used.Order(), Row().Matches(section).Select(row => row.Groups[1].Value).Order());
        }
    }

    [Fact]
    public void Keys_without_effect_are_named() =>
        Assert.All(AgentBinder.LevelsOf(AgentKinds.Shipped).SelectMany(level => level.Ignored.Concat(level.Unsupported)), key => Assert.Contains($"`{key}`", Reference, StringComparison.Ordinal));

    [Fact]
    public void The_mistakes_that_it_shows_are_told_in_those_words()
    {
        using var file = new SampleFile("""
            timezone: Asia/Tokyo
            listen: http://0.0.0.0:9440
            stores: {local: {path: backups}}
            sources:
              itsm:
                sqlite: itsm.db
                busyTimeout: soon
                schedules:
                  daily: {cron: "0 25 * * *", retention: 7d}
                  weekly: {cron: "0 3 * * 0"}
                rpo: {warning: 3d}
            """);

        var problems = file.Load().Problems;

        Assert.Equal(6, problems.Count);
        Assert.All(problems, problem => Assert.Contains($"\n{problem}\n", Reference, StringComparison.Ordinal));
    }

    [Fact]
    public void The_file_that_is_enough_is_without_problem()
    {
        var start = Reference.IndexOf("```yaml\n", StringComparison.Ordinal) + "```yaml\n".Length;
        using var file = new SampleFile(Reference[start..Reference.IndexOf("```", start, StringComparison.Ordinal)]);

        Assert.Empty(file.Load().Problems);
    }

    [GeneratedRegex(@"^\| `(\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
