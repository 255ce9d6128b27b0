using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent;

/// <summary>
/// <c>nexus-backup.yml</c>, read and validated. Every path is absolute: relative ones begin in the file's own directory.
/// </summary>
/// <param name="File">The configuration file's absolute path.</param>
/// <param name="TimeZone">The zone of every cron expression and file name. Default: the host's.</param>
/// <param name="Listen">Where HTTP listens. Default: http://127.0.0.1:9440. Only http and an address or host name with a port.</param>
/// <param name="StateDirectory">The run journal's directory. Default: <c>state</c> beside the file.</param>
/// <param name="ScratchDirectory">Where verification expands backups. Default: <c>scratch</c> inside the state directory.</param>
/// <param name="Stores">By name.</param>
/// <param name="Sources">As configured, groups not yet looked into, in the file's order.</param>
/// <param name="Log">Logging.</param>
internal sealed record AgentConfiguration(
    string File,
    TimeZoneInfo TimeZone,
    Uri Listen,
    string StateDirectory,
    string ScratchDirectory,
    IReadOnlyDictionary<string, IStoreSettings> Stores,
    IReadOnlyList<SourceConfiguration> Sources,
    LogConfiguration Log)
{
    /// <summary>Files and directories of this machine that are the agent's alone: no restore writes there.</summary>
    public IReadOnlyList<string> OwnPlaces => [File, StateDirectory, ScratchDirectory, .. Stores.Values.SelectMany(store => store.Places)];
}

/// <param name="File">A rolling log file (daily, 30 days kept), or null.</param>
/// <param name="Level">Verbose, Debug, Information, Warning or Error. Default Information.</param>
internal sealed record LogConfiguration(string? File, string Level);

/// <summary>What the sources and stores of an agent may be.</summary>
internal sealed record AgentKinds(SourceKinds Sources, StoreKinds Stores)
{
    public static AgentKinds Shipped { get; } = new(SourceKinds.Shipped, StoreKinds.Shipped);
}
