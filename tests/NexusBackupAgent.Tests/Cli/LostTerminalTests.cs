using System.Globalization;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>What was begun is brought to an end, and the service runs, whatever becomes of the terminal and of the words: the built executable behind a full disk, a closed pipe, a hang-up.</summary>
public sealed class LostTerminalTests : IAsyncLifetime
{
    private const string Marker = "INSERT INTO incidents (title) VALUES ('after the backup')";

    private readonly Workplace place = Workplace.WithDatabase();

    private static string Program => Path.Combine(AppContext.BaseDirectory, "nexus-backup");

    /// <summary>A backup, and then a row that a restore takes away.</summary>
    public async Task InitializeAsync()
    {
        await ServeAsync(before: "touch stopped", after: "touch started");
        place.Clock.Set(FileSystemClock.Now); // that of the processes below
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        await SqliteAsync(Marker);
    }

    public Task DisposeAsync()
    {
        place.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData("> /dev/full", "", "^warning: restore did what it was asked to, but its output could not be written: No space left on device[^\n]*\n$")]
    [InlineData("2> /dev/full", "✓ itsm restored", "^$")]
    [InlineData("> /dev/full 2>&1", "", "^$")]
    [InlineData("--json > /dev/full", "", "")]
    [InlineData("| true", "", "")]
    public async Task A_restore_whose_words_are_lost_restores_starts_the_service_and_says_last_that_they_were(string output, string heard, string warned)
    {
        var result = await BashAsync($"restore itsm --force {output}");

        Assert.Equal(0, result.ExitCode);
        Assert.Contains(heard, result.Output, StringComparison.Ordinal);
        Assert.Matches(warned, result.Error);
        Assert.True(IsThere("stopped") && IsThere("started"));
        Assert.Equal("0", await RowsAddedAsync());
    }

    [Fact]
    public async Task That_the_output_was_lost_hides_nothing()
    {
        var failed = await BashAsync("restore itsm --force --id nothing > /dev/full");
        Assert.Equal((6, 1), (failed.ExitCode, failed.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length)); // it had nothing to say on the output
    }

    [Theory]
    [InlineData("list")]
    [InlineData("list --json")]
    [InlineData("status")]
    [InlineData("restore itsm --dry-run --force")]
    [InlineData("prune --dry-run")]
    [InlineData("check-config")]
    [InlineData("--help")]
    public async Task A_command_that_only_prints_has_failed_when_it_could_not(string command)
    {
        var result = await BashAsync($"{command} > /dev/full");

        Assert.Equal(1, result.ExitCode);
        Assert.Matches("(?m)^error: the output could not be written: No space left on device[^\n]* — next: [^\n]+$", result.Error);
    }

    /// <summary>Without more ado the kernel kills who writes beyond a limit.</summary>
    [Theory]
    [InlineData("backup", 3)]
    [InlineData("restore itsm --force", 5)]
    public async Task A_limit_to_the_size_of_files_is_told_and_leaves_nothing_half_done(string command, int code)
    {
        await SqliteAsync("CREATE TABLE noise AS SELECT randomblob(3000000) AS x");
        Assert.True(code == 3 || (await BashAsync("backup")).ExitCode == 0);
        var before = await Shell.BashAsync($"cd '{place.Path}'; ls backups; sha256sum itsm.db");

        var result = await BashAsync(command, prefix: "ulimit -f 1024; env DOTNET_EnableWriteXorExecute=0 "); // the runtime's own memory is a large file otherwise

        Assert.Equal(code, result.ExitCode);
        Assert.Matches("(?m)^error: [^\n]*no file may get that large there[^\n]* — next: [^\n]*ulimit -f[^\n]*$", result.Error);
        Assert.DoesNotContain("unexpected", result.Error, StringComparison.Ordinal);
        Assert.Equal(before, await Shell.BashAsync($"cd '{place.Path}'; ls backups; sha256sum itsm.db"));
    }

