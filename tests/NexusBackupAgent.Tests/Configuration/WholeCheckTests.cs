using NexusBackupAgent.Configuration;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Configuration;

/// <summary>What <c>check-config</c> tells at once, of a file with mistakes in it too.</summary>
public sealed class WholeCheckTests
{
    private const UnixFileMode OwnersAlone = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private static readonly DateTimeOffset Now = new(2026, 2, 14, 3, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("timeZone: Asia/Tokio\n", "timeZone")]
    [InlineData("statte: s\n", "statte")]
    public void What_the_file_names_is_looked_at_although_it_has_a_mistake(string mistake, string key)
    {
        using var file = new SampleFile(mistake + SampleFile.Minimal);

        Assert.Equal([key, "stores.local.path", "sources.itsm.sqlite"], Check(file).Where(problem => problem.IsError).Select(problem => problem.Key));
    }

    [Fact]
    public void A_schedule_that_cannot_be_read_hides_no_missing_database_and_claims_no_gap()
    {
        using var file = new SampleFile(SampleFile.Minimal.Replace("0 2 * * *", "0 25 * * *", StringComparison.Ordinal));

        Assert.Equal(["sources.itsm.schedules.daily.cron", "stores.local.path", "sources.itsm.sqlite"], Check(file).Select(problem => problem.Key));
    }

    [Theory]
    [InlineData("schedules:", "shedules:", "0 2 * * *", "0 25 * * *", "sources.itsm.shedules", "sources.itsm.shedules.daily.cron")]
    [InlineData("sqlite:", "sqlit:", "itsm.db", "\"itsm.db/\"", "sources.itsm.sqlit", "sources.itsm.sqlit")]
    [InlineData("sources:", "souces:", "7d", "7x", "souces", "souces.itsm.schedules.daily.retention")]
    [InlineData("path:", "pth:", "backups", "~/backups", "stores.local.pth", "stores.local.pth")]
    public void What_a_misspelt_key_holds_is_read_as_the_key_that_was_meant(string key, string misspelt, string value, string wrong, params string[] expected)
    {
        using var file = new SampleFile(SampleFile.Minimal.Replace(key, misspelt, StringComparison.Ordinal).Replace(value, wrong, StringComparison.Ordinal));

        var (configuration, problems) = file.Load();

        Assert.Null(configuration);
        Assert.Equal(expected, problems.Select(problem => problem.Key));
    }

    [Theory]
    [MemberData(nameof(ConfigurationProblemTests.MistakesOfASource), MemberType = typeof(ConfigurationProblemTests))]
    public void No_mistake_keeps_the_rest_from_being_looked_at(string keys, string key, int line, string problem, string mend)
    {
        using var file = new SampleFile(SampleFile.WithSourceKeys(keys));

        var problems = Check(file);

        Assert.Contains(problems, found => found.Line == line && found.Key.EndsWith(key, StringComparison.Ordinal) && found.Text.Contains(problem, StringComparison.Ordinal) && found.Text.Contains(mend, StringComparison.Ordinal));
        Assert.Contains(problems, found => found.Key == "stores.local.path");
    }

