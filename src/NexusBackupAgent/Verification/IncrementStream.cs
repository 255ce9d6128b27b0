using NexusBackupAgent.Artifacts;

namespace NexusBackupAgent.Verification;

/// <summary>
/// Hands an increment's content on until that is refused, and takes the rest all the same, so that the hashes of the whole
/// are known: only they tell damage from content that was wrong when it was stored.
/// </summary>
/// <param name="increment">Applies the content; disposed with this.</param>
internal sealed class IncrementStream(Stream increment) : ForwardWriteStream
{
    /// <summary>Why the content could not be applied; null as long as it could. Final after <see cref="CompleteAsync"/>.</summary>
    public string? Refusal { get; private set; }

    /// <summary>Says that all was given.</summary>
    public async Task CompleteAsync()
    {
        try
        {
            await increment.DisposeAsync();
        }
        catch (InvalidDataException refused)
        {
            Refusal ??= refused.Message;
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            if (Refusal is null)
                await increment.WriteAsync(buffer, cancellationToken);
        }
        catch (InvalidDataException refused)
        {
            Refusal = refused.Message;
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            increment.Dispose();
        base.Dispose(disposing);
    }
}
