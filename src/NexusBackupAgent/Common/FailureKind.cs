namespace NexusBackupAgent.Common;

/// <summary>
/// Why something failed. The kind decides the exit code, whether a retry can help, and the word in the journal;
/// new kinds are added at the end because the journal stores the name.
/// </summary>
internal enum FailureKind
{
    /// <summary>A defect of the agent itself.</summary>
    Unexpected,

    /// <summary>Wrong command line or configuration.</summary>
    Configuration,

    /// <summary>The source does not exist, or its disk does not answer.</summary>
    SourceMissing,

    /// <summary>The source exists and is not what it is configured as: a directory, an empty file, not a database.</summary>
    SourceInvalid,

    /// <summary>The source could be read and its own integrity check failed.</summary>
    SourceCorrupt,

    /// <summary>Another process held the source locked for longer than the busy timeout.</summary>
    SourceBusy,

    /// <summary>The operating system refused access.</summary>
    Permission,

    /// <summary>A read or write failed and may succeed later.</summary>
    Io,

    /// <summary>A remote end could not be reached.</summary>
    Network,

    /// <summary>The store, or the scratch space, has no room.</summary>
    StoreFull,

    /// <summary>The store does not exist, is read-only, or does not answer.</summary>
    StoreUnavailable,

    /// <summary>What was stored is not what was captured, or can no longer be read back.</summary>
    Verification,

    /// <summary>A restore or drill failed.</summary>
    Restore,

    /// <summary>The named source or backup does not exist.</summary>
    NotFound,

    /// <summary>Another run of the same source holds its lock.</summary>
    Locked,

    /// <summary>The run exceeded its time limit.</summary>
    TimedOut,

    /// <summary>The run was stopped on purpose, by a signal. That is no failure of the source in a row of failures.</summary>
    Interrupted,

    /// <summary>The run's process died in the middle of it.</summary>
    Died,

    /// <summary>The run journal can't be used. Not transient for a run: what it did to the backups is done.</summary>
    Journal,

    /// <summary>Somebody should have been told how something ended, and a hook refused.</summary>
    Hook,

    /// <summary>The state directory, where the journal is, has no room.</summary>
    StateFull,

    /// <summary>The server that holds the source can't be reached, or broke off.</summary>
    SourceUnreachable,

    /// <summary>The server that holds the source refuses the agent: its password, or its rights; or it does not prove who it is.</summary>
    SourceRefused,

    /// <summary>What changed in the source between two backups was not received and is lost, so that no instant of that time can be restored.</summary>
    SourceGap,

    /// <summary>The tool that encrypts failed, or was ended.</summary>
    Encryption,

    /// <summary>The key that opens an encrypted backup is not here, or the one that is here opens another one.</summary>
    KeyMissing,
}

internal static class FailureKinds
{
    /// <summary>Whether the cause may pass by itself, so that another attempt is worth making.</summary>
    public static bool IsTransient(this FailureKind kind) =>
        kind is FailureKind.SourceBusy or FailureKind.SourceUnreachable or FailureKind.Io or FailureKind.Network or FailureKind.Encryption;
}
