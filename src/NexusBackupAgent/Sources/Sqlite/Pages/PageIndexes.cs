using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite.Pages;

/// <summary>
/// The page indexes beside the backups of a source. One that is missing, damaged or of another backup is made anew from the
/// backup itself, so nothing is lost with it but time.
/// </summary>
/// <param name="scratch">Where they are read, and made.</param>
internal sealed partial class PageIndexes(ScratchDirectory scratch, ILogger<PageIndexes> logger)
{
    /// <summary>What lies beside an artifact.</summary>
    public const string Ending = ".pages";

    /// <summary>Bytes; SQLite knows no smaller one.</summary>
    private const long SmallestPage = 512;

    /// <summary>Bytes that make a file worth no copy, beyond what the pages take.</summary>
    private const long NoIndex = 1 << 20;

    public PageIndexDraft NewDraft() => new(scratch.NewFile());

    /// <summary>What the pages of a backup's state are.</summary>
    /// <exception cref="NoIncrementException">Nobody can tell that.</exception>
    public async Task<PageHistory> OpenAsync(StoredChain chain, CancellationToken cancellationToken)
    {
        var indexes = new List<PageIndex>();
        try
        {
            foreach (var link in chain.Links.Reverse())
            {
                indexes.Add(await OpenOneAsync(link, cancellationToken));
                if (indexes[^1].Header.PageSize != indexes[0].Header.PageSize)
                    throw new NoIncrementException($"{link.Name} and {chain.Tip.Name} have pages of different sizes");
            }

            return new PageHistory(indexes);
        }
        catch
        {
            indexes.ForEach(index => index.Dispose());
            throw;
        }
    }

    /// <summary>What is wrong with the index beside a backup; null when nothing is, or there is none.</summary>
    public async Task<string?> FaultOfAsync(StoredLink link, CancellationToken cancellationToken)
    {
        try
        {
            using (await OpenStoredAsync(link, cancellationToken))
                return null;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (Exception reason) when (reason is InvalidDataException or BackupException || IoFailure.IsKnown(reason))
        {
            return IsFull(reason) ? null : reason.Message; // without room for a copy nobody can tell
        }
    }

    /// <exception cref="InvalidDataException">It is damaged, or an index of something else.</exception>
    private async Task<PageIndex> OpenStoredAsync(StoredLink link, CancellationToken cancellationToken)
    {
        await using var stored = await link.OpenSidecarAsync(Ending, cancellationToken);
        if (stored.CanSeek && stored.Length > NoIndex + (link.Content!.Value.Length / SmallestPage * PageIndexHeader.EntrySize))
            throw new InvalidDataException($"it has {stored.Length} bytes, more than any index of this backup");
        return await TakeAsync(stored.CopyToAsync, link, cancellationToken);
    }

    private async Task<PageIndex> OpenOneAsync(StoredLink link, CancellationToken cancellationToken)
    {
        try
        {
            return await OpenStoredAsync(link, cancellationToken);
        }
        catch (Exception reason) when (reason is InvalidDataException or FileNotFoundException || (reason is BackupException || IoFailure.IsKnown(reason)) && !IsFull(reason))
        {
            var index = await MakeAsync(link, cancellationToken);
            var isMissing = reason is FileNotFoundException;
            IndexMade(isMissing ? LogLevel.Information : LogLevel.Warning, link.Source, link.Location, isMissing ? "it is missing" : reason.Message);
            await KeepAsync(link, index, cancellationToken);
            return index;
        }
    }

    /// <summary>Reads the backup, and by that also proves that it is what was stored.</summary>
    private async Task<PageIndex> MakeAsync(StoredLink link, CancellationToken cancellationToken)
    {
        using var draft = NewDraft();
        try
        {
            await using PageIndexer pages = link.Type == BackupType.Full ? new DatabaseIndexer(draft, Stream.Null) : new WalIndexer(draft, Stream.Null);
            await link.CopyContentAsync(pages, cancellationToken);
            pages.Complete();
        }
        catch (DamagedLinkException damaged)
        {
            throw new NoIncrementException($"{link.Name}, on which it would build, is not as it was stored: {damaged.Message}", link);
        }
        catch (Exception failure) when ((failure is BackupException || IoFailure.IsKnown(failure)) && !IsFull(failure))
        {
            throw new NoIncrementException($"{link.Name}, on which it would build, can't be read: {failure.Message}");
        }

        if (!draft.IsComplete)
            throw new NoIncrementException($"{link.Name}, on which it would build, does not consist of whole pages", link);
        return await TakeAsync((target, token) => draft.WriteToAsync(target, ContentOf(link), token), link, cancellationToken);
    }

    private async Task<PageIndex> TakeAsync(Func<Stream, CancellationToken, Task> write, StoredLink link, CancellationToken cancellationToken)
    {
        var copy = scratch.NewFile();
        try
        {
            await using (var file = new FileStream(copy, FileMode.Open, FileAccess.Write, FileShare.None))
                await write(file, cancellationToken);
            return await PageIndex.OpenAsync(copy, ContentOf(link), cancellationToken);
        }
        catch (Exception failure)
        {
            File.Delete(copy);
            if (IoFailure.IsFull(failure))
                throw IoFailure.Translate(failure, $"write a page index to scratch space '{scratch.Path}'", scratch.Path);
            throw;
        }
    }

    /// <summary>For the next time. The run does without.</summary>
    private async Task KeepAsync(StoredLink link, PageIndex index, CancellationToken cancellationToken)
    {
        try
        {
            await link.KeepSidecarAsync(Ending, index.CopyToAsync, cancellationToken);
        }
        catch (BackupException failure)
        {
            IndexNotKept(link.Source, link.Location, failure.Message, failure.Hint);
        }

        index.Rewind();
    }

    private static string ContentOf(StoredLink link) => link.Content!.Value.Sha256; // nothing builds on a file that nobody has read back

    private static bool IsFull(Exception failure) => failure is BackupException { Kind: FailureKind.StoreFull } || IoFailure.IsFull(failure);

    [LoggerMessage(EventId = 1008, EventName = "page_index_made", Message = "the page index of backup {File} of {Source} was made anew from the backup: {Reason}")]
    private partial void IndexMade(LogLevel level, string source, string file, string reason);

    [LoggerMessage(EventId = 1009, EventName = "page_index_not_kept", Level = LogLevel.Warning, Message = "the page index of backup {File} of {Source} can't be kept and will be made again next time: {Reason}. Next: {Hint}")]
    private partial void IndexNotKept(string source, string file, string reason, string hint);
}
