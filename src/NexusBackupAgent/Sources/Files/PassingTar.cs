using System.Formats.Tar;
using System.IO.Pipelines;
using NexusBackupAgent.Artifacts;

namespace NexusBackupAgent.Sources.Files;

/// <summary>Reads a tar stream while somebody writes it: nothing is kept.</summary>
internal static class PassingTar
{
    private const int Block = 512;

    /// <summary>Bytes.</summary>
    private const int SkippedAtOnce = 16 << 10;

    /// <summary>A reader of the library keeps the stream of each entry until its own end: of a million files a hundred bytes each.</summary>
    private const int EntriesOfAReader = 1 << 12;

    /// <param name="write">Writes the archive. What it throws is thrown on, before what speaks against the archive.</param>
    /// <param name="look">Given each entry; what it leaves unread is skipped.</param>
    /// <exception cref="InvalidDataException">It is no archive, or <paramref name="look"/> found something in it.</exception>
    public static async Task ReadAsync(Func<Stream, CancellationToken, Task> write, Func<TarEntry, CancellationToken, Task> look, CancellationToken cancellationToken)
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1 << 20, resumeWriterThreshold: 1 << 19, minimumSegmentSize: 1 << 16, useSynchronizationContext: false));
        var reading = Task.Run(() => ReadAsync(pipe.Reader, look, cancellationToken), CancellationToken.None);
        try
        {
            await write(pipe.Writer.AsStream(leaveOpen: true), cancellationToken);
            await pipe.Writer.CompleteAsync();
        }
        catch (Exception failure)
        {
            await pipe.Writer.CompleteAsync(new EndOfStreamException("the archive ended", failure));
            await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        await reading;
    }

    private static async Task ReadAsync(PipeReader reader, Func<TarEntry, CancellationToken, Task> look, CancellationToken cancellationToken)
    {
        await using var stream = reader.AsStream(leaveOpen: true);
        try
        {
            await LookAsync(stream, look, cancellationToken);
            await reader.CompleteAsync();
        }
        catch (Exception failure)
        {
            if (failure is not (InvalidDataException or EndOfStreamException or FormatException or NotSupportedException))
            {
                await reader.CompleteAsync(failure); // whoever writes is told by that
                throw;
            }

            // Whoever writes reads on to the end: it may find that this is not what was stored, and that says more.
            await stream.CopyToAsync(Stream.Null, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await reader.CompleteAsync();
            if (failure is InvalidDataException)
                throw;
            throw new InvalidDataException($"it is no archive: {failure.Message}", failure);
        }
    }

    private static async Task LookAsync(Stream stream, Func<TarEntry, CancellationToken, Task> look, CancellationToken cancellationToken)
    {
        var counted = new CountedStream(stream);
        while (await LookAtSomeAsync(counted, look, cancellationToken))
        {
            // The next reader goes on.
        }

        await stream.CopyToAsync(Stream.Null, cancellationToken);
    }

    /// <returns>False at the end of the archive.</returns>
    private static async Task<bool> LookAtSomeAsync(CountedStream stream, Func<TarEntry, CancellationToken, Task> look, CancellationToken cancellationToken)
    {
        await using var tar = new TarReader(stream, leaveOpen: true);
        var end = 0L;
        for (var left = EntriesOfAReader; left > 0; left--)
        {
            if (await tar.GetNextEntryAsync(copyData: false, cancellationToken) is not { } entry)
                return false;
            end = stream.Passed + (entry.DataStream is null ? 0 : entry.Length);
            if (entry.EntryType is not TarEntryType.GlobalExtendedAttributes)
                await look(entry, cancellationToken);
        }

        await stream.PassAsync((end + Block - 1) / Block * Block, cancellationToken);
        return true;
    }

    /// <summary>Knows how far it was read.</summary>
    private sealed class CountedStream(Stream inner) : ForwardReadStream
    {
        /// <summary>Bytes.</summary>
        public long Passed { get; private set; }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await inner.ReadAsync(buffer, cancellationToken);
            Passed += read;
            return read;
        }

        /// <summary>Skips what lies before a place.</summary>
        /// <exception cref="EndOfStreamException">It ends before that.</exception>
        public async Task PassAsync(long place, CancellationToken cancellationToken)
        {
            var skipped = Passed < place ? new byte[Math.Min(SkippedAtOnce, place - Passed)] : [];
            while (Passed < place)
                await this.ReadExactlyAsync(skipped.AsMemory(0, (int)Math.Min(skipped.Length, place - Passed)), cancellationToken);
        }
    }
}
