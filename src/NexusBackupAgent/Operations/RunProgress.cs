using NexusBackupAgent.Common;

namespace NexusBackupAgent.Operations;

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
internal readonly record struct RunProgress(RunStage Stage, long Done, long Total)
{
    /// <summary>Reports bytes as the progress of a stage.</summary>
    /// <returns>Null when nobody watches.</returns>
    public static IProgress<long>? In(RunStage stage, long total, IProgress<RunProgress>? progress) =>
        progress is null ? null : new InPlaceProgress(done => progress.Report(new RunProgress(stage, done, total)));
}
