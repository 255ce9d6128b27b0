using System.Diagnostics;
using System.Globalization;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>The built executable as a shell and a service manager see it: exit codes, streams and signals.</summary>
public sealed class ProcessTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task Data_goes_to_the_output_and_nothing_else_does()
    {
        using var process = Start("backup", "--json");
        var output = await process.StandardOutput.ReadToEndAsync();
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal((0, ""), (process.ExitCode, error));
        Assert.Equal("success", new CommandResult(0, output, error).Json[0].GetProperty("result").GetString());
    }

    [Fact]
    public async Task A_wrong_command_line_ends_with_two()
    {
        using var process = Start("--no-such-option");
        await process.WaitForExitAsync();

        Assert.Equal(2, process.ExitCode);
        Assert.Empty(await process.StandardOutput.ReadToEndAsync());
        Assert.StartsWith("error: ", await process.StandardError.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_that_is_in_use_is_told_in_one_line_and_nothing_before_it()
    {
        using var other = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        other.Start();
        await File.AppendAllTextAsync(place.Configuration, $"listen: http://{other.LocalEndpoint}\n");
        using var process = Start("run");
        var output = process.StandardOutput.ReadToEndAsync();
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal((2, ""), (process.ExitCode, await output));
        Assert.Equal($"error: cannot listen on http://{other.LocalEndpoint}/: the port is in use — next: see what uses it (ss -ltnp), or set another port in listen\n", error);
    }

    /// <summary>Nobody opens it for writing. A pipe that a shell gives is read.</summary>
    [Fact]
    public async Task A_named_pipe_in_place_of_the_configuration_is_refused_and_not_waited_for()
    {
        var pipe = Path.Combine(Path.GetDirectoryName(place.Configuration)!, "pipe.yml");
        await Shell.RunAsync("mkfifo", pipe);
        var program = Path.Combine(AppContext.BaseDirectory, "nexus-backup");

        var refused = await Shell.TryAsync("timeout", "--signal=KILL", "60", program, "check-config", "--config", pipe);
        var read = await Shell.TryAsync("bash", "-c", $"'{program}' check-config --config <(echo 'unknown: 1')");

        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("is a named pipe, not a configuration file; name the file: --config FILE", refused.Output + refused.Error, StringComparison.Ordinal);
        Assert.Contains("unknown", read.Output + read.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_umask_that_takes_rights_from_the_owner_leaves_them()
    {
        var program = Path.Combine(AppContext.BaseDirectory, "nexus-backup");

        var result = await Shell.TryAsync("bash", "-c", $"umask 0777; cd '{Path.GetDirectoryName(place.Configuration)}' && '{program}' backup --config '{place.Configuration}'");

        Assert.Equal(0, result.ExitCode);
        var made = await Shell.TryAsync("find", Path.GetDirectoryName(place.Configuration)!, "-newer", place.Configuration, "-type", "f", "!", "-perm", "-u=rw", "-print");
        Assert.Equal("", made.Output);
        var directories = await Shell.TryAsync("find", Path.GetDirectoryName(place.Configuration)!, "-type", "d", "!", "-perm", "-u=rwx", "-print");
        Assert.Equal("", directories.Output);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("HUP")]
    public async Task The_agent_ends_well_when_it_is_told_to_stop(string signal)
    {
        await File.AppendAllTextAsync(place.Configuration, "listen: http://127.0.0.1:0\n");
        using var process = Start("run", "--log-format", "json");
        using var patience = new CancellationTokenSource(Patience);
        var lines = new List<string>();
        while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            lines.Add(line);
            if (line.Contains("\"run_succeeded\"", StringComparison.Ordinal)) // the first backup, made at once
                Process.Start("kill", [$"-{signal}", $"{process.Id}"]).Dispose();
        }

        await process.WaitForExitAsync(patience.Token);

        Assert.Equal(0, process.ExitCode);
        Assert.Contains("\"agent_stopped\"", lines[^1], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.Contains("\"event\":\"next_run\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_agent_that_starts_warns_of_two_sources_for_one_database()
    {
        File.CreateSymbolicLink(place.In("other.db"), place.In("itsm.db"));
        await File.AppendAllTextAsync(place.Configuration, "  other:\n    sqlite: other.db\n    schedules:\n      daily: {cron: \"0 2 * * *\", retention: 7d}\nlisten: http://127.0.0.1:0\n");
        using var process = Start("run");
        using var patience = new CancellationTokenSource(Patience);
        var lines = new List<string>();
        while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            lines.Add(line);
            if (line.Contains("agent_started", StringComparison.Ordinal))
                Process.Start("kill", [$"{process.Id}"]).Dispose();
        }

        await process.WaitForExitAsync(patience.Token);

        Assert.Single(lines, line => line.Contains($"database_shared {place.In("other.db")}: source other is the same database as source itsm", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_agent_lets_the_applications_of_its_host_go_first()
    {
        await File.AppendAllTextAsync(place.Configuration, "listen: http://127.0.0.1:0\n");
        using var process = Start("run");
        using var patience = new CancellationTokenSource(Patience);
        while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line && !line.Contains("agent_started", StringComparison.Ordinal))
        {
            // not yet: all that it needs to serve has been started by then
        }

        var nice = Directory.EnumerateDirectories($"/proc/{process.Id}/task")
            .Select(thread => File.ReadAllText(Path.Combine(thread, "stat")))
            .Select(stat => int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[16], CultureInfo.InvariantCulture)) // proc(5): field 19
            .ToList();
        var slices = Directory.EnumerateDirectories($"/proc/{process.Id}/task").Select(SliceOf).OfType<long>().ToList();
        Process.Start("kill", [$"{process.Id}"]).Dispose();
        await process.WaitForExitAsync(patience.Token);

        Assert.NotEmpty(nice);
        Assert.All(nice, value => Assert.InRange(value, ProcessPriority.Nice, 19));
        if (IsLinux(6, 12)) // which lets a thread choose
            Assert.All(slices, nanoseconds => Assert.Equal(100_000, nanoseconds));
    }

    private static bool IsLinux(int major, int minor) => Environment.OSVersion.Version is var version && (version.Major, version.Minor).CompareTo((major, minor)) >= 0;

    /// <returns>For how many nanoseconds a thread may go on when another one wakes; null when the kernel does not show it.</returns>
    private static long? SliceOf(string thread)
    {
        var line = File.Exists(Path.Combine(thread, "sched"))
            ? File.ReadLines(Path.Combine(thread, "sched")).FirstOrDefault(line => line.StartsWith("se.slice", StringComparison.Ordinal))
            : null;
        return line is null ? null : long.Parse(line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("HUP")]
    public async Task A_backup_that_is_told_to_stop_fails_and_leaves_nothing(string signal)
    {
        using var patience = new CancellationTokenSource(Patience);
        using var process = await StartWritingAsync(patience.Token);
        Process.Start("kill", [$"-{signal}", $"{process.Id}"]).Dispose();

        await process.WaitForExitAsync(patience.Token);

        Assert.Equal(3, process.ExitCode);
        Assert.Contains("was stopped", await process.StandardError.ReadToEndAsync(patience.Token), StringComparison.Ordinal);
        Assert.Equal([place.In("backups/.nexus-backup-store")], Directory.GetFiles(place.Store)); // by which the agent knows the store again
        Assert.Empty(Directory.GetFiles(place.In("state/scratch")));
    }

    [Fact]
    public async Task Status_tells_a_run_that_is_under_way_from_one_whose_process_was_killed()
    {
        using var patience = new CancellationTokenSource(Patience);
        using var process = await StartWritingAsync(patience.Token);

        var during = (await place.RunAsync("status")).Output;
        process.Kill();
        await process.WaitForExitAsync(patience.Token);
        var after = (await place.RunAsync("status")).Output;
        var diagnosed = (await place.RunAsync("diagnose", "--lang", "en")).Output;

        Assert.DoesNotContain("under way", diagnosed, StringComparison.Ordinal);
        Assert.Contains("a run is under way since", during, StringComparison.Ordinal);
        Assert.Matches("the run that began at .* ended with its process .* nexus-backup backup itsm", after.ReplaceLineEndings(" "));
    }

    /// <summary>A backup of a database that takes a while, as soon as it writes into the store.</summary>
    private async Task<Process> StartWritingAsync(CancellationToken cancellationToken)
    {
        Grow("itsm.db", megabytes: 200);
        using var store = new FileSystemWatcher(place.Store, ".*.partial");
        var writing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        store.Created += (_, file) => _ = file.Name!.Contains(".db.gz.", StringComparison.Ordinal) && !file.Name.Contains("pending", StringComparison.Ordinal) && writing.TrySetResult();
        store.EnableRaisingEvents = true;
        var process = Start("backup");
        await writing.Task.WaitAsync(cancellationToken);
        return process;
    }

    /// <summary>Random bytes, so that a backup takes a while.</summary>
    private void Grow(string database, int megabytes)
    {
        using var connection = place.Open(database);
        Workplace.Execute(connection, $"""
            PRAGMA synchronous = OFF;
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {megabytes})
            INSERT INTO incidents (title, token) SELECT i, randomblob(1048576) FROM n
            """);
    }

    /// <summary>Through env, because a suite that was started in the background ignores SIGINT, and its children inherit that.</summary>
    private Process Start(params string[] arguments) => Process.Start(new ProcessStartInfo(
        "env", ["--default-signal=INT,HUP", Path.Combine(AppContext.BaseDirectory, "nexus-backup"), .. arguments])
    {
        WorkingDirectory = place.Path,
        UseShellExecute = false,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;
}
