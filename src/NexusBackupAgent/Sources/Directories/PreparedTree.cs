using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Directories;

/// <summary>A directory as it is restored, beside the place that it takes.</summary>
/// <param name="Work">The directory of its own that it is made in.</param>
/// <param name="Opened">The same, held open: its name is anybody's who owns the directory around it.</param>
internal sealed record TreeWork(TreePlace Place, string Work, SafeFileHandle Opened) : IDisposable
{
    /// <summary>The way into it that nobody else can turn.</summary>
    public string Inside { get; } = SafeFile.PathOf(Opened);

    /// <summary>What takes the place.</summary>
    public string Made { get; } = Path.Combine(SafeFile.PathOf(Opened), "tree");

    /// <summary>Where the old one is kept; null: nothing is there.</summary>
    public string? Safety { get; set; }

    /// <summary>Whether the restored one has the safety copy's name for a moment.</summary>
    public bool IsNamed { get; set; }

    public bool IsSwitched { get; set; }

    public void Dispose()
    {
        using (Opened)
        {
            if (FileStatus.OfNoLink(Work) is { } named && FileStatus.Of(Opened) is { } own && named.IsSameFileAs(own))
                SafeFile.DeleteTree(Work);
        }
    }

    /// <summary>Has the two change names. At every instant one of them has the place, where the file system can.</summary>
    public void Exchange()
    {
        var (place, safety) = (Place.Path, Safety!);
        if (SafeFile.TryExchange(safety, place))
            return;
        var aside = safety + ".aside";
        SafeFile.Move(place, aside);
        try
        {
            SafeFile.Move(safety, place);
        }
        catch
        {
            SafeFile.Move(aside, place);
            throw;
        }

        SafeFile.Move(aside, safety);
    }
}

/// <summary>Restored directories beside those whose places they take.</summary>
internal sealed class PreparedTree(TreeTarget target) : IPreparedRestore, ITreeSink
{
    private const UnixFileMode PrivateFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly List<TreeWork> works = [];

    /// <summary>Files that were not chosen, and of which something is a further name that was: where they lie meanwhile.</summary>
    private readonly Dictionary<string, string> lent = new(StringComparer.Ordinal);

    private int notGiven;
    private string? realParent;

    public ContentCheck Check { get; private set; } = new(Finding: null);

    public RestoredPlace Place => new(
        target.Location,
        Owner: null,
        works.Exists(work => work.Safety is not null) ? string.Join(", ", works.Select(work => work.Safety).OfType<string>()) : null,
        [],
        string.Join("; ", works.Where(work => work.Safety is not null).Select(work => $"{ToolProcess.Line(["rm", "-r", work.Place.Path])}; {ToolProcess.Line(["mv", work.Safety!, work.Place.Path])}")));

