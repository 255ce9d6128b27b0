using System.Collections.Concurrent;
using System.Security.Cryptography;
using NexusBackupAgent.ObjectStorage;

namespace NexusBackupAgent.Sources.S3;

/// <summary>Looks whether all copies that an inventory names are there and are what was copied, and reads some of them.</summary>
/// <param name="client">At the place of the snapshots.</param>
internal sealed class SnapshotCheck(ObjectClient client, Inventory inventory)
{
    /// <summary>MiB of parts that clients use: of content that came in parts nothing else tells where one ended.</summary>
    private static readonly int[] PartSizes = [5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 256, 512, 1024];

    private readonly ConcurrentBag<string> damaged = [];
    private readonly ConcurrentBag<string> ruined = [];
    private readonly ConcurrentBag<string> undecided = [];

    /// <summary>Whether the inventory is whole, so that what lies in the snapshot besides is too much.</summary>
    public bool NamesExtra { get; init; } = true;

    public async Task<ContentCheck> RunAsync(StoredChain chain, ReadingTurn turn, CancellationToken cancellationToken)
    {
        var (missing, changed, extra) = await CompareAsync(cancellationToken);
        var toRead = inventory.Objects.Where(line => turn.Has(line.Key!));
        if (missing.Count + changed.Count == 0)
        {
            var limits = new ParallelOptions { MaxDegreeOfParallelism = client.Address.MostRequests, CancellationToken = cancellationToken };
            await Parallel.ForEachAsync(toRead, limits, async (line, token) => await ReadAsync(line, token));
        }

        (string What, IReadOnlyCollection<string> Keys)[] findings = [("missing", missing), ("changed since they were copied", changed), ("not what their ETags say", damaged), ("not what their uploader says, who noted another MD5", ruined)];
        var found = findings.Where(finding => finding.Keys.Count > 0).Select(finding => $"{finding.Keys.Count} {finding.What}: {KeyText.Shown(finding.Keys)}").ToList();
        (string What, IReadOnlyCollection<string> Keys)[] remarks =
        [
            ("were deleted from the bucket before they could be copied", inventory.Vanished),
            ("lie in the snapshot and are no part of it", extra),
            ("were read, and no digest tells whether they are whole", undecided),
        ];
        var notes = remarks.Where(remark => remark.Keys.Count > 0).Select(remark => $"{remark.Keys.Count} objects {remark.What}: {KeyText.Shown(remark.Keys)}").ToList();
        return new ContentCheck(
            found.Count == 0 ? null : $"of {inventory.Objects.Count} objects in {client.Address.Shown} {string.Join("; ", found)}",
            chain.Links.Count > 1 ? chain.Tip.Content : null,
            notes.Count == 0 ? null : string.Join("; ", notes))
        {
            IsOfElsewhere = true,
        };
    }

    private async Task<(IReadOnlyList<string> Missing, IReadOnlyList<string> Changed, IReadOnlyList<string> Extra)> CompareAsync(CancellationToken cancellationToken)
    {
        var (changed, extra) = (new List<string>(), new List<string>());
        var expected = new PackedIndex<InventoryLine>(inventory.Objects, line => line.CopyKey);
        foreach (var folder in inventory.Objects.Select(line => line.At!).Distinct(StringComparer.Ordinal))
        {
            await foreach (var copy in client.ListAsync(folder, cancellationToken))
            {
                if (expected.Take(copy.Key) is not { } line)
                {
                    if (NamesExtra && folder == inventory.Head.Snapshot)
                        extra.Add(copy.Key[folder.Length..]);
                }
                else if ((copy.Length, copy.ETag) != (line.Size, line.CopyETag))
                {
                    changed.Add(line.Key!);
                }
            }
        }

        return ([.. expected.Rest().Select(line => line.Key!)], changed, extra);
    }

    private async Task ReadAsync(InventoryLine line, CancellationToken cancellationToken)
    {
        await using var content = await client.OpenAsync(line.CopyKey, line.CopyETag, cancellationToken);
        using var whole = ETags.NewMd5();
        var parts = content.HasDigest && !ETags.IsMd5(line.CopyETag) ? PartDigests.For(line.CopyETag, line.Size) : [];
        var buffer = new byte[1 << 17];
        long length = 0;
        while (await content.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            whole.AppendData(buffer, 0, read);
            foreach (var part in parts)
                part.Append(buffer.AsSpan(0, read));
            length += read;
        }

        var digest = whole.GetCurrentHash();
        if (length != line.Size || (content.HasDigest && ETags.IsMd5(line.CopyETag) && Convert.ToHexStringLower(digest) != line.CopyETag))
            damaged.Add(line.Key!);
        else if (content.DeclaredMd5 is { Length: > 0 } declared && declared != Convert.ToBase64String(digest))
            ruined.Add(line.Key!);
        else if (!(content.HasDigest && ETags.IsMd5(line.CopyETag)) && content.DeclaredMd5 is null && !Array.Exists(parts, part => part.Finish() == line.CopyETag))
            undecided.Add(line.Key!);
        foreach (var part in parts)
            part.Dispose();
    }

    /// <summary>The ETag that content has which came in parts of one size.</summary>
    private sealed class PartDigests : IDisposable
    {
        private readonly IncrementalHash digest = ETags.NewMd5();
        private readonly List<byte[]> parts = [];
        private readonly long size;
        private long left;

        private PartDigests(long size) => this.size = left = size;

        /// <summary>One for each size that the number of parts allows.</summary>
        public static PartDigests[] For(string etag, long length) =>
            etag.LastIndexOf('-') is > 0 and var dash && int.TryParse(etag.AsSpan(dash + 1), out var count)
                ? [.. PartSizes.Select(size => (long)size << 20).Where(size => Math.Max(1, (length + size - 1) / size) == count).Select(size => new PartDigests(size))]
                : [];

        public void Append(ReadOnlySpan<byte> content)
        {
            while (content.Length > 0)
            {
                var taken = (int)Math.Min(left, content.Length);
                digest.AppendData(content[..taken]);
                content = content[taken..];
                left -= taken;
                if (left == 0)
                    Close();
            }
        }

        public string Finish()
        {
            if (left < size || parts.Count == 0)
                Close();
            return ETags.OfParts(parts);
        }

        public void Dispose() => digest.Dispose();

        private void Close()
        {
            parts.Add(digest.GetHashAndReset());
            left = size;
        }
    }
}