    [Fact]
    public void A_database_on_the_disk_of_its_store_is_a_warning_and_one_among_the_backups_an_error()
    {
        using var file = new SampleFile(SampleFile.Minimal + "  other:\n    sqlite: link/other.db\n    schedules:\n      daily: {cron: \"0 2 * * *\", retention: 7d}\n");
        var store = Directory.CreateDirectory(Path.Combine(file.Directory, "backups"), OwnersAlone).FullName;
        File.CreateSymbolicLink(Path.Combine(file.Directory, "link"), store);
        File.WriteAllText(Path.Combine(file.Directory, "itsm.db"), "");
        File.WriteAllText(Path.Combine(store, "other.db"), "");
        File.SetUnixFileMode(store, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

        var problems = Check(file);

        Assert.Equal([("sources.itsm.sqlite", false), ("sources.other.sqlite", true)], problems.Select(problem => (problem.Key, problem.IsError)));
        Assert.Contains("on the same disk as its store local", problems[0].Problem, StringComparison.Ordinal);
        Assert.Contains("lies inside the store local", problems[1].Problem, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_store_on_another_disk_is_no_warning()
    {
        Need.Root();
        using var file = new SampleFile(SampleFile.Minimal);
        var store = Directory.CreateDirectory(Path.Combine(file.Directory, "backups"), OwnersAlone).FullName;
        File.WriteAllText(Path.Combine(file.Directory, "itsm.db"), "");
        await Shell.RunAsync("mount", "-t", "tmpfs", "tmpfs", store);
        try
        {
            Assert.Empty(Check(file));
        }
        finally
        {
            await Shell.RunAsync("umount", "-l", store);
        }
    }

    [Theory]
    [InlineData("0 2 29 2 *", "sources.itsm.rpo.warning", "between two backups")]
    [InlineData("0 3 1,15 * 5", "sources.itsm.schedules.daily.cron", "match both, day of month and day of week")]
    public void A_schedule_that_is_rarer_than_it_looks_is_a_warning(string cron, string key, string problem)
    {
        using var file = new SampleFile(SampleFile.Minimal.Replace("0 2 * * *", cron, StringComparison.Ordinal));

        Assert.Contains(Check(file), found => found.Key == key && found.Problem.Contains(problem, StringComparison.Ordinal) && !found.IsError);
    }

    [SkippableFact]
    public async Task As_the_service_s_user_it_tells_what_that_one_may_not()
    {
        Need.Root();
        using var place = Workplace.WithDatabase();
        await Shell.BashAsync($"chmod 755 '{place.Path}'; chmod 600 '{place.In("itsm.db")}'; chmod 755 '{place.Store}'");

        var asRoot = await Child.RunAsync("command-with-errors", "now", place.Path, "check-config");
        var asNobody = await Child.RunAsync("command-with-errors", "now", place.Path, "check-config", "--as", "nobody");

        Assert.DoesNotContain("error:", asRoot, StringComparison.Ordinal);
        Assert.Contains("may not be read by this user", asNobody, StringComparison.Ordinal);
        Assert.Contains("is not writable by this user", asNobody, StringComparison.Ordinal);
        Assert.Contains("there is no user 'no-such-user'", await Child.RunAsync("command-with-errors", "now", place.Path, "check-config", "--as", "no-such-user"), StringComparison.Ordinal);
    }

    /// <summary>What root made in the store while it tried things out, the service can neither list nor read nor write.</summary>
    [SkippableTheory]
    [InlineData("chmod 700 backups/itsm", "may not be listed", "is not writable by this user")]
    [InlineData("chmod 755 backups/itsm", "4 files of backups in", "is not writable by this user")]
    [InlineData("chown nobody: backups/itsm; chmod 000 backups/itsm", "may not be listed", "is not writable by this user")]
    [InlineData("chown nobody: backups/itsm", "4 files of backups in")]
    [InlineData("chown -R nobody: backups/itsm; chmod 000 backups/itsm/*.sha256", "1 file of backups in")]
    [InlineData("chown -R nobody: backups/itsm; touch backups/itsm/notes; chmod 600 backups/itsm/notes")]
    public async Task As_the_service_s_user_it_looks_into_the_directories_of_the_sources(string setup, params string[] expected)
    {
        Need.Root();
        using var place = Workplace.WithDatabase();
        await File.WriteAllTextAsync(place.Configuration, (await File.ReadAllTextAsync(place.Configuration)).Replace("directory: .", "directory: itsm", StringComparison.Ordinal));
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        await Shell.BashAsync($"cd '{place.Path}'; chmod 711 .; chmod 644 nexus-backup.yml itsm.db; chown nobody: backups backups/.nexus-backup-store; chown -R nobody: state; {setup}");

        var first = await ToldAsync();
        for (var told = first; told.Count > 0; told = (await ToldAsync()) is var next && next.SequenceEqual(told) ? throw new InvalidOperationException(told[0]) : next)
        {
            foreach (var problem in told) // as it is printed, by root
                await Shell.BashAsync("sudo() { \"$@\"; }; " + problem[problem.IndexOf("sudo ", StringComparison.Ordinal)..]);
        }

        Assert.Equal(expected.Length, first.Count);
        Assert.All(expected, part => Assert.Contains(first, problem => problem.Contains(part, StringComparison.Ordinal)));

        async Task<List<string>> ToldAsync() =>
            [.. (await Child.RunAsync("command-with-errors", "now", place.Path, "check-config", "--as", "nobody")).Split('\n').Where(line => line.StartsWith("error: ", StringComparison.Ordinal))];
    }

    private static IReadOnlyList<ConfigurationProblem> Check(SampleFile file) => ConfigurationFile.CheckAsync(file.Path, TimeZoneInfo.Utc, AgentKinds.Shipped, Now).GetAwaiter().GetResult();
}
