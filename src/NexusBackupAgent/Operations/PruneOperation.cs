using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Operations;

/// <summary>What retention decided, and what was removed.</summary>
/// <param name="Decisions">One for each backup, newest first.</param>
/// <param name="Removed">None of a plan.</param>
/// <param name="Doubtful">The newest backup when it is not known to be good: then nothing is removed. Null where nothing is to be removed anyway.</param>
internal sealed record PruneRecord(IReadOnlyList<RetentionDecision> Decisions, IReadOnlyList<Backup> Removed, Backup? Doubtful)
{
    /// <summary>What is kept by the decisions, and goes if what covers it proves good once <c>prune</c> expanded that. A record of what was done has none.</summary>
    public IReadOnlyList<Backup> Depending { get; init; } = [];

    /// <summary>Why nothing is removed although something should be; null when that is not so.</summary>
    public BackupException? Refusal => Doubtful is not { } newest ? null : new BackupException(
        FailureKind.Verification,
        $"nothing of '{newest.Source}' is removed: its newest backup {newest.File} is {newest.State.Word()}",
        newest.State == BackupState.Unverified ? $"nexus-backup verify '{newest.Source}'" : $"make a good one first: nexus-backup backup '{newest.Source}'");
}

/// <summary>Applies retention by hand. Finding nothing to remove is no measure, and in no journal.</summary>
internal sealed partial class PruneOperation(OperationRunner runner, BackupExaminer examiner, ILogger<PruneOperation> logger)
{
    /// <summary>What would be removed; touches nothing and waits for nobody.</summary>
    /// <exception cref="BackupException">The store can't be read.</exception>
    public async Task<PruneRecord> PlanAsync(ProtectedSource source, CancellationToken cancellationToken)
    {
        var backups = await source.Catalog.ListAsync(cancellationToken);
        var plan = await DecideAsync(source, backups, cancellationToken);
        var supposed = CoverProof.Suppose(source, backups, runner.Now);
        if (supposed.Read.Count == 0)
            return plan;
        var kept = plan.Decisions.Where(decision => decision.Keep).Select(decision => decision.Backup.File).ToHashSet(StringComparer.Ordinal);
        var going = (await DecideAsync(source, supposed.LaidOver(backups), cancellationToken)).Decisions
            .Where(decision => !decision.Keep && kept.Contains(decision.Backup.File))
            .ToDictionary(decision => decision.Backup.File, StringComparer.Ordinal);
        return plan with
        {
            Decisions = [.. plan.Decisions.Select(decision => !going.ContainsKey(decision.Backup.File) ? decision : decision with
            {
                Reasons = [.. decision.Reasons, "nexus-backup prune expands that first, and removes this one if it is good"],
            })],
            Depending = [.. plan.Decisions.Select(decision => decision.Backup).Where(backup => going.ContainsKey(backup.File))],
            Doubtful = plan.Doubtful ?? (going.Count > 0 && backups[0].State != BackupState.Good ? backups[0] : null),
        };
    }

    private async Task<PruneRecord> DecideAsync(ProtectedSource source, IReadOnlyList<Backup> backups, CancellationToken cancellationToken)
    {
        var decisions = await RetentionDecisions.OfAsync(source, backups, runner.Now, cancellationToken);
        var isDoubtful = decisions.Any(decision => !decision.Keep) && decisions[0].Backup.State != BackupState.Good;
        return new PruneRecord(decisions, [], isDoubtful ? decisions[0].Backup : null);
    }

    /// <summary>Removes it.</summary>
    /// <param name="patience">How long another operation of the source that is under way is waited for.</param>
    /// <param name="asker">Who asked for it; null: nobody.</param>
    /// <exception cref="BackupException">The source is busy, or the store or the journal can't be used.</exception>
    public Task<PruneRecord> RunAsync(ProtectedSource source, TimeSpan patience, CancellationToken cancellationToken, Asker? asker = null) => runner.InTurnAsync(
        source,
        patience,
        async () =>
        {
            var opened = await source.OpenAsync(cancellationToken);
            var plan = await PlanAsync(opened, cancellationToken);
            var going = plan.Decisions.Count(decision => !decision.Keep) + plan.Depending.Count;
            return new TurnEnd<PruneRecord>(going == 0 || plan.Doubtful is not null ? plan : await RemoveAsync(opened, plan, going, asker, cancellationToken));
        },
        cancellationToken);

    private async Task<PruneRecord> RemoveAsync(ProtectedSource source, PruneRecord plan, int going, Asker? asker, CancellationToken cancellationToken)
    {
        var (_, done, failure) = await runner.JournalledAsync(
            Operation.Begun(source.Name, OperationKind.Prune, runner.Now, $"removed {going} expired backups") with { Asker = asker },
            (_, _) => runner.WithinLimitAsync(source, WordsOf(source), DoAsync, broke => PruneBroke(broke, source.Name), cancellationToken),
            (ended, done) => done is null ? ended : ended with { Detail = $"removed {done.Removed.Count} expired{(done.Removed.Count == 0 ? "" : $": {string.Join(", ", done.Removed.Select(backup => backup.File))}")}" });
        return done ?? throw failure!;

        async Task<PruneRecord> DoAsync(CancellationToken token)
        {
            var now = plan.Depending.Count == 0 ? plan : await ExpandAsync(source, token);
            return now.Doubtful is not null ? now : now with
            {
                Removed = await source.Catalog.AloneAsync(
                    alone => Pruner.ApplyAsync(source.Catalog, source.Remains, runner.Now - BackupRunner.OrphanGrace, now.Decisions, alone), token),
            };
        }
    }

    /// <summary>What is decided once that was expanded on which it depends.</summary>
    /// <exception cref="BackupException">That is no good, or could not be looked at.</exception>
    private async Task<PruneRecord> ExpandAsync(ProtectedSource source, CancellationToken cancellationToken)
    {
        var proven = await CoverProof.CompleteAsync(examiner, source, runner.Now, cancellationToken);
        if (proven.Refusal(source) is { } refusal)
            throw refusal;
        return await DecideAsync(source, proven.LaidOver(await source.Catalog.ListAgainAsync(cancellationToken)), cancellationToken);
    }

    private static OperationWords WordsOf(ProtectedSource source) => new(
        $"the pruning of source '{source.Name}'", $"prune source '{source.Name}'", $"pruning source '{source.Name}'", "nexus-backup prune", source.Catalog.Locate(""))
    {
        AfterStop = "what was removed is gone; run it again for the rest",
    };

    [LoggerMessage(EventId = 1501, EventName = "prune_broke", Level = LogLevel.Error, Message = "pruning of {Source}: unexpected error")]
    private partial void PruneBroke(Exception exception, string source);
}