    public async Task MakeAsync(StoredChain chain, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var place in target.Places)
                AddWork(place);
            await ChooseAsync(chain, cancellationToken);
            Check = await new TreeReading(chain, works[0].Inside).RunAsync(this, cancellationToken);
            if (notGiven > 0)
                Check = Check with { Note = $"{(Check.Note is { } note ? note + "; " : "")}{notGiven} owners, or attributes, could not be given: that needs root" };
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure) && failure is not BackupException)
        {
            throw IoFailure.Translate(failure, $"restore '{target.Location}'", target.Volume);
        }
    }

    public async Task PlaceAsync(TreeEntry entry, Stream content, bool hasHoles, CancellationToken cancellationToken)
    {
        if (PathFor(entry.Path) is not { } path)
            return;
        if (entry.Type != TreeEntryType.Directory && works.Exists(work => work.Made == path))
            throw new InvalidDataException($"it holds '{entry.Shown}' as something else than a directory");
        RequireRealParent(path);
        var there = FileStatus.OfNoLink(path);
        if (there is { Type: not FileType.Directory })
            File.Delete(path);
        else if (there is not null && entry.Type != TreeEntryType.Directory)
            Directory.Delete(path, recursive: true);
        switch (entry)
        {
            case { Type: TreeEntryType.Directory }:
                Directory.CreateDirectory(path, FileOwner.OwnersDirectory);
                break;
            case { Type: TreeEntryType.SymbolicLink }:
                File.CreateSymbolicLink(path, entry.Target!);
                break;
            case { IsHardLink: true }:
                if (PathFor(entry.Target!) is not { } first)
                    break; // a later archive has it otherwise, or it is missed in the end
                RequireRealParent(first);
                if (FileStatus.OfNoLink(first) is not { IsRegular: true })
                    throw new InvalidDataException($"'{entry.Shown}' is a further name of '{LineText.Of("/" + entry.Target)}', which is no file of it");
                RequireRealParent(path);
                FileMetadata.Link(first, path);
                break;
            default:
                await using (var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0, UnixCreateMode = PrivateFile }))
                {
                    if (hasHoles)
                        await SparseFile.WriteAsync(file.SafeFileHandle, content, cancellationToken);
                    else
                        await content.CopyToAsync(file, 1 << 17, cancellationToken);
                }

                break;
        }
    }

    public async Task CompleteAsync(InventoryReader inventory, CancellationToken cancellationToken)
    {
        var open = new Stack<TreeEntry>();
        foreach (var work in works)
        {
            foreach (var found in new TreeWalk([work.Made], TreePatterns.All, NoteOdd).Files())
            {
                var name = work.Place.NameOf(found.Place, work.Made);
                if (name.Length == 0)
                    continue;
                while (inventory.Current is { } passed && TreeEntry.Order(passed.Path, name) < 0)
                    await PassAsync(passed);
                while (open.TryPeek(out var above) && !name.StartsWith(above.Path + "/", StringComparison.Ordinal))
                    Finish(open.Pop());
                if (inventory.Current is not { } entry || entry.Path != name)
                {
                    if (found.Status.Type != FileType.Directory || inventory.Current is not { } below || !below.Path.StartsWith(name + "/", StringComparison.Ordinal))
                        Remove(found.Place); // otherwise it is on the way to a root
                    continue;
                }

                await RequireSameAsync(found, entry, cancellationToken);
                if (entry.Type == TreeEntryType.Directory)
                    open.Push(entry);
                else if (!entry.IsHardLink || lent.ContainsKey(entry.Target!))
                    Finish(entry);
                await inventory.MoveAsync(cancellationToken);
            }
        }

        while (inventory.Current is { } rest)
            await PassAsync(rest);
        while (open.TryPop(out var directory))
            Finish(directory);

        async Task PassAsync(TreeEntry passed)
        {
            if (target.Selection.Takes(passed.Path))
                throw new InvalidDataException($"'{passed.Shown}' was not restored");
            await inventory.MoveAsync(cancellationToken);
        }
    }

    /// <summary>The question is a path; the answer is the first line of that file.</summary>
    public async Task<ProbeAnswer> ProbeAsync(string question, CancellationToken cancellationToken)
    {
        try
        {
            if (PathFor(question.TrimStart('/')) is { } path)
            {
                RequireRealParent(path, make: false);
                if (FileStatus.OfNoLink(path) is { IsRegular: true })
                {
                    using var lines = new StreamReader(path);
                    return new ProbeAnswer(HasRow: true, await lines.ReadLineAsync(cancellationToken));
                }
            }
        }
        catch (Exception none) when (none is InvalidDataException || IoFailure.IsKnown(none))
        {
            // It is told below.
        }

        throw new BackupException(FailureKind.Restore, $"the probe could not be asked: the backup has no file '{question}'", "write the whole path of a file that is always there: its first line is the answer");
    }

    public Task SaveAsync(RestoreContext context, CancellationToken cancellationToken)
    {
        if (target.Exists)
            target.RequireMayReplace(context);
        foreach (var work in works.Where(work => work.Place.IsThere))
        {
            work.Safety = work.Place.SafetyName(context.Now, context.Zone);
            context.Step(new RestoreStep(RestoreStage.Save, $"keep the old one as {work.Safety}"));
            target.Guard("take over what is no part of the backup from", () => new TreeCarryOver(target, work).Run(cancellationToken));
        }

        // What takes the place has to be on the disk before it does: a name may survive a power cut that its content does not.
        target.Guard("sync the directory of", () => works.ForEach(work => DurableDirectory.SyncAll(work.Made)));

        return Task.CompletedTask;
    }

    public void Switch(RestoreContext context)
    {
        foreach (var work in works)
        {
            context.Step(new RestoreStep(RestoreStage.Replace, $"put the restored directory in place of {work.Place.Path}"));
            target.Guard("replace", () =>
            {
                if (work.Safety is { } safety)
                {
                    SafeFile.Move(work.Made, safety);
                    work.IsNamed = true;
                    work.Exchange();
                }
                else
                {
                    if (Directory.Exists(work.Place.Path))
                        Directory.Delete(work.Place.Path); // an empty one
                    SafeFile.Move(work.Made, work.Place.Path);
                }

                work.IsSwitched = true;
            });
        }
    }

    public BackupException? RollBack()
    {
        try
        {
            foreach (var work in works)
            {
                if (work.IsSwitched)
                    target.Guard("put back", () => TakeBack(work));
                work.IsSwitched = false;
                if (work.IsNamed)
                    target.Guard("clean up beside", () => SafeFile.Move(work.Safety!, work.Made));
                (work.IsNamed, work.Safety) = (false, null);
            }

            return null;
        }
        catch (BackupException failure)
        {
            return new BackupException(failure.Kind, $"{failure.Message}; the old one is kept as '{string.Join("', '", works.Where(work => work.IsSwitched).Select(work => work.Safety).OfType<string>())}'", failure.Hint, failure);
        }
    }

    public void MakeDurable() => target.Guard("sync the directory of", () =>
    {
        foreach (var work in works)
            DurableDirectory.Sync(work.Place.Parent);
    });

    public ValueTask DisposeAsync()
    {
        works.ForEach(work => work.Dispose());
        return ValueTask.CompletedTask;
    }

    private static void TakeBack(TreeWork work)
    {
        if (work.Safety is not null)
            work.Exchange();
        else
            SafeFile.Move(work.Place.Path, work.Made);
    }

    private void AddWork(TreePlace place)
    {
        var work = target.NewWork(place);
        works.Add(work);
        target.Guard("make a directory beside", () => SafeFile.MakeDirectory(work.Made, FileOwner.OwnersDirectory, inherit: false));
    }

    /// <summary>Looks what of the backup is meant, before anything of it is written.</summary>
    private async Task ChooseAsync(StoredChain chain, CancellationToken cancellationToken)
    {
        if (target.Selection.IsAll && target.TakesAll)
            return;
        try
        {
            await LookAtInventoryAsync(chain, cancellationToken);
        }
        catch (InvalidDataException)
        {
            // The reading of the archive finds the same, and is judged like every other damage.
        }
    }

    private async Task LookAtInventoryAsync(StoredChain chain, CancellationToken cancellationToken)
    {
        var meant = new HashSet<TreeWork>();
        await using var inventory = await TreeReading.InventoryOfAsync(chain.Tip, works[0].Inside, cancellationToken);
        for (; inventory.Current is { } entry; await inventory.MoveAsync(cancellationToken))
        {
            RequireName(entry.Path);
            if (!target.Selection.Takes(entry.Path))
                continue;
            meant.Add(WorkOf(entry.Path) ?? throw new BackupException(
                FailureKind.Restore,
                $"{chain.Tip.Name} holds '{entry.Shown}', which is in none of the directories that the configuration names now: {target.Location}",
                "restore to another place (--to DIR), or name what to restore (--path)"));
            if (entry.IsHardLink && !target.Selection.Takes(entry.Target!) && WorkOf(entry.Target!) is { } lender)
                lent.TryAdd(entry.Target!, Path.Combine(lender.Inside, $"lent.{lent.Count.ToString(CultureInfo.InvariantCulture)}"));
        }

        if (meant.Count == 0)
        {
            throw new BackupException(
                FailureKind.Restore,
                $"{chain.Tip.Name} holds nothing that --path names",
                "see what it holds (nexus-backup list --contents ID), or restore an older one (--id, --at)");
        }

        foreach (var untouched in works.Where(work => !meant.Contains(work) && !lent.Values.Any(path => path.StartsWith(work.Inside + "/", StringComparison.Ordinal))).ToList())
        {
            works.Remove(untouched);
            untouched.Dispose();
        }
    }

    private TreeWork? WorkOf(string path) => works.Find(work => work.Place.Holds(path));

    /// <summary>Where an entry is made; null: it was not chosen.</summary>
    /// <exception cref="InvalidDataException">It lies outside of what was backed up.</exception>
    private string? PathFor(string path)
    {
        RequireName(path);
        if (!target.Selection.Takes(path))
            return lent.GetValueOrDefault(path);
        var work = WorkOf(path) ?? throw new InvalidDataException($"it holds '{LineText.Of("/" + path)}', which is in none of {target.Location}");
        return work.Place.PathOf(path, work.Made);
    }

    /// <exception cref="InvalidDataException">It could lead anywhere.</exception>
    private static void RequireName(string path)
    {
        if (path.Split('/').Any(part => part is "" or "." or "..") || path.Contains('\0'))
            throw new InvalidDataException($"it holds '{LineText.Of(path)}', which lies outside of what was backed up");
    }

    /// <summary>Nothing is written through a link that the archive itself laid.</summary>
    /// <param name="make">Whether directories above are made.</param>
    private void RequireRealParent(string path, bool make = true)
    {
        var parent = Path.GetDirectoryName(path)!;
        if (parent == realParent)
            return;
        var top = works.Select(work => work.Inside).First(inside => path.StartsWith(inside + "/", StringComparison.Ordinal));
        if (parent.Length > top.Length)
        {
            RequireRealParent(parent, make);
            if (make && FileStatus.OfNoLink(parent) is null)
                Directory.CreateDirectory(parent, FileOwner.OwnersDirectory);
            if (FileStatus.OfNoLink(parent) is not { Type: FileType.Directory })
                throw new InvalidDataException($"it holds something below '{parent[(top.Length + 1)..]}', which is no directory");
        }

        realParent = parent;
    }

    /// <summary>What this removed itself need not be there.</summary>
    private static void NoteOdd(TreeOddity oddity, string path)
    {
        if (oddity != TreeOddity.Vanished)
            throw new IOException($"'{LineText.Of("/" + path)}' can't be listed");
    }

    private void Remove(string path)
    {
        realParent = null;
        if (FileStatus.OfNoLink(path) is { Type: FileType.Directory })
            Directory.Delete(path, recursive: true);
        else
            File.Delete(path);
    }

    private async Task RequireSameAsync(FoundFile found, TreeEntry entry, CancellationToken cancellationToken)
    {
        var type = found.Status.Type switch { FileType.Directory => TreeEntryType.Directory, FileType.SymbolicLink => TreeEntryType.SymbolicLink, _ => TreeEntryType.File };
        if (type != entry.Type || (type == TreeEntryType.File && (long)found.Status.Length != entry.Size))
            throw new InvalidDataException($"'{entry.Shown}' was restored as something else");
        if (!target.IsDrill || entry.Sha256 is null)
            return;
        await using var content = new FileStream(found.Place, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        if (Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellationToken)) != entry.Sha256)
            throw new InvalidDataException($"'{entry.Shown}' was not restored as it was");
    }

    /// <summary>Gives it owner, attributes, mode and time, in the order in which none takes another away.</summary>
    private void Finish(TreeEntry entry)
    {
        var work = WorkOf(entry.Path)!;
        var path = work.Place.PathOf(entry.Path, work.Made);
        var (user, group) = (target.Owner?.User ?? entry.User, target.Owner?.Group ?? entry.Group);
        if (FileStatus.OfNoLink(path) is not { } made || (made.User, made.Group) != (user, group))
            Give(() => FileMetadata.SetOwner(path, user, group));
        foreach (var (name, value) in entry.Attributes ?? TreeEntry.NoAttributes)
            Give(() => FileMetadata.SetAttribute(path, name, Convert.FromBase64String(value)));
        if (entry.Type != TreeEntryType.SymbolicLink)
            File.SetUnixFileMode(path, (UnixFileMode)entry.Mode);
        FileMetadata.SetModified(path, entry.Modified);
        if (target.IsDrill && !(FileStatus.OfNoLink(path) is { } now && now.Modified == entry.Modified && (entry.Type == TreeEntryType.SymbolicLink || (int)now.Mode == entry.Mode)))
            throw new InvalidDataException($"'{entry.Shown}' was not restored with its mode and time");
    }

    private void Give(Action give)
    {
        try
        {
            give();
        }
        catch (Exception refused) when (IoFailure.IsKnown(refused) && !IoFailure.IsFull(refused))
        {
            notGiven++;
        }
    }
}
