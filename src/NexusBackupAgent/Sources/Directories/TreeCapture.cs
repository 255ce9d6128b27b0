using System.Formats.Tar;
using System.Text;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Directories;

/// <summary>Writes what is in directories, or what is new or changed in them since another backup.</summary>
/// <param name="base">Null: everything.</param>
/// <param name="previous">The newest good backup: a whole one is compared with it. Null: there is none.</param>
internal sealed class TreeCapture(IReadOnlyList<string> roots, TreeOptions options, StoredChain? @base, StoredLink? previous, ScratchDirectory scratch, TimeProvider timeProvider) : ICapture
{
    private const int MostListed = 1000;
    private const int ShownInMessage = 5;
    private const int EndOfArchive = 1024;

    private readonly Dictionary<TreeOddity, List<string>> oddities = Enum.GetValues<TreeOddity>().ToDictionary(oddity => oddity, _ => new List<string>());

    public DateTimeOffset CapturedAt { get; } = timeProvider.GetUtcNow();

    public long? Length => null;

    public long ScratchNeeded => 0;

    public async Task WriteAsync(IArtifactSink sink, CancellationToken cancellationToken)
    {
        using var workspace = scratch.NewWorkspace();
        var (inventory, deleted) = (Path.Combine(workspace.Path, "inventory"), Path.Combine(workspace.Path, "deleted"));
        var fingerprint = "";
        var digests = await sink.WriteAsync(async (content, token) => fingerprint = await WriteAsync(content, workspace.Path, inventory, deleted, token), sink.Progress, cancellationToken);
        RequireReadable();
        sink.DeclareFingerprint(fingerprint);
        await sink.WritePartAsync(DirectorySource.InventoryPart, ArtifactEncoding.Gzip, (content, token) => CopyAsync(inventory, content, token), cancellationToken);
        if (@base is null)
            return;
        await sink.WritePartAsync(DirectorySource.DeletedPart, ArtifactEncoding.Gzip, (content, token) => CopyAsync(deleted, content, token), cancellationToken);
        sink.DeclareRestored(ArtifactDigest.OfChain([.. @base.Links.Select(link => link.Content!.Value), digests.Content]));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <returns>The fingerprint of the state.</returns>
    private async Task<string> WriteAsync(Stream content, string work, string inventoryFile, string deletedFile, CancellationToken cancellationToken)
    {
        await using var before = @base is not null ? await PreviousTree.OpenAsync(@base.Tip, work, cancellationToken) : await PreviousTree.TryOpenAsync(previous, work, cancellationToken);
        await using var deleted = new FileStream(deletedFile, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
        await using var inventory = new InventoryWriter(new FileStream(inventoryFile, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16));
        var emptied = new HashSet<string>(StringComparer.Ordinal);
        bool isEmpty;
        await using (var tar = new TarWriter(content, TarEntryFormat.Pax, leaveOpen: true))
        {
            var files = new TreeFiles(tar, timeProvider, Note);
            var walk = new TreeWalk(roots, options.Patterns, Note);
            foreach (var found in walk.Files())
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (found.Status.Type is not (FileType.Regular or FileType.Directory or FileType.SymbolicLink))
                {
                    Note(TreeOddity.Special, found.Path);
                    continue;
                }

                await before.MoveToAsync(found.Path, GoneAsync, cancellationToken);
                var old = before.At(found.Path);
                if (await EntryAsync(files, found, @base is null ? null : old, cancellationToken) is not { } entry)
                    continue; // it is not there any more, and gone from the inventory
                before.Take(found.Path);
                if (old is not null && old.Type != entry.Type)
                    await DeleteAsync(deleted, found.Path, cancellationToken);
                if (@base is null && old is { Sha256: { } hash } && entry.Sha256 is { } now && hash != now && entry.LooksLike(old))
                    Note(TreeOddity.Decayed, found.Path);
                await inventory.AddAsync(entry, cancellationToken);
            }

            await before.MoveToAsync(path: null, GoneAsync, cancellationToken);
            RequireFilled(walk.Bare, emptied);
            isEmpty = !files.HasWritten;
        }

        if (isEmpty)
            await content.WriteAsync(new byte[EndOfArchive], cancellationToken); // the library writes none, and no reader takes nothing for an archive

        return await inventory.EndAsync(new TreeNotes(oddities[TreeOddity.Special], [.. oddities[TreeOddity.Unreadable], .. oddities[TreeOddity.Misnamed]], oddities[TreeOddity.Changed], oddities[TreeOddity.Vanished]) { Decayed = oddities[TreeOddity.Decayed] }, cancellationToken);

        async Task GoneAsync(string path)
        {
            if (roots.FirstOrDefault(root => path.StartsWith(root[1..] + "/", StringComparison.Ordinal)) is { } root)
                emptied.Add(root);
            await DeleteAsync(deleted, path, cancellationToken);
        }
    }

    private async Task<TreeEntry?> EntryAsync(TreeFiles files, FoundFile found, TreeEntry? old, CancellationToken cancellationToken)
    {
        try
        {
            return await files.AddAsync(found, old, cancellationToken);
        }
        catch (TreeReadException unread) when (unread.IsGone)
        {
            Note(TreeOddity.Vanished, found.Path);
            return null;
        }
        catch (TreeReadException unread) when (unread.InnerException is UnauthorizedAccessException)
        {
            Note(TreeOddity.Unreadable, found.Path);
            return null;
        }
        catch (TreeReadException unread)
        {
            throw IoFailure.Translate(unread.InnerException!, $"read '{LineText.Of(found.Place)}'", found.Place);
        }
    }

    private void Note(TreeOddity oddity, string path)
    {
        if (oddities[oddity].Count < MostListed)
            oddities[oddity].Add(path);
    }

    /// <summary>The empty place of a disk that is not mounted is no state of what lies on that disk.</summary>
    /// <param name="bare">Roots with nothing in them.</param>
    /// <param name="emptied">Roots that had something before that is gone.</param>
    private void RequireFilled(IReadOnlyList<string> bare, IReadOnlySet<string> emptied)
    {
        if (bare.FirstOrDefault(root => bare.Count == roots.Count || emptied.Contains(root)) is { } root)
            throw Empty(root, wasFilled: emptied.Contains(root));
    }

    /// <param name="wasFilled">Whether the backup before holds something of it.</param>
    public static BackupException Empty(string root, bool wasFilled) => new(
        FailureKind.SourceMissing,
        $"directory '{root}' is empty{(wasFilled ? ", and was not in the backup before" : "")}",
        $"mount its disk ({ToolProcess.Line(["findmnt", "-T", root])} shows what is mounted there); if it is meant to be empty, put a file into it, or take it out of the configuration");

    /// <summary>A backup without what can't be read is not whole. All of it is named, so that it is mended at once.</summary>
    private void RequireReadable()
    {
        if (options.SkipsUnreadable)
            return;
        var (refused, misnamed) = (oddities[TreeOddity.Unreadable], oddities[TreeOddity.Misnamed]);
        if (refused.Count > 0)
        {
            throw new BackupException(
                FailureKind.Permission,
                $"the user {SystemUser.Current.Name} may not read {Named(refused)}",
                $"give it access (namei -l '{LineText.Of("/" + refused[0])}' shows where it ends), leave them out with exclude:, or write unreadable: skip");
        }

        if (misnamed.Count > 0)
        {
            throw new BackupException(
                FailureKind.SourceInvalid,
                $"names that are no UTF-8 can't be backed up: {Named(misnamed)}",
                "rename them (convmv -r -f latin1 -t utf8 --notest), leave them out with exclude:, or write unreadable: skip");
        }

        static string Named(List<string> paths) =>
            string.Join(", ", paths.Take(ShownInMessage).Select(path => $"'{LineText.Of("/" + path)}'")) + (paths.Count > ShownInMessage ? $" and {paths.Count - ShownInMessage} more" : "");
    }

    private static async Task DeleteAsync(FileStream deleted, string path, CancellationToken cancellationToken) => await deleted.WriteAsync(Encoding.UTF8.GetBytes(path + '\0'), cancellationToken);

    private static async Task CopyAsync(string file, Stream content, CancellationToken cancellationToken)
    {
        await using var written = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        await written.CopyToAsync(content, 1 << 16, cancellationToken);
    }
}

/// <summary>Why something of a tree is not captured, or not as it stood.</summary>
internal enum TreeOddity
{
    /// <summary>A socket, a pipe or a device.</summary>
    Special,

