using Microsoft.Extensions.Logging;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Operations;

/// <summary>
/// The page indexes beside the backups of a source. One that is missing, damaged or of another backup is made anew from the
/// backup itself, so nothing is lost with it but time.
/// </summary>
/// <param name="scratch">Where they are read, and made.</param>
internal sealed partial class PageIndexes(ScratchDirectory scratch, ILogger<PageIndexes> logger)
{
    public PageIndexDraft NewDraft() => new(scratch.NewFile());

    /// <summary>What the pages of a backup's state are.</summary>
    /// <exception cref="NoIncrementException">That can't be told.</exception>
    public async Task<PageHistory> OpenAsync(ProtectedSource source, Backup backup, CancellationToken cancellationToken)
    {
        var indexes = new List<PageIndex>();
        try
        {
            foreach (var link in backup.Bases.Prepend(backup))
            {
                indexes.Add(await OpenOneAsync(source, link, cancellationToken));
                if (indexes[^1].Header.PageSize != indexes[0].Header.PageSize)
                    throw new NoIncrementException($"{link.File} and {backup.File} have pages of different sizes");
            }

            return new PageHistory(indexes);
        }
        catch
        {
            indexes.ForEach(index => index.Dispose());
            throw;
        }
    }

    private async Task<PageIndex> OpenOneAsync(ProtectedSource source, Backup link, CancellationToken cancellationToken)
    {
        var file = BackupFiles.Pages(link.File);
        try
        {
            await using var stored = await source.Catalog.OpenReadAsync(file, cancellationToken);
            return await TakeAsync(stored.CopyToAsync, link, cancellationToken);
        }
        catch (Exception reason) when (reason is InvalidDataException or FileNotFoundException || (reason is BackupException || IoFailure.IsKnown(reason)) && !IsFull(reason))
        {
            var index = await MakeAsync(source, link, cancellationToken);
            var isMissing = reason is FileNotFoundException;
            IndexMade(isMissing ? LogLevel.Information : LogLevel.Warning, source.Name, source.Catalog.Locate(link.File), isMissing ? "it is missing" : reason.Message);
            await KeepAsync(source, link, index, cancellationToken);
            return index;
        }
    }

    /// <summary>Reads the backup, and by that also proves that it is what was stored.</summary>
    private async Task<PageIndex> MakeAsync(ProtectedSource source, Backup link, CancellationToken cancellationToken)
    {
        using var draft = NewDraft();
        ArtifactReading reading;
        try
        {
            await using var stored = await source.Catalog.OpenReadAsync(link.File, cancellationToken);
            await using var pages = source.Source.IndexPages(link.Manifest.Type != BackupType.Full, draft, Stream.Null);
            reading = await ArtifactReader.ReadAsync(stored, pages, progress: null, cancellationToken);
            if (reading.GzipFailure is null)
                pages.Complete();
        }
        catch (Exception failure) when ((failure is BackupException || IoFailure.IsKnown(failure)) && !IsFull(failure))
        {
            throw new NoIncrementException($"{link.File}, on which it would build, can't be read: {failure.Message}");
        }

        if (reading.GzipFailure is not null || reading.Stored != link.Manifest.Stored || reading.Content != link.Manifest.Content || !draft.IsComplete)
            throw new DamagedLinkException(link, $"{link.File}, on which it would build, is not as it was stored: {reading.GzipFailure ?? "its SHA-256 is another one"}");
        return await TakeAsync((target, token) => draft.WriteToAsync(target, link.Manifest.Content.Sha256, token), link, cancellationToken);
    }

    private async Task<PageIndex> TakeAsync(Func<Stream, CancellationToken, Task> write, Backup link, CancellationToken cancellationToken)
    {
        var copy = scratch.NewFile();
        try
        {
            await using (var file = new FileStream(copy, FileMode.Open, FileAccess.Write, FileShare.None))
                await write(file, cancellationToken);
            return await PageIndex.OpenAsync(copy, link.Manifest.Content.Sha256, cancellationToken);
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
    private async Task KeepAsync(ProtectedSource source, Backup link, PageIndex index, CancellationToken cancellationToken)
    {
        try
        {
            await source.Catalog.WritePagesAsync(link.File, index.CopyToAsync, cancellationToken);
        }
        catch (BackupException failure)
        {
            IndexNotKept(source.Name, source.Catalog.Locate(link.File), failure.Message, failure.Hint);
        }

        index.Rewind();
    }

    private static bool IsFull(Exception failure) => failure is BackupException { Kind: FailureKind.StoreFull } || IoFailure.IsFull(failure);

    [LoggerMessage(EventId = 1008, EventName = "page_index_made", Message = "the page index of backup {File} of {Source} was made anew from the backup: {Reason}")]
    private partial void IndexMade(LogLevel level, string source, string file, string reason);

    [LoggerMessage(EventId = 1009, EventName = "page_index_not_kept", Level = LogLevel.Warning, Message = "the page index of backup {File} of {Source} can't be kept and will be made again next time: {Reason}. Next: {Hint}")]
    private partial void IndexNotKept(string source, string file, string reason, string hint);
}
