using NexusBackupAgent.Common;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Configuration;

/// <summary>How fast a store may be used: as it is written, at which hours it holds, and what it does to a file in a directory.</summary>
public sealed class BandwidthTests
{
    private const int Length = 20 << 16;

    [Theory]
    [InlineData("10MB/s", 10_000_000)]
    [InlineData("500kB/s", 500_000)]
    [InlineData("1.5 MiB/s", 1_572_864)]
    [InlineData("100Mbit/s", 12_500_000)]
    [InlineData("{limit: 2MB/s, from: \"08:00\", to: \"18:00\"}", 2_000_000)]
    [InlineData("[{limit: 2MB/s}, 3MB/s]", 2_000_000)]
    public async Task A_rate_is_read_as_it_is_written(string written, long bytes)
    {
        using var place = Place(written);
        Assert.Equal((0, ""), ((await place.RunAsync("check-config", "--json")).Code, string.Join('\n', (await place.RunAsync("check-config")).Errors)));
        var (configuration, _) = ConfigurationFile.Load(place.Configuration, TimeZoneInfo.Utc);
        Assert.NotNull(configuration);
        var clock = new ManualClock(new DateTimeOffset(2026, 2, 14, 0, 0, 0, TimeSpan.Zero)); // nine in Tokyo
        var store = configuration.Stores["local"].Open(new StoreSurroundings(clock, configuration.TimeZone, _ => { }));

        var writing = store.PutAsync("a", replace: false, Durability.Later, async (file, token) =>
        {
            await file.WriteAsync(new byte[Length], token);
            await file.WriteAsync(new byte[1], token);
        }, CancellationToken.None);
        var seconds = 0.0;
        while (!writing.IsCompleted)
        {
            await Eventually.TrueAsync(() => writing.IsCompleted || clock.IsAwaited(TimeSpan.FromMinutes(1)), "the writing waits, or is done");
            clock.Advance(TimeSpan.FromMilliseconds(1));
            seconds += 0.001;
        }

        Assert.InRange(seconds, ((double)Length / bytes) - 0.003, ((double)Length / bytes) + 0.003); // a wait has whole milliseconds
        Assert.Equal(Length + 1, (await writing).Length);
    }

    [Theory]
    [InlineData("10MBps", "is no rate")]
    [InlineData("10b/s", "is no rate")]
    [InlineData("10B/s", "is less than 1kB/s")]
    [InlineData("{from: \"08:00\", to: \"18:00\"}", "does not say how much")]
    [InlineData("{limit: 2MB/s, from: \"08:00\"}", "has one end of its hours alone")]
    [InlineData("{limit: 2MB/s, from: \"8\", to: \"18:00\"}", "is no time of day")]
    [InlineData("{limt: 2MB/s}", "did you mean limit?")]
    public async Task What_is_none_is_told_with_what_to_write(string written, string problem)
    {
        using var place = Place(written);

        var check = await place.RunAsync("check-config");

        Assert.Equal(2, check.Code);
        Assert.Contains(problem, string.Join(' ', (check.Output + check.Error).Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("07:59", false)]
    [InlineData("08:00", true)]
    [InlineData("17:59", true)]
    [InlineData("18:00", false)]
    public void It_holds_from_the_first_minute_to_the_last(string time, bool holds)
    {
        var at = TimeOnly.Parse(time, System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(holds, new BandwidthLimit(1, new TimeOnly(8, 0), new TimeOnly(18, 0)).HoldsAt(at));
        Assert.Equal(!holds, new BandwidthLimit(1, new TimeOnly(18, 0), new TimeOnly(8, 0)).HoldsAt(at)); // over midnight
        Assert.True(new BandwidthLimit(1, TimeOnly.MinValue, TimeOnly.MinValue).HoldsAt(at));
    }

    private static Workplace Place(string bandwidth)
    {
        var place = Workplace.WithDatabase();
        File.WriteAllText(place.Configuration, File.ReadAllText(place.Configuration).Replace("local: {path: backups}", $"local:\n    path: backups\n    bandwidth: {bandwidth}", StringComparison.Ordinal));
        return place;
    }
}
