using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Hooks;

/// <summary>
/// Tells the hooks of a source how something ended (§6.2 of the dataset management document). What they do with it is
/// theirs: one that fails or hangs is reported, and changes nothing of what it was told of.
/// </summary>
internal sealed partial class HookRunner(OperationJournal journal, TimeProvider timeProvider, ILogger<HookRunner> logger)
{
    private const int LongestWords = 200;

    /// <summary>Tells each hook in turn. Never throws. The caller has given the source's turn back: nobody waits for a hook.</summary>
    /// <param name="settings">Of the source.</param>
    /// <param name="cancellationToken">The agent is stopping: what was not told by then is not told.</param>
    public async Task TellAsync(HookSettings settings, HookEvent told, CancellationToken cancellationToken)
    {
        var hooks = told.Operation.Failure is null ? settings.OnSuccess : settings.OnFailure;
        if (hooks.Count == 0 || !told.IsNews)
            return;
        try
        {
            await TellAsync(told, hooks, settings.Timeout, cancellationToken);
        }
        catch (BackupException failure)
        {
            HookUnrecorded(told.Operation.Source, failure.Message, failure.Hint); // only the journal itself fails here
        }
    }

    private async Task TellAsync(HookEvent told, IReadOnlyList<Hook> hooks, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var (source, startedAt) = (told.Operation.Source, timeProvider.GetUtcNow());
        var facts = HookFacts.Of(told, FailuresInARow(source));
        var failures = new List<RunFailure>();
        foreach (var hook in hooks)
        {
            if (await TryTellAsync(hook, facts, timeout, cancellationToken) is not { } failure)
                continue;
            failures.Add(failure);
            HookFailed(NameOf(hook), source, failure.Message, failure.Hint);
        }

        var detail = $"told {string.Join(", ", hooks.Select(NameOf))} of the {facts.Event}'s {facts.Result}";
        var failed = failures is [] ? null : failures[0] with { Message = string.Join("; ", failures.Select(failure => failure.Message)) };
        journal.Record(new Operation(0, source, OperationKind.Hook, startedAt, timeProvider.GetUtcNow(), told.Backup?.Id, detail, failed));
    }

    private int FailuresInARow(string source)
    {
        try
        {
            return journal.Read().Sources.GetValueOrDefault(source)?.ConsecutiveFailures ?? 0;
        }
        catch (BackupException)
        {
            return 0; // telling that something failed matters more than how often
        }
    }

    /// <returns>Why it failed; null when it did not.</returns>
    private async Task<RunFailure?> TryTellAsync(Hook hook, HookFacts facts, TimeSpan timeout, CancellationToken cancellationToken)
    {
        try
        {
            if (hook.Url is { } url)
                await HookPost.SendAsync(url.Read(), facts.ToJson(), timeout, timeProvider, cancellationToken);
            else
                await RunAsync(hook.Command, facts, timeout, cancellationToken);
            return null;
        }
        catch (BackupException failure)
        {
            return RunFailure.Of(failure);
        }
        catch (OperationCanceledException)
        {
            return new RunFailure(FailureKind.Interrupted, $"hook {NameOf(hook)} was stopped with the agent", $"tell whom it tells: the {facts.Event} of {facts.Source} ended in {facts.Result}");
        }
        catch (Exception defect)
        {
            HookBroke(defect, NameOf(hook), facts.Source);
            return new RunFailure(FailureKind.Unexpected, $"hook {NameOf(hook)} failed: {defect.GetType().Name}", "run the command again with --verbose and report what it prints");
        }
    }

    private async Task RunAsync(IReadOnlyList<string> command, HookFacts facts, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var result = await ToolProcess.RunAsync(command, timeout, timeProvider, cancellationToken, facts.ToEnvironment(), facts.ToJson(), command[0]);
        if (result.ExitCode != 0)
        {
            throw new BackupException(
                FailureKind.Hook,
                $"hook '{command[0]}' ended with exit code {result.ExitCode}{LastWords(result)}",
                "run it by hand with the facts in its environment (docs/configuration.md, hooks)");
        }
    }

    private static string LastWords(ToolResult result) => result.LastLine switch
    {
        "" => "",
        { Length: > LongestWords } line => $": {line[..LongestWords]}…",
        var line => $": {line}",
    };

    private static string NameOf(Hook hook) => hook.Url?.ToString() ?? $"'{hook.Command[0]}'";

    [LoggerMessage(EventId = 1401, EventName = "hook_failed", Level = LogLevel.Warning, Message = "hook {Hook} of {Source} failed: {Reason}. Next: {Hint}")]
    private partial void HookFailed(string hook, string source, string reason, string hint);

    [LoggerMessage(EventId = 1402, EventName = "hook_unrecorded", Level = LogLevel.Warning, Message = "what the hooks of {Source} did is not in the journal: {Reason}. Next: {Hint}")]
    private partial void HookUnrecorded(string source, string reason, string hint);

    [LoggerMessage(EventId = 1403, EventName = "hook_broke", Level = LogLevel.Error, Message = "hook {Hook} of {Source}: unexpected error")]
    private partial void HookBroke(Exception exception, string hook, string source);
}

/// <summary>An operation that ended and that somebody may want to know of.</summary>
/// <param name="Operation">How it ended.</param>
/// <param name="Backup">The backup that it was done with, or made; null when there was none.</param>
/// <param name="File">Where that lies, for people; null when there was none.</param>
internal sealed record HookEvent(Operation Operation, Backup? Backup, string? File)
{
    /// <summary>How many attempts a backup took; null for what is not tried again.</summary>
    public int? Attempts { get; init; }

    /// <summary>What did not start because the source was busy, and what was stopped on purpose, is nobody's news.</summary>
    public bool IsNews => Operation.Failure?.Kind is not (FailureKind.Locked or FailureKind.Interrupted);
}
