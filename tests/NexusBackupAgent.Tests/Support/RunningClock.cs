namespace NexusBackupAgent.Tests.Support;

/// <summary>A clock that shows an instant of the test's choice when it is made, and runs on from there as the system's does.</summary>
internal sealed class RunningClock(DateTimeOffset start) : TimeProvider
{
    private DateTimeOffset instant = start;
    private long begun = System.GetTimestamp();

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
}
