using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;

namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>The agent as a process of its own, on a free loopback port, with a WAL database that it protects.</summary>
internal sealed partial class RunningAgent : IAsyncDisposable
{
    // Only a failure waits so long; on a busy machine what takes a second alone takes a minute.
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan StopLimit = TimeSpan.FromMinutes(2); // without doing anything

    // Real agents have real clocks: with these dates no schedule comes due in the middle of a test, whatever the hour.
    private const string Standard = """
          itsm:
            sqlite: itsm.db
            directory: .
            schedules:
              daily: {cron: "0 2 29 2 *", retention: 7d}
              weekly: {cron: "0 3 29 2 *", retention: 4w}
        """;

    private readonly StringBuilder log = new();
    private Process process;

    private RunningAgent(string directory)
    {
        Home = directory;
        process = new Process();
        Address = new Uri($"http://127.0.0.1:{ServerProcess.FreePort()}/");
    }

    /// <summary>Holds <c>nexus-backup.yml</c>, <c>itsm.db</c>, <c>backups/</c> and <c>state/</c>.</summary>
    public string Home { get; }

    public Uri Address { get; }

    public string ConfigurationFile => Path.Combine(Home, "nexus-backup.yml");

    public string Log
    {
        get
        {
            lock (log)
                return log.ToString();
        }
    }

    /// <summary>The database that it protects.</summary>
    public string Database => Path.Combine(Home, "itsm.db");

    /// <summary>Where it keeps the backups.</summary>
    public string Store => Path.Combine(Home, "backups");

    /// <summary>Makes a home with a database, starts the agent and waits until it answers.</summary>
    /// <param name="sources">Below <c>sources:</c>, as YAML indented by two; default: <c>itsm</c>, daily and weekly.</param>
    /// <param name="prepare">What to do in the home before the start.</param>
    public static async Task<RunningAgent> StartAsync(string sources = Standard, Func<RunningAgent, Task>? prepare = null)
    {
        var agent = new RunningAgent(Directory.CreateTempSubdirectory("nexus-backup-agent-").FullName);
        Directory.CreateDirectory(agent.Store);
        await File.WriteAllTextAsync(agent.ConfigurationFile, $$"""
            timeZone: Asia/Tokyo
            listen: {{agent.Address}}
            state: state
            stores:
              local: {path: backups}
            sources:
            {{sources}}
            """);
        await SqliteAsync(agent.Database, "PRAGMA journal_mode=WAL; CREATE TABLE incidents (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO incidents (title) VALUES ('disk full'), ('ディスク容量不足');");
        if (prepare is not null)
            await prepare(agent);
        try
        {
            await agent.StartProcessAsync();
            return agent;
        }
        catch
        {
            await agent.EndAsync(); // its home may hold a mount that the test takes away; the guardian takes the rest
            throw;
        }
    }

    /// <summary>Runs a command of the command line beside the agent.</summary>
    public Task<ToolResult> RunAsync(params string[] arguments) =>
        Tool.RunAsync(AgentProgram.Path, [.. arguments, "--config", ConfigurationFile]);

    /// <summary>Asks until the answer is as wanted.</summary>
    public async Task<string> GetUntilAsync(string path, Func<string, bool> isWanted, string? accept = null)
    {
        using var http = new HttpClient { BaseAddress = Address };
        var (text, hasEnded) = ("(no answer)", false);
        var isOver = await Eventually.IsAsync(async () => await IsAnsweredAsync() || (hasEnded = process.HasExited), StartLimit);
        return isOver && !hasEnded ? text : throw new TimeoutException($"{path} was last{(hasEnded ? ", before the agent ended" : "")}:\n{text}\nlog:\n{Log}");

        async Task<bool> IsAnsweredAsync()
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, path);
                if (accept is not null)
                    request.Headers.TryAddWithoutValidation("Accept", accept);
                using var response = await http.SendAsync(request);
                text = await response.Content.ReadAsStringAsync();
                return response.StatusCode == HttpStatusCode.OK && isWanted(text);
            }
            catch (HttpRequestException)
            {
                return false; // not listening yet
            }
        }
    }

    /// <summary>Sends SIGTERM and waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> StopAsync()
    {
        if (Kill(process.Id, 15) != 0)
            throw new InvalidOperationException($"the agent had ended already\n{Log}");
        return await Tool.EndsAsync(process, StopLimit) ? process.ExitCode : throw new TimeoutException($"the agent was told to stop and does nothing any more\n{Log}");
    }

    /// <summary>Starts it again in the same home.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAgainAsync();
    }

    /// <summary>Kills it (SIGKILL), as the kernel does when memory is short.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>Starts it after it ended, in the same home.</summary>
    public async Task StartAgainAsync()
    {
        process.Dispose();
        await StartProcessAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        Directory.Delete(Home, recursive: true);
    }

    private async Task EndAsync()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }

        process.Dispose();
    }

    private static async Task SqliteAsync(string database, string sql)
    {
        var result = await Tool.RunAsync("sqlite3", [database, sql]);
        Assert.True(result.ExitCode == 0, result.Text);
    }

    private async Task StartProcessAsync()
    {
        process = new Process { StartInfo = Tool.Describe(AgentProgram.Path, ["run", "--config", ConfigurationFile]) };
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) => Append(line.Data);
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await GetUntilAsync("api/v1/health", health => health.Contains("\"ok\"", StringComparison.Ordinal));
    }

    private void Append(string? line)
    {
        lock (log)
            log.AppendLine(line);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
