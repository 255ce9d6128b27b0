namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>The agent that these tests start: the published executable that <c>$NEXUS_BACKUP</c> names, or the one built with them.</summary>
internal static class AgentProgram
{
    /// <summary>Absolute. <c>tests/run</c> publishes it; a test that is started by hand takes the build on the JIT.</summary>
    public static string Path { get; } = System.IO.Path.GetFullPath(
        Environment.GetEnvironmentVariable("NEXUS_BACKUP") ?? System.IO.Path.Combine(AppContext.BaseDirectory, "nexus-backup"));

    /// <summary>What has to lie beside it lies there.</summary>
    public static string Directory => System.IO.Path.GetDirectoryName(Path)!;

    /// <summary>Why a test of the native executable is skipped.</summary>
    public const string NotNative = "the agent is not published (tests/run does it; NEXUS_BACKUP names the executable)";

    /// <summary>Whether it is machine code: an executable that runs on the JIT is a small one beside its assembly.</summary>
    public static bool IsNative => File.Exists(Path) && !File.Exists(Path + ".dll");
}
