using System.Text;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Configuration;

/// <summary>Files that are not a tree of keys yet: one problem, in the words of the usual mistake.</summary>
public sealed class ConfigurationSyntaxTests
{
    [Theory]
    [InlineData("", 0, "the file is empty", "stores: and sources:")]
    [InlineData("# only a comment\n", 0, "the file is empty", "stores: and sources:")]
    [InlineData("---\n", 0, "the file is empty", "stores: and sources:")]
    [InlineData("- a\n- b\n", 1, "not a mapping", "stores: and sources:")]
    [InlineData("backup everything\n", 1, "not a mapping", "stores: and sources:")]
    [InlineData("stores:\n  local: {path: b}\nsources:\n\titsm:\n", 4, "line 4 is indented with a tab; YAML allows only spaces", "spaces")]
    [InlineData("stores:\n  local:\n  \tpath: b\n", 3, "line 3 is indented with a tab", "spaces")]
    [InlineData("stores:\n  local:\n    path: b\n\n\tlog: x\n", 5, "line 5 is indented with a tab", "spaces")]
    [InlineData("a:\n  cron: */5 * * * *\n", 2, "begins with * must be in quotes", "cron: \"*/5 * * * *\"")]
    [InlineData("a:\n  cron: @daily\n", 2, "begins with @ must be in quotes", "cron: \"@daily\"")]
    [InlineData("a: {cron: * * * * *, retention: 7d}\n", 1, "begins with * must be in quotes", "cron: \"* * * * *\"")]
    [InlineData("a: \"open\nb: c\n", 1, "not valid YAML", "quotes")]
    [InlineData("a: b\n  c: d\n", 2, "not valid YAML", "indentation")]
    [InlineData("a: {b: c\nd: e\n", 1, "not valid YAML", "indentation")]
    [InlineData("a: [b, c\n", 2, "not valid YAML", "indentation")]
    [InlineData("stores:\n\tlocal: x\n", 2, "line 2 is indented with a tab", "spaces")]
    [InlineData("stores: # note\n\tlocal:\n\t\tpath: x\n", 2, "line 2 is indented with a tab", "spaces")]
    [InlineData("a: b\n---\nc: d\n", 2, "a second document begins here", "")]
    [InlineData("? [a, b]\n: c\n", 1, "a key must be plain text", "")]
    [InlineData("a: *nowhere\n", 1, "", "")]
    public void A_file_that_is_no_tree_of_keys_is_one_problem(string text, int line, string problem, string mend)
    {
        using var file = new SampleFile(text);

        var (configuration, problems) = file.Load();

        Assert.Null(configuration);
        var only = Assert.Single(problems);
        Assert.Equal("", only.Key);
        Assert.Equal(line, only.Line);
        Assert.Contains(problem, only.Problem, StringComparison.Ordinal);
        Assert.Contains(mend, only.Mend, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', only.ToString());
    }

    [Fact]
    public void Nesting_without_end_is_refused_before_it_overflows_the_stack()
    {
        using var file = new SampleFile("a: " + new string('[', 100_000));

        var only = Assert.Single(file.Load().Problems);

        Assert.Contains("nested deeper", only.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void No_slip_of_the_keyboard_makes_the_reader_fail_in_any_other_way_than_by_a_problem()
    {
        var text = SampleFile.WithSourceKeys("store: [local]\nrpo: {warning: 24h, critical: \"48h\"}");
        var slips = from position in Enumerable.Range(0, text.Length)
                    from typed in new[] { "", "[", "{", "}", "\"", "'", ":", "*", "&a ", "!", "|", "#", "\t", "\n", "- ", "\0", "\uFFFF" }
                    select text.Remove(position, typed.Length == 0 ? 1 : 0).Insert(position, typed);
        using var file = new SampleFile("");

        foreach (var slip in slips.Where((_, number) => TestScope.IsWhole || number % 4 == 0))
        {
            File.WriteAllText(file.Path, slip);
            var (configuration, problems) = file.Load();
            Assert.Equal(problems.Any(problem => problem.IsError), configuration is null);
            Assert.All(problems, problem => Assert.DoesNotContain('\n', problem.ToString()));
        }
    }

    [Fact]
    public void A_file_in_another_encoding_is_named_with_its_first_wrong_line()
    {
        // 東京 in Shift_JIS.
        using var file = new SampleFile([.. "timeZone: Asia/Tokyo\n# "u8, 0x93, 0x8C, 0x8B, 0x9E, (byte)'\n']);

        var only = Assert.Single(file.Load().Problems);

        Assert.Equal(2, only.Line);
        Assert.Contains("not UTF-8", only.Problem, StringComparison.Ordinal);
        Assert.Contains("iconv", only.Mend, StringComparison.Ordinal);
    }

    [Fact]
    public void A_byte_order_mark_and_carriage_returns_do_no_harm()
    {
        var text = SampleFile.Minimal.ReplaceLineEndings("\r\n");
        using var file = new SampleFile([.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(text)]);

        Assert.Empty(file.Load().Problems);
    }

    [Fact]
    public void A_missing_file_is_a_problem_that_says_how_to_name_one()
    {
        using var file = new SampleFile("");
        var missing = Path.Combine(file.Directory, "elsewhere", "nexus-backup.yml");

        var (configuration, problems) = ConfigurationFile.Load(missing, TimeZoneInfo.Utc);

        Assert.Null(configuration);
        var only = Assert.Single(problems);
        Assert.Equal(missing, only.Value);
        Assert.Contains("no such configuration file", only.Problem, StringComparison.Ordinal);
        Assert.Contains("--config", only.Mend, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_is_not_a_configuration_file()
    {
        using var file = new SampleFile("");

        var only = Assert.Single(ConfigurationFile.Load(file.Directory, TimeZoneInfo.Utc).Problems);

        Assert.Contains("is a directory", only.Problem, StringComparison.Ordinal);
    }

    [SkippableFact, System.Runtime.Versioning.SupportedOSPlatform("linux")]
    public async Task A_file_that_may_not_be_read_says_how_to_give_access()
    {
        using var file = new SampleFile(SampleFile.Minimal);
        File.SetUnixFileMode(file.Directory, (UnixFileMode)0b111_101_101);
        File.SetUnixFileMode(file.Path, UnixFileMode.None);

        Assert.Matches("^error: [^\n]*may not be read[^\n]*chmod[^\n]*$", await Child.ProblemsAsync(file.Path));
    }
}
