namespace NexusBackupAgent.Artifacts;

/// <summary>How much of the machine an artifact's stream uses.</summary>
internal static class Cores
{
    // Each one in work costs up to 10 MB (buffers, the compressor's state, its thread), of 120 MB for the whole agent.
    private const int Most = 4;

    /// <summary>How many members are compressed or inflated at once, 1 to 4: every core of a small machine, and on a large one no more memory than on that.</summary>
    public static readonly int Used = Math.Clamp(Environment.ProcessorCount, 1, Most);
}
