using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Status;

/// <summary>How the agent of this host is at one instant, with its stores.</summary>
/// <param name="Now">The instant, UTC.</param>
/// <param name="IsRunning">Whether a process holds the agent's lock.</param>
/// <param name="LastBeat">When an agent last looked at its schedules, UTC; null when none ever ran here.</param>
internal sealed record AgentState(DateTimeOffset Now, bool IsRunning, DateTimeOffset? LastBeat)
{
    /// <summary>As long as the alert waits. The scheduler looks at its schedules at least every 15 seconds.</summary>
    public static readonly TimeSpan StuckAfter = TimeSpan.FromMinutes(10);

    /// <summary>Whether there is to be an agent on this host; false (<c>agent: none</c>): cron or a timer starts the schedules.</summary>
    public bool IsExpected { get; init; } = true;

    /// <summary>Whether the configuration is there to restore with: nothing is to be backed up, so nothing misses an agent, a schedule or a young backup.</summary>
    public bool RestoresOnly { get; init; }

    /// <summary>Whether it runs and starts nothing.</summary>
    public bool IsStuck => IsRunning && !(Now - LastBeat <= StuckAfter);

    public bool Works => IsRunning && !IsStuck;

    /// <summary>Whether somebody starts the schedules: an agent that works or, where none is to run, cron. That cron does not, the schedules tell that are late.</summary>
    public bool StartsSchedules => Works || !IsExpected;

    /// <summary>The last self-test that ended; null when none did.</summary>
    public Operation? SelfTest { get; init; }

    /// <summary>By name.</summary>
    public IReadOnlyDictionary<string, StoreStatus> Stores { get; init; } = new Dictionary<string, StoreStatus>(StringComparer.Ordinal);

    /// <summary>What asks for a level because of the agent itself.</summary>
    public IReadOnlyList<EscalationReason> Reasons => [.. Escalation.OfAgent(this)];

    /// <summary>Of the agent itself.</summary>
    public EscalationLevel Level => Escalation.Highest(Reasons);

    /// <summary>The owner of the state directory, as whom the agent runs; null when that is the user who looks, or when nobody can tell.</summary>
    public SystemUser? OtherOwner { get; init; }

    /// <summary>Whether root looks. Root may see everything.</summary>
    public bool IsRoot { get; init; }

    /// <summary>The first refusal that says something of who looks and nothing of the agent; null when there is none.</summary>
    public BackupException? Refusal(params IEnumerable<BackupException?> failures) =>
        OtherOwner is null || IsRoot ? null : failures.FirstOrDefault(failure => failure?.Kind is FailureKind.Permission or FailureKind.Journal);

    /// <summary>The same of a source.</summary>
    public BackupException? RefusalOf(SourceState source) => Refusal(source.Store.Failure, source.ListFailure);

    /// <summary>The only verdict on a source that anything shows: what its own state asks for, and what its agent's does.</summary>
    /// <returns>Null when who looks may not see enough to name one.</returns>
    public EscalationLevel? LevelOf(SourceState source) => RefusalOf(source) is not null ? null : Escalation.Highest(source.Reasons.Concat(Reasons));

    public bool IsBlindOnAny(IEnumerable<SourceState> sources) => sources.Any(source => RefusalOf(source) is not null);

    /// <summary>The highest of the agent, its stores and these sources, as far as who looks may see.</summary>
    public EscalationLevel HighestWith(IEnumerable<SourceState> sources) =>
        sources.Select(source => LevelOf(source) ?? EscalationLevel.Ok).Concat(Stores.Values.Where(store => Refusal(store.Failure) is null).Select(store => store.Level)).Append(Level).Max();

    /// <summary>The same as people and documents read it.</summary>
    public string? LevelWordOf(SourceState source) => LevelOf(source)?.Label(source.IsNew);
}
