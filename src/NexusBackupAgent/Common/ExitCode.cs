namespace NexusBackupAgent.Common;

/// <summary>What a command tells its caller. The numbers are documented and never change.</summary>
internal enum ExitCode
{
    /// <summary>Done.</summary>
    Done = 0,

    /// <summary>A defect of the agent itself.</summary>
    Unexpected = 1,

    /// <summary>Wrong command line or configuration.</summary>
    Usage = 2,

    /// <summary>A backup failed, or a source or store could not be used.</summary>
    BackupFailed = 3,

    /// <summary>A verification failed, or a corrupt backup was found.</summary>
    VerificationFailed = 4,

    /// <summary>A restore or a drill failed or was refused; what was there before is still there, unless the message says otherwise.</summary>
    RestoreFailed = 5,

    /// <summary>The named source or backup does not exist.</summary>
    NotFound = 6,

    /// <summary>Another run of the source is under way.</summary>
    Busy = 7,

    /// <summary>The store, the scratch space or the state directory has no room.</summary>
    StoreFull = 8,
}

internal static class ExitCodes
{
    /// <summary>Where several things failed, the first of these that is among them is told.</summary>
    private static readonly ExitCode[] BySeverity =
    [
        ExitCode.Unexpected, ExitCode.StoreFull, ExitCode.VerificationFailed, ExitCode.RestoreFailed, ExitCode.BackupFailed, ExitCode.Usage, ExitCode.NotFound, ExitCode.Busy, ExitCode.Done,
    ];

    public static ExitCode Of(FailureKind kind) => kind switch
    {
        FailureKind.Unexpected => ExitCode.Unexpected,
        FailureKind.Configuration => ExitCode.Usage,
        FailureKind.Verification => ExitCode.VerificationFailed,
        FailureKind.Restore => ExitCode.RestoreFailed,
        FailureKind.NotFound => ExitCode.NotFound,
        FailureKind.Locked => ExitCode.Busy,
        FailureKind.StoreFull or FailureKind.StateFull => ExitCode.StoreFull,
        _ => ExitCode.BackupFailed,
    };

    /// <summary>Smaller for what is told before others.</summary>
    public static int SeverityOf(ExitCode code) => Array.IndexOf(BySeverity, code);

    /// <summary>Of a restore: a failure that has no code of its own here is a failed restore.</summary>
    public static ExitCode OfRestore(FailureKind kind) =>
        Of(kind) is var code and (ExitCode.Unexpected or ExitCode.NotFound or ExitCode.Busy or ExitCode.StoreFull) ? code : ExitCode.RestoreFailed;

    /// <summary>Of a drill: one that fails because of a disk or a permission is a failed drill all the same.</summary>
    public static ExitCode OfDrill(FailureKind kind) => Of(kind) switch
    {
        ExitCode.BackupFailed when kind != FailureKind.Interrupted => ExitCode.RestoreFailed,
        ExitCode.VerificationFailed => ExitCode.RestoreFailed,
        var code => code,
    };

    /// <returns>The most severe; <see cref="ExitCode.Done"/> when there is none.</returns>
    public static ExitCode MostSevere(IEnumerable<ExitCode> codes) =>
        codes.DefaultIfEmpty(ExitCode.Done).MinBy(SeverityOf);
}
