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
    private const int LargestInMemory = 1 << 20;

    private readonly byte[] small = GC.AllocateUninitializedArray<byte>(LargestInMemory);

    private string? finding;
    private string? fingerprint;
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
                fingerprint = (await ReadAsync(link, before, sink, cancellationToken)).Tip;
                if (link != chain.Tip && link.Fingerprint is { } captured && captured != fingerprint)
                    throw new InvalidDataException("its inventory is not that of what was captured");
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
            await using var inventory = await InventoryOfAsync(chain.Tip, work, cancellationToken);
            await sink.CompleteAsync(inventory, cancellationToken);
        }

        return Result(finding is null ? fingerprint : chain.Tip.Fingerprint); // where something is wrong, that tells more
    }

    /// <summary>
    /// Reads the last archive alone. What it holds is compared with its inventory; what it does not hold, with the inventory of the one
    /// before it, which has to be that of what was captured then, and whose own entries were compared when that one was read.
    /// </summary>
    /// <returns>Null when it can't be shown so, or something is wrong: <see cref="RunAsync"/> tells what.</returns>
    /// <exception cref="DamagedLinkException">It is not what was stored.</exception>
    public async Task<ContentCheck?> ProveAsync(CancellationToken cancellationToken)
    {
        if (chain.Links is not [.., var before, _] || before.Fingerprint is not { } captured)
            return null;
        try
        {
            var (tip, below) = await ReadAsync(chain.Tip, before, sink: null, cancellationToken);
            return below == captured ? Result(tip) : null;
        }
        catch (InvalidDataException)
        {
            return null;
        }
        catch (DamagedLinkException damaged) when (damaged.Link == before)
        {
            return null;
        }
    }

    private ContentCheck Result(string? state) => new(
        finding,
        chain.Links.Count == 1 ? null : ArtifactDigest.OfChain([.. chain.Links.Select(link => link.Content!.Value)]),
        notes?.ToString() is { Length: > 0 } note ? note : null)
    {
        Fingerprint = chain.Tip.Fingerprint is null ? null : state,
    };

    /// <summary>The inventory of a backup, at its first entry. It is unpacked, so that it can be read beside something else.</summary>
    /// <exception cref="InvalidDataException">The backup has none, or it is no inventory.</exception>
    public static async Task<InventoryReader> InventoryOfAsync(StoredLink link, string work, CancellationToken cancellationToken, TreeFingerprint? fingerprint = null)
    {
        var inventory = new InventoryReader(await OpenInventoryAsync(link, work, cancellationToken), fingerprint);
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

    /// <summary>Reads an archive beside its inventory, and that beside the one before it, which has what the archive does not hold.</summary>
    /// <param name="before">Null: the archive holds all.</param>
    /// <returns>The fingerprints of the states that the two inventories tell of.</returns>
    private async Task<(string Tip, string? Below)> ReadAsync(StoredLink link, StoredLink? before, ITreeSink? sink, CancellationToken cancellationToken)
    {
        using var state = new TreeFingerprint();
        using var stateBelow = new TreeFingerprint();
        await using var inventory = await InventoryOfAsync(link, work, cancellationToken, state);
        await using var older = before is null ? null : await InventoryOfAsync(before, work, cancellationToken, stateBelow);
        var further = new Dictionary<string, TreeEntry>(StringComparer.Ordinal); // of a first name, one that the archive does not hold rather than one that it does
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
                    last = await NextStoredAsync(token) is { } next && next.Path == path ? next : throw new InvalidDataException($"it holds '{LineText.Of("/" + path)}', and its inventory {(inventory.Current is { } other ? $"'{other.Shown}'" : "nothing more")}");
                    await inventory.MoveAsync(token);
                }

                isRight = await IsAsync(found, last, sink, token); // of several entries of one name the last one counts
            },
            cancellationToken);
        RequireRight();
        if (await NextStoredAsync(cancellationToken) is { } missing)
            throw new InvalidDataException($"it lacks '{missing.Shown}', which its inventory has");
        await RequireFirstNamesAsync(link, further, cancellationToken);
        while (older?.Current is not null)
            await older.MoveAsync(cancellationToken);
        if (link == chain.Tip)
            notes = inventory.End;
        return (state.Complete(), before is null ? null : stateBelow.Complete());

        async ValueTask<TreeEntry?> NextStoredAsync(CancellationToken token)
        {
            for (; inventory.Current is { } entry; await inventory.MoveAsync(token))
            {
                if (entry is { IsHardLink: true, Target: { } first } && (!entry.IsStored || !further.ContainsKey(first)))
                    further[first] = entry;
                if (entry.IsStored)
                    return entry;
                await RequireBelowAsync(entry, token);
            }

            return null;
        }

        async ValueTask RequireBelowAsync(TreeEntry entry, CancellationToken token)
        {
            while (older?.Current is { } passed && TreeEntry.Order(passed.Path, entry.Path) < 0)
                await older.MoveAsync(token);
            if (older?.Current is not { } same || same.Path != entry.Path || !entry.IsSameAs(same))
                throw new InvalidDataException($"it does not hold '{entry.Shown}'{(before is null ? "" : $", nor does {before.Name} as it was")}");
        }

        void RequireRight()
        {
            if (!isRight)
                throw new InvalidDataException($"'{last!.Shown}' is not what its inventory has");
        }
    }

    /// <summary>
    /// What has a further name has to be a file of the same backup; if the archive holds it, the further name too, or that would keep the content
    /// of before. Earlier builds left it out where time and size were as before, and called that good; of an empty file nothing but the link is lost.
    /// </summary>
    private async Task RequireFirstNamesAsync(StoredLink link, Dictionary<string, TreeEntry> further, CancellationToken cancellationToken)
    {
        if (further.Count == 0)
            return;
        await using var inventory = await InventoryOfAsync(link, work, cancellationToken);
        for (; inventory.Current is { } entry; await inventory.MoveAsync(cancellationToken))
        {
            if (entry is { Type: TreeEntryType.File, IsHardLink: false } && further.Remove(entry.Path, out var name) && entry is { IsStored: true, Size: > 0 } && !name.IsStored)
                throw link.Refuse($"it holds '{entry.Shown}' and not '{name.Shown}', which is a further name of it and would keep the content of before; make a full backup");
        }

        if (further.Keys.FirstOrDefault() is { } missing)
            throw new InvalidDataException($"it has a further name of '{LineText.Of("/" + missing)}', which is no file of it");
    }

    private async Task<bool> IsAsync(TarEntry found, TreeEntry expected, ITreeSink? sink, CancellationToken cancellationToken)
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

        var (stored, hasHoles) = TreeTar.ContentOf(found);
        if (expected.Size <= LargestInMemory && !hasHoles)
        {
            if (found.Length != expected.Size)
                return false;
            var whole = small.AsMemory(0, (int)expected.Size);
            await stored.ReadExactlyAsync(whole, cancellationToken);
            if (sink is not null)
                await sink.PlaceAsync(expected, new MemoryStream(small, 0, whole.Length, writable: false), hasHoles, cancellationToken);
            return looks && Convert.ToHexStringLower(SHA256.HashData(whole.Span)) == expected.Sha256;
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var content = new HashedStream(stored, hash);
        if (sink is not null)
            await sink.PlaceAsync(expected, content, hasHoles, cancellationToken);
        await content.CopyToAsync(Stream.Null, BlockSize, cancellationToken); // what nobody took
        return looks && content.BytesRead == expected.Size && Convert.ToHexStringLower(hash.GetCurrentHash()) == expected.Sha256;
    }
}
