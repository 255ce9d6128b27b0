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
        var found = await OpenAsync(chain, OpenOneAsync, cancellationToken);
        if (IsOf(chain, found))
            return found;
        found.Dispose(); // each is whole by its own hash, and together they are of another state
        var made = await OpenAsync(chain, (link, token) => MakeAndKeepAsync(link, LogLevel.Warning, "it is not of the state that was captured", token), cancellationToken);
        if (IsOf(chain, made))
            return made;
        made.Dispose();
        throw new NoIncrementException($"the pages of {chain.Tip.Name}, on which it would build, are not those that were captured", chain.Tip);
    }

    /// <summary>
    /// Reads an increment alone. Its pages, and the hashes of those of what it builds on, give the fingerprint of its state;
    /// the indexes that tell these hashes are those of the state under it by that one's own fingerprint.
    /// </summary>
    /// <returns>Null when the indexes beside what it builds on can't tell that.</returns>
    /// <exception cref="DamagedLinkException">It is not what was stored.</exception>
    public async Task<ContentCheck?> ProveAsync(StoredChain chain, CancellationToken cancellationToken)
    {
        var below = new StoredChain([.. chain.Links.SkipLast(1)], ExpandedLength: null);
        var indexes = await TryOpenStoredAsync(below, cancellationToken);
        try
        {
            if (indexes.Count < below.Links.Count || below.Tip.Fingerprint is null || !IsOf(below, new PageHistory(indexes)))
                return null;
            if (await IndexAsync(chain.Tip, cancellationToken) is not { } tip)
                return null;
            indexes.Insert(0, tip);
            // Pages of another size, or none that is known where the state has one, give a fingerprint that is none.
            var fingerprint = indexes[0].Header.PageSize == indexes[1].Header.PageSize ? new PageHistory(indexes).Fingerprint() : null;
            return new ContentCheck(Finding: null) { Fingerprint = fingerprint ?? "" };
        }
        finally
        {
            indexes.ForEach(index => index.Dispose());
        }
    }

    /// <returns>Fewer than there are links when one is missing or of no use.</returns>
    private async Task<List<PageIndex>> TryOpenStoredAsync(StoredChain chain, CancellationToken cancellationToken)
    {
        var indexes = new List<PageIndex>();
        try
        {
            foreach (var link in chain.Links.Reverse())
            {
                indexes.Add(await OpenStoredAsync(link, cancellationToken));
                if (indexes[^1].Header.PageSize != indexes[0].Header.PageSize)
                    throw new InvalidDataException("it has pages of another size");
            }
        }
        catch (Exception reason) when (reason is InvalidDataException or FileNotFoundException or BackupException || IoFailure.IsKnown(reason))
        {
            indexes.ForEach(index => index.Dispose());
            indexes.Clear();
        }
        catch
        {
            indexes.ForEach(index => index.Dispose());
            throw;
        }

        return indexes;
    }

    private static bool IsOf(StoredChain chain, PageHistory history) => chain.Tip.Fingerprint is not { } fingerprint || history.Fingerprint() == fingerprint;

    private static async Task<PageHistory> OpenAsync(StoredChain chain, Func<StoredLink, CancellationToken, Task<PageIndex>> open, CancellationToken cancellationToken)
    {
        var indexes = new List<PageIndex>();
        try
        {
            foreach (var link in chain.Links.Reverse())
            {
                indexes.Add(await open(link, cancellationToken));
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
        catch (Exception unknown) when (unknown is FileNotFoundException or BackupException { Kind: FailureKind.Encryption })
        {
            return null; // what ended the tool says nothing of the file
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
            return reason is FileNotFoundException
                ? await MakeAndKeepAsync(link, LogLevel.Information, "it is missing", cancellationToken)
                : await MakeAndKeepAsync(link, LogLevel.Warning, reason.Message, cancellationToken);
        }
    }

    private async Task<PageIndex> MakeAndKeepAsync(StoredLink link, LogLevel level, string reason, CancellationToken cancellationToken)
    {
        var index = await MakeAsync(link, cancellationToken);
        IndexMade(level, link.Source, link.Location, reason);
        await KeepAsync(link, index, cancellationToken);
        return index;
    }

    /// <summary>Reads the backup, and by that also proves that it is what was stored.</summary>
    private async Task<PageIndex> MakeAsync(StoredLink link, CancellationToken cancellationToken)
    {
        try
        {
            return await IndexAsync(link, cancellationToken) ?? throw new NoIncrementException($"{link.Name}, on which it would build, does not consist of whole pages", link);
        }
        catch (DamagedLinkException damaged)
        {
            throw new NoIncrementException($"{link.Name}, on which it would build, is not as it was stored: {damaged.Message}", link);
        }
        catch (Exception failure) when ((failure is BackupException || IoFailure.IsKnown(failure)) && !IsFull(failure))
        {
            throw new NoIncrementException($"{link.Name}, on which it would build, can't be read: {failure.Message}");
        }
    }

    /// <summary>Reads the backup, and hashes each page that it holds.</summary>
    /// <returns>Null when it does not consist of whole pages.</returns>
    /// <exception cref="DamagedLinkException">It is not what was stored.</exception>
    private async Task<PageIndex?> IndexAsync(StoredLink link, CancellationToken cancellationToken)
    {
        using var draft = NewDraft();
        await using (PageIndexer pages = link.Type == BackupType.Full ? new DatabaseIndexer(draft, Stream.Null) : new WalIndexer(draft, Stream.Null))
        {
            await link.CopyContentAsync(pages, cancellationToken);
            try
            {
                pages.Complete();
            }
            catch (InvalidDataException refused)
            {
                throw link.Refuse(refused.Message);
            }
        }

        return !draft.IsComplete ? null : await TakeAsync((target, token) => draft.WriteToAsync(target, ContentOf(link), token), link, cancellationToken);
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
