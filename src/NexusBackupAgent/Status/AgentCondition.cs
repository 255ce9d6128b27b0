using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Status;

/// <summary>What is known of the agent of this host.</summary>
/// <param name="IsRunning">Whether a process holds the agent's lock.</param>
/// <param name="LastBeat">When an agent last looked at its schedules, UTC; null when none ever ran here.</param>
internal sealed record AgentCondition(bool IsRunning, DateTimeOffset? LastBeat)
{
    /// <summary>As the alert waits. The scheduler looks at its schedules at least every 15 seconds.</summary>
    public static readonly TimeSpan StuckAfter = TimeSpan.FromMinutes(10);

    /// <summary>Whether it runs and starts nothing.</summary>
    public bool IsStuck(DateTimeOffset now) => IsRunning && !(now - LastBeat <= StuckAfter);

    public bool Works(DateTimeOffset now) => IsRunning && !IsStuck(now);

    /// <summary>Why the last self-test did not pass; null when it did, or none was made. Only <see cref="FailureKind.Verification"/> says that the checks are wrong.</summary>
    public RunFailure? SelfTestFailure { get; init; }
}
