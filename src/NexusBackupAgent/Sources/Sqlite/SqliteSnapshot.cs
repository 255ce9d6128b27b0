namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>A consistent state of a database, held until disposed.</summary>
/// <param name="capturedAt">The instant whose state this is, UTC.</param>
/// <param name="length">Bytes that <see cref="CopyToAsync"/> will write.</param>
internal abstract class SqliteSnapshot(DateTimeOffset capturedAt, long length) : IAsyncDisposable
{
    public DateTimeOffset CapturedAt { get; } = capturedAt;

    public long Length { get; } = length;

    /// <summary>Bytes of each page; 0 when the file does not consist of whole pages.</summary>
    public int PageSize { get; protected init; }

    /// <summary>Writes the state as one stream; may be called again.</summary>
    public abstract Task CopyToAsync(Stream destination, CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}
