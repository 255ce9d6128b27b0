namespace NexusBackupAgent.Benchmarks.Measuring;

/// <summary>Waiting, for programs that measure time and so can't have a clock that is moved by hand.</summary>
internal static class Pause
{
    public static Task ForAsync(TimeSpan time) => Task.Delay(time, TimeProvider.System);
}
