using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging.Scenarios;

/// <summary>Something that goes wrong for real, is told, and is mended.</summary>
internal abstract class Scenario
{
    public static IReadOnlyList<Scenario> All =>
        [new SourceDeleted(), new TwoFailures(), new ByteFlipped(), new AllCorrupted(), new StoreFilled(), new AgentKilled(), new SchedulerBlocked(), new OlderThanADay(), new OlderThanTwoDays()];

    /// <summary>What the agent protects: YAML below <c>sources:</c>.</summary>
    public virtual string Sources => """
          itsm:
            sqlite: itsm.db
            directory: .
            schedules: {daily: {cron: "0 2 * * *", retention: 7d}}
        """;

    /// <summary>Before the agent starts.</summary>
    public virtual Task PrepareAsync(RunningAgent agent) => Task.CompletedTask;

    /// <summary>From a healthy agent that is scraped to one that is healthy again.</summary>
    public abstract Task PlayAsync(Stage stage);

    /// <summary>Takes away what lies in the agent's home and can't be deleted with it; also when the start failed.</summary>
    public virtual Task CleanUpAsync() => Task.CompletedTask;
}
