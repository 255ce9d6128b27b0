using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// Takes a WAL and writes its pages into the database that it was made for, as a checkpoint would. Disposing it
/// asynchronously says that all was given: it then sets the length, or throws <see cref="InvalidDataException"/> when the
/// WAL is not whole. Disposing it otherwise only closes the file.
/// </summary>
internal sealed class WalApplier : ForwardWriteStream
{
    private readonly SafeFileHandle database;
    private readonly WalReader reader;
    private int pageSize;
    private bool isOver;

    /// <param name="path">A private copy of the database.</param>
    public WalApplier(string path)
    {
        database = SafeFile.Open(path, FileAccess.ReadWrite);
        reader = new WalReader(RequirePageSize, frame => RandomAccess.Write(database, frame.Content.Span, (frame.Page - 1L) * pageSize));
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            reader.Read(buffer.Span);
            return ValueTask.CompletedTask;
        }
        catch
        {
            isOver = true;
            throw;
        }
    }

    public override async ValueTask DisposeAsync()
    {
        try
        {
            if (!isOver)
                RandomAccess.SetLength(database, (long)reader.Complete() * pageSize);
        }
        finally
        {
            await base.DisposeAsync();
        }
    }

    protected override void Dispose(bool disposing)
    {
        isOver = true;
        if (disposing)
            database.Dispose();
        base.Dispose(disposing);
    }

    private void RequirePageSize(int size)
    {
        Span<byte> header = stackalloc byte[18];
        var own = WalFormat.PageSizeOf(header[..RandomAccess.Read(database, header, 0)]);
        if (own != size)
            throw new InvalidDataException($"the WAL has pages of {size} bytes, and the database that it is for {(own == 0 ? "is none" : $"of {own}")}");
        pageSize = size;
    }
}
