using NexusBackupAgent.Sources.S3;

namespace NexusBackupAgent.Tests.Sources.S3;

/// <summary>What takes the place of lists and dictionaries of all objects of a bucket.</summary>
public sealed class PackedListTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(256)]
    [InlineData(1000)]
    public void It_gives_back_what_it_was_given_in_order_and_at_any_place(int count)
    {
        InventoryLine[] lines = [.. Enumerable.Range(0, count).Select(Line)];
        var packed = Inventory.Pack(lines);

        Assert.Equal(lines, packed);
        Assert.Equal(count, packed.Count);
        Assert.All([.. Enumerable.Range(0, count).Reverse()], number => Assert.Equal(lines[number], packed[number]));
    }

    [Fact]
    public void An_index_finds_each_takes_it_once_and_tells_what_is_left()
    {
        var packed = Inventory.Pack(Enumerable.Range(0, 1000).Select(Line));
        var index = new PackedIndex<InventoryLine>(packed, line => line.Key!, line => line.Size % 2 == 0);

        Assert.Equal(500, index.Left);
        Assert.Null(index.Find("key 3")); // which does not count
        Assert.Null(index.Find("another"));
        for (var number = 998; number > 0; number -= 2)
            Assert.Equal(number, index.Take($"key {number}")!.Size);
        Assert.Null(index.Take("key 8"));
        Assert.Equal(8, index.Find("key 8")!.Size);
        Assert.Equal((1, "key 0"), (index.Left, Assert.Single(index.Rest()).Key));
    }

    [Fact]
    public void Lines_are_packed_in_the_order_of_their_objects()
    {
        var lines = new LinesInOrder();
        foreach (var number in (int[])[2, 0, 3, 1])
            lines.Put(number, number == 3 ? null : Line(number));
        lines.Put(5, Line(5));

        Assert.Equal([0, 1, 2], lines.Packed.Select(line => line.Size));
        Assert.Equal(1, lines.Waiting);
    }

    private static InventoryLine Line(int number) => new($"key {number}", number, $"{number:x32}", DateTimeOffset.UnixEpoch.AddTicks(number), "STANDARD", "20260214T030000Z/", Copy: null);
}
