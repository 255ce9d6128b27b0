using System.Formats.Tar;
using NexusBackupAgent.Sources.Files;

namespace NexusBackupAgent.Tests.Sources.Files;

/// <summary>An archive is read while it is written, however many entries it has.</summary>
public sealed class PassingTarTests
{
    [Fact]
    public async Task Each_of_many_entries_is_seen_with_its_content_whether_the_one_before_was_read_or_not()
    {
        const int count = 10_000; // more than two readers of the library take, whose last entries have content: 4095 stays unread here, 8191 is read in part
        var seen = 0;
        await PassingTar.ReadAsync(
            async (stream, token) =>
            {
                await using var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true);
                for (var number = 0; number < count; number++)
                    await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, $"file {number}") { DataStream = new MemoryStream(ContentOf(number)) }, token);
            },
            async (entry, token) =>
            {
                Assert.Equal($"file {seen}", entry.Name);
                if (seen % 3 != 0)
                {
                    var expected = ContentOf(seen);
                    if (seen % 9 == 1)
                        expected = expected[..(expected.Length / 2)];
                    var content = new byte[expected.Length];
                    await (entry.DataStream ?? Stream.Null).ReadExactlyAsync(content, token);
                    Assert.Equal(expected, content);
                    Assert.True(seen % 9 == 1 || entry.DataStream is null || await entry.DataStream.ReadAsync(new byte[1], token) == 0, $"file {seen} ends there");
                }

                seen++;
            },
            CancellationToken.None);
        Assert.Equal(count, seen);
    }

    [Fact]
    public async Task An_archive_that_ends_in_the_middle_is_none()
    {
        using var whole = new MemoryStream();
        await using (var tar = new TarWriter(whole, TarEntryFormat.Pax, leaveOpen: true))
            await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, "file") { DataStream = new MemoryStream(new byte[2000]) });

        await Assert.ThrowsAsync<InvalidDataException>(() => PassingTar.ReadAsync(
            async (stream, token) => await stream.WriteAsync(whole.ToArray().AsMemory(0, 2500), token),
            (_, _) => Task.CompletedTask,
            CancellationToken.None));
    }

    private static byte[] ContentOf(int number) => [.. Enumerable.Range(0, number % 11 == 0 ? 0 : number % 1100).Select(at => (byte)(at + number))];
}
