using NexusBackupAgent.Journal;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Journal;

/// <summary>The journal's file, as several threads use it.</summary>
public sealed class JournalDatabaseTests : IDisposable
{
    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_closes_it_waits_for_who_is_in_it(bool writes)
    {
        var database = JournalDatabase.Open(temp.Path, Some.Instant, out _);
        var inside = new TaskCompletionSource();
        using var goOn = new ManualResetEventSlim();
        var work = Task.Run(() => writes ? database.Transact(transaction => Ask(transaction.Connection!)) : database.Read(transaction => Ask(transaction.Connection!)));
        await inside.Task;
        var closing = new Thread(database.Dispose);
        closing.Start();
        await Eventually.TrueAsync(() => !closing.IsAlive || closing.ThreadState.HasFlag(ThreadState.WaitSleepJoin), "it is closed, or waits to be");

        goOn.Set();

        Assert.Equal(1L, await work);
        closing.Join();

        long Ask(Microsoft.Data.Sqlite.SqliteConnection connection)
        {
            inside.SetResult();
            goOn.Wait();
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT 1";
            return (long)command.ExecuteScalar()!;
        }
    }
}
