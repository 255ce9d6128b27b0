using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

/// <summary>What the agent writes as an increment is a WAL to SQLite, and what it applies is what SQLite would have made.</summary>
public sealed class WalIncrementTests : SqliteSourceFixture
{
    [SkippableTheory]
    [InlineData("wal", 512)]
    [InlineData("delete", 4096)]
    [InlineData("wal", 65536)]
    public async Task Sqlite_and_the_agent_make_the_same_state_of_it(string journalMode, int pageSize)
    {
        var (before, after) = await TwoStatesAsync(journalMode, pageSize, "UPDATE debit SET amount = 1 WHERE id % 500 = 0; INSERT INTO log (amount, note) VALUES (1, hex(zeroblob(9000)))");
        await AssertBothApplyAsync(before, after, await WalBetweenAsync(before, after, pageSize));
    }

    [SkippableFact]
    public async Task A_database_that_shrank_is_cut_off()
    {
        var (before, after) = await TwoStatesAsync("delete", 1024, "DELETE FROM debit; VACUUM");
        Assert.True(after.Length < before.Length);
        await AssertBothApplyAsync(before, after, await WalBetweenAsync(before, after, 1024));
    }

    [SkippableFact]
    public async Task Every_damaged_or_missing_byte_is_noticed()
    {
        var (before, after) = await TwoStatesAsync("delete", 512, "UPDATE debit SET amount = 1 WHERE id = 7");
        var wal = await WalBetweenAsync(before, after, 512);
        await ApplyAsync(before, wal);
        for (var position = 0; position < wal.Length; position += 3)
        {
            var damaged = (byte[])wal.Clone();
            damaged[position] ^= 1;
            await Assert.ThrowsAsync<InvalidDataException>(() => ApplyAsync(before, damaged));
        }

        for (var length = 0; length < wal.Length; length += 97)
            await Assert.ThrowsAsync<InvalidDataException>(() => ApplyAsync(before, wal[..length]));
        await Assert.ThrowsAsync<InvalidDataException>(() => ApplyAsync(before, [.. wal, 0]));
        await Assert.ThrowsAsync<InvalidDataException>(() => ApplyAsync(before, [.. wal, .. wal]));
    }

    [SkippableFact]
    public async Task Increments_for_another_database_are_refused()
    {
        var (before, after) = await TwoStatesAsync("delete", 512, "UPDATE debit SET amount = 1 WHERE id = 7");
        var wal = await WalBetweenAsync(before, after, 512);
        var other = Path.Combine(Temp.Path, "other.db");
        await SqliteSamples.LedgerAsync(other, "delete", pageSize: 1024);
        await Assert.ThrowsAsync<InvalidDataException>(async () => await ApplyAsync(await File.ReadAllBytesAsync(other), wal));
        await Assert.ThrowsAsync<InvalidDataException>(() => ApplyAsync([], wal));
    }

    [Fact]
    public async Task Frames_that_no_agent_writes_are_refused()
    {
        var state = new byte[3 * 512];
        "SQLite format 3\0"u8.CopyTo(state);
        state[16] = 2;
        Assert.Equal(2 * 512, (await ApplyAsync(state, await WalAsync(2, 1))).Length);
        await Assert.ThrowsAsync<InvalidDataException>(async () => await ApplyAsync(state, await WalAsync(2, 2, 1)));
        await Assert.ThrowsAsync<InvalidDataException>(async () => await ApplyAsync(state, await WalAsync(2, 3)));
        await Assert.ThrowsAsync<InvalidDataException>(async () => await ApplyAsync(state, await WalAsync(0, 1)));
        await Assert.ThrowsAsync<InvalidDataException>(async () => await ApplyAsync(state, await WalAsync(uint.MaxValue, (1 << 30) / 512 + 1)));
    }

    [SkippableFact]
    public async Task Closing_it_after_another_failure_blames_nobody()
    {
        await SqliteSamples.LedgerAsync(Database, "delete");
        await using var untouched = new WalApplier(Database);
        untouched.Dispose();
        await SqliteSamples.AssertLedgerAsync(Database);
    }

    /// <summary>A WAL of empty pages of 512 bytes.</summary>
    private static async Task<byte[]> WalAsync(uint pageCount, params uint[] pages)
    {
        using var content = new MemoryStream();
        var wal = new WalWriter(content, 512);
        foreach (var page in pages)
            await wal.AddAsync(page, new byte[512], CancellationToken.None);
        await wal.CompleteAsync(pageCount, CancellationToken.None);
        return content.ToArray();
    }

    private static async Task<byte[]> WalBetweenAsync(byte[] before, byte[] after, int pageSize)
    {
        using var content = new MemoryStream();
        var wal = new WalWriter(content, pageSize);
        for (var offset = 0; offset < after.Length; offset += pageSize)
        {
            if (offset >= before.Length || !after.AsSpan(offset, pageSize).SequenceEqual(before.AsSpan(offset, pageSize)))
                await wal.AddAsync((uint)(offset / pageSize) + 1, after.AsMemory(offset, pageSize), CancellationToken.None);
        }

        await wal.CompleteAsync((uint)(after.Length / pageSize), CancellationToken.None);
        return content.ToArray();
    }

    private async Task<(byte[] Before, byte[] After)> TwoStatesAsync(string journalMode, int pageSize, string change)
    {
        await SqliteSamples.LedgerAsync(Database, journalMode, pageSize);
        var before = await File.ReadAllBytesAsync(Database);
        await SqliteSamples.SqlAsync(Database, change);
        return (before, await File.ReadAllBytesAsync(Database));
    }

    private async Task AssertBothApplyAsync(byte[] before, byte[] after, byte[] wal)
    {
        Assert.Equal(after, await ApplyAsync(before, wal));

        var restored = Temp["restored.db"];
        await File.WriteAllBytesAsync(restored, before);
        await File.WriteAllBytesAsync(restored + "-wal", wal);
        await SqliteSamples.SqlAsync(restored, "PRAGMA wal_checkpoint(TRUNCATE)");
        Assert.Equal(after, await File.ReadAllBytesAsync(restored));
    }

    private async Task<byte[]> ApplyAsync(byte[] before, byte[] wal)
    {
        var file = Temp["applied.db"];
        await File.WriteAllBytesAsync(file, before);
        await using (var increment = new WalApplier(file))
        {
            foreach (var piece in wal.Chunk(1000))
                await increment.WriteAsync(piece);
        }

        return await File.ReadAllBytesAsync(file);
    }
}
