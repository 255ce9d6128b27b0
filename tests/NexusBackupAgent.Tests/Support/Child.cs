using System.Diagnostics;
using System.Text.RegularExpressions;

namespace NexusBackupAgent.Tests.Support;

/// <summary>Runs parts of the agent in a process of their own, to be measured, killed, or given to another user.</summary>
internal static partial class Child
{
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
        Need.Tool("python3");
        var script = Path.Combine(AppContext.BaseDirectory, "Support", "kill-at");
        string[] counted = TestScope.IsWhole ? ["--writes"] : [];
        var result = await Shell.TryAsync("python3", [script, .. counted, $"{call}", directory, Host, .. Launch, .. arguments]);
        Need.That(result.ExitCode != TracedChild.NotAllowed, "needs the right to trace a program of its own: " + result.Error);
        Assert.True(result.ExitCode is 0 or TracedChild.Killed, result.Output + result.Error);
        return new TracedChild(result.ExitCode == TracedChild.Killed, result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
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

    /// <summary>The same as a user of this number, who need not have a name.</summary>
    public static async Task<string> RunAsUserAsync(int user, string[] arguments)
    {
        using var process = Shell.Start("setpriv", [$"--reuid={user}", $"--regid={user}", "--clear-groups", "env", "DOTNET_EnableDiagnostics=0", "HOME=/nonexistent", Host, "exec", await Readable.Value, .. arguments]);
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Skip.IfNot(process.ExitCode is 0, "needs a .NET and a temporary directory that other users may read: " + await error);
        return output.TrimEnd();
    }
}
