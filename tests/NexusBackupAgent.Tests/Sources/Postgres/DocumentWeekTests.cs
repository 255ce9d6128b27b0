using System.Diagnostics;
using System.Globalization;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>The dataset document's schedules run for a week in fast motion, while the database is written all the time.</summary>
public sealed class DocumentWeekTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    /// <summary>§2.2 of the document, as it is written there.</summary>
    private const string Schedules = """
        full_backup:
          cron: "0 0 * * 0"
          type: full
          retention: 30d
        differential_backup:
          cron: "0 0 * * *"
          type: differential
          retention: 7d
        incremental_backup:
          cron: "0 */6 * * *"
          type: incremental
          retention: 3d
        """;

    private const string Balances =
        "SELECT (SELECT max(id) || ' ' || count(*) FROM marks) || ' ' || ((SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history) AND (SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT sum(bbalance) FROM pgbench_branches))";

    private static readonly TimeZoneInfo Tokyo = TimeZoneInfo.FindSystemTimeZoneById("Asia/Tokyo");

    /// <summary>From Saturday noon: a week in <c>tests/run all</c>, otherwise until Monday morning.</summary>
    private static readonly TimeSpan Span = TestScope.IsWhole ? TimeSpan.FromDays(7) : TimeSpan.FromHours(42);

    /// <summary>Whether the backups are physical: those restore for longer, and instants between them are <see cref="PointInTimeTests"/>'s.</summary>
    public static TheoryData<bool> Methods => TestScope.IsWhole ? [false, true] : [false];

    [SkippableTheory]
    [MemberData(nameof(Methods))]
    public async Task Every_restore_point_that_is_left_gives_what_was_committed_then(bool isPhysical)
    {
        using var bench = new DatabaseBench(cluster);
        bench.Configure(keys: isPhysical ? bench.Physical : "", schedules: Schedules);
        string[] at = ["-h", cluster.Sockets, "-p", $"{cluster.Port}", "-U", "postgres"];
        cluster.RunAsUser("pgbench", [.. at, "-i", "-s", "1", "-q", bench.Database]);
        bench.Execute("CREATE TABLE marks (id serial PRIMARY KEY)");
        var start = bench.Place.Clock.GetUtcNow();
        using var busy = Process.Start(new ProcessStartInfo(Path.Combine(PostgresCluster.Binaries!, "pgbench"), [.. at, "-n", "-c", "1", "-R", "40", "-T", "3600", bench.Database]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        var (before, after, number) = (new Dictionary<string, int>(StringComparer.Ordinal), new Dictionary<string, int>(StringComparer.Ordinal), 0);
        var scheduled = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            foreach (var (time, schedule) in Occurrences(start))
            {
                bench.Place.Clock.Set(time);
                var known = await IdsAsync(bench);
                var committed = Mark();
                await bench.DoAsync("backup", "--schedule", schedule);
                Mark();
                var made = Assert.Single((await IdsAsync(bench)).Except(known));
                (before[made], after[made], scheduled[made]) = (committed, number, schedule);
            }
        }
        finally
        {
            busy.Kill();
            await busy.WaitForExitAsync();
        }

        Assert.Equal(3, scheduled.Values.Distinct().Count());
        await bench.DoAsync("verify", "--all");
        await bench.DoAsync("drill");
        var left = await IdsAsync(bench);
        Assert.Empty(scheduled.Where(made => made.Value != "incremental_backup").Select(made => made.Key).Except(left)); // none is a week old
        var random = new Random(bench.Database.GetHashCode(StringComparison.Ordinal));
        var chosen = left.OrderBy(_ => random.Next()).Take(TestScope.IsWhole ? 20 : 3).ToList();
        foreach (var id in chosen)
        {
            var to = isPhysical ? Path.Combine(Path.GetDirectoryName(cluster.Data)!, $"{bench.Database}-{id}") : $"{bench.Database}_{id}";
            await bench.DoAsync("restore", "shop", "--id", id, "--to", to);
            var state = (isPhysical ? Physical.RowsOf(cluster, to, Balances, bench.Database) : bench.Rows(Balances, to))[0];
            var words = state.Split(' ');
            var last = int.Parse(words[0], CultureInfo.InvariantCulture);
            Assert.True(words[0] == words[1] && last >= before[id] && last <= after[id], $"{id} of {string.Join(' ', chosen)}: {state}, and {before[id]} to {after[id]} were committed");
            Assert.Equal("true", words[2]); // whole transactions
            if (isPhysical)
                Directory.Delete(to, recursive: true);
            else
                cluster.Execute("postgres", $"DROP DATABASE \"{to}\"");
        }

        int Mark() => number = int.Parse(bench.Rows("INSERT INTO marks DEFAULT VALUES RETURNING id")[0], CultureInfo.InvariantCulture);
    }

    /// <summary>When the schedules are due, one after the other; what is due at the same time in the document's order.</summary>
    private static IEnumerable<(DateTimeOffset At, string Schedule)> Occurrences(DateTimeOffset start)
    {
        (string Name, CronSchedule Cron)[] all = [("full_backup", CronSchedule.Parse("0 0 * * 0")), ("differential_backup", CronSchedule.Parse("0 0 * * *")), ("incremental_backup", CronSchedule.Parse("0 */6 * * *"))];
        return all.SelectMany((schedule, order) => Of(schedule.Cron).Select(at => (At: at, schedule.Name, Order: order))).OrderBy(due => due.At).ThenBy(due => due.Order).Select(due => (due.At.AddSeconds(due.Order * 20), due.Name));

        IEnumerable<DateTimeOffset> Of(CronSchedule cron)
        {
            for (var at = cron.GetNextOccurrence(start, Tokyo); at is { } next && next < start + Span; at = cron.GetNextOccurrence(next, Tokyo))
                yield return next;
        }
    }

    private static async Task<IReadOnlyList<string>> IdsAsync(DatabaseBench bench) =>
        [.. (await bench.DoAsync("list", "--json")).Json.EnumerateArray().Select(backup => backup.GetProperty("id").GetString()!)];
}
