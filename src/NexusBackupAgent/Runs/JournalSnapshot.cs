namespace NexusBackupAgent.Runs;

/// <summary>What the journal knows of one source.</summary>
/// <param name="AddedAt">When the agent first saw it, UTC.</param>
/// <param name="LastRunAt">When its last run ended, UTC; null if none did.</param>
/// <param name="LastRunSucceeded">Whether that run succeeded.</param>
/// <param name="ConsecutiveFailures">Failed runs since the last success.</param>
/// <param name="RunStartedAt">When the run that is under way started, UTC; null when idle.</param>
/// <param name="CaptureSeconds">Of the last successful run, as are the next two.</param>
internal sealed record SourceActivity(
    DateTimeOffset AddedAt,
    DateTimeOffset? LastRunAt,
    bool LastRunSucceeded,
    int ConsecutiveFailures,
    DateTimeOffset? RunStartedAt,
    double CaptureSeconds,
    double VerifySeconds,
    double PruneSeconds);

/// <summary>The journal's figures at one instant, for all sources at once.</summary>
/// <param name="Sources">By source name.</param>
/// <param name="Runs">Finished runs by source, schedule and result.</param>
/// <param name="Verifications">Checks by source, check (<c>checksum</c>, <c>gzip</c>, <c>integrity</c>) and result (<c>success</c>, <c>failure</c>).</param>
internal sealed record JournalSnapshot(
    IReadOnlyDictionary<string, SourceActivity> Sources,
    IReadOnlyDictionary<(string Source, string Schedule, string Result), long> Runs,
    IReadOnlyDictionary<(string Source, string Check, string Result), long> Verifications)
{
    /// <summary>Since when each schedule's backups should be there, UTC, by source and schedule; one that no agent took on yet is not among them.</summary>
    public required IReadOnlyDictionary<(string Source, string Schedule), DateTimeOffset> Schedules { get; init; }
}
