namespace NexusBackupAgent.Runs;

/// <summary>The parts of a run (metric label <c>stage</c>).</summary>
internal enum RunStage
{
    Capture,
    Verify,
    Prune,
}

/// <summary>How far a run is.</summary>
/// <param name="Stage">Which part.</param>
/// <param name="Done">Bytes.</param>
/// <param name="Total">Bytes.</param>
internal readonly record struct RunProgress(RunStage Stage, long Done, long Total);
