namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>Waits for a condition, never for a time.</summary>
internal static class Eventually
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);

    /// <summary>Asks again and again.</summary>
    /// <param name="condition">What is to become true.</param>
    /// <param name="limit">When to give up.</param>
    /// <returns>Whether it became true within the limit.</returns>
    public static async Task<bool> IsAsync(Func<Task<bool>> condition, TimeSpan limit)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(started) > limit)
                return false;
            await Task.Delay(PollInterval, TimeProvider.System);
        }

        return true;
    }
}
