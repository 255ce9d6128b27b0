using System.Text.RegularExpressions;
using NexusBackupAgent.Access;
using NexusBackupAgent.Cli;

namespace NexusBackupAgent.Tests.Cli;

public sealed class DemoTests : IDisposable
{
    private readonly Workplace place = new();

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task One_cycle_backs_up_restores_and_compares_and_can_be_repeated()
    {
        var first = await place.RunAsync("demo", "--exit", "--size", "2", "--directory", "try");

        Assert.Equal(0, first.Code);
        Assert.Empty(first.Error);
        foreach (var said in (string[])["sample database", "identical", "rows in 9 tables, the same", "sha256sum -c manual_", "gunzip -t", "retention: 12mo"])
            Assert.Contains(said, first.Output, StringComparison.Ordinal);
        Assert.InRange(new FileInfo(place.In("try/itsm_nexus.db")).Length, 2 << 20, 3 << 20);
        Assert.Equal(await File.ReadAllBytesAsync(place.In("try/itsm_nexus.db")), await File.ReadAllBytesAsync(place.In("try/restored.db")));

        var second = await place.RunAsync("demo", "--exit", "--size", "2", "--directory", "try");

        Assert.Equal(0, second.Code);
        Assert.Contains("kept from an earlier demo", second.Output, StringComparison.Ordinal);
        Assert.Equal(2, Directory.GetFiles(place.In("try/backups"), "*.db.gz").Length);
    }

    [Fact]
    public async Task The_sample_is_the_same_on_every_machine()
    {
        await place.RunAsync("demo", "--exit", "--size", "1", "--directory", "a");
        await place.RunAsync("demo", "--exit", "--size", "1", "--directory", "b");

        Assert.Equal(await File.ReadAllBytesAsync(place.In("a/itsm_nexus.db")), await File.ReadAllBytesAsync(place.In("b/itsm_nexus.db")));
    }

    [Fact]
    public async Task It_serves_with_a_user_whose_password_it_tells()
    {
        using var output = new StringWriter();
        AgentConfiguration? served = null;
        var context = new CommandContext(new Terminal(output, output, outputIsWatched: false, errorIsWatched: false), place.Clock, place.Path);
        var line = new CommandLine(context, (configuration, _, _, listening, _) =>
        {
            served = configuration;
            listening!(new Uri("http://127.0.0.1:9440/"));
            return Task.CompletedTask;
        });

        Assert.Equal(0, await line.InvokeAsync(["demo", "--size", "1", "--directory", "try"], CancellationToken.None));

        var told = Regex.Match(output.ToString(), "Serving http://127.0.0.1:9440/, .* Sign in as admin, password ([a-z0-9]{12})\n").Groups[1].Value;
        Assert.True(served!.Access.Users["admin"].Password.Matches(told));
        Assert.Equal(Role.Admin, served.Access.Users["admin"].Role);
    }

    [Fact]
    public async Task A_directory_that_no_demo_made_is_left_alone()
    {
        Directory.CreateDirectory(place.In("mine"));
        await File.WriteAllTextAsync(place.In("mine/itsm_nexus.db"), "precious");

        var result = await place.RunAsync("demo", "--exit", "--directory", "mine");

        Assert.Equal(2, result.Code);
        Assert.Contains("was not made by a demo", Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.Equal([place.In("mine/itsm_nexus.db")], Directory.GetFileSystemEntries(place.In("mine")));
    }
}
