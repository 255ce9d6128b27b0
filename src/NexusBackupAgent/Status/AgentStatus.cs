using NexusBackupAgent.Hooks;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Status;

/// <summary>Everything that one look at an agent's state, journal and stores shows, read once.</summary>
/// <param name="Agent">What is looked at.</param>
/// <param name="Now">The instant.</param>
/// <param name="Condition">Whether an agent runs, and works.</param>
/// <param name="Stores">By name.</param>
internal sealed record AgentStatus(
    Agent Agent, DateTimeOffset Now, AgentCondition Condition, IReadOnlyDictionary<string, StoreStatus> Stores)
{
    private readonly JournalSnapshot log = Agent.Journal.Read();

    private readonly IReadOnlyDictionary<string, Operation> drills = Agent.Journal.LastOfEach(OperationKind.Drill);

    private readonly IReadOnlyDictionary<string, Operation> hooks = Agent.Journal.LastOfEach(OperationKind.Hook);

    private readonly PastRestores restores = Agent.RestoreHistory.Read();

    /// <summary>What asks for a level because of the agent itself.</summary>
    public IReadOnlyList<EscalationReason> Reasons { get; } = [.. Escalation.OfAgent(Condition, Now)];

    public static async Task<AgentStatus> ReadAsync(Agent agent, CancellationToken cancellationToken) => new(
        agent,
        agent.TimeProvider.GetUtcNow(),
        new AgentCondition(StateAccess.HasAgent(agent.Configuration.StateDirectory), agent.Journal.LastBeat())
        {
            SelfTestFailure = agent.Journal.LastOfEach(OperationKind.SelfTest).GetValueOrDefault("")?.Failure,
        },
        (await Task.WhenAll(agent.Stores.Values.Select(store => StoreStatus.ReadAsync(store, cancellationToken)))).ToDictionary(store => store.Name, StringComparer.Ordinal));

    public StoreStatus StoreOf(ScheduledSource source) => Stores[source.Source.Catalog.Store.Name];

    public Task<SourceStatus> OfAsync(ScheduledSource source, CancellationToken cancellationToken) =>
        SourceStatus.ReadAsync(
            this,
            source,
            log,
            drills.GetValueOrDefault(source.Name),
            hooks.GetValueOrDefault(source.Name),
            restores.LastOverLive.GetValueOrDefault(source.Name),
            restores.Died.FirstOrDefault(died => died.Source == source.Name),
            cancellationToken);
}
