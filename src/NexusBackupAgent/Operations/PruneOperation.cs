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
            await CoverProof.CompleteAsync(examiner, opened, runner.Now, cancellationToken);
            var plan = await PlanAsync(opened, cancellationToken);
            var going = plan.Decisions.Count(decision => !decision.Keep);
            return new TurnEnd<PruneRecord>(going == 0 || plan.Doubtful is not null ? plan : plan with { Removed = await RemoveAsync(opened, plan.Decisions, going, asker, cancellationToken) });
        },
        cancellationToken);

    private async Task<IReadOnlyList<Backup>> RemoveAsync(ProtectedSource source, IReadOnlyList<RetentionDecision> decisions, int going, Asker? asker, CancellationToken cancellationToken)
    {
        var (_, removed, failure) = await runner.JournalledAsync(
            Operation.Begun(source.Name, OperationKind.Prune, runner.Now, $"removed {going} expired backups") with { Asker = asker },
            (_, _) => runner.WithinLimitAsync(source, WordsOf(source), ApplyAsync, broke => PruneBroke(broke, source.Name), cancellationToken),
            (ended, removed) => removed is null ? ended : ended with { Detail = $"removed {removed.Count} expired: {string.Join(", ", removed.Select(backup => backup.File))}" });
        return removed ?? throw failure!;

        Task<IReadOnlyList<Backup>> ApplyAsync(CancellationToken token) => source.Catalog.AloneAsync(
            alone => Pruner.ApplyAsync(source.Catalog, source.Remains, runner.Now - BackupRunner.OrphanGrace, decisions, alone), token);
    }

    private static OperationWords WordsOf(ProtectedSource source) => new(
        $"the pruning of source '{source.Name}'", $"prune source '{source.Name}'", $"pruning source '{source.Name}'", "nexus-backup prune", source.Catalog.Locate(""))
    {
        AfterStop = "what was removed is gone; run it again for the rest",
    };

    [LoggerMessage(EventId = 1501, EventName = "prune_broke", Level = LogLevel.Error, Message = "pruning of {Source}: unexpected error")]
    private partial void PruneBroke(Exception exception, string source);
}