    /// <summary>This user may not read it.</summary>
    Unreadable,

    /// <summary>Its name is no UTF-8.</summary>
    Misnamed,

    /// <summary>It changed each time it was read.</summary>
    Changed,

    /// <summary>It was deleted meanwhile.</summary>
    Vanished,

    /// <summary>Its content is another one than before, although nothing says that it was written.</summary>
    Decayed,
}

/// <summary>The tree as the backup before has it, gone through beside the live one.</summary>
internal sealed class PreviousTree : IAsyncDisposable
{
    private readonly InventoryReader? inventory;

    private PreviousTree(InventoryReader? inventory) => this.inventory = inventory;

    /// <param name="link">Null: there is none.</param>
    /// <exception cref="NoIncrementException">Its inventory can't be read.</exception>
    public static async Task<PreviousTree> OpenAsync(StoredLink? link, string work, CancellationToken cancellationToken)
    {
        if (link is null)
            return new PreviousTree(inventory: null);
        try
        {
            return new PreviousTree(await TreeReading.InventoryOfAsync(link, work, cancellationToken));
        }
        catch (Exception unread) when (unread is InvalidDataException or DamagedLinkException)
        {
            throw new NoIncrementException($"the inventory of {link.Name}, which it would build on, can't be used: {unread.Message}", link);
        }
    }

    /// <summary>The same where nothing depends on it: what can't be read is not compared.</summary>
    public static async Task<PreviousTree> TryOpenAsync(StoredLink? link, string work, CancellationToken cancellationToken)
    {
        try
        {
            return await OpenAsync(link is not null && link.Parts.Contains(DirectorySource.InventoryPart) ? link : null, work, cancellationToken);
        }
        catch (Exception unread) when (unread is NoIncrementException or BackupException)
        {
            return new PreviousTree(inventory: null);
        }
    }

    /// <summary>What it has at a path that <see cref="MoveToAsync"/> went to; null: nothing.</summary>
    public TreeEntry? At(string path) => inventory?.Current is { } entry && entry.Path == path ? entry : null;

    /// <summary>Passes what comes before a path, all of which is gone from the live tree.</summary>
    /// <param name="path">Null: to its end.</param>
    public async Task MoveToAsync(string? path, Func<string, Task> gone, CancellationToken cancellationToken)
    {
        while (inventory?.Current is { } entry && (path is null || TreeEntry.Order(entry.Path, path) < 0))
        {
            if (!isTaken)
                await gone(entry.Path);
            isTaken = false;
            await inventory.MoveAsync(cancellationToken);
        }
    }

    /// <summary>The live tree has this path too.</summary>
    public void Take(string path) => isTaken |= At(path) is not null;

    private bool isTaken;

    public ValueTask DisposeAsync() => inventory?.DisposeAsync() ?? ValueTask.CompletedTask;
}
