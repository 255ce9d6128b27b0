using System.Formats.Tar;
using System.Security.Cryptography;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources.Files;

namespace NexusBackupAgent.Sources.Directories;

/// <summary>What takes the entries of archives as they pass, and has a tree in the end.</summary>
internal interface ITreeSink
{
    /// <summary>Makes an entry, in place of one that an earlier archive made.</summary>
    /// <param name="content">Of a file; read to its end, or not at all.</param>
    /// <param name="hasHoles">Whether what is zeros in it takes no room.</param>
    Task PlaceAsync(TreeEntry entry, Stream content, bool hasHoles, CancellationToken cancellationToken);

    /// <summary>Takes away what is not in the inventory, and gives all the rest what it has beside its content.</summary>
    Task CompleteAsync(InventoryReader inventory, CancellationToken cancellationToken);
}

/// <summary>Reads a chain of archives, compares every entry with the inventory of its backup, and each inventory with the one before it.</summary>
/// <param name="work">A directory for inventories while they are read.</param>
internal sealed class TreeReading(StoredChain chain, string work)
{
    private const int BlockSize = 1 << 17;

    private string? finding;
    private TreeNotes? notes;

    /// <exception cref="DamagedLinkException">One of them is not what was stored, or does not fit.</exception>
    public async Task<ContentCheck> RunAsync(ITreeSink? sink, CancellationToken cancellationToken)
    {
        if (chain.Links is [var foreign] && !foreign.Parts.Contains(DirectorySource.InventoryPart))
        {
            return sink is null
                ? await HandMadeArchive.CheckAsync(foreign, count => $"its archive of {count} {(count == 1 ? "entry" : "entries")}", cancellationToken)
                : throw HandMadeArchive.Refusal(foreign, $"{ArtifactEncodings.UnpackCommand(foreign.Location, "p")} -C /");
        }

        for (var index = 0; index < chain.Links.Count; index++)
        {
            var (link, before) = (chain.Links[index], index > 0 ? chain.Links[index - 1] : null);
            try
            {
                await ReadAsync(link, sink, cancellationToken);
                if (before is not null)
                    await CompareAsync(link, before, cancellationToken);
            }
            catch (InvalidDataException odd) when (link == chain.Tip)
            {
                finding = odd.Message;
            }
            catch (InvalidDataException odd)
            {
                throw link.Refuse(odd.Message);
            }
        }

        if (finding is null && sink is not null)
        {
            await using var inventory = await InventoryOfAsync(chain.Tip, cancellationToken);
            await sink.CompleteAsync(inventory, cancellationToken);
        }

        var restored = chain.Links.Count == 1 ? (ArtifactDigest?)null : ArtifactDigest.OfChain([.. chain.Links.Select(link => link.Content!.Value)]);
        return new ContentCheck(finding, restored, notes?.ToString() is { Length: > 0 } note ? note : null);
    }

    /// <summary>The inventory of a backup, at its first entry. It is unpacked, so that it can be read beside something else.</summary>
    /// <exception cref="InvalidDataException">The backup has none, or it is no inventory.</exception>
    public static async Task<InventoryReader> InventoryOfAsync(StoredLink link, string work, CancellationToken cancellationToken)
    {
        var inventory = new InventoryReader(await OpenInventoryAsync(link, work, cancellationToken));
        await inventory.MoveAsync(cancellationToken);
        return inventory;
    }

