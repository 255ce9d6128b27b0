using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>Who may read what the agent makes, and hold its locks, by the built executable under a shell that lets everybody do everything.</summary>
public sealed class PrivateFilesTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    private static string Program => Path.Combine(AppContext.BaseDirectory, "nexus-backup");

    public void Dispose() => place.Dispose();

    [Theory]
    [InlineData("644")]
    [InlineData("600")]
    public async Task All_that_it_makes_is_its_owners_alone_whatever_the_umask(string database)
    {
        await BackUpAsync(database);

        Assert.Equal("700", await ModesAsync("state", "-type d"));
        Assert.Equal("600", await ModesAsync("state", "-type f"));
        Assert.Equal("600", await ModesAsync("backups/*", "-type f"));
        Assert.Equal(["700"], (await ModesAsync("backups/*", "-type d")).Split('\n', StringSplitOptions.RemoveEmptyEntries).DefaultIfEmpty("700"));
    }

    /// <summary>The group that the configuration names reads the backups, unless the database's own group may not read that.</summary>
    [SkippableTheory]
    [InlineData("640", "640 games", "750 games")]
    [InlineData("644", "640 games", "750 games")]
    [InlineData("600", "600 root", "700 root")]
    public async Task The_named_group_may_read_what_is_no_wider_than_the_database(string database, string files, string directories)
    {
        Need.Root();
        await EditAsync("path: backups", "path: backups, group: games");
        await EditAsync("directory: .", "directory: itsm");

        await BackUpAsync(database);

        Assert.Equal(files, await ModesAsync("backups/itsm", "-type f", "%m %g"));
        Assert.Equal(directories, await ModesAsync("backups/itsm", "-type d", "%m %g"));
        Assert.Equal(database == "600", (await CheckAsync()).Contains("its own group may not read it", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task A_directory_that_was_made_while_the_database_was_private_is_told_once_it_is_not()
    {
        Need.Root();
        await EditAsync("path: backups", "path: backups, group: games");
        await EditAsync("directory: .", "directory: itsm");
        await BackUpAsync("600");
        await Shell.BashAsync($"cd '{place.Path}' && chmod 640 itsm.db && chmod 711 backups");

        var told = Assert.Single((await CheckAsync()).Split('\n'), line => line.Contains("may not look into", StringComparison.Ordinal));
        await DoAsync(told);

        Assert.DoesNotContain("may not look into", await CheckAsync(), StringComparison.Ordinal);
        Assert.Equal("750 games", await ModesAsync("backups/itsm", "-type d", "%m %g"));
    }

    /// <summary>A disk that is mounted late, and a mode that changes under the running agent.</summary>
    [SkippableFact]
    public async Task Each_run_of_the_agent_asks_anew_whether_the_group_may_read()
    {
        Need.Root();
        await EditAsync("path: backups", "path: backups, group: games");
        await EditAsync("directory: .", "directory: itsm");
        await EditAsync("0 2 * * *", "*/2 * * * * *");
        await File.AppendAllTextAsync(place.Configuration, "\nlisten: http://127.0.0.1:0\n");
        File.Move(place.In("itsm.db"), place.In("later.db"));
        File.SetUnixFileMode(place.In("later.db"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        using var agent = Shell.Start("bash", "-c", $"cd '{place.Path}' && exec '{Program}' run");
        try
        {
            while (await agent.StandardOutput.ReadLineAsync() is { } line && !line.Contains("run_failed", StringComparison.Ordinal))
                Assert.DoesNotContain("run_succeeded", line, StringComparison.Ordinal);
            _ = agent.StandardOutput.ReadToEndAsync();

            File.Move(place.In("later.db"), place.In("itsm.db"));
            await Eventually.TrueAsync(() => Manifests().Length > 0, "a backup of the database that came late");
            Assert.Equal("640 games", await ModesAsync("backups/itsm", "-name '*.db.gz'", "%m %g"));
            Assert.Equal("750 games", await ModesAsync("backups/itsm", "-type d", "%m %g"));

            File.SetUnixFileMode(place.In("itsm.db"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
            var before = Manifests();
            await Eventually.TrueAsync(() => Manifests().Length >= before.Length + 2, "backups since it was closed");
            Assert.Equal("600 root", await ModesAsync($"'{Manifests().Max(StringComparer.Ordinal)}'", "", "%m %g"));
        }
        finally
        {
            agent.Kill();
            await agent.WaitForExitAsync();
        }

        string[] Manifests() => Directory.Exists(Path.Combine(place.Store, "itsm")) ? Directory.GetFiles(Path.Combine(place.Store, "itsm"), "*.manifest.json") : [];
    }

    [Fact]
    public async Task Wider_modes_are_told_with_the_command_that_mends_them()
    {
        await BackUpAsync("644");
        Assert.DoesNotContain("chmod", await CheckAsync(), StringComparison.Ordinal);
        await Shell.BashAsync($"chmod -R go+rX '{place.Path}'");
        var me = Environment.UserName;

        var told = (await CheckAsync()).Split('\n').Where(line => line.StartsWith("warning: ", StringComparison.Ordinal) && line.Contains("chmod", StringComparison.Ordinal)).ToList();

        Assert.Contains(told, line => line.StartsWith("warning: state ", StringComparison.Ordinal) && line.EndsWith($"sudo find '{place.In("state")}' -user '{me}' ! -type l -exec chmod go= {{}} +", StringComparison.Ordinal));
        Assert.Contains(told, line => line.StartsWith("warning: stores.local.path ", StringComparison.Ordinal) && line.EndsWith($"sudo find '{place.Store}' -user '{me}' ! -type l -exec chmod go= {{}} +", StringComparison.Ordinal));
        foreach (var line in told)
            await DoAsync(line);
        Assert.DoesNotContain("chmod", await CheckAsync(), StringComparison.Ordinal);
    }

    /// <summary>By another user, whose the directories are or not. What an earlier build left there is open.</summary>
    [SkippableTheory]
    [InlineData("65534", "65534:65534", "755", true)]
    [InlineData("65534", "0:65534", "2770", false)]
    [InlineData("65534", "0:65534", "2775", true)]
    [InlineData("65534", "0:0", "777", true)]
    [InlineData("0", "65534:65534", "755", true)]
    [InlineData("0", "0:65534", "2770", false)]
    [InlineData("0", "0:65534", "2775", true)]
    public async Task What_is_told_shuts_others_out_and_never_the_agent(string asked, string owner, string mode, bool isTold)
    {
        Need.Root();
        Need.Tool("setpriv");
        await Shell.BashAsync($"cd '{place.Path}' && mkdir state && chmod 711 . && chown 65534 itsm.db && chmod 644 nexus-backup.yml && chown {owner} backups state && chmod {mode} backups state");
        await BackUpAsAgentAsync();
        await Shell.BashAsync($"cd '{place.Path}' && chmod 640 backups/*.gz && chown root: backups/*.json && chmod 644 backups/*.json");

        var told = await Told(asked);
        foreach (var line in told)
            await DoAsync(line);

        Assert.Equal(isTold ? ["state", "stores.local.path"] : [], told.Select(line => line.Split(' ')[1]).Order(StringComparer.Ordinal));
        Assert.Empty(await Told(asked));
        await BackUpAsAgentAsync();
        Assert.Equal(isTold && !owner.StartsWith("0:", StringComparison.Ordinal) ? "700" : mode, await ModesAsync("backups", "-maxdepth 0 -type d"));
    }

    private async Task<List<string>> Told(string user) =>
        [.. (await AsAsync(user, "check-config")).Split('\n').Where(line => line.StartsWith("warning: ", StringComparison.Ordinal) && line.Contains("chmod", StringComparison.Ordinal))];

    private async Task BackUpAsAgentAsync() => Assert.EndsWith("exit code 0", await AsAsync("65534", "backup"), StringComparison.Ordinal);

    private async Task<string> AsAsync(string user, string command) => user == "0"
        ? await Child.RunAsync("command-with-errors", $"{Workplace.Now:O}", place.Path, command)
        : await Child.RunAsUserAsync("command-with-errors", $"{Workplace.Now:O}", place.Path, command);

    /// <summary>As it is printed, by root.</summary>
    private static Task DoAsync(string line) => Shell.BashAsync("sudo() { \"$@\"; }; " + line[line.IndexOf("sudo ", StringComparison.Ordinal)..]);

    [Theory]
    [InlineData("nobody-has-this-name", "there is no group of that name", "groupadd --system 'nobody-has-this-name'")]
    public async Task A_group_that_does_not_exist_opens_nothing_and_is_told(string group, string problem, string mend)
    {
        await EditAsync("path: backups", $"path: backups, group: {group}");

        await BackUpAsync("644");
        var said = await CheckAsync();

        Assert.Equal("600", await ModesAsync("backups/*", "-type f"));
        Assert.Contains(problem, said, StringComparison.Ordinal);
        Assert.Contains(mend, said, StringComparison.Ordinal);
    }

    /// <summary>As that user: he tries to hold every lock, and asks for the status.</summary>
    [SkippableFact]
    public async Task Another_user_can_hold_no_lock_and_is_told_in_one_line_whom_to_ask_as()
    {
        Need.Root();
        Need.Tool("setpriv");
        await BackUpAsync("644");
        await Shell.BashAsync($"chmod 755 '{place.Path}'; chown -R games: '{place.In("state")}'");

        var held = await Shell.TryAsync("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c", $"for lock in '{place.In("state")}'/locks/itsm.lock '{place.In("state")}'/journal.db; do flock -n \"$lock\" true && echo \"held $lock\"; done"]);
        var status = await Child.RunAsUserAsync("command-with-errors", $"{Workplace.Now:O}", place.Path, "status");

        Assert.Equal("", held.Output);
        Assert.Equal(2, status.Split('\n').Length); // with the exit code
        Assert.Matches("^error: .*permission denied — next: \\[E\\] run it as the agent's user, whose the state directory is: sudo -u games nexus-backup", status);
    }

    private Task BackUpAsync(string database) => Shell.BashAsync($"cd '{place.Path}' && chmod {database} itsm.db && umask 000 && '{Program}' backup");

    private async Task<string> CheckAsync() => (await place.RunAsync("check-config")).Output;

    private async Task EditAsync(string from, string to) =>
        await File.WriteAllTextAsync(place.Configuration, (await File.ReadAllTextAsync(place.Configuration)).Replace(from, to, StringComparison.Ordinal));

    /// <returns>Each that there is, once.</returns>
    private Task<string> ModesAsync(string where, string what, string format = "%m") =>
        Shell.BashAsync($"cd '{place.Path}' && shopt -s dotglob && find {where} {what} -printf '{format}\\n' | sort -u");
}
