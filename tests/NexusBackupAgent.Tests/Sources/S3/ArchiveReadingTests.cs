using System.Formats.Tar;
using System.Security.Cryptography;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.S3;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.S3;

/// <summary>Archives that no capture of today makes.</summary>
public sealed class ArchiveReadingTests
{
    [Fact]
    public async Task An_archive_with_an_object_twice_is_not_good_and_the_object_is_given_once()
    {
        var given = new List<string>();

        var (check, _) = await new ArchiveReading(new StoredChain([new MemoryLink("a", "b", "a")], ExpandedLength: null)).RunAsync(
            async (line, content, token) =>
            {
                given.Add(line.Key!);
                await content.CopyToAsync(Stream.Null, token);
            },
            CancellationToken.None);

        Assert.Contains("it holds 'a', which its inventory has not, or not twice", check.Finding, StringComparison.Ordinal);
        Assert.Equal(["a", "b"], given);
    }

    /// <summary>An archive of objects that are one byte long, in memory.</summary>
    private sealed class MemoryLink(params string[] keys) : StoredLink
    {
        private static readonly byte[] Byte = [1];

        public override string Name => "files.tar.gz";

        public override string Location => "/store/files.tar.gz";

        public override string Source => "files";

        public override BackupType Type => BackupType.Full;

        public override ArtifactDigest? Content => new(1, Convert.ToHexStringLower(SHA256.HashData(Byte)));

        public override IReadOnlyList<string> Parts => [BucketArchive.InventoryPart];

        public override async Task CopyContentAsync(Stream destination, CancellationToken cancellationToken)
        {
            using var archive = new MemoryStream();
            await using (var tar = new TarWriter(archive, TarEntryFormat.Pax, leaveOpen: true))
            {
                foreach (var key in keys)
                    await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, key) { DataStream = new MemoryStream(Byte) }, cancellationToken);
            }

            await destination.WriteAsync(archive.ToArray(), cancellationToken);
        }

        public override Task CopyPartAsync(string name, Stream destination, CancellationToken cancellationToken)
        {
            var head = new InventoryHead(InventoryHead.CurrentFormat, "s3://b/", "http://127.0.0.1", Snapshots: null, Snapshot: null, Some.Instant);
            var lines = keys.Select(key => new InventoryLine(key, 1, new string('0', 32), Some.Instant, "STANDARD", At: null, Copy: null) { Archive = 0, Sha256 = Convert.ToHexStringLower(SHA256.HashData(Byte)) });
            return new Inventory(head, [.. lines], []).WriteAsync(destination, cancellationToken);
        }

        public override DamagedLinkException Refuse(string reason) => new(this, reason);

        public override Task<Stream> OpenSidecarAsync(string ending, CancellationToken cancellationToken) => throw new FileNotFoundException();

        public override Task KeepSidecarAsync(string ending, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
