using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;

namespace NexusBackupAgent.Runbook;

/// <summary>What reading the newest stored backup back showed, just now.</summary>
/// <param name="Backup">With its new state; as it was when it could not be looked at.</param>
/// <param name="Took">How long it took.</param>
/// <param name="Failure">Why it could not be looked at; null when it could. Damage is no failure.</param>
internal sealed record ReadBack(Backup Backup, TimeSpan Took, BackupException? Failure)
{
    /// <summary>A run that is nearly done is waited for.</summary>
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(10);

    public bool IsGood => Failure is null && Backup.State == BackupState.Good;

    public static async Task<ReadBack> VerifyAsync(
        Agent agent, ProtectedSource source, Backup backup, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        var started = agent.TimeProvider.GetTimestamp();
        try
        {
            var verified = await agent.Verifications.VerifyAsync(source, backup, LockTimeout, progress, cancellationToken);
            return new ReadBack(verified, agent.TimeProvider.GetElapsedTime(started), Failure: null);
        }
        catch (BackupException failure)
        {
            return new ReadBack(backup, agent.TimeProvider.GetElapsedTime(started), failure);
        }
    }
}
