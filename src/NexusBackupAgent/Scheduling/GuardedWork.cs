using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;

namespace NexusBackupAgent.Scheduling;

/// <summary>One line of work per source; what goes wrong in one stops no other. It is logged with its next step and shows in the metrics.</summary>
internal sealed partial class GuardedWork(TimeProvider timeProvider, ILogger logger) : IDisposable
{
    // What takes longer may hang in the kernel. Work that is only long loses nothing: its source's lock keeps other work away.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly WorkLines lines = new(places: 16, Patience, timeProvider);

    /// <summary>Puts work at the end of a source's line. The sources of one store share their places: a dead store keeps no other waiting.</summary>
    /// <returns>False when work of that name is still waiting or being done.</returns>
    public bool Enqueue(ProtectedSource source, string name, Func<Task> action) => lines.Enqueue(source.Turn, source.Catalog.Store.Name, name, () => DoAsync(source.Name, action));

    /// <summary>Does it at once, beside the line.</summary>
    public async Task DoAsync(string source, Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (BackupException failure) when (failure.Kind == FailureKind.Locked)
        {
            // Another process works on it; the next round comes in a minute.
        }
        catch (BackupException failure)
        {
            TellFailed(source, failure.Message, failure.Hint);
        }
        catch (OperationCanceledException)
        {
            // The agent is stopping.
        }
        catch (Exception defect)
        {
            WorkBroke(defect, source);
        }
    }

    /// <summary>Completes when nothing is left to do.</summary>
    public Task WhenIdleAsync() => lines.WhenIdleAsync();

    public void Dispose() => lines.Dispose();

    [LoggerMessage(EventId = 2004, EventName = "work_failed", Level = LogLevel.Error, Message = "backup scheduler, {Source}: {Reason}. Next: {Hint}")]
    public partial void TellFailed(string source, string reason, string hint);

    [LoggerMessage(EventId = 2005, EventName = "work_broke", Level = LogLevel.Error, Message = "backup scheduler, {Source}: unexpected error")]
    private partial void WorkBroke(Exception exception, string source);
}
