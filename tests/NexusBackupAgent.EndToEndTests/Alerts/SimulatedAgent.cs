using System.Globalization;
using System.Text;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>A fortnight of an agent as promtool's input: it is scraped every four minutes, misses some scrapes, and is restarted twice.</summary>
/// <param name="instance">Metric label.</param>
/// <param name="from">The instant that is 0 in the simulation.</param>
/// <param name="missesAt">Which scrape of each 37 fails.</param>
internal sealed class SimulatedAgent(string instance, DateTimeOffset from, int missesAt, params SimulatedSource[] sources)
{
    /// <summary>Minutes between two scrapes, below Prometheus's look-back of five.</summary>
    public const int Step = 4;

    public const int Steps = 14 * 24 * 60 / Step;

    // One restart within a scrape interval, and one that costs two scrapes.
    private static readonly int[] Restarts = [1011, 2011, 2012];

    /// <summary>Series and values in promtool's notation.</summary>
    public IEnumerable<(string Series, string Values)> Series()
    {
        yield return ($"up{{job=\"nexus-backup\",instance=\"{instance}\"}}", Values(step => IsMissed(step) ? 0 : 1));
        foreach (var (name, labels, value) in Own().Concat(sources.SelectMany(source => source.Series())))
        {
            var series = $"{name}{{job=\"nexus-backup\",instance=\"{instance}\"{labels}}}";
            yield return (series, Values(step => IsMissed(step) ? null : value(from.AddMinutes(step * Step))));
        }
    }

    private IEnumerable<(string Name, string Labels, Func<DateTimeOffset, double?> Value)> Own()
    {
        yield return ("nexus_backup_time_seconds", "", at => (at - from).TotalSeconds + 20); // no two clocks agree
        yield return ("nexus_backup_scheduler_heartbeat_timestamp_seconds", "", at => (at - from).TotalSeconds + 5);
        yield return ("nexus_backup_start_timestamp_seconds", "", at => Restarts.Append(0).Where(step => step <= (at - from).TotalMinutes / Step).Max() * Step * 60);
        yield return ("nexus_backup_build_info", ",version=\"1\",revision=\"a\"", _ => 1);
        yield return ("nexus_backup_self_test_success", "", _ => 1);
        yield return ("nexus_backup_last_self_test_timestamp_seconds", "", at => Math.Floor((at - from).TotalDays) * 86400);
        yield return ("nexus_backup_store_up", ",store=\"local\"", _ => 1);
        yield return ("nexus_backup_disk_used_ratio", ",store=\"local\"", at => at.Hour < 4 ? 0.79 : 0.78); // the old backups go when the new one is there
    }

    private bool IsMissed(int step) => step % 37 == missesAt || Restarts.Contains(step);

    /// <summary>Equal values in a row become one token; null is a scrape that failed, or did not have it.</summary>
    private static string Values(Func<int, double?> value)
    {
        var text = new StringBuilder();
        for (var step = 0; step <= Steps;)
        {
            var (at, first) = (step, value(step));
            while (step <= Steps && value(step) == first)
                step++;
            var token = first?.ToString("R", CultureInfo.InvariantCulture);
            text.Append(token is null ? string.Concat(Enumerable.Repeat("stale ", step - at)) : $"{token}x{step - at - 1} ");
        }

        return text.ToString();
    }
}
