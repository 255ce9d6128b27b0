namespace NexusBackupAgent.Catalog;

/// <summary>What is known of a stored backup from its last verification.</summary>
internal enum BackupState
{
    /// <summary>Stored and not yet read back. Does not count as a success.</summary>
    Unverified,

    /// <summary>Read back, and every check passed.</summary>
    Good,

    /// <summary>Read back, and a check failed.</summary>
    Corrupt,

    /// <summary>Corrupt and set aside under another name.</summary>
    Quarantined,
}
