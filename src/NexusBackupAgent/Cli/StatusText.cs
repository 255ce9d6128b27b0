using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Cli;

/// <summary>What <c>status</c> says of a source's last run and last restore when they failed, with the next command.</summary>
internal static class StatusText
{
    /// <summary>With its time: what it met may be over. After a restore only a backup is left to do.</summary>
    public static string OfLastRun(RunFailure failure, SourceState source, Commands commands)
    {
        var zone = source.Source.Source.Zone;
        var told = $"last run{(source.Activity?.LastRunAt is { } at ? $", {ValueText.Minute(at, zone)}" : "")}: {failure.Message}";
        return source.RestoredAt is { } restored
            ? $"{told}; restored since, {ValueText.Minute(restored, zone)} — next: {commands.Backup(source.Name)}"
            : $"{told} — next: {commands.HintOf(failure, source.Name)}";
    }

    /// <summary>The one over the live source that nothing good followed; one elsewhere that died, which left nothing to mend but itself.</summary>
    public static IEnumerable<string> OfRestores(SourceState source, Commands commands)
    {
        var zone = source.Source.Source.Zone;
        if (source.FailedRestore is { } failed)
            yield return $"{Ended(failed, zone)} — next: {FailedRestore.InOneSentence(source.Name, source.Source.Source.Source, commands)}";
        if (source.RestoreToMend is { IsOverLive: false } elsewhere)
            yield return $"{Ended(elsewhere, zone)} — next: run that restore again";
    }

    private static string Ended(Operation restore, TimeZoneInfo zone) => restore.Failure is { Kind: not FailureKind.Died } failure
        ? $"a restore failed at {Readable.Time(restore.EndedAt!.Value, zone)} ({failure.Message})"
        : $"a restore was interrupted at {Readable.Time(restore.StartedAt, zone)} ({restore.Detail})";
}