    /// <summary>The numbers of closed streams would go to the files that are opened next, and the words into these.</summary>
    [Theory]
    [InlineData(">&- 2>&-")]
    [InlineData("<&- >&- 2>&-")]
    [InlineData("<&- 2>&-")]
    public async Task A_restore_without_any_streams_restores_and_starts_the_service(string closed)
    {
        var result = await BashAsync($"restore itsm --force {closed}");

        Assert.Equal((0, true, true), (result.ExitCode, IsThere("stopped"), IsThere("started")));
        Assert.Equal("0", await RowsAddedAsync());
        Assert.Equal("ok", await SqliteAsync("PRAGMA integrity_check"));
    }

    [Fact]
    public async Task A_reader_that_has_seen_enough_is_no_failure() => Assert.Equal(0, (await BashAsync("list | head -c 1 > /dev/null")).ExitCode);

    [Theory]
    [InlineData("backup > /dev/full", "backup")]
    [InlineData("verify > /dev/full", "verify")]
    [InlineData("drill > /dev/full", "drill")]
    [InlineData("prune > /dev/full", "prune")]
    public async Task Work_that_was_done_is_done_although_its_words_are_lost(string command, string name)
    {
        var result = await BashAsync(command);

        Assert.Equal(0, result.ExitCode);
        Assert.Contains($"warning: {name} did what it was asked to", result.Error, StringComparison.Ordinal);
    }

    /// <summary>The command that stops the service sends it, so it comes when the service is down and nothing is in place yet.</summary>
    [Theory]
    [InlineData("HUP", 1)]
    [InlineData("HUP", 3)]
    [InlineData("TERM", 1)]
    [InlineData("INT", 1)]
    public async Task A_signal_while_the_service_is_down_undoes_the_restore_and_starts_it(string signal, int times)
    {
        await ServeAsync(before: $"touch stopped; for n in $(seq {times}); do kill -{signal} $PPID; done; sleep 1", after: "touch started");

        var result = await BashAsync("restore itsm --force");

        Assert.Equal((5, true, true), (result.ExitCode, IsThere("stopped"), IsThere("started")));
        Assert.Contains("was stopped; the old database is untouched", result.Error, StringComparison.Ordinal);
        Assert.Equal("1", await RowsAddedAsync());
    }

    [Fact]
    public async Task A_signal_once_the_new_database_is_in_place_does_not_keep_the_service_down()
    {
        await ServeAsync(before: "touch stopped", after: "kill -HUP $PPID; sleep 1; touch started");

        var result = await BashAsync("restore itsm --force");

        Assert.Equal((0, true), (result.ExitCode, IsThere("started")));
        Assert.Equal("0", await RowsAddedAsync());
    }

    /// <summary>A terminal's signals reach the command that starts the service as well.</summary>
    [Theory]
    [InlineData("HUP")]
    [InlineData("INT")]
    public async Task A_start_of_the_service_that_a_signal_of_the_terminal_ended_is_made_again(string signal)
    {
        await ServeAsync(before: "touch stopped", after: $"test -e tried || {{ touch tried; kill -{signal} $$; sleep 60; }}; touch started");

        var result = await BashAsync("restore itsm --force");

        Assert.Equal((0, true, true), (result.ExitCode, IsThere("tried"), IsThere("started")));
    }

    [Fact]
    public async Task What_is_run_by_nohup_does_not_end_with_its_terminal()
    {
        await ServeAsync(before: "kill -HUP $PPID; touch stopped; sleep 1", after: "touch started");

        var result = await BashAsync("restore itsm --force", "env --ignore-signal=HUP ");

        Assert.Equal((0, true), (result.ExitCode, IsThere("started")));
        Assert.Equal("0", await RowsAddedAsync());
    }

    /// <summary>A real terminal, closed when the service is down. Its kernel hangs up on the restore, and on the command that it waits for.</summary>
    [SkippableFact]
    public async Task A_terminal_that_goes_away_leaves_the_service_running()
    {
        Need.Tool("python3");
        await ServeAsync(before: "touch stopped; sleep 60", after: "touch started");

        await Shell.RunAsync("python3", "-c", """
            import os, pty, select, sys
            child, terminal = pty.fork()
            if child == 0:
                os.chdir(sys.argv[2])
                os.execv(sys.argv[1], [sys.argv[1], 'restore', 'itsm', '--force'])
            while not os.path.exists(os.path.join(sys.argv[2], 'stopped')):
                if os.waitpid(child, os.WNOHANG)[0]:
                    sys.exit('the restore ended before it stopped the service')
                select.select([], [], [], 0.01) # time.sleep fails where tests/clock changes the clock
            os.close(terminal)
            _, status = os.waitpid(child, 0)
            sys.exit(0 if os.WIFEXITED(status) else 1)
            """, Program, place.Path);

        Assert.True(IsThere("stopped") && IsThere("started"));
        Assert.Equal("1", await RowsAddedAsync());
    }

