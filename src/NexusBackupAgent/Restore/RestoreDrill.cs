using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Restore;

/// <summary>
/// Practises a restore: expands the newest good backup into scratch space, asks it what the configuration wants to know,
/// and measures the time (runbook §7). The live source is not touched.
/// </summary>
/// <param name="verifier">Reads, checks and expands.</param>
/// <param name="scratch">Where the backup is restored to, and removed from whatever happens.</param>
internal sealed class RestoreDrill(BackupVerifier verifier, ScratchDirectory scratch, TimeProvider timeProvider)
{
    /// <summary>Restores a backup, asks, and measures.</summary>
    /// <returns>The backup with the result, which is also kept beside it, where the store lets. Damage and wrong answers are results.</returns>
    /// <exception cref="BackupException">There was no way to look at it.</exception>
    public async Task<Backup> RunAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, IReadOnlyList<Probe> probes, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        using var place = scratch.NewWorkspace();
        var target = source.ForPractice(place.Path);
        scratch.RequireRoom(target.RoomFor(backup.ExpandedLength));
        IPreparedRestore? prepared = null;
        try
        {
            var started = timeProvider.GetTimestamp();
            try
            {
                (backup, prepared) = await new ConfirmedExpansion(verifier).RunAsync(source, catalog, backup, target, instant: null, progress, _ => { }, cancellationToken);
            }
            catch (DamagedBaseException damaged)
            {
                return await RecordAsync(catalog, backup with { BrokenChain = damaged.Message }, ResultOf(backup, damaged.Message, [], timeProvider.GetElapsedTime(started)), cancellationToken);
            }

            var answers = prepared is not null && backup.State == BackupState.Good ? await AskAsync(prepared, backup, probes, cancellationToken) : [];
            var result = ResultOf(backup, backup.State == BackupState.Good ? null : backup.Objection, answers, timeProvider.GetElapsedTime(started));
            return await RecordAsync(catalog, backup, result, cancellationToken);
        }
        finally
        {
            if (prepared is not null)
                await prepared.DisposeAsync();
        }
    }

    private static async Task<Backup> RecordAsync(BackupCatalog catalog, Backup backup, DrillResult result, CancellationToken cancellationToken)
    {
        try
        {
            return await catalog.RecordAsync(backup, result, cancellationToken);
        }
        catch (BackupException failure)
        {
            return backup with { Drill = result, NotRecorded = backup.NotRecorded ?? failure };
        }
    }

    private static async Task<IReadOnlyList<ProbeResult>> AskAsync(
        IPreparedRestore prepared, Backup backup, IReadOnlyList<Probe> probes, CancellationToken cancellationToken)
    {
        var results = new List<ProbeResult>();
        foreach (var probe in probes)
        {
            try
            {
                results.Add(ProbeJudge.Judge(probe, await prepared.ProbeAsync(probe.Sql, cancellationToken), backup.CapturedAt));
            }
            catch (BackupException refused) when (refused.Kind == FailureKind.Restore)
            {
                results.Add(new ProbeResult(probe.Sql, ProbeJudge.Words(probe), Answer: null, Passed: false, refused.Message));
            }
        }

        return results;
    }

    /// <param name="damage">Why it could not be restored; null when it could.</param>
    private DrillResult ResultOf(Backup backup, string? damage, IReadOnlyList<ProbeResult> answers, TimeSpan took)
    {
        var reason = damage is not null
            ? $"it can't be restored: {damage}"
            : answers.FirstOrDefault(answer => !answer.Passed) is { } wrong ? $"probe \"{wrong.Sql}\" expects {wrong.Expectation}: {wrong.Detail}" : "";
        return new DrillResult(backup.Id, timeProvider.GetUtcNow(), Math.Round(took.TotalSeconds, 3), reason.Length == 0, reason, answers);
    }
}
