using System.Text.Json.Serialization;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Documents;

/// <summary>What <c>status --json</c> prints.</summary>
/// <param name="Level">The highest of all: <c>OK</c>, <c>L1</c>, <c>L2</c> or <c>L3</c>; null when who looks may not see enough to name one.</param>
internal sealed record StatusDocument(AgentDocument Agent, string? Level, IReadOnlyList<SourceDocument> Sources, IReadOnlyList<StoreDocument> Stores)
{
    /// <param name="commands">How the next command is written.</param>
    /// <param name="isUnderWay">Whether a process holds the lock of a source.</param>
    /// <param name="forecasts">By store.</param>
    public static StatusDocument Of(AgentState agent, IReadOnlyList<SourceState> sources, Commands commands, Func<string, bool> isUnderWay, IReadOnlyDictionary<string, StoreForecast> forecasts) => new(
        AgentDocument.Of(agent),
        agent.IsBlindOnAny(sources) ? null : agent.HighestWith(sources).Label(),
        [.. sources.Select(source => SourceDocument.Of(agent, source, commands, isUnderWay(source.Name)))],
        [.. agent.Stores.Values.Select(store => StoreDocument.Of(store, forecasts.GetValueOrDefault(store.Name), agent.Now))]);
}

/// <param name="Running">Whether an agent holds the agent's lock.</param>
/// <param name="HeartbeatAt">Null when no agent ever ran here.</param>
/// <param name="Level">Of the agent itself: <c>L2</c> when it stopped.</param>
internal sealed record AgentDocument(bool Running, string? HeartbeatAt, string Level)
{
    public static AgentDocument Of(AgentState agent) => new(agent.IsRunning, agent.LastBeat is { } at ? JsonTime.Utc(at) : null, agent.Level.Label());
}

/// <param name="Level"><c>OK</c>, <c>NEW</c> (its first good backup is not made yet, nor due), <c>L1</c>, <c>L2</c> or <c>L3</c>, of the source and its agent; null when who looks may not see enough to name one.</param>
/// <param name="NewestGood">Null when there is none, or the store can't be read.</param>
/// <param name="Backups">How many; null when the store can't be read.</param>
/// <param name="RecoveryWindows">Within which instants it can be restored to any, newest first; null: to those of its backups alone, as with most kinds.</param>
/// <param name="RunningSince">Null when none runs: also when the process that began one is gone.</param>
internal sealed record SourceDocument(
    string Source,
    string? Level,
    IReadOnlyList<string> Reasons,
    BackupDocument? NewestGood,
    double? AgeSeconds,
    int? Backups,
    IReadOnlyList<RecoveryWindowDocument>? RecoveryWindows,
    string? RunningSince,
    string? NextRun,
    FailureDocument? LastFailure,
    LastDrillDocument? LastDrill,
    FailureDocument? HookFailure,
    string? RestoreInterruptedAt,
    IReadOnlyList<OrphanDocument> Orphans,
    IReadOnlyList<MissingDocument> Missing)
{
    /// <summary>The ids of backups that are gone from the store although retention did not remove them, oldest first, until somebody accepts that; absent: none is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Lost { get; init; }

    /// <summary>Its further stores; absent where it has one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<CopiesDocument>? Copies { get; init; }

    /// <summary>Whether 3-2-1 is met; absent where it has one store, or its content lies in none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ThreeTwoOneDocument? ThreeTwoOne { get; init; }

    public static SourceDocument Of(AgentState agent, SourceState source, Commands commands, bool isUnderWay)
    {
        var catalog = source.Source.Source.Catalog;
        return new SourceDocument(
            source.Name,
            agent.LevelWordOf(source),
            [.. source.Reasons.Select(reason => $"{reason.Level}: {reason.Reason.English}")],
            source.NewestGood is { } good ? BackupDocument.Of(catalog, good) : null,
            source.Age is { } age ? Math.Round(age.TotalSeconds) : null,
            source.IsUnreadable ? null : source.Backups.Count,
            RecoveryWindowDocument.Of(source),
            isUnderWay && source.Activity?.RunStartedAt is { } started ? JsonTime.Utc(started) : null,
            source.NextRun is { } next ? JsonTime.Utc(next) : null,
            source.LastFailure is { } failure ? FailureDocument.Of(failure with { Hint = commands.HintOf(failure, source.Name) }) : null,
            source.LastDrill is { } drill ? LastDrillDocument.Of(drill) : null,
            source.HookFailure is { } hook ? FailureDocument.Of(hook) : null,
            source.RestoreToMend is { } restore ? JsonTime.Utc(restore.StartedAt) : null,
            [.. source.Orphans.Select(orphan => new OrphanDocument(catalog.Locate(orphan.File), orphan.Reason))],
            [.. source.Reviews.Where(review => review.Missing.Count > 0).Select(MissingDocument.Of)])
        {
            Lost = source.Lost.Count == 0 ? null : [.. source.Lost.Select(run => run.Backup!.Value.Value)],
            Copies = CopiesDocument.Of(source),
            ThreeTwoOne = ThreeTwoOneDocument.Of(source.ThreeTwoOne),
        };
    }
}

