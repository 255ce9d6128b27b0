using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Runbook;

/// <summary>
/// Walks the flowchart of the runbook (§2) over what was observed. Pure. The runbook's first branch ends in "healthy" as soon as a
/// fresh backup reads back; here a failed last run, a critical disk or a stopped agent is told all the same.
/// </summary>
internal static class Flowchart
{
    public static Diagnosis Walk(Observation seen, Commands commands)
    {
        if (seen.IsBlind)
        {
            var refused = RefusedAccess.Find(seen, commands)!;
            return new Diagnosis(seen.Source, seen.Noun, [], [new Step("3E", DiagnosisTexts.IsAccessGiven, Passed: false, refused.Evidence)], [refused]) { IsBlind = true };
        }

        Finding?[] hindered = [ChecksumMismatch(seen, commands), FullDisk.Find(seen, commands), SourceTrouble.Find(seen, commands), RefusedAccess.Find(seen, commands), MissingTool.Find(seen, commands)];
        Finding?[] stopped = [StoppedScheduler.Find(seen, commands)];
        Finding?[] further = [.. FurtherStores.Find(seen, commands)];
        Finding?[] over = [LastFailure.Find(seen, commands)];

        // Where no agent ever ran, its absence asks for no level, and a store of copies that is lost does.
        var known = hindered.Concat(seen.Agent.Reasons.Count > 0 || seen.State.Late is not null ? [.. stopped, .. further] : [.. further, .. stopped])
            .Append(LastFailure.FindDied(seen, commands)).Concat(over).OfType<Finding>().ToList();
        var unknown = FailedReading(seen) ?? (hindered.Concat(over).OfType<Finding>().Any() ? null : Unexplained(seen, isExplained: known.Count > 0));
        if (unknown is not null)
            known.Add(unknown with { Next = [Commands.AgentLog, $"{commands.Backup(seen.Source)} --verbose"] });
        var findings = known.OrderBy(finding => finding.IsPast).ToList();

        var reasons = new[] { Unrestorable(seen, findings) }.OfType<EscalationReason>()
            .Concat(seen.State.Reasons).Concat(seen.Agent.Reasons).OrderByDescending(reason => reason.Level).ToList();
        return new Diagnosis(seen.Source, seen.Noun, reasons, Steps(seen, findings), findings)
        {
            IsNew = seen.State.IsNew,
            HasLost = seen.State.Lost.Count > 0,
            Remedies =
            [
                .. seen is { CanReturn: true, State.IsEmptied: false } ? [commands.Copy(seen.Source)] : (string[])[],
                .. findings.Count > 0 ? [] : reasons.Select(reason => NextCommand.For(reason, seen, commands)).OfType<string>().Distinct(StringComparer.Ordinal),
                .. seen.State.Lost.Count > 0 ? [$"{commands.AcceptLost(seen.Source)}   # only if they were deleted on purpose"] : (string[])[],
            ],
        };
    }

    /// <summary>[A]: the newest stored backup is corrupt or lost what it builds on, and nothing newer is good.</summary>
    private static Finding? ChecksumMismatch(Observation seen, Commands commands)
    {
        var newest = seen.ReadBack is { Failure: null } read ? read.Backup : NewestStored(seen);
        if (newest is not { State: BackupState.Corrupt or BackupState.Quarantined } || SourceTrouble.IsDamageOfSource(newest)
            || seen.State.NewestGood?.CapturedAt > newest.CapturedAt)
        {
            return null;
        }

        if (newest.MissingBase is { } gone)
            return new Finding(Cause.Bereft, DiagnosisTexts.Bereft(seen, newest, gone), [seen.State.HoldersOf(gone).Count > 0 ? commands.Copy(seen.Source) : commands.Backup(seen.Source), commands.VerifyAll(seen.Source)]);
        return new Finding(Cause.Checksum, DiagnosisTexts.Corrupt(newest), [commands.Backup(seen.Source), commands.VerifyAll(seen.Source)]);
    }

    /// <summary>The source is in danger or has lost its last backup, and no backup can be restored (runbook §4: L3).</summary>
    private static EscalationReason? Unrestorable(Observation seen, IReadOnlyList<Finding> findings) =>
        !seen.CanRestore && (findings.Any(finding => finding.Cause == Cause.Database) || seen.State.Level == EscalationLevel.L3)
            ? new(EscalationLevel.L3, EscalationCause.None, DiagnosisTexts.NothingToRestore(seen))
            : null;

