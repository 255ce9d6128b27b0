using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Metrics;

/// <summary>What the stores of a source hold, of sources with more than one. Of a store that could not be read since the agent began nothing is told but how copying ended.</summary>
internal static class CopyMetrics
{
    private static readonly string[] OfStore = ["source", "store"];

    public static void Add(Exposition exposition, IReadOnlyList<SourceState> sources)
    {
        var copies = sources.SelectMany(source => source.Copies, (source, copy) => (Source: source, Copy: copy)).ToList();
        var held = sources.Where(source => source is { IsKnown: true, Copies.Count: > 0 }).Select(source => (Source: source.Name, Store: source.Store.Name, source.Backups))
            .Concat(copies.Where(copy => copy.Copy.Listing.Backups is not null).Select(copy => (Source: copy.Source.Name, Store: copy.Copy.Name, copy.Copy.Backups))).ToList();
        exposition.Gauge("store_backups", "Backups in each store of a source that has several, by state.", ["source", "store", "state"],
            from store in held
            from state in Enum.GetValues<BackupState>()
            select new Sample(store.Backups.Count(backup => backup.State == state), store.Source, store.Store, state.Word()));
        exposition.Gauge("store_stored_bytes", "Bytes of all stored artifacts in each store of a source that has several.", OfStore,
            held.Select(store => new Sample(store.Backups.Sum(backup => backup.StoredLength), store.Source, store.Store)));
        Each("store_last_copy_timestamp_seconds", "Capture time of the newest good copy in a further store; 0 when there is none.", copy => Exposition.Seconds(copy.NewestGood?.CapturedAt));
        Each("store_owed_backups", "Good backups of the first store that a further one lacks and would keep.", copy => copy.Owed.Count);
        Each("store_owed_since_timestamp_seconds", "Capture time of the oldest backup that is newer than all copies in a further store and waits to be copied; 0 when none does.", copy => Exposition.Seconds(copy.WaitingSince));
        exposition.Gauge("three_two_one", "1 if a source with several stores has three copies with the live one, on two media, one off site; 0 if not. A store whose copies are late does not count.", ["source"],
            from source in sources
            where source.IsKnown && source.ThreeTwoOne is not null
            select new Sample(Exposition.Flag(source.ThreeTwoOne!.IsMet), source.Name));
        exposition.Counter("copies_total", "Copyings to a further store that ended, by result; one that found nothing to do is none.", ["source", "store", "result"],
            from copy in copies
            from result in Results.All
            select new Sample(copy.Source.Counts.Copies(copy.Copy.Name, result), copy.Source.Name, copy.Copy.Name, result));

        void Each(string name, string help, Func<CopyState, double> value) =>
            exposition.Gauge(name, help, OfStore, copies.Where(copy => copy.Copy.IsKnown).Select(copy => new Sample(value(copy.Copy), copy.Source.Name, copy.Copy.Name)));
    }
}
