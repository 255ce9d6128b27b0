using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Metrics;

/// <summary>The families with one series per store.</summary>
internal static class StoreMetrics
{
    private static readonly string[] OfStore = ["store"];

    /// <param name="exposition">Takes the families.</param>
    /// <param name="stores">As they are now. A store that can't be asked exports no room: an old figure would be a wrong one.</param>
    /// <param name="unreadable">Names of those in which the backups of a source can't be listed, although the store itself may be well: a directory or a link in it is not.</param>
    public static void Add(Exposition exposition, IReadOnlyList<StoreStatus> stores, IReadOnlySet<string> unreadable)
    {
        exposition.Gauge("store_up", "Whether the store can be used, for each of its sources, and written (1), or not (0).", OfStore,
            stores.Select(store => new Sample(Exposition.Flag(store.Failure is null && !unreadable.Contains(store.Name)), store.Name)));
        PerSpace("disk_used_ratio", "Used share of the store's file system as df counts: used / (used + available to ordinary users), 0 to 1.", space => space.UsedRatio);
        PerSpace("disk_size_bytes", "Size of the store's file system.", space => space.Size);
        PerSpace("disk_free_bytes", "Bytes of the store's file system that ordinary users may still use.", space => space.Available);

        void PerSpace(string name, string help, Func<StoreSpace, double> value) =>
            exposition.Gauge(name, help, OfStore, stores.Where(store => store.Space is not null).Select(store => new Sample(value(store.Space!.Value), store.Name)));
    }
}
