using System.Formats.Tar;
using NexusBackupAgent.Sources.Files;

namespace NexusBackupAgent.Tests.Sources.Files;

/// <summary>An archive is read while it is written, however many entries it has.</summary>
public sealed class PassingTarTests
{
    [Fact]
    public async Task Each_of_many_entries_is_seen_with_its_content_whether_the_one_before_was_read_or_not()
    {
        const int count = 10_000; // more than a few readers of the library take
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
                    using var content = new MemoryStream();
                    await (entry.DataStream ?? Stream.Null).CopyToAsync(content, token);
                    Assert.Equal(ContentOf(seen), content.ToArray());
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

    private static byte[] ContentOf(int number) => [.. Enumerable.Range(0, number % 7 == 0 ? 0 : number % 1100).Select(at => (byte)(at + number))];
}
