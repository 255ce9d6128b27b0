using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

/// <summary>A directory with a database in it and a scratch space, and the verbs of these tests.</summary>
public abstract class SqliteSourceFixture : IDisposable
{
    private int copies;
    private ScratchDirectory? scratch;

    private protected TempDirectory Temp { get; } = new();

    private protected string Database => Path.Combine(Temp.Sub("data"), "app.db");

    private protected string Scratch => Temp.Sub("scratch");

    public void Dispose()
    {
        Assert.Empty(Directory.EnumerateFiles(Scratch, "*.scratch*", SearchOption.AllDirectories)); // whatever happened, nothing stays there
        scratch?.Dispose();
        Temp.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected SqliteSource Source(string? path = null, double busySeconds = 20) =>
        new(path ?? Database, scratch ??= new ScratchDirectory(Scratch), TimeSpan.FromSeconds(busySeconds), Some.Clock);

    /// <summary>Takes a snapshot and writes it to a file.</summary>
    private protected async Task<string> CopyAsync(string? path = null, Func<Task>? whileOpen = null)
    {
        var copy = Temp[$"copy{copies++}.db"];
        await using var snapshot = await Source(path).OpenSnapshotAsync(CancellationToken.None);
        if (whileOpen is not null)
            await whileOpen();
        await using (var file = File.Create(copy))
            await snapshot.CopyToAsync(file, CancellationToken.None);
        Assert.Equal(snapshot.Length, new FileInfo(copy).Length);
        return copy;
    }

    private protected async Task<BackupException> RefusalAsync(string? path = null, double busySeconds = 20)
    {
        var refusal = await Assert.ThrowsAsync<BackupException>(async () =>
        {
            await using var snapshot = await Source(path, busySeconds).OpenSnapshotAsync(CancellationToken.None);
            await snapshot.CopyToAsync(Stream.Null, CancellationToken.None);
        });
        Assert.DoesNotContain('\n', refusal.Message + refusal.Hint);
        Assert.NotEmpty(refusal.Hint);
        return refusal;
    }

    private protected static Task AssertSameBytesAsync(string one, string other) => Shell.RunAsync("cmp", one, other);
}
