using System.Collections.Concurrent;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Operations;

namespace NexusBackupAgent.Scheduling;

/// <summary>
/// When copies to a source's further stores are made besides right after a run: at the agent's start, when the first store
/// holds other backups than before, and each hour. After a failure at first a minute later, then twice as long each time.
/// Nothing of it outlives the process: what is owed the stores tell.
/// </summary>
internal sealed class CopyRounds(CopyOperation copies, TimeProvider timeProvider)
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<(string Source, string Store), Round> last = [];

    /// <summary>Those of a source that are due.</summary>
    /// <param name="stored">What the first store holds now.</param>
    public IEnumerable<CopyTarget> Due(ProtectedSource source, IReadOnlyList<Backup> stored) =>
        source.Copies.Where(copy => !last.TryGetValue((source.Name, copy.Store), out var round) || timeProvider.GetElapsedTime(round.EndedAt) >= round.Delay || (round.Failures == 0 && round.Seen != Glance(stored)));

    /// <summary>Copies now, and notes when to do so again.</summary>
    /// <param name="stored">What the first store held when that was decided; null: after a run, which changed it.</param>
    public async Task RunAsync(ProtectedSource source, CopyTarget copy, IReadOnlyList<Backup>? stored, CancellationToken cancellationToken)
    {
        var record = await copies.RunAsync(source, copy, TimeSpan.Zero, progress: null, cancellationToken);
        var failures = record.Failure is null ? 0 : (last.GetValueOrDefault((source.Name, copy.Store))?.Failures ?? 0) + 1;
        var delay = failures == 0 ? LongestDelay : TimeSpan.FromTicks(Math.Min(LongestDelay.Ticks, FirstDelay.Ticks << Math.Min(failures - 1, 6)));
        last[(source.Name, copy.Store)] = new Round(timeProvider.GetTimestamp(), delay, failures, stored is null ? null : Glance(stored));
    }

    /// <summary>Equal while the first store holds the same good backups.</summary>
    private static (int Count, BackupId? Newest) Glance(IReadOnlyList<Backup> stored) =>
        (stored.Count(backup => backup.State == BackupState.Good), stored.FirstOrDefault(backup => backup.State == BackupState.Good)?.Id);

    private sealed record Round(long EndedAt, TimeSpan Delay, int Failures, (int Count, BackupId? Newest)? Seen);
}
