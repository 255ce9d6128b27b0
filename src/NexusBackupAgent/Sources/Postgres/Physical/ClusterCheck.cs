using NexusBackupAgent.Artifacts;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>Where the files of a chain go while it is read.</summary>
internal sealed record ClusterSinks(IClusterSink Data, IClusterSink Wal);

/// <summary>What reading a chain gave.</summary>
/// <param name="Control">Of the base backup.</param>
internal sealed record ClusterFacts(ContentCheck Check, ControlFile? Control);

/// <summary>Reads a base backup, what changed since, and the WAL that follows it, compares every file with its manifest, and follows the WAL without a gap.</summary>
/// <param name="newFile">Names a file for the blocks of a differential backup, which is removed when they are needed no more.</param>
internal sealed class ClusterCheck(StoredChain chain, Func<string> newFile)
{
    private readonly WalSequence sequence = new();
    private WalEnd? end;
    private ControlFile? control;
    private string? finding;
    private string? note;

    /// <exception cref="DamagedLinkException">One of them is not what was stored, or does not fit.</exception>
    public async Task<ContentCheck> RunAsync(ClusterSinks? sinks, CancellationToken cancellationToken) => (await ReadAsync(sinks, cancellationToken)).Check;

    public async Task<ClusterFacts> ReadAsync(ClusterSinks? sinks, CancellationToken cancellationToken)
    {
        var first = chain.Links.Count > 1 && chain.Links[1].Type == BackupType.Differential ? 1 : 0;
        await JudgeAsync(chain.Links[first], () => ReadBaseAsync(chain.Links[first], first == 0 ? null : chain.Links[0], sinks?.Data, cancellationToken));
        foreach (var link in chain.Links.Skip(first + 1))
            await JudgeAsync(link, () => ReadWalAsync(link.CopyContentAsync, sinks, cancellationToken));
        foreach (var link in chain.Later)
            await JudgeAsync(link, () => ReadWalAsync(link.Type == BackupType.Incremental ? link.CopyContentAsync : (stream, token) => link.CopyPartAsync(PhysicalSource.WalPart, stream, token), sinks, cancellationToken));
        var restored = chain.Links.Count == 1 ? (ArtifactDigest?)null : ArtifactDigest.OfChain([.. chain.Links.Select(link => link.Content!.Value)]);
        return new ClusterFacts(new ContentCheck(finding, restored, note), control);
    }

    /// <summary>What is wrong with the backup itself is a finding; with another one, that is damaged.</summary>
    private async Task JudgeAsync(StoredLink link, Func<Task> read)
    {
        try
        {
            await read();
        }
        catch (InvalidDataException odd) when (link == chain.Tip)
        {
            finding = odd.Message;
        }
        catch (InvalidDataException odd)
        {
            throw new DamagedLinkException(link, odd.Message);
        }
    }

    /// <param name="full">What a differential one builds on; null: it is full itself.</param>
    private async Task ReadBaseAsync(StoredLink link, StoredLink? full, IClusterSink? sink, CancellationToken cancellationToken)
    {
        var reading = new ClusterReading(sink, sums: true);
        if (full is null)
        {
            await ClusterArchive.ReadAsync(link.CopyContentAsync, reading.LookAsync, cancellationToken);
        }
        else
        {
            using var changes = await StoredDifferential.ReadAsync(link, newFile(), cancellationToken);
            await changes.ReadOnAsync(full, reading.LookAsync, cancellationToken);
        }

        control = reading.Control;
        note = reading.Note;
        if (reading.Finding() is { } found)
            throw new InvalidDataException(found);
        end = reading.End();
        sequence.Add(end.Last);
    }

    private Task ReadWalAsync(Func<Stream, CancellationToken, Task> copy, ClusterSinks? sinks, CancellationToken cancellationToken) => end is null
        ? Task.CompletedTask // what it builds on is refused
        : ClusterArchive.ReadAsync(copy, (file, token) => WalArchive.LookAsync(file, sequence, end.Last.Size, end.SystemIdentifier, sinks?.Wal, token), cancellationToken);
}
