using NexusBackupAgent.Common;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>Where the files of a chain go while it is read.</summary>
internal sealed record ClusterSinks(IClusterSink Data, IClusterSink Wal);

/// <summary>What reading a chain gave.</summary>
/// <param name="Control">Of the base backup.</param>
/// <param name="Last">The last WAL segment that there is; null when its own WAL says nothing of use.</param>
internal sealed record ClusterFacts(ContentCheck Check, ControlFile? Control, WalSegment? Last);

/// <summary>Reads a base backup and the WAL that follows it, compares every file with its manifest, and follows the WAL without a gap.</summary>
internal sealed class ClusterCheck(StoredChain chain)
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
        foreach (var link in chain.Links)
            await ReadAsync(link, sinks, cancellationToken);
        foreach (var link in chain.Later)
            await ReadLaterAsync(link, isLast: link == chain.Later[^1], sinks, cancellationToken);
        var restored = chain.Links.Count == 1 ? (Artifacts.ArtifactDigest?)null : WalCapture.RestoredOf([.. chain.Links.Select(link => link.Content!.Value)]);
        return new ClusterFacts(new ContentCheck(finding, restored, note), control, sequence.Last ?? end?.Last);
    }

    private async Task ReadAsync(StoredLink link, ClusterSinks? sinks, CancellationToken cancellationToken)
    {
        if (link.Type == BackupType.Incremental)
            await ReadWalAsync(link, link.CopyContentAsync, sinks, cancellationToken);
        else
            await ReadBaseAsync(link, sinks?.Data, cancellationToken);
    }

    private async Task ReadBaseAsync(StoredLink link, IClusterSink? sink, CancellationToken cancellationToken)
    {
        var reading = new ClusterReading(sink, sums: true);
        await ClusterArchive.ReadAsync(link.CopyContentAsync, reading.LookAsync, cancellationToken);
        control = reading.Control;
        note = reading.Note;
        var found = reading.Finding();
        if (found is not null && link != chain.Tip)
            throw link.Refuse(found);
        finding = found;
        if (found is not null)
            return;
        end = reading.End();
        sequence.Add(end.Last);
    }

    private async Task ReadWalAsync(StoredLink link, Func<Stream, CancellationToken, Task> copy, ClusterSinks? sinks, CancellationToken cancellationToken)
    {
        if (end is null)
            return; // what it builds on is refused
        await ClusterArchive.ReadAsync(copy, (file, token) => WalArchive.LookAsync(file, sequence, end.Last.Size, end.SystemIdentifier, sinks?.Wal, token), cancellationToken);
    }

    /// <summary>Of a later backup only its WAL is wanted: that which leads to it, and, when recovery goes on behind it, its own.</summary>
    private async Task ReadLaterAsync(StoredLink link, bool isLast, ClusterSinks? sinks, CancellationToken cancellationToken)
    {
        if (link.Type == BackupType.Incremental)
        {
            await ReadWalAsync(link, link.CopyContentAsync, sinks, cancellationToken);
            return;
        }

        await ReadWalAsync(link, (stream, token) => link.CopyPartAsync(PhysicalSource.WalPart, stream, token), sinks, cancellationToken);
        if (isLast)
            return;
        var reading = new ClusterReading(sinks is null ? null : new WalOnly(sinks.Wal), sums: false);
        await ClusterArchive.ReadAsync(link.CopyContentAsync, reading.LookAsync, cancellationToken);
        foreach (var name in reading.WalNames.Where(name => name.Length == sequence.Last!.Value.Name.Length).Order(StringComparer.Ordinal))
        {
            if (WalSegment.TryParse(name, end!.Last.Size, out var segment) && segment.Number > sequence.Last!.Value.Number)
                sequence.Add(segment);
        }
    }

    /// <summary>Takes the WAL out of a base backup.</summary>
    private sealed class WalOnly(IClusterSink wal) : IClusterSink
    {
        public Stream? Open(ArchiveFile file) => file is { IsDirectory: false } && file.Path.StartsWith(ClusterReading.WalPrefix, StringComparison.Ordinal) && !file.Path.AsSpan(ClusterReading.WalPrefix.Length).Contains('/')
            ? wal.Open(file with { Path = file.Path[ClusterReading.WalPrefix.Length..] })
            : null;
    }
}
