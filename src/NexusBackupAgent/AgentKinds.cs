using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent;

/// <summary>What the sources and stores of an agent may be.</summary>
internal sealed record AgentKinds(SourceKinds Sources, StoreKinds Stores)
{
    public static AgentKinds Shipped { get; } = new(SourceKinds.Shipped, StoreKinds.Shipped);
}
