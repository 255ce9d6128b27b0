using NexusBackupAgent.Status;

namespace NexusBackupAgent.Documents;

/// <summary>What <c>GET /api/v1/health</c> answers.</summary>
/// <param name="Status"><c>ok</c>, or <c>failing</c> when the agent itself can't do its work. Late or failed backups do not make the agent unhealthy: restarting it would not help them. <paramref name="Level"/> tells of them.</param>
/// <param name="Level">The highest of all, as <c>status</c> tells it: <c>OK</c>, <c>L1</c>, <c>L2</c> or <c>L3</c>.</param>
/// <param name="Problems">Why it is failing; empty when ok.</param>
/// <param name="SchedulerHeartbeat">When the scheduler last looked at its schedules, UTC.</param>
internal sealed record HealthDocument(string Status, string Level, IReadOnlyList<string> Problems, DateTimeOffset SchedulerHeartbeat, IReadOnlyList<SourceHealthDocument> Sources)
{
    public static HealthDocument Of(AgentState agent, IReadOnlyList<string> problems, IReadOnlyList<SourceState> sources) =>
        new(problems.Count == 0 ? "ok" : "failing", agent.HighestWith(sources).Label(), problems, agent.LastBeat ?? default, [.. sources.Select(source => SourceHealthDocument.Of(agent, source))]);
}

/// <param name="Name">The source.</param>
/// <param name="Level">As <c>status</c> tells it: <c>OK</c>, <c>NEW</c>, <c>L1</c>, <c>L2</c> or <c>L3</c>.</param>
/// <param name="LastSuccess">Capture time of its newest good backup, UTC; null when there is none, or its backups can't be listed.</param>
/// <param name="LastRunSuccess">Null when no run ended.</param>
/// <param name="ConsecutiveFailures">Failed runs since the last success.</param>
/// <param name="Running">Whether a run is under way.</param>
/// <param name="NextRun">UTC; null when nothing is scheduled.</param>
/// <param name="Error">Why its backups can't be listed; null when they can.</param>
internal sealed record SourceHealthDocument(
    string Name, string? Level, DateTimeOffset? LastSuccess, double? AgeSeconds, bool? LastRunSuccess, int ConsecutiveFailures, bool Running, DateTimeOffset? NextRun, string? Error)
{
    public static SourceHealthDocument Of(AgentState agent, SourceState source)
    {
        var (activity, failure) = (source.Activity, source.ListFailure);
        return new SourceHealthDocument(
            source.Name,
            agent.LevelWordOf(source),
            failure is null ? source.NewestGood?.CapturedAt : null,
            failure is null && source.Age is { } age ? Math.Round(age.TotalSeconds) : null,
            activity?.LastRunAt is null ? null : activity.LastRunSucceeded,
            activity?.ConsecutiveFailures ?? 0,
            activity?.RunStartedAt is not null,
            source.NextRun,
            failure is null ? null : $"{failure.Message}; next: {failure.Hint}");
    }
}
