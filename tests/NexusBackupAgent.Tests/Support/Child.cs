using System.Diagnostics;

namespace NexusBackupAgent.Tests.Support;

/// <summary>Runs parts of the agent in a process of their own, to be measured, killed, or given to another user.</summary>
internal static class Child
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

    public static Process Start(params string[] arguments) => Shell.Start(Environment.ProcessPath is { } host && host.EndsWith("/dotnet", StringComparison.Ordinal) ? host : "dotnet", [.. Launch, .. arguments]);

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
        var dotnet = Environment.ProcessPath is { } host && host.EndsWith("/dotnet", StringComparison.Ordinal) ? host : "dotnet";
        using var process = Shell.Start("setpriv", [$"--reuid={user}", $"--regid={user}", "--clear-groups", "env", "DOTNET_EnableDiagnostics=0", "HOME=/nonexistent", dotnet, "exec", await Readable.Value, .. arguments]);
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Skip.IfNot(process.ExitCode is 0, "needs a .NET and a temporary directory that other users may read: " + await error);
        return output.TrimEnd();
    }
}
