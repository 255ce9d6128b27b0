using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Status;

/// <summary>How the agent of this host is at one instant, with its stores.</summary>
/// <param name="Now">The instant, UTC.</param>
/// <param name="IsRunning">Whether a process holds the agent's lock.</param>
/// <param name="LastBeat">When an agent last looked at its schedules, UTC; null when none ever ran here.</param>
internal sealed record AgentState(DateTimeOffset Now, bool IsRunning, DateTimeOffset? LastBeat)
{
    /// <summary>As long as the alert waits. The scheduler looks at its schedules at least every 15 seconds.</summary>
    public static readonly TimeSpan StuckAfter = TimeSpan.FromMinutes(10);

    /// <summary>Whether it runs and starts nothing.</summary>
    public bool IsStuck => IsRunning && !(Now - LastBeat <= StuckAfter);

    public bool Works => IsRunning && !IsStuck;

    /// <summary>The last self-test that ended; null when none did.</summary>
    public Operation? SelfTest { get; init; }

    /// <summary>By name.</summary>
    public IReadOnlyDictionary<string, StoreStatus> Stores { get; init; } = new Dictionary<string, StoreStatus>(StringComparer.Ordinal);

    /// <summary>What asks for a level because of the agent itself.</summary>
    public IReadOnlyList<EscalationReason> Reasons => [.. Escalation.OfAgent(this)];

    /// <summary>Of the agent itself.</summary>
    public EscalationLevel Level => Escalation.Highest(Reasons);
}
