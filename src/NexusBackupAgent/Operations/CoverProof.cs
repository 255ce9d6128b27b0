using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Operations;

/// <summary>Expands what retention would count on, before it does: an increment that was proven by its chain alone covers nothing.</summary>
/// <param name="Read">What was expanded, as it is now: good and proven whole, or no cover any more.</param>
internal sealed record CoverProof(IReadOnlyList<Backup> Read)
{
    /// <summary>The caller holds the source's lock, and has opened its catalog.</summary>
    /// <exception cref="BackupException">It could not be looked at; then nothing may go.</exception>
    public static async Task<CoverProof> CompleteAsync(BackupExaminer examiner, ProtectedSource source, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var read = new List<Backup>();
        foreach (var cover in RetentionPolicy.ToExpand(await source.Catalog.ListAsync(cancellationToken), source.Retention, now, source.Zone))
            read.Add(await examiner.ExamineAsync(source, cover, progress: null, cancellationToken));
        return new CoverProof(read);
    }

    /// <summary>What would be so if each that <see cref="CompleteAsync"/> would expand proved good: for a plan.</summary>
    public static CoverProof Suppose(ProtectedSource source, IReadOnlyList<Backup> listed, DateTimeOffset now) =>
        new([.. RetentionPolicy.ToExpand(listed, source.Retention, now, source.Zone)
            .Select(cover => cover with { Verification = cover.Verification! with { Proof = Proof.Whole } })]);

    /// <summary>Why nothing may go: one of them is no good. Null when all are.</summary>
    /// <remarks>That a good result could not be kept, as on a store that is full, is no reason: it was expanded now, and pruning makes room.</remarks>
    public BackupException? Refusal(ProtectedSource source) => Read.FirstOrDefault(cover => cover.State != BackupState.Good) is not { } bad ? null : new BackupException(
        FailureKind.Verification,
        $"'{source.Catalog.Locate(bad.File)}' was to take the place of what has expired, and does not count: {bad.Objection}",
        source.MakeNew);

    /// <summary>The list with what was found now, also where the store did not take that. Of what changed since, nothing is known.</summary>
    public IReadOnlyList<Backup> LaidOver(IReadOnlyList<Backup> listed) => Read.Count == 0 ? listed : [.. listed.Select(backup =>
        backup.Proof == Proof.Chain && Read.FirstOrDefault(cover => cover is { Proof: Proof.Whole } && cover.File == backup.File && cover.Artifact == backup.Artifact) is { } cover
            ? backup with { Verification = cover.Verification }
            : backup)];
}
