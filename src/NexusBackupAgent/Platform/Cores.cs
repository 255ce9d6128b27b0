namespace NexusBackupAgent.Platform;

/// <summary>How much of the machine the agent's work side by side uses.</summary>
internal static class Cores
{
    // Each one that compresses costs up to 10 MB (buffers, the compressor's state, its thread), of 120 MB for the whole agent;
    // those that read a catalog wait for each other in the kernel. And the host has other work.
    private const int Most = 4;

    /// <summary>How many things are done at once, 1 to 4: every core of a small machine, and on a large one no more memory than on that.</summary>
    public static readonly int Used = Math.Clamp(Environment.ProcessorCount, 1, Most);
}
