using System.Text.RegularExpressions;
using NexusBackupAgent.Tests.Configuration;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>References lead somewhere: to a section of a page that is installed with the program.</summary>
public sealed partial class ShippedPagesTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Theory]
    [InlineData("en", "runbook.md")]
    [InlineData("ja", "runbook.ja.md")]
    public async Task Links_of_the_help_and_of_a_diagnosis_lead_to_a_section_of_the_runbook(string language, string page)
    {
        var text = await File.ReadAllTextAsync(RepositoryFile.Find($"docs/{page}"));
        var said = string.Concat((await Task.WhenAll(((string[][])[["--help"], ["diagnose", "--help"], ["checklist", "--help"], ["report", "--help"], ["diagnose"]])
            .Select(words => place.RunAsync([.. words, "--lang", language])))).Select(result => result.Output));

        var anchors = Link().Matches(said).Select(match => (Page: match.Groups[1].Value, Anchor: match.Groups[2].Value)).ToList();

        Assert.True(anchors.Count >= 4);
        Assert.All(anchors, link => Assert.Equal(page, link.Page));
        Assert.All(anchors, link => Assert.Contains($"<a id=\"{link.Anchor}\"></a>", text, StringComparison.Ordinal));
        Assert.DoesNotContain("§", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("docs/command-line.md")]
    [InlineData("docs/configuration.md")]
    [InlineData("docs/how-it-works.md")]
    [InlineData("docs/runbook.md")]
    [InlineData("docs/runbook.ja.md")]
    [InlineData("deploy/systemd/README.md")]
    [InlineData("deploy/man/nexus-backup.1")]
    public void No_page_refers_to_a_number_of_a_section(string page) => Assert.DoesNotMatch(@"(?<!RFC \d+ )§", File.ReadAllText(RepositoryFile.Find(page)));

    [Theory]
    [InlineData("deploy/deb/build", @"(?<=for page in |md )[a-z.-]+\.md(?=[ ;])")]
    [InlineData("src/NexusBackupAgent/NexusBackupAgent.csproj", @"(?<=\.\./docs/)[a-z.-]+\.md")]
    public void Every_page_that_a_shipped_page_links_to_ships_too(string list, string name)
    {
        var shipped = Regex.Matches(File.ReadAllText(RepositoryFile.Find(list)), name, RegexOptions.None, TimeSpan.FromSeconds(10)).Select(match => match.Value).Distinct(StringComparer.Ordinal).ToList();

        Assert.True(shipped.Count > 10);
        Assert.All(shipped, page => Assert.All(
            PageLink().Matches(File.ReadAllText(RepositoryFile.Find($"docs/{page}"))).Select(match => match.Groups[1].Value), linked => Assert.Contains(linked, shipped)));
    }

    [Fact]
    public void The_documents_that_the_product_implements_are_named() =>
        Assert.Contains("RB-BKP-001", File.ReadAllText(RepositoryFile.Find("docs/how-it-works.md")), StringComparison.Ordinal);

    [Theory]
    [InlineData("deploy/systemd/nexus-backup.service")]
    [InlineData("deploy/systemd/README.md")]
    public void What_protects_SQLite_claims_no_other_kind(string file) =>
        Assert.DoesNotMatch("(?i)postgres|object stores?|other sources", File.ReadAllText(RepositoryFile.Find(file)));

    [GeneratedRegex(@"\]\(([A-Za-z.-]+\.md)[)#]")]
    private static partial Regex PageLink();

    [GeneratedRegex(@"docs/(runbook[a-z.]*\.md)#([a-z-]+)")]
    private static partial Regex Link();
}
