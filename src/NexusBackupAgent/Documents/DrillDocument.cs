using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Documents;

/// <summary>A drill as <c>drill --json</c> prints it.</summary>
/// <param name="Result"><c>success</c> or <c>failure</c>.</param>
/// <param name="Id">The backup that was restored; null when there was none.</param>
/// <param name="DataAgeSeconds">How old its data was at the end of the drill.</param>
/// <param name="Seconds">The measured recovery time; null when nothing could be measured.</param>
internal sealed record DrillDocument(
    string Source,
    string Result,
    string? Id,
    string? File,
    string? CapturedAt,
    double? DataAgeSeconds,
    double? Seconds,
    IReadOnlyList<ProbeDocument> Probes,
    string? Failure,
    string? Class,
    string? Message,
    string? Hint)
{
    public static DrillDocument Of(ProtectedSource source, DrillRecord drill)
    {
        var ((operation, backup), result) = (drill, drill.Result);
        return new DrillDocument(
            source.Name,
            (operation.Succeeded ? RunResult.Success : RunResult.Failure).Word(),
            backup?.Id.Value,
            backup is null ? null : source.Catalog.Locate(backup.File),
            backup is null ? null : JsonTime.Utc(backup.CapturedAt),
            backup is null ? null : Math.Round(((result?.DrilledAt ?? operation.EndedAt!.Value) - backup.CapturedAt).TotalSeconds),
            result?.Seconds,
            [.. (result?.Probes ?? []).Select(probe => new ProbeDocument(probe.Sql, probe.Expectation, probe.Answer, probe.Passed, probe.Detail))],
            operation.Failure?.Kind.CamelWord(),
            operation.Failure?.Kind.Class().Word(),
            operation.Failure?.Message,
            operation.Failure?.Hint);
    }
}

/// <summary>One question of a drill.</summary>
internal sealed record ProbeDocument(string Sql, string Expected, string? Answer, bool Passed, string Detail);

/// <summary>The last drill of a source as <c>status --json</c> prints it.</summary>
/// <param name="Seconds">The measured recovery time.</param>
/// <param name="DataAgeSeconds">How old the recovered data was; null when that is not known any more.</param>
/// <param name="Message">Why it failed; null when it passed.</param>
internal sealed record LastDrillDocument(string At, string Result, double Seconds, double? DataAgeSeconds, string? Id, string? Message)
{
    public static LastDrillDocument Of(LastDrill drill) => new(
        JsonTime.Utc(drill.EndedAt),
        (drill.Passed ? RunResult.Success : RunResult.Failure).Word(),
        Math.Round(drill.Took.TotalSeconds, 3),
        drill.DataAge is { } age ? Math.Round(age.TotalSeconds) : null,
        drill.Backup?.Id.Value,
        drill.Reason);
}
