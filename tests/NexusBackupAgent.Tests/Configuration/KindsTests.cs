using Microsoft.Extensions.Logging.Abstractions;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Configuration;

/// <summary>What an agent is handed kinds for: each source and store is of the kind whose key it names.</summary>
public sealed class KindsTests
{
    private const string Stores = "stores: {local: {path: backups}, attic: {shelf: {room: attic}}}";
    private const string Schedules = "schedules: {daily: {cron: \"0 2 * * *\", retention: 7d}}";

    [Fact]
    public async Task Sources_and_stores_of_two_kinds_make_one_agent()
    {
        using var file = Write("itsm: {sqlite: itsm.db, store: attic}", "books: {ledger: {books: [a, b]}, store: local}", "cash: {ledger: {book: c}, store: attic}");
        var (configuration, problems) = Load(file);
        Assert.Empty(problems);

        using var agent = Agent.Open(configuration!, Some.Clock, NullLoggerFactory.Instance);
        await agent.Roster.RefreshAsync();

        Assert.Equal(
            [("itsm", "attic", "itsm"), ("cash", "attic", "cash"), ("a", "local", "books/a"), ("b", "local", "books/b")],
            agent.Roster.Current.Select(source => (source.Name, source.Source.Catalog.Store.Name, source.Source.Catalog.Directory)));
    }

    [Fact]
    public void Only_places_of_this_machine_are_the_agents_own()
    {
        using var file = Write("itsm: {sqlite: itsm.db, store: attic}");
        var configuration = Load(file).Configuration!;

        Assert.Contains(Path.Combine(file.Directory, "backups"), configuration.OwnPlaces);
        Assert.DoesNotContain(configuration.OwnPlaces, place => place.Contains("attic", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("s: {store: local}", "sources.s", "does not say which database or ledger to back up", "write for example sqlite: data/itsm.db or ledger: {book: accounts}")]
    [InlineData("s: {sqlite: a.db, ledger: {book: a}, store: local}", "sources.s", "names sqlite and ledger, and a source is of one kind", "keep one of them")]
    [InlineData("s: {ledger: {bok: a, book: b}, store: local}", "sources.s.ledger.bok", "is not a known key", "did you mean book?")]
    [InlineData("s: {ledger: {book: a}, pages: 10, store: local}", "sources.s.pages", "out of range", "from 1 to 9")]
    [InlineData("s: {ledger: {book: a}, busyTimeout: 3s, store: local}", "sources.s.busyTimeout", "has no meaning for a source with ledger", "only a source with sqlite has it")]
    [InlineData("s: {ledger: {book: a}, room: b, store: local}", "sources.s.room", "is not a known key", "it belongs below stores.<name>.shelf")]
    [InlineData("s: {s3: x, store: local}", "sources.s.s3", "is not supported by this version", "SQLite databases: sqlite: path/to/file.db, or ledgers: ledger: {book: accounts}")]
    public void A_mistake_in_a_source_is_told_by_the_kinds_that_there_are(string source, string key, string problem, string mend) =>
        AssertOnly(Write(source), key, problem, mend);

    [Fact]
    public void A_source_without_a_kind_still_hears_what_is_wrong_with_its_options()
    {
        using var file = Write("s: {busyTimeout: soon, pages: many, store: local}");

        Assert.Equal(["sources.s", "sources.s.busyTimeout", "sources.s.pages"], Load(file).Problems.Select(problem => problem.Key).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("{}", "stores.x", "the store has no path or shelf", "write its directory, for example path: backups, or its room, for example shelf: {room: attic}")]
    [InlineData("{path: a, shelf: {room: b}}", "stores.x", "the store has path and shelf, and a store is of one kind", "keep one of them")]
    [InlineData("{shelf: {rom: a, room: b}}", "stores.x.shelf.rom", "is not a known key", "did you mean room?")]
    public void A_mistake_in_a_store_is_told_by_the_kinds_that_there_are(string store, string key, string problem, string mend) =>
        AssertOnly(new SampleFile($"stores: {{x: {store}}}\nsources: {{itsm: {{sqlite: itsm.db, {Schedules}}}}}"), key, problem, mend);

    [Fact]
    public void Directories_of_one_shelf_conflict_as_those_of_a_disk_do()
    {
        using var file = Write("books: {ledger: {books: [a]}, store: attic, directory: x}", "cash: {ledger: {book: c}, store: attic, directory: x/a}", "more: {ledger: {book: d}, store: local, directory: x/a}");

        var only = Assert.Single(Load(file).Problems);

        Assert.Equal(("sources.cash.directory", false), (only.Key, only.IsError));
        Assert.Contains("could write to the same directory", only.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_environment_is_checked_by_each_kind()
    {
        using var file = Write("itsm: {sqlite: itsm.db, store: local}", "books: {ledger: {books: [lost, found]}, store: attic}", "again: {ledger: {book: found}, store: attic}");

        var problems = await ConfigurationFile.CheckEnvironmentAsync(Load(file).Configuration!);

        Assert.Equal(["stores.local.path", "stores.attic.shelf", "sources.itsm.sqlite", "sources.books.ledger", "sources.again.ledger"], problems.Select(problem => problem.Key));
        Assert.Equal("source again is the same ledger as source found ('ledger of found'), which is backed up twice", problems[^1].Problem);
    }

    [Fact]
    public void Kinds_bring_their_levels_of_the_file()
    {
        var places = AgentBinder.LevelsOf(SomeKinds.Both).Select(level => level.Place);

        Assert.Equal(["sources.<name>.ledger", "stores.<name>.shelf"], places.Except(AgentBinder.LevelsOf(AgentKinds.Shipped).Select(level => level.Place)).Order(StringComparer.Ordinal));
    }

    private static SampleFile Write(params string[] sources) => new(
        $"{Stores}\nsources:\n{string.Concat(sources.Select(source => $"  {source[..^1]}, {Schedules}}}\n"))}");

    private static (AgentConfiguration? Configuration, IReadOnlyList<ConfigurationProblem> Problems) Load(SampleFile file) => ConfigurationFile.Load(file.Path, TimeZoneInfo.Utc, SomeKinds.Both);

    private static void AssertOnly(SampleFile file, string key, string problem, string mend)
    {
        using (file)
        {
            var only = Assert.Single(Load(file).Problems);
            Assert.Equal((key, true), (only.Key, only.IsError));
            Assert.Contains(problem, only.Problem, StringComparison.Ordinal);
            Assert.Contains(mend, only.Mend, StringComparison.Ordinal);
        }
    }
}
