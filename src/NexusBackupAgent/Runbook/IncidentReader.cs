using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Runbook;

/// <summary>Gathers from journal, catalog and store what the escalation template asks for.</summary>
internal static class IncidentReader
{
    /// <summary>Of several sources; those without an incident are left out where one has any, unless each was named.</summary>
    public static async Task<IReadOnlyList<Incident>> ReadAsync(StateSnapshot look, IReadOnlyList<ScheduledSource> sources, bool areNamed, CancellationToken cancellationToken)
    {
        var incidents = new List<Incident>();
        foreach (var source in sources)
            incidents.Add(Read(look, await look.OfAsync(source, cancellationToken, withOrphans: true)));
        return areNamed || incidents.TrueForAll(incident => incident.OccurredAt is null) ? incidents : [.. incidents.Where(incident => incident.OccurredAt is not null)];
    }

    public static Incident Read(StateSnapshot look, SourceState source)
    {
        var (reader, now) = (look.Reader, source.Now);
        var restores = reader.OperationsSince(source.Name, now - Incident.Memory).Where(done => done.Kind == OperationKind.Restore).ToList();
        IReadOnlyList<EscalationReason> reasons = [.. source.Reasons.Concat(look.Agent.Reasons).OrderByDescending(reason => reason.Level)];
        IReadOnlyList<Trouble> troubles =
        [
            .. OfRuns(reader.LastFailures(source.Name), source),
            .. OfBackups(source),
            .. source.Lost.Count > 0 ? [new Trouble(IncidentKind.Lost, source.Now, IsCurrent: true)] : (Trouble[])[], // nobody noted when they were deleted
            .. OfRestores(restores, source),
            .. reasons.Select(reason => OfReason(reason, look.Agent, source)).OfType<Trouble>(),
        ];
        var (first, kinds) = Incident.Sum(troubles, now);
        return new Incident(
            source,
            first,
            kinds,
            first is { At: var since } ? MeasuresTaken.Of(reader.OperationsSince(source.Name, since)) : [],
            reasons);
    }

    /// <summary>Every failure of the row counts: the last one may have another cause than the first.</summary>
    private static IEnumerable<Trouble> OfRuns(IReadOnlyList<Operation> failures, SourceState source) =>
        failures.Select(run => new Trouble(KindOf(run), run.StartedAt, source.Activity?.ConsecutiveFailures > 0)).DistinctBy(trouble => trouble.Kind);

    private static IncidentKind KindOf(Operation failed) => failed switch
    {
        { Failure.Kind: FailureKind.StoreFull } => IncidentKind.Disk,
        { Failure.Kind: FailureKind.Verification } => IncidentKind.Corrupt,
        { Schedule: BackupManifest.ManualSchedule } => IncidentKind.Manual,
        _ => IncidentKind.NotRun,
    };

    /// <summary>A corrupt backup is over once it is set aside and a newer good one exists.</summary>
    private static IEnumerable<Trouble> OfBackups(SourceState source) =>
        from backup in source.Backups
        where backup.State is BackupState.Corrupt or BackupState.Quarantined && !backup.HasBrokenChain // that is no incident of its own
        select new Trouble(IncidentKind.Corrupt, (backup.State == BackupState.Quarantined ? backup.SetAsideAt : backup.Verification?.VerifiedAt) ?? backup.Artifact.ModifiedAt, backup.State == BackupState.Corrupt || !(source.NewestGood?.CapturedAt > backup.CapturedAt));

    /// <summary>Only a restore over the live source is trouble, and not one that was refused before it began. A later restore or a good backup of what is there now ends it.</summary>
    private static IEnumerable<Trouble> OfRestores(IReadOnlyList<Operation> restores, SourceState source) =>
        from restore in restores
        where restore.IsOverLive && (restore.Failure is not null || source.Records.DiedRestore?.Id == restore.Id)
        select new Trouble(IncidentKind.Restore, restore.StartedAt, !(source.LastGoodAt > restore.StartedAt) && !restores.Any(later => later.Id > restore.Id && later.IsOverLive && later.Succeeded));

    /// <summary>Reasons for a level that are no event of the journal. Nobody noted when a disk became full or a store empty, so these begin now.</summary>
    private static Trouble? OfReason(EscalationReason reason, AgentState agent, SourceState source) => reason.Cause switch
    {
        EscalationCause.Stale => new Trouble(IncidentKind.NotRun, source.NewestGood!.CapturedAt + source.Source.RpoWarning, IsCurrent: true),
        EscalationCause.None or EscalationCause.StoreDown when source is { IsUnreadable: false, Store.IsAnother: true } => new Trouble(IncidentKind.AnotherStore, source.Now, IsCurrent: true),
        EscalationCause.None when source.IsEmptied => new Trouble(IncidentKind.Lost, source.Now, IsCurrent: true),
        EscalationCause.None when source.SuccessfulRuns > 0 => null, // those that are corrupt have times of their own
        EscalationCause.None => new Trouble(IncidentKind.NotRun, source.Activity!.AddedAt + source.Source.RpoWarning, IsCurrent: true),
        EscalationCause.ScheduleOverdue => new Trouble(IncidentKind.NotRun, source.Late!.Value.Due, IsCurrent: true),
        EscalationCause.RunStuck => new Trouble(IncidentKind.NotRun, source.RunStartedAt!.Value, IsCurrent: true),
        EscalationCause.StorageFull => new Trouble(IncidentKind.Disk, source.Now, IsCurrent: true),
        EscalationCause.AgentDown or EscalationCause.SchedulerStuck => new Trouble(IncidentKind.Agent, agent.LastBeat!.Value, IsCurrent: true) { IsLastSeen = true },
        EscalationCause.RetentionOverdue => new Trouble(IncidentKind.Retention, source.Now, IsCurrent: true),
        EscalationCause.DrillFailed => new Trouble(IncidentKind.Drill, source.Now, IsCurrent: true),
        EscalationCause.StoreDown when source.IsEmptied => null, // the same loss
        EscalationCause.DrillOverdue or EscalationCause.CopyLate or EscalationCause.SelfTestFailed or EscalationCause.StoreDown or EscalationCause.FromFuture or EscalationCause.StreamBehind => new Trouble(IncidentKind.Other, source.Now, IsCurrent: true),
        _ => null, // failed runs, failed restores and corrupt backups have times of their own
    };
}
