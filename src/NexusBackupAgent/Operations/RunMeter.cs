namespace NexusBackupAgent.Operations;

/// <summary>How far something at work is, for whoever watches it.</summary>
internal sealed class RunMeter(TimeProvider timeProvider) : IProgress<RunProgress>
{
    private readonly Lock gate = new();
    private TaskCompletionSource moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private (RunProgress Progress, long StageStarted)? last;

    /// <summary>Completes when there is something new to tell.</summary>
    public Task Moved
    {
        get
        {
            lock (gate)
                return moved.Task;
        }
    }

    /// <summary>Since when its stage lasts tells how fast it is; null before the first byte.</summary>
    public (RunProgress Progress, TimeSpan Elapsed)? Last
    {
        get
        {
            lock (gate)
                return last is var (progress, started) ? (progress, timeProvider.GetElapsedTime(started)) : null;
        }
    }

    public void Report(RunProgress value)
    {
        lock (gate)
            last = (value, last is { } before && before.Progress.Stage == value.Stage && before.Progress.Done <= value.Done ? before.StageStarted : timeProvider.GetTimestamp());
        Pulse();
    }

    /// <summary>Says that there is something new to tell.</summary>
    public void Pulse()
    {
        TaskCompletionSource told;
        lock (gate)
            (told, moved) = (moved, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        told.TrySetResult();
    }
}
