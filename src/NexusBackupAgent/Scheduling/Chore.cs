using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;

namespace NexusBackupAgent.Scheduling;

/// <summary>Something that is done to each source by the calendar, besides backing it up.</summary>
/// <param name="Kind">What the journal calls it; tells when it was last done.</param>
/// <param name="Name">For people and log lines: <c>verification</c>.</param>
/// <param name="Cron">When, for a source; null: never by itself.</param>
/// <param name="DoAsync">Does it and journals it. It is in the source's line of work, so no run of this agent is under way.</param>
internal sealed record Chore(
    OperationKind Kind, string Name, Func<ScheduledSource, CronSchedule?> Cron, Func<ScheduledSource, CancellationToken, Task> DoAsync)
{
    /// <summary>What an agent does to every source.</summary>
    public static IReadOnlyList<Chore> All(VerificationRounds rounds, DrillOperation drills) =>
    [
        new(OperationKind.VerificationRound, "verification", source => source.Verify?.Cron, rounds.RunAsync),
        new(OperationKind.Drill, "drill", source => source.Drill, (source, cancellationToken) => drills.RunAsync(source.Source, progress: null, source.Source.TimeLimit, cancellationToken)),
    ];
}
