namespace NexusBackupAgent.Restore;

/// <summary>What happens around the restore of a live source (configuration <c>restore:</c>).</summary>
/// <param name="Before">Commands that stop its service, one argument list each, in order.</param>
/// <param name="After">Commands that start it again.</param>
/// <param name="CommandTimeout">For each command. Default 60 s.</param>
/// <param name="Health">Answers with 2xx once the service works again; null: not asked.</param>
/// <param name="HealthTimeout">How long that is waited for. Default 60 s.</param>
/// <param name="HealthInsecure">Accept any certificate, as <c>curl -k</c> does for a service with a self-signed one (runbook §3.3).</param>
internal sealed record RestoreSettings(
    IReadOnlyList<IReadOnlyList<string>> Before,
    IReadOnlyList<IReadOnlyList<string>> After,
    TimeSpan CommandTimeout,
    Uri? Health,
    TimeSpan HealthTimeout,
    bool HealthInsecure)
{
    /// <summary>No service to stop or start.</summary>
    public static RestoreSettings None { get; } = new([], [], TimeSpan.FromSeconds(60), Health: null, TimeSpan.FromSeconds(60), HealthInsecure: false);
}
