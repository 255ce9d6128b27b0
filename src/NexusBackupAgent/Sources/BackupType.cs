namespace NexusBackupAgent.Sources;

/// <summary>How much of the source a backup holds.</summary>
internal enum BackupType
{
    /// <summary>Everything.</summary>
    Full,

    /// <summary>What changed since the last full backup.</summary>
    Differential,

    /// <summary>What changed since the last backup of any type.</summary>
    Incremental,
}
