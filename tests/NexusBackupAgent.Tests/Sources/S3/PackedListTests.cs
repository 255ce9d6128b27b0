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
    public void All_that_goes_with_an_object_comes_back_from_a_block()
    {
        var packed = Inventory.Pack(Enumerable.Range(0, 300).Select(Archived));

        Assert.All([0, 255, 299], number => // of a block, and of those that are in none yet
        {
            var (line, expected) = (packed[number], Archived(number));
            Assert.Equal(expected.Headers, line.Headers);
            Assert.Equal(expected.Metadata, line.Metadata);
            Assert.Equal(expected.Tags, line.Tags);
            Assert.Equal(expected, line with { Headers = expected.Headers, Metadata = expected.Metadata, Tags = expected.Tags });
        });

        static InventoryLine Archived(int number) => Line(number) with
        {
            At = null,
            Archive = number % 3,
            Entry = $".keys/{number:x32}",
            Sha256 = $"{number:x64}",
            Headers = new Dictionary<string, string> { ["Content-Type"] = "text/x-odd", ["Cache-Control"] = $"max-age={number}" },
            Metadata = new Dictionary<string, string> { ["owner"] = "some\"body\u65e5" },
            Tags = new Dictionary<string, string> { ["class"] = "a b/c" },
        };
    }

    [Fact]
    public void Of_things_with_the_same_text_the_first_counts_and_is_taken_once()
    {
        var packed = Inventory.Pack(Enumerable.Range(0, 600).Select(number => Line(number % 300) with { Size = number }));
        var index = new PackedIndex<InventoryLine>(packed, line => line.Key!);

        Assert.Equal(300, index.Left);
        Assert.Equal(Enumerable.Range(0, 300), index.Rest().Select(line => (int)line.Size));
        Assert.Equal(7, index.Take("key 7")!.Size);
        Assert.Null(index.Take("key 7"));
        Assert.Equal(7, index.Find("key 7")!.Size);
        Assert.Equal(299, index.Left);
    }

    [Fact]
    public async Task Several_threads_add_and_find_at_once()
    {
        const int Threads = 4;
        const int OfEach = 1000;
        var known = Inventory.Pack(Enumerable.Range(0, OfEach).Select(Line));
        var index = new PackedIndex<InventoryLine>(known, line => line.Key!);
        var packed = Inventory.Pack([]);

        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(() =>
        {
            for (var number = 0; number < OfEach; number++)
                packed.Add(index.Find($"key {(number * 7 * (thread + 1)) % OfEach}")!);
        })));

        Assert.Equal(Threads * OfEach, packed.Count);
        Assert.All(packed, line => Assert.Equal(Line((int)line.Size), line));
        var expected = Enumerable.Range(0, Threads).SelectMany(thread => Enumerable.Range(0, OfEach).Select(number => (long)(number * 7 * (thread + 1) % OfEach)));
        Assert.Equal(expected.Order(), packed.Select(line => line.Size).Order());
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
