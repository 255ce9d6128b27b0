using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using NexusBackupAgent.Tests.Configuration;

namespace NexusBackupAgent.Tests.Support;

/// <summary>Runs parts of the agent in a process of their own, to be measured, killed, or given to another user.</summary>
internal static partial class Child
{
    private const int Aborted = 128 + 6; // SIGABRT: it ran, and threw

    private static readonly string[] Launch = ["exec", typeof(Child).Assembly.Location];

    // A checkout may lie where only its owner may look.
    private static readonly Lazy<Task<string>> Readable = new(async () =>
    {
        var copy = Directory.CreateTempSubdirectory("nexus-backup-test-program-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(copy, recursive: true);
        await Shell.BashAsync($"cp -r '{AppContext.BaseDirectory}/.' '{copy}' && chmod -R go+rX '{copy}'");
        return Path.Combine(copy, Path.GetFileName(typeof(Child).Assembly.Location));
    });

    private static string Host => Environment.ProcessPath is { } host && host.EndsWith("/dotnet", StringComparison.Ordinal) ? host : "dotnet";

    public static Process Start(params string[] arguments) => Shell.Start(Host, [.. Launch, .. arguments]);

    /// <summary>
    /// Starts it again and again, each time in a fresh copy of a directory, and kills it (SIGKILL) just before a system call
    /// that changes a file there: before each with <c>tests/run all</c>, otherwise before each that gives a file another name,
    /// and the first of every other kind in each directory.
    /// </summary>
    /// <param name="prepared">What it finds.</param>
    /// <param name="arguments">The directory takes the place of the second one.</param>
    /// <param name="check">Looks at what a kill left: where, and the call that did not happen.</param>
    /// <returns>Every call before which it was killed.</returns>
    public static async Task<IReadOnlyList<string>> KillEverywhereAsync(string prepared, string[] arguments, Func<string, string, Task> check)
    {
        var killed = new List<string>();
        foreach (var point in TestScope.IsWhole ? Enumerable.Range(1, int.MaxValue) : OneOfEachKind((await RunAsync(0)).Calls))
        {
            if (!(await RunAsync(point)).WasKilled)
                break;
        }

        Assert.Equal(TestScope.IsWhole, killed.Any(call => call.StartsWith("pwrite64 ", StringComparison.Ordinal)));
        return killed;

        async Task<TracedChild> RunAsync(int point)
        {
            using var copy = new TempDirectory();
            await Shell.RunAsync("cp", "-a", prepared + "/.", copy.Path);
            var child = await RunAndKillAsync(point, copy.Path, [arguments[0], copy.Path, .. arguments[1..]]);
            if (child.WasKilled)
            {
                Assert.Equal(point, child.Calls.Count); // the kill struck where it was meant to
                killed.Add(child.Calls[^1]);
                await check(copy.Path, child.Calls[^1]);
            }

            return child;
        }
    }

    /// <summary>Where a call is that gives another name, or the first of its kind: the system call with the directory, or with the file where no directory holds it.</summary>
    internal static IEnumerable<int> OneOfEachKind(IReadOnlyList<string> calls)
    {
        var kinds = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, call) in calls.Index())
        {
            var (name, path) = (call.Split(' ')[0], call.Split(' ')[1].Split('/'));
            if (name.StartsWith("rename", StringComparison.Ordinal) || kinds.Add(path.Length > 1 ? $"{name} {path[0]} {path.Length}" : $"{name} {Random().Replace(path[0], "")}"))
                yield return index + 1;
        }
    }

    [GeneratedRegex("[0-9a-f]{8,}")]
    private static partial Regex Random();

    /// <summary>Runs it until it ends, or is killed just before its n-th system call that changes a file of a directory; 0: never.</summary>
    private static async Task<TracedChild> RunAndKillAsync(int call, string directory, string[] arguments)
    {
        var result = await StrikeAsync(TestScope.IsWhole ? ["--writes"] : [], call, directory, arguments);
        Assert.True(result.ExitCode is 0 or TracedChild.Killed, result.Output + result.Error);
        return new TracedChild(result.ExitCode == TracedChild.Killed, result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>Runs it to its end.</summary>
    /// <returns>Every system call that changed a file of a directory: its content, name, length, owner, mode or times; and what it said.</returns>
    public static async Task<(IReadOnlyList<string> Calls, string Output)> TraceAsync(string directory, params string[] arguments)
    {
        Need.Tool("python3");
        var script = Path.Combine(AppContext.BaseDirectory, "Support", "strike-at");
        var result = await Shell.TryAsync("python3", [script, "--writes", "0", directory, Host, .. Launch, .. arguments]);
        Need.That(result.ExitCode != TracedChild.NotAllowed, "needs the right to trace a program of its own: " + result.Error);
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        return (result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries), result.Output);
    }

    /// <summary>Runs it while one of its system calls on files of a directory fails.</summary>
    /// <param name="error">The error's name: <c>ENOSPC</c>.</param>
    /// <param name="call">Which one, from 1; 0: none.</param>
    /// <returns>What it said, and the calls that it made.</returns>
    public static async Task<(string Output, IReadOnlyList<string> Calls)> RunFailingAsync(string error, int call, string directory, params string[] arguments)
    {
        var result = await StrikeAsync(["--fail", error], call, directory, arguments);
        return (result.Output.TrimEnd(), result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>Runs it while somebody works against it in a directory before each of its system calls there.</summary>
    /// <param name="command">A shell command.</param>
    public static async Task<(string Output, IReadOnlyList<string> Calls)> RunAgainstAsync(string command, string directory, params string[] arguments)
    {
        var result = await StrikeAsync(["--do", command], call: 0, directory, arguments);
        return (result.Output.TrimEnd(), result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>Runs it while one kind of system call on files of a directory moves nothing, or none moves more than so many bytes.</summary>
    /// <param name="how"><c>--answer CALL NUMBER</c> or <c>--short BYTES</c>.</param>
    public static async Task<(string Output, IReadOnlyList<string> Calls)> RunHamperedAsync(string[] how, string directory, params string[] arguments)
    {
        var result = await StrikeAsync(how, call: 0, directory, arguments);
        return (result.Output.TrimEnd(), result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private static async Task<ShellResult> StrikeAsync(string[] how, int call, string directory, string[] arguments)
    {
        Need.Tool("python3");
        var script = Path.Combine(AppContext.BaseDirectory, "Support", "strike-at");
        var result = await Shell.TryAsync("python3", [script, .. how, $"{call}", directory, Host, .. Launch, .. arguments]);
        Need.That(result.ExitCode != TracedChild.NotAllowed, "needs the right to trace a program of its own: " + result.Error);
        return result;
    }

    /// <summary>Runs it while the computer's clock seems to be wrong, whatever becomes of it.</summary>
    public static async Task<ShellResult> RunWithClockAsync(TimeSpan by, params string[] arguments)
    {
        Need.Tool("gcc");
        using var directory = new TempDirectory();
        var library = directory["clock.so"];
        await Shell.RunAsync("gcc", "-fvisibility=hidden", "-shared", "-fPIC", "-o", library, RepositoryFile.Find("tests/clock.c"), "-ldl");
        var offset = int.Parse(Environment.GetEnvironmentVariable("CLOCK_OFFSET") ?? "0", CultureInfo.InvariantCulture) + (int)by.TotalSeconds; // tests/clock shows these tests another time, too
        return await Shell.TryAsync("env", [$"LD_PRELOAD={library}", $"CLOCK_OFFSET={offset}", Host, .. Launch, .. arguments]);
    }

    public static async Task<string> RunAsync(params string[] arguments)
    {
        using var process = Start(arguments);
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await error);
        return output.TrimEnd();
    }

    /// <summary>What a user without any rights is told of a configuration file: by this user, or by another where this one is root.</summary>
    public static async Task<string> ProblemsAsync(string file)
    {
        if (!Environment.IsPrivilegedProcess)
            return await RunAsync("problems", file);
        Need.Tool("setpriv");
        return await RunAsUserAsync("problems", file);
    }

    /// <summary>Runs as a user without any rights. Skips where such a user can't reach .NET or the temporary directory.</summary>
    public static Task<string> RunAsUserAsync(params string[] arguments) => RunAsUserAsync(65534, arguments);

    /// <summary>The same as a user of this number, who need not have a name. Root too may then do no more with files than their modes let him.</summary>
    public static async Task<string> RunAsUserAsync(int user, string[] arguments)
    {
        using var process = Shell.Start(
            "setpriv",
            [
                $"--reuid={user}", $"--regid={user}", "--clear-groups", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search",
                "env", "DOTNET_EnableDiagnostics=0", "HOME=/nonexistent", Host, "exec", await Readable.Value, .. arguments,
            ]);
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode != Aborted, await error);
        Skip.IfNot(process.ExitCode is 0, "needs a .NET and a temporary directory that other users may read: " + await error);
        return output.TrimEnd();
    }
}
