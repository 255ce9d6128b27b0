namespace NexusBackupAgent.Common;

/// <summary>What a failure is about, as the operations document of the dataset management system tells them apart (§6.2).</summary>
internal enum FailureClass
{
    /// <summary>The protected database: missing, damaged, locked.</summary>
    Database,

    /// <summary>Where backups are kept or expanded: full, missing, unreadable, refused, damaged.</summary>
    Storage,

    /// <summary>Anything else.</summary>
    Other,
}

internal static class FailureClasses
{
    public static FailureClass Class(this FailureKind kind) => kind switch
    {
        FailureKind.SourceMissing or FailureKind.SourceInvalid or FailureKind.SourceCorrupt or FailureKind.SourceBusy or FailureKind.SourceUnreachable or FailureKind.SourceRefused or FailureKind.SourceGap => FailureClass.Database,
        FailureKind.Permission or FailureKind.Io or FailureKind.Network or FailureKind.StoreFull or FailureKind.StateFull or FailureKind.StoreUnavailable or FailureKind.Verification => FailureClass.Storage,
        _ => FailureClass.Other,
    };
}
