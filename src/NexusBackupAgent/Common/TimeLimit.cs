namespace NexusBackupAgent.Common;

/// <summary>How long some work may take that its caller may stop as well.</summary>
internal sealed class TimeLimit : IDisposable
{
    private readonly CancellationToken caller;
    private readonly CancellationTokenSource limit;
    private readonly CancellationTokenSource either;

    /// <param name="span">From now on.</param>
    /// <param name="caller">Stops the work before that.</param>
    public TimeLimit(TimeSpan span, TimeProvider timeProvider, CancellationToken caller)
    {
        this.caller = caller;
        limit = new CancellationTokenSource(span, timeProvider);
        either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, caller);
    }

    /// <summary>For the work: the limit and the caller cancel it.</summary>
    public CancellationToken Token => either.Token;

    /// <summary>Whether it was the limit that stopped the work. A caller who stopped it too has no use for that.</summary>
    public bool IsExceeded => limit.IsCancellationRequested && !caller.IsCancellationRequested;

    public void Dispose()
    {
        either.Dispose();
        limit.Dispose();
    }
}
