using System.Runtime.Versioning;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Configuration;

public sealed class EnvironmentCheckTests : IDisposable
{
    private const UnixFileMode Everything = (UnixFileMode)0b111_111_111;

    private readonly SampleFile file = new(SampleFile.Minimal);

    private string Store => Path.Combine(file.Directory, "backups");

    private string Database => Path.Combine(file.Directory, "itsm.db");

    public void Dispose() => file.Dispose();

    [Fact]
    public void A_store_that_takes_files_and_a_readable_database_are_no_problem()
    {
        Prepare();

        Assert.Empty(Check());
        Assert.Empty(Directory.EnumerateFileSystemEntries(Store));
    }

    [Fact]
    public void A_missing_store_says_how_to_make_it()
    {
        Prepare();
        Directory.Delete(Store);

        AssertOnly("stores.local.path", Store, "does not exist", $"mkdir -p '{Store}'");
    }

    [Fact]
    public void A_file_is_no_store()
    {
        Prepare();
        Directory.Delete(Store);
        File.WriteAllText(Store, "");

        AssertOnly("stores.local.path", Store, "is a file", "name a directory");
    }

    [SkippableFact, SupportedOSPlatform("linux")]
    public async Task A_store_that_takes_no_file_says_how_to_make_it_writable()
    {
        Prepare();
        File.SetUnixFileMode(file.Directory, Everything);
        File.SetUnixFileMode(Store, Everything & ~(UnixFileMode.UserWrite | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite));

        Assert.Matches($"^error: stores.local.path \"{Store}\": .*not writable.*chown[^\n]*$", await Child.ProblemsAsync(file.Path));
    }

    [SkippableFact, SupportedOSPlatform("linux")]
    public async Task A_state_directory_that_takes_no_file_is_an_error()
    {
        Prepare();
        Directory.CreateDirectory(Path.Combine(file.Directory, "state"));
        File.SetUnixFileMode(file.Directory, Everything);
        File.SetUnixFileMode(Store, Everything);
        File.SetUnixFileMode(Path.Combine(file.Directory, "state"), UnixFileMode.None);

        Assert.Matches("^error: state .*the state directory is not writable[^\n]*$", await Child.ProblemsAsync(file.Path));
    }

    [SkippableFact]
    public void A_store_where_even_root_may_not_write_is_not_writable()
    {
        const string ReadOnly = "/proc/self";
        Skip.IfNot(Directory.Exists(ReadOnly), "there is no /proc");
        Prepare();
        File.WriteAllText(file.Path, File.ReadAllText(file.Path).Replace("path: backups", $"path: {ReadOnly}", StringComparison.Ordinal));

        AssertOnly("stores.local.path", ReadOnly, "not writable", "chmod");
    }

    [Fact]
    public void A_missing_database_is_an_error()
    {
        Prepare();
        File.Delete(Database);

        AssertOnly("sources.itsm.sqlite", Database, "does not exist", "mounted");
    }

    [Fact]
    public void A_directory_is_no_database()
    {
        Prepare();
        File.Delete(Database);
        Directory.CreateDirectory(Database);

        AssertOnly("sources.itsm.sqlite", Database, "is a directory", "name the database file");
    }

    [SkippableFact, SupportedOSPlatform("linux")]
    public async Task A_database_that_may_not_be_read_is_an_error()
    {
        Prepare();
        File.SetUnixFileMode(file.Directory, Everything);
        File.SetUnixFileMode(Store, Everything);
        File.SetUnixFileMode(Database, UnixFileMode.None);

        Assert.Matches($"^error: sources.itsm.sqlite \"{Database}\": .*may not be read.*read access[^\n]*$", await Child.ProblemsAsync(file.Path));
    }

    [Fact]
    public void A_pattern_without_a_match_is_a_warning_until_a_file_appears()
    {
        Prepare();
        File.WriteAllText(file.Path, File.ReadAllText(file.Path).Replace("itsm.db", "tenants/*.db", StringComparison.Ordinal));
        var tenants = Directory.CreateDirectory(Path.Combine(file.Directory, "tenants")).FullName;
        File.WriteAllText(Path.Combine(tenants, "acme.txt"), "");

        AssertOnly("sources.itsm.sqlite", Path.Combine(tenants, "*.db"), "matches no file", "picked up", isError: false);

        File.WriteAllText(Path.Combine(tenants, "acme.db"), "");
        Assert.Empty(Check());
    }

    [Theory]
    [InlineData("ln itsm.db other.db")]
    [InlineData("ln -s itsm.db other.db")]
    [InlineData("rm itsm.db; ln -s itsm.db other.db")]
    public async Task Two_names_of_one_database_are_a_warning(string link)
    {
        Prepare();
        await File.AppendAllTextAsync(file.Path, "  other:\n    sqlite: other.db\n    schedules:\n      daily: {cron: \"0 2 * * *\", retention: 7d}\n");
        await Shell.BashAsync($"cd '{file.Directory}'; {link}");

        var warning = Assert.Single(Check(), problem => !problem.IsError);

        Assert.Equal(("sources.other.sqlite", Path.Combine(file.Directory, "other.db")), (warning.Key, warning.Value));
        Assert.Contains($"source other is the same database as source itsm ('{Database}')", warning.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_databases_are_not_one()
    {
        Prepare();
        await File.AppendAllTextAsync(file.Path, "  other:\n    sqlite: other.db\n    schedules:\n      daily: {cron: \"0 2 * * *\", retention: 7d}\n");
        File.WriteAllText(Path.Combine(file.Directory, "other.db"), "");

        Assert.Empty(Check());
    }

    private void Prepare()
    {
        Directory.CreateDirectory(Store);
        File.WriteAllText(Database, "");
    }

    private IReadOnlyList<ConfigurationProblem> Check() => ConfigurationFile.CheckEnvironmentAsync(file.Load().Configuration!).GetAwaiter().GetResult();

    private void AssertOnly(string key, string value, string problem, string mend, bool isError = true)
    {
        var only = Assert.Single(Check());
        Assert.Equal((key, value, isError), (only.Key, only.Value, only.IsError));
        Assert.Contains(problem, only.Problem, StringComparison.Ordinal);
        Assert.Contains(mend, only.Mend, StringComparison.Ordinal);
    }
}
