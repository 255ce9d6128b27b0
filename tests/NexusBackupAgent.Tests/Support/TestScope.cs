namespace NexusBackupAgent.Tests.Support;

/// <summary>How often the same thing is tried: <c>tests/run all</c> repeats sweeps at every point.</summary>
internal static class TestScope
{
    public static bool IsWhole { get; } = Environment.GetEnvironmentVariable("NEXUS_BACKUP_TESTS") == "all";
}
