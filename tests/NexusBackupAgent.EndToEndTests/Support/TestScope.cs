namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>How much is tried: <c>tests/run all</c> leaves nothing out.</summary>
internal static class TestScope
{
    public static bool IsWhole { get; } = Environment.GetEnvironmentVariable("NEXUS_BACKUP_TESTS") == "all";
}
