using System.Text.Json;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.S3;

/// <summary>The real command line on a bucket of a real gateway.</summary>
internal sealed class BucketBench : IDisposable
{
    private BucketBench(S3Gateway gateway, string live, string snapshots)
    {
        (Gateway, LiveBucket, SnapshotBucket) = (gateway, live, snapshots);
        Live = new ObjectClient(gateway.Address(live), ObjectRole.Source, RunningClock.Shared);
        Snapshots = new ObjectClient(gateway.Address(snapshots), ObjectRole.Store, RunningClock.Shared);
        Configure();
    }

    public S3Gateway Gateway { get; }

    public Workplace Place { get; } = new();

    public string LiveBucket { get; }

    public string SnapshotBucket { get; }

    public ObjectClient Live { get; }

    public ObjectClient Snapshots { get; }

    public string Store => Place.In("backups/files");

    /// <summary>Whether the backups are archives in the store; takes effect when it is configured.</summary>
    public bool IsArchived { get; set; }

    public static async Task<BucketBench> NewAsync(S3Gateway? gateway = null)
    {
        S3Gateway.Require();
        gateway ??= await S3Gateway.SharedAsync();
        return new BucketBench(gateway, await gateway.NewBucketAsync(), await gateway.NewBucketAsync());
    }

    /// <param name="port">Of a proxy in front of the gateway.</param>
    public void Configure(string? bucket = null, string? snapshots = null, int? port = null, string? accessKey = null, string? secretKey = null, string keys = "exclude: [\"*.tmp\", \"temp/*\"]; verify: {readBack: all}")
    {
        var secret = Place.In("secret");
        File.WriteAllText(secret, (secretKey ?? Gateway.User.SecretKey) + "\n");
        var endpoint = port is null ? Gateway.Endpoint : new UriBuilder(Gateway.Endpoint) { Port = port.Value }.Uri;
        File.WriteAllText(Place.Configuration, $$"""
            timeZone: Asia/Tokyo
            scratch: scratch
            stores:
              local: {path: backups}
            sources:
              files:
                s3:
                  bucket: {{bucket ?? LiveBucket}}
                  endpoint: {{endpoint.GetLeftPart(UriPartial.Authority)}}
                  credentials: {accessKey: {{accessKey ?? Gateway.User.AccessKey}}, secretKeyFile: secret}
                  {{(IsArchived ? "" : $$"""snapshots: {bucket: {{snapshots ?? SnapshotBucket}}, prefix: nightly}""")}}
                  {{keys.Replace("; ", "\n      ", StringComparison.Ordinal)}}
                retry: {attempts: 1}
                schedules:
                  full_backup: {cron: "0 0 * * 0", type: full, retention: 30d}
                  differential_backup: {cron: "0 0 * * *", type: differential, retention: 7d}
                  incremental_backup: {cron: "0 */6 * * *", type: incremental, retention: 3d}

            """);
    }

    public Task PutAsync(string key, string content) => Live.PutAsync(key, System.Text.Encoding.UTF8.GetBytes(content), ObjectAttributes.None, WriteCondition.Always, CancellationToken.None);

    /// <summary>All objects of a bucket by key, with their ETags.</summary>
    public static async Task<IReadOnlyDictionary<string, string>> ObjectsAsync(ObjectClient client, string prefix = "") =>
        await client.ListAsync(prefix, CancellationToken.None).ToDictionaryAsync(found => found.Key, found => found.ETag, StringComparer.Ordinal);

    public async Task<CommandResult> DoAsync(params string[] arguments)
    {
        var result = await Place.RunAsync(arguments);
        Assert.True(result.Code == 0, $"{string.Join(' ', arguments)}: {result.Code} {result.Output} {result.Error}");
        return result;
    }

    public async Task<string> RefusedAsync(int code, params string[] arguments)
    {
        var result = await Place.RunAsync(arguments);
        Assert.True(code == result.Code, $"{result.Code}: {result.Output} {result.Error}");
        return Assert.Single(result.Errors);
    }

    /// <summary>The backups as <c>list --json</c> tells them, newest first.</summary>
    public async Task<IReadOnlyList<(string File, string Type, string State)>> ListAsync()
    {
        using var listed = JsonDocument.Parse((await DoAsync("list", "--json")).Output);
        return [.. listed.RootElement.EnumerateArray().Select(backup => (System.IO.Path.GetFileName(backup.GetProperty("file").GetString()!), backup.GetProperty("type").GetString()!, backup.GetProperty("state").GetString()!))];
    }

    public void Dispose()
    {
        Live.Dispose();
        Snapshots.Dispose();
        Place.Dispose();
    }
}
