using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Configuration;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Scheduling;

/// <summary>Which sources an agent has after each look at its configuration's databases and stores.</summary>
public sealed class SourceDiscoveryTests : IDisposable
{
    private const string Tenants = "tenants: {sqlite: data/*.db, directory: .";
    private readonly LogLines log = new();
    private SampleFile? file;
    private Agent? agent;

    public void Dispose()
    {
        agent?.Dispose();
        file?.Dispose();
        log.Dispose();
    }

    [Fact]
    public void A_source_of_its_own_keeps_its_name_before_a_match_that_comes_earlier_in_the_file()
    {
        Open(Tenants, "itsm: {sqlite: itsm.db, directory: own");
        Make("data/itsm.db");

        Assert.Equal("own", Assert.Single(Refresh()).Source.Catalog.Directory);
    }

    [Fact]
    public void A_name_that_is_taken_is_logged_once_for_each_path()
    {
        Open(Tenants, "itsm: {sqlite: itsm.db, directory: own", "more: {sqlite: \"*/itsm.db\"", "other: {sqlite: other/*.db");
        Make("data/itsm.db");
        Make("other/itsm.db");

        Refresh();
        Refresh();

        Assert.Equal(2, log.Lines.Count(line => line.Contains("is NOT protected", StringComparison.Ordinal)));
    }

    [SkippableFact]
    public async Task A_pattern_that_does_not_answer_keeps_its_sources_is_told_once_and_holds_up_no_other()
    {
        Need.Root();
        Open("dead: {sqlite: dead/*.db", "tenants: {sqlite: data/*.db");
        Make("dead/first.db");
        Make("data/acme.db");
        Refresh();
        using (var disk = HungFileSystem.Mount(PathOf("dead")))
        {
            Make("data/nexus.db");
            Assert.Equal(["first", "acme", "nexus"], Names());
            var silent = Assert.Single(agent!.SilentPatterns);
            Assert.StartsWith($"'{PathOf("dead/*.db")}' of dead does not answer", silent.Message, StringComparison.Ordinal);
            Assert.Equal(["first", "acme", "nexus"], Names());
            Assert.Single(log.Lines, line => line.Contains("does not answer", StringComparison.Ordinal));
        }

        Make("dead/second.db");
        await Eventually.TrueAsync(() => Names().Contains("second"), "what is new there is found once it answers");
        Assert.Empty(agent.SilentPatterns);
    }

    [Fact]
    public async Task A_database_that_was_backed_up_and_is_gone_stays_a_source()
    {
        Open(Tenants);
        await BackUpAsync("acme", "acme");

        Assert.Equal(["acme"], Names());
    }

    [Fact]
    public async Task A_directory_is_no_source_unless_the_agent_committed_a_backup_of_that_name_in_it()
    {
        Open(Tenants, "itsm: {sqlite: itsm.db, directory: nexus");
        await BackUpAsync("copied", "another");
        await BackUpAsync("lost+found", "lost+found");
        await BackUpAsync("nexus", "nexus"); // another source's directory
        Make("backups/empty/notes.txt");
        Make("backups/by-hand/daily_20260214_020000.db.gz");

        Assert.Equal(["itsm"], Names());
    }

    [Fact]
    public async Task A_group_whose_store_cannot_be_listed_keeps_what_it_had()
    {
        Open(Tenants);
        await BackUpAsync("acme", "acme");
        Refresh();

        Directory.Move(PathOf("backups"), PathOf("away"));

        Assert.Equal(["acme"], Names());
    }

    [Fact]
    public void A_source_is_the_same_object_until_its_database_is_another_one()
    {
        Open("srv: {sqlite: \"srv/*/*.db\"");
        Make("srv/a-b/c.db");
        var first = Assert.Single(Refresh());
        Assert.Same(first, Assert.Single(Refresh()));

        File.Delete(PathOf("srv/a-b/c.db"));
        Make("srv/a/b-c.db");
        var moved = Assert.Single(Refresh());

        Assert.Equal(first.Name, moved.Name);
        Assert.NotSame(first, moved);
    }

    [SkippableFact]
    public async Task Directories_that_cannot_be_listed_leave_their_sources_and_the_others_as_they_were()
    {
        Need.Tool("sh");
        var levels = string.Concat(Enumerable.Repeat("*/", 17));
        Open($"deep: {{sqlite: \"deep/{levels}*.db\"", Tenants);
        Make($"deep/{levels.Replace('*', 'd')}x.db");
        var before = Assert.Single(Refresh());

        // Below this, paths are longer than the kernel takes.
        var name = new string('n', 250);
        await Shell.RunAsync("sh", "-c", $"cd '{PathOf("deep")}'; for i in $(seq 17); do mkdir {name}; cd -P {name}; done");
        Make("data/acme.db");
        try
        {
            Refresh();
            var after = Refresh();

            Assert.Equal(["acme", before.Name], after.Select(source => source.Name).Order(StringComparer.Ordinal));
            Assert.Contains(before, after);
            Assert.Single(log.Lines, line => line.Contains("may be missed", StringComparison.Ordinal));
        }
        finally
        {
            await Shell.RunAsync("rm", "-rf", PathOf("deep"));
        }
    }

    private void Open(params string[] sources)
    {
        const string Schedules = ", schedules: {d: {cron: \"0 2 * * *\", retention: 7d}}}";
        file = new SampleFile($$"""
            stores:
              local: {path: backups}
            sources: {{{string.Join(",\n  ", sources.Select(source => source + Schedules))}}}
            """);
        Directory.CreateDirectory(PathOf("backups"));
        var (configuration, problems) = file.Load();
        Assert.True(configuration is not null, string.Join('\n', problems));
        agent = Agent.Open(configuration, Some.Clock, log);
    }

    private IReadOnlyList<ScheduledSource> Refresh()
    {
        agent!.Roster.RefreshAsync().GetAwaiter().GetResult();
        return agent.Roster.Current;
    }

    private IEnumerable<string> Names() => Refresh().Select(source => source.Name);

    private string PathOf(string name) => Path.Combine(file!.Directory, name);

    private void Make(string name)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
        File.WriteAllText(PathOf(name), "");
    }

    private async Task BackUpAsync(string directory, string source)
    {
        var catalog = CatalogUse.CatalogOf(new LocalDirectoryStore("local", PathOf("backups")), directory: directory);
        var backup = await catalog.AddAsync([1, 2, 3]);
        var manifest = catalog.Locate(BackupFiles.Manifest(backup.File));
        await Sidecar.EditAsync(manifest, text => text.Replace("\"itsm\"", $"\"{source}\"", StringComparison.Ordinal));
    }

    private sealed class LogLines : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));
    }
}
