using System.Diagnostics;

namespace NexusBackupAgent.Tests.Support;

/// <summary>Runs parts of the agent in a process of their own, to be measured, killed, or given to another user.</summary>
internal static class Child
{
    private static readonly string[] Launch = ["exec", typeof(Child).Assembly.Location];

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

    /// <summary>Runs as a user without any rights; the assembly's directories have to be readable for it.</summary>
    public static async Task<string> RunAsUserAsync(params string[] arguments)
    {
        var dotnet = Environment.ProcessPath is { } host && host.EndsWith("/dotnet", StringComparison.Ordinal) ? host : "dotnet";
        using var process = Shell.Start("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "env", "DOTNET_EnableDiagnostics=0", dotnet, .. Launch, .. arguments]);
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Need.That(process.ExitCode is 0, "needs a .NET and a build that other users may read: " + await error);
        return output.TrimEnd();
    }
}
