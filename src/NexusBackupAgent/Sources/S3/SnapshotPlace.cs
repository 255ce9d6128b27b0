using System.Globalization;
using System.Text.Json;
using NexusBackupAgent.ObjectStorage;

namespace NexusBackupAgent.Sources.S3;

/// <summary>
/// Where the snapshots of a bucket lie: each in a folder of its own, dated, with the objects under their own keys; and beside
/// them a folder of marks that says whose they are. A folder without a mark is somebody else's and stays.
/// Order of making: mark → objects → (the inventory is committed in the store) → the mark says that it is kept.
/// Order of removing: the mark says that it is released → (the backup is removed from the store) → objects → mark.
/// </summary>
/// <param name="client">At the place.</param>
/// <param name="source">The bucket that is backed up, with its server: several may share a place.</param>
internal sealed class SnapshotPlace(ObjectClient client, string source) : IRemains
{
    /// <summary>Holds the marks.</summary>
    private const string Marks = ".nexus-backup/";

    private const string MarkEnding = ".json";

    public ObjectClient Client => client;

    /// <summary>A name for people that tells the instant, and that sorts.</summary>
    public static string NameOf(DateTimeOffset instant) => instant.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);

    /// <summary>Takes a folder.</summary>
    /// <param name="wanted">Its name; another snapshot may have taken it.</param>
    /// <returns>It, with <c>/</c>.</returns>
    public async Task<string> BeginAsync(string wanted, DateTimeOffset capturedAt, CancellationToken cancellationToken)
    {
        for (var number = 1; ; number++)
        {
            var name = number == 1 ? wanted : $"{wanted}-{number}";
            try
            {
                await PutAsync(name, new SnapshotMark(source, capturedAt, SnapshotState.Begun), WriteCondition.IfAbsent, cancellationToken);
                return name + "/";
            }
            catch (ObjectException taken) when (taken.Problem is ObjectProblem.PreconditionFailed or ObjectProblem.Conflict)
            {
                // Another source's of the same second.
            }
        }
    }

    /// <summary>Removes a folder and its mark.</summary>
    /// <param name="folder">As <see cref="BeginAsync"/> gave it.</param>
    public async Task RemoveAsync(string folder, CancellationToken cancellationToken)
    {
        await client.DeleteBelowAsync(folder, cancellationToken);
        await client.DeleteAsync($"{Marks}{folder[..^1]}{MarkEnding}", cancellationToken);
    }

    public async Task ReleaseAsync(IReadOnlyCollection<DateTimeOffset> captured, CancellationToken cancellationToken)
    {
        foreach (var (name, mark) in await ListAsync(cancellationToken))
        {
            if (captured.Contains(mark.CapturedAt))
                await PutAsync(name, mark with { State = SnapshotState.Released }, WriteCondition.Always, cancellationToken);
        }
    }

    public async Task SettleAsync(IReadOnlyCollection<DateTimeOffset> captured, DateTimeOffset before, CancellationToken cancellationToken)
    {
        foreach (var (name, mark) in await ListAsync(cancellationToken))
        {
            if (captured.Contains(mark.CapturedAt))
            {
                if (mark.State != SnapshotState.Kept)
                    await PutAsync(name, mark with { State = SnapshotState.Kept }, WriteCondition.Always, cancellationToken);
            }
            else if (mark.State == SnapshotState.Released || (mark.State == SnapshotState.Begun && mark.CapturedAt < before))
            {
                await client.AbortUploadsAsync(name + "/", DateTimeOffset.MaxValue, cancellationToken); // a killed run's, of large objects
                await RemoveAsync(name + "/", cancellationToken);
            }
        }
    }

    /// <summary>The source's snapshots.</summary>
    private async Task<IReadOnlyList<(string Name, SnapshotMark Mark)>> ListAsync(CancellationToken cancellationToken)
    {
        var marks = new List<(string, SnapshotMark)>();
        var (objects, _) = await client.ListFolderAsync(Marks, cancellationToken);
        foreach (var found in objects.Where(found => found.Key.EndsWith(MarkEnding, StringComparison.Ordinal)))
        {
            if (await ReadAsync(found.Key, cancellationToken) is { } mark && mark.Source == source)
                marks.Add((found.Key[..^MarkEnding.Length], mark));
        }

        return marks;
    }

    private async Task<SnapshotMark?> ReadAsync(string file, CancellationToken cancellationToken)
    {
        try
        {
            await using var content = await client.OpenAsync(Marks + file, etag: null, cancellationToken);
            return await JsonSerializer.DeserializeAsync(content, InventoryJson.Default.SnapshotMark, cancellationToken);
        }
        catch (JsonException)
        {
            return null; // no mark of an agent's
        }
        catch (ObjectException gone) when (gone.Problem == ObjectProblem.NotFound)
        {
            return null; // another agent removed it
        }
    }

    private Task PutAsync(string name, SnapshotMark mark, WriteCondition condition, CancellationToken cancellationToken) => client.PutAsync(
        $"{Marks}{name}{MarkEnding}",
        JsonSerializer.SerializeToUtf8Bytes(mark, InventoryJson.Default.SnapshotMark),
        ObjectAttributes.None with { Headers = new Dictionary<string, string>(StringComparer.Ordinal) { ["Content-Type"] = "application/json" } },
        condition,
        cancellationToken);
}

/// <summary>The same, for whoever removes backups: a connection for each question.</summary>
internal sealed class SnapshotRemains(BucketPlaces places) : IRemains
{
    public async Task ReleaseAsync(IReadOnlyCollection<DateTimeOffset> captured, CancellationToken cancellationToken)
    {
        using var clients = places.Open();
        await clients.Place.ReleaseAsync(captured, cancellationToken);
    }

    public async Task SettleAsync(IReadOnlyCollection<DateTimeOffset> captured, DateTimeOffset before, CancellationToken cancellationToken)
    {
        using var clients = places.Open();
        await clients.Place.SettleAsync(captured, before, cancellationToken);
    }
}