    /// <summary>A disk that fails now is told whatever else is wrong: what it can't read, nobody can restore.</summary>
    private static Finding? FailedReading(Observation seen) =>
        ((BackupException?[])[seen.ReadBack?.Failure, seen.Store.Failure, seen.State.ListFailure, seen.WriteFailure, seen.SourceFailure])
            .FirstOrDefault(failure => failure?.Kind == FailureKind.Io) is { } refused ? Unknown(refused) : null;

    /// <summary>Something is wrong and no other box of the flowchart says what.</summary>
    /// <param name="isExplained">Whether it is known why backups are not made: then their age is no news.</param>
    private static Finding? Unexplained(Observation seen, bool isExplained) => seen switch
    {
        { State.CountedFailure: { } failure } => Unknown(DiagnosisTexts.LastRun(failure, seen)) with { IsPast = true },
        { ReadBack.Failure: { Kind: not FailureKind.Locked } failure } => Unknown(failure),
        { Store.Failure: { } failure } => Unknown(failure),
        { WriteFailure: { } failure } => Unknown(failure),
        { SourceFailure: { } failure } => Unknown(failure),
        { IsFresh: false, State.Activity: null or { RunStartedAt: null } } when !isExplained && !seen.Agent.RestoresOnly => Unknown(DiagnosisTexts.Age(seen)),
        _ => null,
    };

    private static Finding Unknown(BackupException met) => Unknown(Bilingual.Quoted(met.Message));

    private static Finding Unknown(Bilingual evidence) => new(Cause.Unknown, evidence, []);

    /// <summary>Each step shows what is measured now, or that it can't be. Only the last one shows what the last run met.</summary>
    private static List<Step> Steps(Observation seen, IReadOnlyList<Finding> findings)
    {
        var steps = new List<Step> { new("1", DiagnosisTexts.IsThereANewOne, seen.State.IsUnreadable ? null : seen.IsFresh, DiagnosisTexts.Age(seen)) };
        if (findings.FirstOrDefault(finding => finding.Cause == Cause.Bereft) is { } bereft)
            steps.Add(new Step("A", DiagnosisTexts.IsItSound, Passed: false, bereft.Evidence));
        else if (seen.ReadBack is { } read)
            steps.Add(new Step("A", DiagnosisTexts.IsItSound, read.Failure?.Kind == FailureKind.Locked ? null : read.IsGood, DiagnosisTexts.Reading(read)));
        else if (findings.FirstOrDefault(finding => finding.Cause == Cause.Checksum) is { } corrupt)
            steps.Add(new Step("A", DiagnosisTexts.IsItSound, Passed: false, corrupt.Evidence));

        steps.Add(new Step("2", DiagnosisTexts.DoesTheAgentRun, seen.Agent.StartsSchedules, DiagnosisTexts.Agent(seen)));
        steps.Add(new Step("3B", DiagnosisTexts.IsAnythingScheduled, !findings.Any(finding => finding.Cause == Cause.Scheduler), DiagnosisTexts.Schedule(seen)));
        steps.Add(StepOf("3C", Cause.Disk, DiagnosisTexts.IsThereRoom, seen.Store.Space is not null, DiagnosisTexts.Room(seen)));
        steps.Add(StepOf("3DB", Cause.Database, DiagnosisTexts.DoesItOpen(seen.Noun), seen.SourceFailure is null, DiagnosisTexts.Opens(seen)));
        steps.Add(StepOf("3E", Cause.Permission, DiagnosisTexts.IsAccessGiven, seen.WriteFailure is null, DiagnosisTexts.Access(seen)));
        if (seen.IsEncrypting)
            steps.Add(new Step("3K", DiagnosisTexts.CanItBeEncrypted, seen.EncryptionFailure is null, DiagnosisTexts.Encrypts(seen)));
        steps.AddRange(FurtherStores.Steps(seen));
        if (seen.State.Lost.Count > 0)
            steps.Add(new Step("3L", DiagnosisTexts.IsAnyGone, Passed: false, DiagnosisTexts.Lost(seen.State)));
        steps.Add(new Step("3", DiagnosisTexts.DidTheLastRunSucceed, seen.DiedRun is not null ? false : seen.State.Activity?.LastRunAt is null ? null : seen.State.CountedFailure is null, DiagnosisTexts.LastRunOf(seen)));
        return steps;

        Step StepOf(string number, Cause cause, Bilingual question, bool isKnown, Bilingual evidence) =>
            findings.FirstOrDefault(finding => finding.Cause == cause && !finding.IsPast) is { } found
                ? new Step(number, question, Passed: false, found.Evidence)
                : new Step(number, question, isKnown ? true : null, evidence);
    }

    private static Backup? NewestStored(Observation seen) => seen.State.Backups.FirstOrDefault(backup => !backup.IsFromTheFuture(seen.Now));
}