    [Fact]
    public async Task An_agent_whose_log_is_full_goes_on_and_ends_well()
    {
        await File.AppendAllTextAsync(place.Configuration, "listen: http://127.0.0.1:0\nlog: {file: /dev/full/agent.log}\n");
        var before = Directory.GetFiles(place.Store, "*.db.gz").Length;
        await File.WriteAllTextAsync(place.Configuration, (await File.ReadAllTextAsync(place.Configuration)).Replace("0 2 * * *", "*/2 * * * * *", StringComparison.Ordinal));
        using var agent = Shell.Start("bash", "-c", $"cd '{place.Path}' && exec '{Program}' run > /dev/full");
        var error = agent.StandardError.ReadToEndAsync();

        await Eventually.TrueAsync(() => Directory.GetFiles(place.Store, "*.manifest.json").Length > before, "a run of the agent");
        await Shell.RunAsync("kill", agent.Id.ToString(CultureInfo.InvariantCulture));
        await agent.WaitForExitAsync();

        Assert.Equal(0, agent.ExitCode);
        Assert.Single((await error).Split('\n'), line => line.StartsWith("warning: the log file '/dev/full/agent.log' can't be written", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task An_agent_whose_log_s_disk_hangs_goes_on_and_ends_well()
    {
        Need.Root();
        Directory.CreateDirectory(place.In("dead"));
        await File.AppendAllTextAsync(place.Configuration, "listen: http://127.0.0.1:0\nlog: {file: dead/agent.log}\n");
        await File.WriteAllTextAsync(place.Configuration, (await File.ReadAllTextAsync(place.Configuration)).Replace("0 2 * * *", "*/2 * * * * *", StringComparison.Ordinal));
        var before = Directory.GetFiles(place.Store, "*.manifest.json").Length;
        using (HungFileSystem.Mount(place.In("dead")))
        {
            using var agent = Shell.Start("bash", "-c", $"cd '{place.Path}' && exec '{Program}' run");
            var said = agent.StandardOutput.ReadToEndAsync();
            await Eventually.TrueAsync(() => Directory.GetFiles(place.Store, "*.manifest.json").Length >= before + 2, "two runs of the agent");
            Assert.Equal(0, (await BashAsync("diagnose itsm")).ExitCode); // by the clock that the agent has too

            await Shell.RunAsync("kill", agent.Id.ToString(CultureInfo.InvariantCulture));
            using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
            await agent.WaitForExitAsync(patience.Token);
            Assert.Equal(0, agent.ExitCode);
            Assert.Contains("run_succeeded backup of itsm succeeded", await said, StringComparison.Ordinal);
        }
    }

    private bool IsThere(string file) => File.Exists(place.In(file));

    private Task<ShellResult> BashAsync(string command, string prefix = "") =>
        Shell.TryAsync("bash", "-c", $"set -o pipefail; cd '{place.Path}'; {(prefix.Length > 0 ? prefix : "env --default-signal=INT,HUP ")}'{Program}' {command}");

    /// <summary>The database's service: two scripts.</summary>
    private async Task ServeAsync(string before, string after)
    {
        place.Configure("itsm", "itsm.db");
        foreach (var (name, script) in (IEnumerable<(string, string)>)[("before", before), ("after", after)])
            await File.WriteAllTextAsync(place.In(name), $"cd '{place.Path}'\n{script}\n");
        await File.AppendAllTextAsync(place.Configuration, $"    restore: {{before: [[bash, {place.In("before")}]], after: [[bash, {place.In("after")}]]}}\n");
    }

    private Task<string> SqliteAsync(string sql) => Shell.RunAsync("sqlite3", place.In("itsm.db"), sql);

    private Task<string> RowsAddedAsync() => SqliteAsync("SELECT count(*) FROM incidents WHERE title = 'after the backup'");
}
