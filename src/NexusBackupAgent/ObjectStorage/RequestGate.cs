namespace NexusBackupAgent.ObjectStorage;

/// <summary>Lets so many requests be under way at once; half as many once the server asks for fewer, and slowly more while it does not.</summary>
internal sealed class RequestGate
{
    private readonly int most;
    private readonly Lock gate = new();
    private readonly Queue<TaskCompletionSource> waiting = new();
    private int limit;
    private int underWay;
    private int served;

    public RequestGate(int most) => this.most = limit = most;

    /// <summary>How many may be under way now.</summary>
    public int Limit
    {
        get
        {
            lock (gate)
                return limit;
        }
    }

    public async Task EnterAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource turn;
        lock (gate)
        {
            if (underWay < limit)
            {
                underWay++;
                return;
            }

            waiting.Enqueue(turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        await using var stop = cancellationToken.Register(() => turn.TrySetCanceled(cancellationToken));
        await turn.Task;
    }

    /// <param name="wasThrottled">Whether the server asked for fewer.</param>
    public void Leave(bool wasThrottled)
    {
        lock (gate)
        {
            underWay--;
            if (wasThrottled)
                (limit, served) = (Math.Max(1, limit / 2), 0);
            else if (limit < most && ++served >= 4 * limit)
                (limit, served) = (limit + 1, 0);
            while (underWay < limit && waiting.TryDequeue(out var next))
            {
                if (next.TrySetResult())
                    underWay++;
            }
        }
    }
}
