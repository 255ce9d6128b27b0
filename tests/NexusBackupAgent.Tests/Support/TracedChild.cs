namespace NexusBackupAgent.Tests.Support;

/// <summary>How a process ended that was to be killed at a counted system call.</summary>
/// <param name="WasKilled">False: it ended before it made so many calls.</param>
/// <param name="Calls">For example <c>renameat2 store/.a.partial store/a</c>; the last one never happened if it was killed.</param>
internal sealed record TracedChild(bool WasKilled, IReadOnlyList<string> Calls)
{
    /// <summary>The exit codes of <c>strike-at</c>.</summary>
    public const int Killed = 128 + 9;

    public const int NotAllowed = 75;
}
