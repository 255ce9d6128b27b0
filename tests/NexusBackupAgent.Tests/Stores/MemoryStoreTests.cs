using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Stores;

/// <summary>The proof that a store needs neither paths of a disk, nor rename, nor space that it can tell.</summary>
public sealed class MemoryStoreTests : BackupStoreContract
{
    private readonly MemoryStore store = new();

    private protected override IBackupStore Store => store;

    private protected override bool Renames => false;

    private protected override bool TellsSpace => false;

    [Fact]
    public async Task A_power_cut_takes_what_nothing_made_durable_and_no_more()
    {
        await WriteAsync("d/first", "1", durability: Durability.NameLater);
        await WriteAsync("d/second", "2", durability: Durability.Later);
        await WriteAsync("other/third", "3", durability: Durability.NameLater);
        await WriteAsync("d/fourth", "4", durability: Durability.Now);
        await Store.DeleteAsync("d/fourth", Durability.Later, CancellationToken.None);

        store.CutPower(kept: 0);

        Assert.Equal(["d/first", "d/fourth", "d/second"], store.Paths);
        Assert.Equal(("1", "", "4"), (await ReadAsync("d/first"), await ReadAsync("d/second"), await ReadAsync("d/fourth")));
    }
}
