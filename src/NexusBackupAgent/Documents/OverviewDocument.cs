using System.Text.Json.Serialization;
using NexusBackupAgent.Common;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Documents;

/// <summary>A source as the API lists it.</summary>
/// <param name="Level">As <c>status</c> tells it.</param>
/// <param name="Backups">How many; null when the store can't be read.</param>
/// <param name="RecoveryWindows">As <c>status</c> tells them.</param>
/// <param name="Running">The journal's number of the backup that is under way; null when there is none.</param>
/// <param name="HookFailure">Why the hooks that were told last failed; null when they did not.</param>
/// <param name="Error">Why its backups can't be listed; null when they can.</param>
internal sealed record OverviewDocument(
    string Source,
    string Kind,
    string Store,
    string? Level,
    IReadOnlyList<string> Reasons,
    BackupDocument? NewestGood,
    double? AgeSeconds,
    int? Backups,
    IReadOnlyList<RecoveryWindowDocument>? RecoveryWindows,
    RpoDocument Rpo,
    string TimeZone,
    IReadOnlyList<ScheduleDocument> Schedules,
    string? NextRun,
    string? RunningSince,
    string? Running,
    FailureDocument? LastFailure,
    LastDrillDocument? LastDrill,
    FailureDocument? HookFailure,
    IReadOnlyList<MissingDocument> Missing,
    StoreDocument Disk,
    string? Error)
{
    /// <summary>Capture time of the newest good backup that was expanded with all that it builds on; null: there is none.</summary>
    public string? ProvenWholeAt { get; init; }

    /// <summary>Its further stores; absent where it has one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<CopiesDocument>? Copies { get; init; }

    /// <summary>Whether 3-2-1 is met; absent where it has one store, or its content lies in none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ThreeTwoOneDocument? ThreeTwoOne { get; init; }

    /// <param name="running">The number of the backup that is under way.</param>
    /// <param name="forecast">Of its store.</param>
    /// <param name="language">Of the reasons.</param>
    public static OverviewDocument Of(AgentState agent, SourceState source, long? running, StoreForecast? forecast, Language language)
    {
        var (scheduled, catalog) = (source.Source, source.Source.Source.Catalog);
        return new OverviewDocument(
            source.Name,
            scheduled.Source.Source.Kind,
            catalog.Store.Name,
            agent.LevelWordOf(source),
            [.. source.Reasons.Select(reason => $"{reason.Level}: {reason.Reason.In(language)}")],
            source.NewestGood is { } good ? BackupDocument.Of(catalog, good) : null,
            source.Age is { } age ? Math.Round(age.TotalSeconds) : null,
            source.IsUnreadable ? null : source.Backups.Count,
            RecoveryWindowDocument.Of(source),
            new RpoDocument(scheduled.RpoWarning.TotalSeconds, scheduled.RpoCritical.TotalSeconds, scheduled.RpoEmergency.TotalSeconds),
            scheduled.Source.Zone.Id,
            ScheduleDocument.Of(source),
            source.NextRun is { } next ? JsonTime.Utc(next) : null,
            source.Activity?.RunStartedAt is { } started ? JsonTime.Utc(started) : null,
            running is { } id ? $"{id}" : null,
            source.LastFailure is { } failure ? FailureDocument.Of(failure) : null,
            source.LastDrill is { } drill ? LastDrillDocument.Of(drill) : null,
            source.HookFailure is { } hook ? FailureDocument.Of(hook) : null,
            [.. source.Reviews.Where(review => review.Missing.Count > 0).Select(MissingDocument.Of)],
            StoreDocument.Of(source.Store, forecast, agent.Now),
            source.ListFailure is { } unread ? $"{unread.Message}; next: {unread.Hint}" : null)
        {
            ProvenWholeAt = source.NewestProvenWhole is { } whole ? JsonTime.Utc(whole.CapturedAt) : null,
            Copies = CopiesDocument.Of(source),
            ThreeTwoOne = ThreeTwoOneDocument.Of(source.ThreeTwoOne),
        };
    }
}

/// <summary>From which age of its newest good backup on a source asks for a level.</summary>
internal sealed record RpoDocument(double WarningSeconds, double CriticalSeconds, double EmergencySeconds);

/// <param name="Retention">As the configuration writes it; null: kept until somebody deletes it.</param>
/// <param name="LastRun">When its last run began that was not skipped or stopped.</param>
/// <param name="LastSuccess">Capture time of its newest good backup.</param>
internal sealed record ScheduleDocument(string Source, string Schedule, string Cron, string Type, string? Retention, string? NextRun, string? LastRun, string? LastSuccess)
{
    public static IReadOnlyList<ScheduleDocument> Of(SourceState source)
    {
        var starts = source.Records.History.Value.LastStarts;
        return [.. source.Source.Schedules.Select(schedule => new ScheduleDocument(
            source.Name,
            schedule.Name,
            $"{schedule.Cron}",
            schedule.Type.Word(),
            source.Source.Source.Retention.TryGetValue(schedule.Name, out var kept) ? $"{kept}" : null,
            source.NextRunOf(schedule) is { } next ? JsonTime.Utc(next) : null,
            starts.TryGetValue(schedule.Name, out var started) ? JsonTime.Utc(started) : null,
            source.NewestGoodOf(schedule.Name) is { } good ? JsonTime.Utc(good.CapturedAt) : null))];
    }
}

/// <summary>One day of a source, in the configured zone (the runbook's daily review).</summary>
/// <param name="State"><c>corrupt</c>: a backup of that day is; <c>good</c>: there is or was a good one; <c>failed</c>: runs failed and none succeeded; <c>missing</c>: one was due; <c>none</c>.</param>
internal sealed record DayDocument(string Date, string State, int Runs, int Failures);
