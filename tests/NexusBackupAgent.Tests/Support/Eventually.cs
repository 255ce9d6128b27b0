namespace NexusBackupAgent.Tests.Support;

/// <summary>Waits for what another thread or process is about to do; fails by name when it does not come.</summary>
internal static class Eventually
{
    // Only a failure waits so long; on a busy machine what takes a second alone takes a minute.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public static Task TrueAsync(Func<bool> condition, string what) => TrueAsync(() => Task.FromResult(condition()), what);

    public static Task TrueAsync(Func<Task<bool>> condition, string what) => TrueAsync(condition, () => what);

    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string> what)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            var waited = TimeProvider.System.GetElapsedTime(started);
            if (waited > Patience)
                Assert.Fail($"did not happen within {Patience.TotalSeconds} s: {what()}");
            // What takes long is looked at less often: a look may be a request or a query.
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Clamp(waited.TotalMilliseconds / 20, 2, 20)), TimeProvider.System);
        }
    }
}
