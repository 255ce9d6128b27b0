namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>A private copy of a database file, deleted when disposed.</summary>
internal sealed class CopiedSnapshot : SqliteSnapshot
{
    private readonly string copy;

    public CopiedSnapshot(string copy, DateTimeOffset capturedAt, long length, int pageSize)
        : base(capturedAt, length)
    {
        this.copy = copy;
        PageSize = pageSize;
    }

    public override async Task CopyToAsync(Stream destination, CancellationToken cancellationToken)
    {
        await using var file = new FileStream(copy, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        await file.CopyToAsync(destination, 1 << 20, cancellationToken);
    }

    public override ValueTask DisposeAsync()
    {
        File.Delete(copy);
        return ValueTask.CompletedTask;
    }
}