    private static async Task<Stream> OpenInventoryAsync(StoredLink link, string work, CancellationToken cancellationToken)
    {
        if (!link.Parts.Contains(DirectorySource.InventoryPart))
            throw new InvalidDataException("it has no inventory");
        var file = Path.Combine(work, $"inventory.{Guid.NewGuid():N}");
        await using (var written = new FileStream(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
            await link.CopyPartAsync(DirectorySource.InventoryPart, written, cancellationToken);
        return new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.DeleteOnClose | FileOptions.SequentialScan);
    }

    private Task<InventoryReader> InventoryOfAsync(StoredLink link, CancellationToken cancellationToken) => InventoryOfAsync(link, work, cancellationToken);

    private async Task ReadAsync(StoredLink link, ITreeSink? sink, CancellationToken cancellationToken)
    {
        await using var inventory = await InventoryOfAsync(link, cancellationToken);
        var linked = new HashSet<string>(StringComparer.Ordinal);
        await SkipUnstoredAsync(cancellationToken);
        TreeEntry? last = null;
        var isRight = true;
        await PassingTar.ReadAsync(
            link.CopyContentAsync,
            async (found, token) =>
            {
                var path = TreeTar.PathOf(found);
                if (last is null || path != last.Path)
                {
                    RequireRight();
                    last = inventory.Current is { } next && next.Path == path ? next : throw new InvalidDataException($"it holds '{LineText.Of("/" + path)}', and its inventory {(inventory.Current is { } other ? $"'{other.Shown}'" : "nothing more")}");
                    await inventory.MoveAsync(token);
                    await SkipUnstoredAsync(token);
                }

                isRight = await IsAsync(found, last, sink, token); // of several entries of one name the last one counts
            },
            cancellationToken);
        RequireRight();
        if (inventory.Current is { } missing)
            throw new InvalidDataException($"it lacks '{missing.Shown}', which its inventory has");
        await RequireFirstNamesAsync(link, linked, cancellationToken);
        if (link == chain.Tip)
            notes = inventory.End;

        async Task SkipUnstoredAsync(CancellationToken token)
        {
            for (; inventory.Current is { } entry; await inventory.MoveAsync(token))
            {
                if (entry is { IsHardLink: true, Target: { } first })
                    linked.Add(first);
                if (entry.IsStored)
                    return;
            }
        }

        void RequireRight()
        {
            if (!isRight)
                throw new InvalidDataException($"'{last!.Shown}' is not what its inventory has");
        }
    }

    /// <summary>What has a further name has to be a file of the same backup.</summary>
    private async Task RequireFirstNamesAsync(StoredLink link, HashSet<string> firstNames, CancellationToken cancellationToken)
    {
        if (firstNames.Count == 0)
            return;
        await using var inventory = await InventoryOfAsync(link, cancellationToken);
        for (; inventory.Current is { } entry; await inventory.MoveAsync(cancellationToken))
        {
            if (entry is { Type: TreeEntryType.File, IsHardLink: false })
                firstNames.Remove(entry.Path);
        }

        if (firstNames.FirstOrDefault() is { } missing)
            throw new InvalidDataException($"it has a further name of '{LineText.Of("/" + missing)}', which is no file of it");
    }

    private static async Task<bool> IsAsync(TarEntry found, TreeEntry expected, ITreeSink? sink, CancellationToken cancellationToken)
    {
        var type = found.EntryType switch
        {
            TarEntryType.Directory => TreeEntryType.Directory,
            TarEntryType.SymbolicLink => TreeEntryType.SymbolicLink,
            TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.HardLink => TreeEntryType.File,
            _ => throw new InvalidDataException($"'{expected.Shown}' is neither a file nor a directory nor a link"),
        };
        if (type != expected.Type || (found.EntryType == TarEntryType.HardLink) != expected.IsHardLink || (expected.Target is not null && found.LinkName != expected.Target))
            throw new InvalidDataException($"'{expected.Shown}' is another kind of file than its inventory has, or leads elsewhere");
        var looks = TreeTar.Looks(found, expected);
        if (type != TreeEntryType.File || expected.IsHardLink)
        {
            if (looks && sink is not null)
                await sink.PlaceAsync(expected, Stream.Null, hasHoles: false, cancellationToken);
            return looks;
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (stored, hasHoles) = TreeTar.ContentOf(found);
        await using var content = new HashedStream(stored, hash);
        if (sink is not null)
            await sink.PlaceAsync(expected, content, hasHoles, cancellationToken);
        await content.CopyToAsync(Stream.Null, BlockSize, cancellationToken); // what nobody took
        return looks && content.BytesRead == expected.Size && Convert.ToHexStringLower(hash.GetCurrentHash()) == expected.Sha256;
    }

    /// <summary>What an increment does not hold has to be in the one before it, as its inventory says.</summary>
    private async Task CompareAsync(StoredLink link, StoredLink before, CancellationToken cancellationToken)
    {
        await using var inventory = await InventoryOfAsync(link, cancellationToken);
        await using var older = await InventoryOfAsync(before, cancellationToken);
        for (; inventory.Current is { } entry; await inventory.MoveAsync(cancellationToken))
        {
            if (entry.IsStored)
                continue;
            while (older.Current is { } passed && TreeEntry.Order(passed.Path, entry.Path) < 0)
                await older.MoveAsync(cancellationToken);
            if (older.Current is not { } same || same.Path != entry.Path || !entry.IsSameAs(same))
                throw new InvalidDataException($"it does not hold '{entry.Shown}', nor does {before.Name} as it was");
        }
    }
}
