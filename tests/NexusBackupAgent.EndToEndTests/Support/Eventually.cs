namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>
/// Waits for a condition, never for a time. A limit is a number of looks: where other work leaves this process and those that it asks little
/// of the processors, a look takes longer and so does the limit.
/// </summary>
internal static class Eventually
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);

    /// <summary>Asks again and again.</summary>
    /// <param name="condition">What is to become true.</param>
    /// <param name="limit">When to give up on a machine that has nothing else to do. A condition that never answers is the test host's to end (tests/run gives it twenty minutes).</param>
    /// <returns>Whether it became true within the limit.</returns>
    public static async Task<bool> IsAsync(Func<Task<bool>> condition, TimeSpan limit)
    {
        var looks = limit / PollInterval;
        for (var look = 0; !await condition(); look++)
        {
            if (look > looks)
                return false;
            await Task.Delay(PollInterval, TimeProvider.System);
        }

        return true;
    }
}
