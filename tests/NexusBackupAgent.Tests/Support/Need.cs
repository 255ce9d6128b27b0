namespace NexusBackupAgent.Tests.Support;

/// <summary>What a test needs of its machine: missing on a laptop it is skipped with the reason, missing in CI it fails.</summary>
internal static class Need
{
    public static void Tool(string name) => That(
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(directory => File.Exists(Path.Combine(directory, name))),
        $"needs the program {name}");

    public static void Root() => That(Environment.IsPrivilegedProcess, "needs root, to mount a small file system or to change users");

    public static void That(bool condition, string reason)
    {
        if (string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase))
            Assert.True(condition, reason);
        Skip.IfNot(condition, reason);
    }
}
