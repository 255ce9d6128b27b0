using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Cli;

/// <summary>What <c>status</c> says of a source's last run and last restore when they failed, with the next command.</summary>
internal static class StatusSentences
{
    /// <summary>With its time: what it met may be over. After a restore only a backup is left to do.</summary>
    public static string OfLastRun(RunFailure failure, SourceStatus source, AgentStatus status, Commands commands)
    {
        var zone = status.Agent.Configuration.TimeZone;
        var told = $"last run{(source.Activity?.LastRunAt is { } at ? $", {Values.Minute(at, zone)}" : "")}: {failure.Message}";
        return source.RestoredAt is { } restored
            ? $"{told}; restored since, {Values.Minute(restored, zone)} — next: {commands.Backup(source.Name)}"
            : $"{told} — next: {commands.Named(failure.Hint, source.Name)}";
    }

    /// <summary>The one over the live database that nothing good followed; one elsewhere that died, which left nothing to mend but itself.</summary>
    public static IEnumerable<string> OfRestores(SourceStatus source, AgentStatus status, Commands commands)
    {
        var configuration = status.Agent.Configuration;
        if (source.FailedRestore is { } failed)
        {
            var database = Observer.DatabaseOf(configuration, source.Name);
            yield return $"{Ended(failed, configuration.TimeZone)} — next: {FailedRestore.Words(source.Name, File.Exists(database) ? database : null, commands)}";
        }

        if (source.RestoreToMend is { IsOverLive: false } elsewhere)
            yield return $"{Ended(elsewhere, configuration.TimeZone)} — next: run that restore again";
    }

    private static string Ended(Operation restore, TimeZoneInfo zone) => restore.Failure is { Kind: not FailureKind.Died } failure
        ? $"a restore failed at {Readable.Time(restore.EndedAt!.Value, zone)} ({failure.Message})"
        : $"a restore was interrupted at {Readable.Time(restore.StartedAt, zone)} ({restore.Detail})";
}
