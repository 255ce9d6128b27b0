using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Scheduling;

/// <summary>
/// Keeps running what sources have beside their schedules: begun when the source is found, begun again, later each time, when it
/// broke off, and ended with the source or the agent. Where it lost changes, a full backup is made at once.
/// </summary>
internal sealed partial class SourceServices(SourceRoster roster, BackupOperation backups, TimeProvider timeProvider, ILogger<SourceServices> logger)
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(1);

    private readonly Dictionary<ISourceService, (CancellationTokenSource Stop, Task Running)> running = [];

    /// <summary>Works until cancelled; then waits for all of them to have ended.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                var changed = roster.Changed; // before the look: what changes during it is looked at again
                await MatchAsync(cancellationToken);
                await changed.WaitAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The agent is stopping.
        }

        foreach (var service in running.Keys.ToList())
            await EndAsync(service);
    }

    private async Task MatchAsync(CancellationToken cancellationToken)
    {
        var there = roster.Current.Where(source => source.Source.Source.Service is not null).ToList();
        foreach (var gone in running.Keys.Except(there.Select(source => source.Source.Source.Service!)).ToList())
            await EndAsync(gone);
        foreach (var source in there.Where(source => !running.ContainsKey(source.Source.Source.Service!)))
        {
            var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            running[source.Source.Source.Service!] = (stop, Task.Run(() => KeepAsync(source, source.Source.Source.Service!, stop.Token), CancellationToken.None));
        }
    }

    private async Task EndAsync(ISourceService service)
    {
        var (stop, task) = running[service];
        await stop.CancelAsync();
        await task;
        stop.Dispose();
        running.Remove(service);
    }

    private async Task KeepAsync(ScheduledSource source, ISourceService service, CancellationToken cancellationToken)
    {
        var (delay, told, full) = (FirstDelay, (FailureKind?)null, Task.CompletedTask);
        while (!cancellationToken.IsCancellationRequested)
        {
            var began = timeProvider.GetTimestamp();
            var why = await RunAsync(source, service, gap => full = FullAsync(source, gap, full, cancellationToken), cancellationToken);
            if (timeProvider.GetElapsedTime(began) > LongestDelay)
                (delay, told) = (FirstDelay, null);
            if (why is not null && why.Kind != told)
            {
                told = why.Kind; // once, not at each try
                StreamBroke(source.Name, why.Message, why.Hint);
            }

            await Task.Delay(delay, timeProvider, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            delay = delay * 2 < LongestDelay ? delay * 2 : LongestDelay;
        }

        await full;
    }

    /// <returns>Why it broke off; null: it was ended, or has a defect that is logged.</returns>
    private async Task<BackupException?> RunAsync(ScheduledSource source, ISourceService service, Action<BackupException> onGap, CancellationToken cancellationToken)
    {
        try
        {
            await service.RunAsync(onGap, cancellationToken);
        }
        catch (BackupException broke)
        {
            return broke;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The agent is stopping, or the source went.
        }
        catch (Exception defect)
        {
            StreamDefect(defect, source.Name);
        }

        return null;
    }

    private async Task FullAsync(ScheduledSource source, BackupException gap, Task before, CancellationToken cancellationToken)
    {
        StreamGap(source.Name, gap.Message, gap.Hint);
        await before;
        await Task.Yield(); // the service goes on beside it
        try
        {
            var schedule = source.Schedules.FirstOrDefault(schedule => schedule.Type == BackupType.Full)?.Name ?? BackupManifest.ManualSchedule;
            await backups.RunAsync(source.Source, schedule, BackupType.Full, source.Source.TimeLimit, progress: null, cancellationToken); // how it ends is told as of any run
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The next increment finds that it has to be a full one.
        }
        catch (BackupException failure)
        {
            StreamBroke(source.Name, failure.Message, failure.Hint);
        }
    }

    [LoggerMessage(EventId = 2020, EventName = "stream_broke", Level = LogLevel.Warning, Message = "backup scheduler, {Source}: its changes are not received now, and it is tried again: {Reason}. Next: {Hint}")]
    private partial void StreamBroke(string source, string reason, string hint);

    [LoggerMessage(EventId = 2021, EventName = "stream_gap", Level = LogLevel.Error, Message = "backup scheduler, {Source}: {Reason}; a full backup starts now. Next: {Hint}")]
    private partial void StreamGap(string source, string reason, string hint);

    [LoggerMessage(EventId = 2022, EventName = "stream_defect", Level = LogLevel.Error, Message = "backup scheduler, {Source}: unexpected error while its changes were received; it is tried again")]
    private partial void StreamDefect(Exception exception, string source);
}
