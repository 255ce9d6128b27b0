namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>What a test needs from the machine. Missing, it skips the test on a laptop and fails it where CI=true.</summary>
internal static class Require
{
    /// <summary>A program on the PATH; the package is what Debian calls it.</summary>
    public static void Tool(string program, string? package = null) =>
        That(Has(program), $"{program} is not installed (apt-get install {package ?? program})");

    /// <summary>Node.js, and the packages of one of the programs in <c>tests/</c>; tests/run installs both.</summary>
    /// <param name="directory">Below <c>tests/</c>.</param>
    /// <param name="what">The packages in words, plural.</param>
    public static void NodePackages(string directory, string what)
    {
        Tool("node", "nodejs");
        That(
            File.Exists(Repository.File("tests", directory, "node_modules", ".package-lock.json")),
            $"{what} are not installed (npm ci in tests/{directory})");
    }

    /// <summary>Any other condition, with what is missing in words.</summary>
    public static void That(bool condition, string otherwise)
    {
        if (condition) return;
        if (Environment.GetEnvironmentVariable("CI") == "true") throw new InvalidOperationException(otherwise);
        Skip.If(true, otherwise);
    }

    /// <summary>Whether a program is on the PATH.</summary>
    public static bool Has(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Append("/usr/sbin")
            .Any(directory => File.Exists(Path.Combine(directory, program)));
}
