using NexusBackupAgent.Common;

namespace NexusBackupAgent.Sources;

/// <summary>What runs beside a source's schedules: it receives each change soon after it was made, for the next backup.</summary>
internal interface ISourceService
{
    /// <summary>As it was last seen; in a process that does not run it, as it was when that began.</summary>
    StreamState State { get; }

    /// <summary>Works until it is cancelled, or breaks off: then it is to be started again.</summary>
    /// <param name="onGap">Told of changes that were not received and never will be, so that only a full backup has them. The work goes on behind them.</param>
    /// <exception cref="BackupException">Why it broke off.</exception>
    Task RunAsync(Action<BackupException> onGap, CancellationToken cancellationToken);
}

/// <summary>How a source's changes are received.</summary>
/// <param name="IsUp">Whether they arrive.</param>
/// <param name="ReceivedUntil">What was changed before that instant was received, or came before anything was to be; UTC.</param>
/// <param name="Lag">Bytes that the source keeps because they were not received yet.</param>
/// <param name="Limit">Bytes beyond which it keeps no more, and a gap begins.</param>
/// <param name="LastGapAt">When it was last found that changes were lost, UTC; null: never.</param>
internal sealed record StreamState(bool IsUp, DateTimeOffset ReceivedUntil, long Lag, long Limit, DateTimeOffset? LastGapAt);
