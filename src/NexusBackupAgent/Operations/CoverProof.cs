using NexusBackupAgent.Catalog;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Operations;

/// <summary>Expands what retention would count on, before it does: an increment that was proven by its chain alone covers nothing.</summary>
internal static class CoverProof
{
    /// <summary>The caller holds the source's lock, and has opened its catalog.</summary>
    /// <returns>What was read, as it is now: good and proven whole, or no cover any more.</returns>
    /// <exception cref="Common.BackupException">It could not be looked at; then nothing may go.</exception>
    public static async Task<IReadOnlyList<Backup>> CompleteAsync(BackupExaminer examiner, ProtectedSource source, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var read = new List<Backup>();
        foreach (var cover in RetentionPolicy.ToExpand(await source.Catalog.ListAsync(cancellationToken), source.Retention, now, source.Zone))
            read.Add(await examiner.ExamineAsync(source, cover, progress: null, cancellationToken));
        return read;
    }
}
