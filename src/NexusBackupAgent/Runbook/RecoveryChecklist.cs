using NexusBackupAgent.Catalog;
using NexusBackupAgent.Runs;

namespace NexusBackupAgent.Runbook;

/// <summary>The checks of the runbook's §6, by their numbers there.</summary>
internal enum RecoveryCheck
{
    Service = 1,
    NewestBackup = 2,
    Gzip = 3,
    Checksum = 4,
    DatabaseIntegrity = 5,
    Disk = 6,
    Scheduler = 7,
}

/// <param name="Check">Which.</param>
/// <param name="Passed">Whether it meets the runbook's criterion.</param>
/// <param name="Measured">What was measured.</param>
/// <param name="Next">The next command; null when it passed.</param>
internal sealed record CheckedItem(RecoveryCheck Check, bool Passed, Bilingual Measured, string? Next);

/// <summary>What the seven checks look at.</summary>
/// <param name="Status">The source.</param>
/// <param name="Agent">The agent of this host.</param>
/// <param name="Store">Its store.</param>
/// <param name="ReadBack">The newest backup, read back now; null when there is none.</param>
/// <param name="Zone">The zone of the times that people read.</param>
/// <param name="Now">When, UTC.</param>
internal sealed record ChecklistFacts(SourceStatus Status, AgentCondition Agent, StoreStatus Store, ReadBack? ReadBack, TimeZoneInfo Zone, DateTimeOffset Now);

/// <summary>Decides the runbook's recovery checklist (§6). Pure.</summary>
internal static class RecoveryChecklist
{
    /// <returns>All seven, in the runbook's order.</returns>
    public static IReadOnlyList<CheckedItem> Decide(ChecklistFacts facts, Commands commands)
    {
        var (source, isUp) = (facts.Status.Name, facts.Agent.Works(facts.Now));
        var restart = facts.Agent.IsRunning ? Commands.RestartAgent : Commands.StartAgent;
        var isFresh = facts.Status.NewestGood is { } good && facts.Now - good.CapturedAt < facts.Status.Source.RpoWarning;
        var hasRoom = Escalation.OfStore(facts.Store.Failure is null, facts.Store.Space?.UsedRatio) is null;
        return
        [
            Item(RecoveryCheck.Service, isUp, ChecklistTexts.Service(facts), restart),
            Item(RecoveryCheck.NewestBackup, isFresh, ChecklistTexts.Newest(facts), commands.Backup(source)),
            OfContent(facts, RecoveryCheck.Gzip, VerificationCheck.Gzip, commands),
            OfContent(facts, RecoveryCheck.Checksum, VerificationCheck.Checksum, commands),
            OfContent(facts, RecoveryCheck.DatabaseIntegrity, VerificationCheck.Integrity, commands),
            Item(RecoveryCheck.Disk, hasRoom, ChecklistTexts.Disk(facts), facts.Store.Failure is null ? commands.PruneDryRun(source) : commands.CheckConfig()),
            Item(RecoveryCheck.Scheduler, isUp && facts.Status is { NextRun: not null, Late: null }, ChecklistTexts.Scheduler(facts), facts.Status.NextRun is null ? commands.CheckConfig() : restart),
        ];
    }

    private static CheckedItem OfContent(ChecklistFacts facts, RecoveryCheck check, VerificationCheck stored, Commands commands)
    {
        var source = facts.Status.Name;
        if (facts.ReadBack is not { } read)
            return Item(check, passed: false, ChecklistTexts.NoBackup, commands.Backup(source));
        if (read.Failure is { } failure)
            return Item(check, passed: false, ChecklistTexts.NotReadBack(failure), commands.Of("verify", source));
        var result = read.Backup.Verification?.Checks.FirstOrDefault(candidate => candidate.Check == stored);
        return Item(check, result is { Passed: true }, ChecklistTexts.Content(check, read, result), commands.Backup(source));
    }

    private static CheckedItem Item(RecoveryCheck check, bool passed, Bilingual measured, string next) => new(check, passed, measured, passed ? null : next);
}
