using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Runbook;

/// <summary>What reading the newest stored backup back showed, just now.</summary>
/// <param name="Backup">With its new state; as it was when it could not be looked at.</param>
/// <param name="Took">How long it took.</param>
/// <param name="Failure">Why it could not be looked at; null when it could. Damage is no failure.</param>
internal sealed record ReadBack(Backup Backup, TimeSpan Took, BackupException? Failure)
{
    public bool IsGood => Failure is null && Backup.State == BackupState.Good;
}
