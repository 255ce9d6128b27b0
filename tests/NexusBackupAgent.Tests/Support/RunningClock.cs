using System.Globalization;

namespace NexusBackupAgent.Tests.Support;

/// <summary>A clock that shows an instant of the test's choice when it is made, and runs on from there as the system's does.</summary>
internal sealed class RunningClock(DateTimeOffset start) : TimeProvider
{
    private const string Origin = "TESTS_CLOCK_ORIGIN";

    private DateTimeOffset instant = start;
    private long begun = System.GetTimestamp();

    /// <summary>Began at <see cref="Some.Instant"/> with the first process of the test run; the processes that it starts have the same.</summary>
    public static RunningClock Shared { get; } = new(Some.Instant) { begun = SharedOrigin() };

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>Sets it to another instant, from which it runs on.</summary>
    public void Set(DateTimeOffset now) => (instant, begun) = (now, System.GetTimestamp());

    /// <summary>Sets it to what another clock shows, and never behind that one, however long it takes to ask.</summary>
    public void Set(Func<DateTimeOffset> ask)
    {
        var asked = System.GetTimestamp();
        (instant, begun) = (ask(), asked);
    }

    public override DateTimeOffset GetUtcNow() => instant + System.GetElapsedTime(begun);

    /// <summary>Time since the computer started is the same in all processes.</summary>
    private static long SharedOrigin()
    {
        if (long.TryParse(Environment.GetEnvironmentVariable(Origin), NumberStyles.None, CultureInfo.InvariantCulture, out var inherited))
            return inherited;
        var origin = System.GetTimestamp();
        Environment.SetEnvironmentVariable(Origin, origin.ToString(CultureInfo.InvariantCulture));
        return origin;
    }
}
