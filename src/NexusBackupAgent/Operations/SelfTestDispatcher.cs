using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Operations;

/// <summary>The only door to the self-test of the checks: journals what came of it, and has the agent make it soon after its start and daily.</summary>
internal sealed partial class SelfTestDispatcher(SelfTest test, OperationJournal operations, TimeProvider timeProvider, ILogger<SelfTestDispatcher> logger)
{
    /// <summary>How long after its start the agent makes the first: what starts with the host has the processor to itself until then.</summary>
    internal static readonly TimeSpan AfterStart = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan Interval = TimeSpan.FromDays(1);

    /// <summary>Makes the self-test once.</summary>
    /// <exception cref="BackupException">It could not be made; that is journalled as well.</exception>
    public async Task<IReadOnlyList<SelfTestResult>> RunAsync(CancellationToken cancellationToken)
    {
        var startedAt = timeProvider.GetUtcNow();
        try
        {
            var results = await test.RunAsync(cancellationToken);
            Record(startedAt, $"{results.Count(result => result.Passed)} of {results.Count} kinds of damage were told as they ought to be", FailureOf(results));
            return results;
        }
        catch (BackupException failure)
        {
            Record(startedAt, "the self-test of the checks could not be made", RunFailure.Of(failure));
            throw;
        }
        catch (Exception defect) when (defect is not OperationCanceledException)
        {
            var unexpected = new BackupException(FailureKind.Unexpected, $"the self-test broke: {defect.Message}", "run nexus-backup verify --self-test --verbose and report what it prints", defect);
            Record(startedAt, "the self-test of the checks broke", RunFailure.Of(unexpected));
            throw unexpected;
        }
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

    private static RunFailure? FailureOf(IReadOnlyList<SelfTestResult> results)
    {
        var wrong = results.Where(result => !result.Passed).Select(result => result.Name).ToList();
        return wrong.Count == 0 ? null : new RunFailure(
            FailureKind.Verification,
            $"the checks of this agent are wrong about: {string.Join("; ", wrong)}",
            "do not trust its verifications: check memory and disk (dmesg | tail), install the agent anew, then run nexus-backup verify --self-test");
    }

    private void Record(DateTimeOffset startedAt, string detail, RunFailure? failure) =>
        operations.Record(new Operation(0, Source: "", OperationKind.SelfTest, startedAt, timeProvider.GetUtcNow(), Backup: null, detail, failure));

    [LoggerMessage(EventId = 1107, EventName = "self_test_passed", Level = LogLevel.Information, Message = "backup verification self-test passed: all {Count} kinds of damage were told")]
    private partial void SelfTestPassed(int count);

    [LoggerMessage(EventId = 1108, EventName = "self_test_failed", Level = LogLevel.Error, Message = "backup verification self-test failed: {Reason}. Next: {Hint}")]
    private partial void SelfTestFailed(string reason, string hint);
}
