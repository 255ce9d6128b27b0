using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;

namespace NexusBackupAgent;

/// <summary>The kinds of sources and stores that an agent has. The first of each stands in the examples of messages.</summary>
internal sealed record AgentKinds(IReadOnlyList<ISourceKind> Sources, IReadOnlyList<IStoreKind> Stores)
{
    /// <summary>The registration: a new kind is one entry here.</summary>
    public static AgentKinds Shipped { get; } = new([new SqliteSourceKind()], [new LocalStoreKind()]);
}
