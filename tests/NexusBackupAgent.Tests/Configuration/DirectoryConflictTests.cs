namespace NexusBackupAgent.Tests.Configuration;

public sealed class DirectoryConflictTests
{
    [Theory]
    [InlineData("one: {sqlite: 1.db, store: a, directory: x}", "two: {sqlite: 2.db, store: a, directory: ./x/}")]
    [InlineData("one: {sqlite: 1.db, store: a}", "two: {sqlite: 2.db, store: a, directory: one}")]
    [InlineData("one: {sqlite: 1.db, store: a, directory: .}", "two: {sqlite: 2.db, store: same, directory: .}")]
    [InlineData("one: {sqlite: 1.db, store: a, directory: sub/x}", "two: {sqlite: 2.db, store: below, directory: x}")]
    [InlineData("one: {sqlite: 1.db, store: a, directory: x}", "two: {sqlite: 2.db, store: link, directory: x}")]
    [InlineData("one: {sqlite: 1.db, store: a, directory: .}", "two: {sqlite: 2.db, store: chain, directory: .}")]
    [InlineData("one: {sqlite: p/*.db, store: a, directory: x}", "two: {sqlite: q/*.db, store: a, directory: x}")]
    public void Two_sources_that_write_to_one_directory_are_an_error(string one, string two)
    {
        using var file = Write(one, two);

        var only = Assert.Single(file.Load().Problems);

        Assert.True(only.IsError);
        Assert.StartsWith("sources.two", only.Key, StringComparison.Ordinal);
        Assert.Equal(10, only.Line);
        Assert.Contains("writes to the same directory as one", only.Problem, StringComparison.Ordinal);
        Assert.Contains("directory: two", only.Mend, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("one: {sqlite: 1.db, store: a}", "two: {sqlite: 2.db, store: a}")]
    [InlineData("one: {sqlite: 1.db, store: a, directory: x}", "two: {sqlite: 2.db, store: b, directory: x}")]
    [InlineData("one: {sqlite: 1.db, store: a, directory: x}", "two: {sqlite: 2.db, store: a, directory: x/y}")]
    [InlineData("one: {sqlite: 1.db, store: a, directory: x}", "two: {sqlite: p/*.db, store: a, directory: x}")]
    [InlineData("one: {sqlite: 1.db, store: a, directory: x/itsm}", "two: {sqlite: p/tenant-*.db, store: a, directory: x}")]
    [InlineData("one: {sqlite: 1.db, store: a, directory: x/itsm}", "two: {sqlite: p/*/itsm.db, store: a, directory: x}")]
    public void Directories_of_their_own_are_no_problem(string one, string two)
    {
        using var file = Write(one, two);

        Assert.Empty(file.Load().Problems);
    }

    [Theory]
    [InlineData("one: {sqlite: 1.db, store: a, directory: x/tenant-1}", "two: {sqlite: p/tenant-*.db, store: a, directory: x}")]
    [InlineData("one: {sqlite: p/*.db, store: a, directory: .}", "two: {sqlite: 2.db, store: a}")]
    [InlineData("one: {sqlite: 1.db, store: a, directory: x/acme-itsm}", "two: {sqlite: p/*/itsm.db, store: a, directory: x}")]
    [InlineData("one: {sqlite: 1.db, store: a, directory: x/acme.db}", "two: {sqlite: p/*, store: a, directory: x}")]
    public void A_directory_that_a_match_of_a_pattern_could_take_is_a_warning(string one, string two)
    {
        using var file = Write(one, two);

        var only = Assert.Single(file.Load().Problems);

        Assert.False(only.IsError);
        Assert.StartsWith("sources.two", only.Key, StringComparison.Ordinal);
        Assert.Contains("could write to the same directory", only.Problem, StringComparison.Ordinal);
    }

    private static SampleFile Write(string one, string two)
    {
        const string Schedules = ", schedules: {d: {cron: \"0 2 * * *\", retention: 7d}}}";
        var file = new SampleFile($$"""
            stores:
              a: {path: stores/a}
              same: {path: stores/../stores/a/}
              below: {path: stores/a/sub}
              link: {path: link}
              chain: {path: chain/a}
              circle: {path: circle/a}
              b: {path: stores/b}
            sources: {{{one[..^1]}}{{Schedules}},
              {{two[..^1]}}{{Schedules}}}
            """);
        Directory.CreateDirectory(Path.Combine(file.Directory, "stores", "a"));
        Link("link", "shelf/a");
        Link("shelf", "stores");
        Link("chain", "shelf");
        Link("circle", "circle");
        return file;

        void Link(string name, string target) => Directory.CreateSymbolicLink(Path.Combine(file.Directory, name), target);
    }
}
