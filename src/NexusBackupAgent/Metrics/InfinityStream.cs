using NexusBackupAgent.Artifacts;

namespace NexusBackupAgent.Metrics;

/// <summary>
/// Metrics as text on their way out. prometheus-net writes infinity as .NET does; Prometheus reads that too, but the format says <c>+Inf</c>, and
/// so do those who read it with other tools.
/// </summary>
internal sealed class InfinityStream(Stream output) : ForwardWriteStream
{
    // A label's value may hold the word; only the value of a sample ends its line.
    private static readonly byte[] Written = " Infinity\n"u8.ToArray();
    private static readonly byte[] Meant = " +Inf\n"u8.ToArray();

    private byte[] begun = [];

    /// <summary>Whole lines go on; the beginning of one waits for its end.</summary>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var first = buffer.Span.IndexOf((byte)'\n') + 1;
        if (first == 0)
        {
            begun = [.. begun, .. buffer.Span];
            return;
        }

        var last = buffer.Span.LastIndexOf((byte)'\n') + 1;
        await WriteLinesAsync((byte[])[.. begun, .. buffer.Span[..first]], cancellationToken);
        begun = buffer[last..].ToArray();
        await WriteLinesAsync(buffer[first..last], cancellationToken);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => output.FlushAsync(cancellationToken);

    private async ValueTask WriteLinesAsync(ReadOnlyMemory<byte> text, CancellationToken cancellationToken)
    {
        for (var at = text.Span.IndexOf(Written); at >= 0; at = text.Span.IndexOf(Written))
        {
            await output.WriteAsync(text[..at], cancellationToken);
            await output.WriteAsync(Meant, cancellationToken);
            text = text[(at + Written.Length)..];
        }

        await output.WriteAsync(text, cancellationToken);
    }
}
