using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Metrics;

/// <summary>The families with one series per store.</summary>
internal static class StoreMetrics
{
    /// <param name="stores">As they are now. A store that can't be asked exports no room: an old figure would be a wrong one.</param>
    /// <param name="unreadable">Names of those in which the backups of a source can't be listed, although the store itself may be well: a directory or a link in it is not.</param>
    public static IEnumerable<MetricFamily> Of(IReadOnlyList<StoreStatus> stores, IReadOnlySet<string> unreadable)
    {
        yield return Metric.Gauge("store_up", "Whether the store can be used, for each of its sources, and written (1), or not (0).", [
            .. stores.Select(store => Sample(store.Name, Metric.Flag(store.Failure is null && !unreadable.Contains(store.Name))))]);
        yield return PerSpace("disk_used_ratio", "Used share of the store's file system as df counts: used / (used + available to ordinary users), 0 to 1.", space => space.UsedRatio);
        yield return PerSpace("disk_size_bytes", "Size of the store's file system.", space => space.Size);
        yield return PerSpace("disk_free_bytes", "Bytes of the store's file system that ordinary users may still use.", space => space.Available);

        MetricFamily PerSpace(string name, string help, Func<StoreSpace, double> value) =>
            Metric.Gauge(name, help, [.. stores.Where(store => store.Space is not null).Select(store => Sample(store.Name, value(store.Space!.Value)))]);
    }

    private static MetricSample Sample(string store, double value) => new([("store", store)], value);
}
