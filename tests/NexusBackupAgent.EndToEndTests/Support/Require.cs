namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>What a test needs from the machine. Missing, it skips the test on a laptop and fails it where CI=true.</summary>
internal static class Require
{
    /// <summary>A program on the PATH; the package is what Debian calls it.</summary>
    public static void Tool(string program, string package)
    {
        if (Has(program)) return;
        var reason = $"{program} is not installed (apt-get install {package})";
        if (Environment.GetEnvironmentVariable("CI") == "true") throw new InvalidOperationException(reason);
        Skip.If(true, reason);
    }

    /// <summary>Whether a program is on the PATH.</summary>
    public static bool Has(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Any(directory => File.Exists(Path.Combine(directory, program)));
}
