namespace NexusBackupAgent.Tests.Support;

/// <summary>
/// A clock that stands still until a test moves it. Timers fire in the order of their due times, inside
/// <see cref="Advance"/>. The wall clock can be set without the timers noticing, as an operator or NTP does.
/// </summary>
internal sealed class ManualClock(DateTimeOffset start) : TimeProvider
{
    private readonly Lock gate = new();
    private readonly List<Timer> timers = [];
    private DateTimeOffset wallAtStart = start;
    private TimeSpan elapsed;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override DateTimeOffset GetUtcNow()
    {
        lock (gate)
            return wallAtStart + elapsed;
    }

    public override long GetTimestamp()
    {
        lock (gate)
            return elapsed.Ticks;
    }

    /// <summary>Sets the wall clock; timers run on undisturbed.</summary>
    public void SetWallClock(DateTimeOffset now)
    {
        lock (gate)
            wallAtStart = now - elapsed;
    }

    /// <summary>Lets time pass and fires what falls due.</summary>
    public void Advance(TimeSpan by)
    {
        TimeSpan target;
        lock (gate)
            target = elapsed + by;
        while (true)
        {
            Timer? due;
            lock (gate)
            {
                due = timers.Where(timer => timer.Due <= target).MinBy(timer => timer.Due);
                elapsed = due is null ? target : due.Due > elapsed ? due.Due.Value : elapsed;
            }

            if (due is null)
                return;
            due.Fire();
        }
    }

    /// <summary>Whether somebody waits on this clock for at most <paramref name="within"/>.</summary>
    public bool IsAwaited(TimeSpan within)
    {
        lock (gate)
            return timers.Exists(timer => timer.Due <= elapsed + within);
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        lock (gate)
            timers.Add(timer);
        return timer;
    }

    private sealed class Timer(ManualClock clock, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan period;

        public TimeSpan? Due { get; private set; }

        public void Fire()
        {
            lock (clock.gate)
                Due = period > TimeSpan.Zero ? Due + period : null;
            callback(state);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock.gate)
            {
                this.period = period;
                Due = dueTime == Timeout.InfiniteTimeSpan ? null : clock.elapsed + dueTime;
            }

            return true;
        }

        public void Dispose()
        {
            lock (clock.gate)
                clock.timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