/// <summary>The rule 3-2-1 as it stands.</summary>
/// <param name="Copies">With the live one.</param>
/// <param name="Media">File systems and services on which they lie.</param>
/// <param name="Offsite">How many are at another site.</param>
internal sealed record ThreeTwoOneDocument(bool Met, int Copies, int Media, int Offsite)
{
    public static ThreeTwoOneDocument? Of(ThreeTwoOne? rule) => rule is null ? null : new(rule.IsMet, rule.Copies, rule.Media, rule.Offsite);
}

/// <summary>The copies of a source in one further store.</summary>
/// <param name="NewestGoodAt">Of the newest good copy; null when there is none, or the store can't be read.</param>
/// <param name="Backups">How many are there; null when the store can't be read.</param>
/// <param name="Owed">How many it lacks and would keep; null when that is not known.</param>
/// <param name="LastFailure">Why the last copying failed; null when it did not.</param>
internal sealed record CopiesDocument(string Store, string? NewestGoodAt, int? Backups, int? Owed, FailureDocument? LastFailure)
{
    /// <returns>Null where it has one store.</returns>
    public static IReadOnlyList<CopiesDocument>? Of(SourceState source) => source.Copies.Count == 0 ? null :
    [
        .. source.Copies.Select(copy => new CopiesDocument(
            copy.Name,
            copy.NewestGood is { } newest ? JsonTime.Utc(newest.CapturedAt) : null,
            copy.Listing.Failure is null ? copy.Backups.Count : null,
            copy.IsKnown ? copy.Owed.Count : null,
            copy.Last?.Failure is { } failure ? FailureDocument.Of(failure) : null)),
    ];
}

/// <summary>A source can be restored to any instant from the first to the last.</summary>
internal sealed record RecoveryWindowDocument(string First, string Last)
{
    public static IReadOnlyList<RecoveryWindowDocument>? Of(SourceState source) =>
        source.Windows is { } windows ? [.. windows.Select(window => new RecoveryWindowDocument(JsonTime.Utc(window.First), JsonTime.Utc(window.Last)))] : null;
}

/// <summary>Backups of a schedule that should be there and are not.</summary>
/// <param name="Expected">How many should be there.</param>
/// <param name="Missing">When those that are not were due, newest first.</param>
internal sealed record MissingDocument(string Schedule, int Expected, IReadOnlyList<string> Missing)
{
    public static MissingDocument Of(MissingBackups review) => new(review.Schedule, review.Expected, [.. review.Missing.Select(JsonTime.Utc)]);
}

/// <param name="Class"><c>database</c>, <c>storage</c> or <c>other</c>.</param>
internal sealed record FailureDocument(string Failure, string Class, string Message, string Hint)
{
    public static FailureDocument Of(RunFailure failure) =>
        new(failure.Kind.CamelWord(), failure.Kind.Class().Word(), failure.Message, failure.Hint);
}

internal sealed record OrphanDocument(string File, string Reason);

/// <param name="Error">Why it can't be used; null when it can.</param>
/// <param name="Forecast">Null when nobody can tell: no backup is there yet, or not all are known.</param>
internal sealed record StoreDocument(string Store, string Path, string Level, double? UsedRatio, long? SizeBytes, long? AvailableBytes, string? Error, ForecastDocument? Forecast)
{
    public static StoreDocument Of(StoreStatus store, StoreForecast? forecast, DateTimeOffset now) => new(
        store.Name, store.Path, store.Level.Label(), store.Space?.UsedRatio, store.Space?.Size, store.Space?.Available, store.Failure?.Message, forecast is null ? null : ForecastDocument.Of(forecast, now));
}

/// <summary>How a store's disk fills, if schedules, retention and growth stay as they are.</summary>
/// <param name="CriticalOn">The day (UTC) on which it is 90 % full; null: not within a year.</param>
/// <param name="BytesPerDay">By which the store grows, on average of the next 30 days.</param>
internal sealed record ForecastDocument(string? CriticalOn, double BytesPerDay)
{
    public static ForecastDocument Of(StoreForecast forecast, DateTimeOffset now) => new(
        forecast.Days is { } days ? now.UtcDateTime.AddDays(days).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture) : null, Math.Round(forecast.BytesPerDay));
}
