using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Operations;

/// <summary>Proves the checks on damaged copies. It belongs to no source, so it waits for no turn; the agent makes it soon after its start and daily.</summary>
internal sealed partial class SelfTestOperation(OperationRunner runner, SelfTest test, TimeProvider timeProvider, ILogger<SelfTestOperation> logger)
{
    /// <summary>How long after its start the agent makes the first: what starts with the host has the processor to itself until then.</summary>
    internal static readonly TimeSpan AfterStart = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan Interval = TimeSpan.FromDays(1);

    /// <summary>Makes the self-test once.</summary>
    /// <exception cref="BackupException">It could not be made; that is journalled as well.</exception>
    public async Task<IReadOnlyList<SelfTestResult>> RunAsync(CancellationToken cancellationToken)
    {
        var (_, results, failure) = await runner.RecordedAsync(
            Operation.Begun(source: "", OperationKind.SelfTest, runner.Now, "the self-test of the checks could not be made"),
            () => OperationRunner.ForeseenAsync(WordsOf(), () => test.RunAsync(cancellationToken), SelfTestBroke),
            (ended, results) => results is null ? ended : ended with
            {
                Detail = $"the checks found {results.Count(result => result.Passed)} of {results.Count} kinds of damage",
                Failure = FailureOf(results),
            });
        return results ?? throw failure!;
    }

    /// <summary>Makes it in a minute and once a day from then on, until cancelled.</summary>
    public async Task RunDailyAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(AfterStart, timeProvider, cancellationToken);
            while (true)
            {
                await TryAsync(cancellationToken);
                await Task.Delay(Interval, timeProvider, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The agent is stopping.
        }
    }

    private async Task TryAsync(CancellationToken cancellationToken)
    {
        try
        {
            var results = await RunAsync(cancellationToken);
            if (FailureOf(results) is { } failure)
                SelfTestFailed(failure.Message, failure.Hint);
            else
                SelfTestPassed(results.Count);
        }
        catch (BackupException failure)
        {
            SelfTestFailed(failure.Message, failure.Hint);
        }
    }

    /// <summary>Null when every check found what it ought to.</summary>
    public static RunFailure? FailureOf(IReadOnlyList<SelfTestResult> results)
    {
        var wrong = results.Where(result => !result.Passed).Select(result => result.Name).ToList();
        return wrong.Count == 0 ? null : new RunFailure(
            FailureKind.Verification,
            $"the checks of this agent are wrong about: {string.Join("; ", wrong)}",
            "do not trust its verifications: check memory and disk (dmesg | tail), install the agent anew, then run nexus-backup verify --self-test");
    }

    private OperationWords WordsOf() => new("the self-test", "test the checks", "the self-test", "nexus-backup verify --self-test", runner.Turns.StateDirectory);

    [LoggerMessage(EventId = 1107, EventName = "self_test_passed", Level = LogLevel.Information, Message = "backup verification self-test passed: all {Count} kinds of damage were told")]
    private partial void SelfTestPassed(int count);

    [LoggerMessage(EventId = 1108, EventName = "self_test_failed", Level = LogLevel.Error, Message = "backup verification self-test failed: {Reason}. Next: {Hint}")]
    private partial void SelfTestFailed(string reason, string hint);

    [LoggerMessage(EventId = 1112, EventName = "self_test_broke", Level = LogLevel.Error, Message = "backup verification self-test: unexpected error")]
    private partial void SelfTestBroke(Exception exception);
}
