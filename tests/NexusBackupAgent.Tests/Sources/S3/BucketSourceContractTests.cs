using System.Text;
using Amazon.S3.Model;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.S3;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.S3;

/// <summary>A bucket whose backups are archives in the store keeps to the same contract.</summary>
public sealed class ArchivedBucketContractTests : BucketSourceContractTests
{
    private protected override BucketPlaces Places => BucketPlaces.OfArchives(base.Places.Live, Clock);
}

/// <summary>A bucket keeps to the contract of every kind.</summary>
public class BucketSourceContractTests : BackupSourceContract
{
    private readonly Lazy<(string Live, string Snapshots, string Other)> buckets = new(() =>
    {
        S3Gateway.Require();
        return Task.Run(async () => (await Gateway.NewBucketAsync(), await Gateway.NewBucketAsync(), await Gateway.NewBucketAsync())).GetAwaiter().GetResult();
    });

    private static S3Gateway Gateway => Task.Run(S3Gateway.SharedAsync).GetAwaiter().GetResult();

    private protected virtual BucketPlaces Places => new(Gateway.Address(buckets.Value.Live, "lives here/"), Gateway.Address(buckets.Value.Snapshots, "snapshots/"), Clock);

    private protected override IBackupSource Source => new BucketSource(Places, new BucketOptions(new KeyPatterns([], ["*.tmp"]), ReadBack: 1), Scratch);

    private protected override string Elsewhere => $"s3://{buckets.Value.Other}/restored/";

    private protected override string Question => "sub/日本語 b.txt";

    private protected override async Task MakeAsync(string text)
    {
        foreach (var key in (string[])["a.txt", Question, "double//c", "not this.tmp"])
            await Gateway.Raw.PutObjectAsync(new PutObjectRequest { BucketName = buckets.Value.Live, Key = "lives here/" + key, ContentBody = $"{text} of {key}\n" });
    }

    /// <summary>An upload in parts went wrong and nobody noticed; its client had noted the digest.</summary>
    private protected override async Task RuinAsync()
    {
        var request = new PutObjectRequest { BucketName = buckets.Value.Live, Key = "lives here/a.txt", ContentBody = "cut o" };
        request.Metadata.Add("md5chksum", Convert.ToBase64String(ETags.Md5(Encoding.UTF8.GetBytes("cut off"))));
        await Gateway.Raw.PutObjectAsync(request);
    }

    private protected override async Task LoseAsync()
    {
        using var live = Client(Gateway.Address(buckets.Value.Live));
        await live.DeleteAsync(await live.ListAsync("", CancellationToken.None).Select(found => found.Key).ToListAsync(), CancellationToken.None);
    }

    private protected override async Task<string> StateAsync(string? at = null)
    {
        using var client = Client(BucketPlace.Parse(at ?? Source.Location, Gateway.Address("any")));
        var state = new StringBuilder();
        await foreach (var found in client.ListAsync("", CancellationToken.None).Where(found => !found.Key.EndsWith(".tmp", StringComparison.Ordinal) && !found.Key.StartsWith(BucketPlaces.OwnFolder, StringComparison.Ordinal)))
        {
            await using var content = await client.OpenAsync(found.Key, etag: null, CancellationToken.None);
            state.Append(found.Key).Append('=').Append(await new StreamReader(content).ReadToEndAsync());
        }

        return state.ToString();
    }

    private protected override IReadOnlyList<string> FilesBesideTheLiveOne()
    {
        using var client = Client(Places.Snapshots);
        return [.. Task.Run(() => client.ListFolderAsync("", CancellationToken.None)).GetAwaiter().GetResult().Folders];
    }

    private static ObjectClient Client(ObjectAddress address) => new(address, ObjectRole.Store, RunningClock.Shared);
}
