using System.Globalization;
using System.Text.RegularExpressions;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>
/// How many seconds a second of the hurried rules is. Where other work leaves a process little of the processors, a scrape takes longer than a
/// second, and an agent that is well would seem to be down; so time goes more slowly for Prometheus there too.
/// </summary>
internal static partial class Tempo
{
    private const double Slowest = 2; // each step more takes minutes more

    private const int Sample = 200_000_000; // nanoseconds of work

    /// <summary>1 on a machine with nothing else to do: how long work takes here, in times of what it takes alone.</summary>
    public static int Factor { get; } = Measure();

    public static TimeSpan Of(TimeSpan limit) => limit * Factor;

    /// <summary>The hurried rules at this tempo.</summary>
    public static string Slow(string rules, int factor) =>
        Limit().Replace(Duration().Replace(rules, duration => Times(duration, factor)), limit => Times(limit, factor));

    private static string Times(Match number, int factor) => (int.Parse(number.Value, CultureInfo.InvariantCulture) * factor).ToString(CultureInfo.InvariantCulture);

    private static int Measure()
    {
        var (worked, waited) = OfThread();
        var (work, wait) = (0L, 0L);
        while (work < Sample)
        {
            var (now, since) = OfThread();
            (work, wait) = (now - worked, since - waited);
        }

        return (int)Math.Clamp(Math.Round((work + wait) / (double)work), 1, Slowest);
    }

    /// <summary>Nanoseconds in which this thread had a processor, and in which it waited for one (Linux).</summary>
    private static (long Worked, long Waited) OfThread()
    {
        var fields = File.ReadAllText("/proc/thread-self/schedstat").Split(' ');
        return (long.Parse(fields[0], CultureInfo.InvariantCulture), long.Parse(fields[1], CultureInfo.InvariantCulture));
    }

    [GeneratedRegex(@"(?<=\b(?:for|keep_firing_for|interval|offset):? |\[)\d+(?=s\b)")]
    private static partial Regex Duration();

    [GeneratedRegex(@"(?<=_(?:idle|silence)_seconds\S* > )\d+\b")]
    private static partial Regex Limit();
}
