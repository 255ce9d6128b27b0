using System.Globalization;
using System.Security.Cryptography;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Trees;

/// <summary>Restored directories beside those whose places they take.</summary>
internal sealed class PreparedTree(TreeTarget target) : IPreparedRestore, ITreeSink
{
    private const string Made = "tree";
    private const UnixFileMode PrivateFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly List<(TreePlace Place, string Work)> places = [];
    private readonly List<string> safeties = [];
    private readonly List<int> moved = [];
    private readonly List<int> switched = [];
    private bool mayChown = true;
    private int notGiven;
    private string? realParent;

    public ContentCheck Check { get; private set; } = new(Finding: null);

    public RestoredPlace Place => new(
        target.Location,
        Owner: null,
        safeties.Exists(safety => safety.Length > 0) ? string.Join(", ", safeties.Where(safety => safety.Length > 0)) : null,
        [],
        string.Join("; ", places.Select((place, index) => index < safeties.Count && safeties[index].Length > 0 ? $"rm -r {ToolProcess.Line([place.Place.Path])}; mv {ToolProcess.Line([safeties[index], place.Place.Path])}" : "").Where(way => way.Length > 0)));

    public async Task MakeAsync(StoredChain chain, CancellationToken cancellationToken)
    {
        foreach (var place in target.Places)
        {
            var work = target.NewWork(place);
            places.Add((place, work));
            target.Guard("make a directory beside", () => SafeFile.MakeDirectory(Path.Combine(work, Made), FileOwner.OwnersDirectory, inherit: false));
        }

        try
        {
            Check = await new TreeReading(chain, places[0].Work).RunAsync(this, cancellationToken);
            if (notGiven > 0)
                Check = Check with { Note = $"{(Check.Note is { } note ? note + "; " : "")}{notGiven} owners, or attributes, could not be given: that needs root" };
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure) && failure is not BackupException)
        {
            throw IoFailure.Translate(failure, $"restore '{target.Location}'", target.Volume);
        }
    }

    public async Task PlaceAsync(TreeEntry entry, Stream content, CancellationToken cancellationToken)
    {
        var path = PathOf(entry.Path);
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
                var first = PathOf(entry.Target!);
                RequireRealParent(first);
                if (FileStatus.OfNoLink(first) is not { IsRegular: true })
                    throw new InvalidDataException($"'/{entry.Path}' is a further name of '/{entry.Target}', which is no file of it");
                FileMetadata.Link(first, path);
                break;
            default:
                await using (var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0, UnixCreateMode = PrivateFile }))
                    await content.CopyToAsync(file, 1 << 17, cancellationToken);
                break;
        }
    }

    public async Task CompleteAsync(InventoryReader inventory, CancellationToken cancellationToken)
    {
        var open = new Stack<TreeEntry>();
        foreach (var (place, work) in places)
        {
            foreach (var found in new TreeWalk([Path.Combine(work, Made)], new TreePatterns([], []), path => throw new IOException($"'/{path}' can't be listed")).Files().ToList())
            {
                var name = place.Prefix + found.Place[Math.Min(found.Place.Length, Path.Combine(work, Made).Length + 1)..];
                name = name.TrimEnd('/');
                if (name.Length == 0)
                    continue;
                while (inventory.Current is { } missing && TreeEntry.Order(missing.Path, name) < 0)
                    throw new InvalidDataException($"'/{missing.Path}' was not restored");
                if (inventory.Current is not { } entry || entry.Path != name)
                {
                    if (found.Status.Type == FileType.Directory && inventory.Current is { } below && below.Path.StartsWith(name + "/", StringComparison.Ordinal))
                        continue; // on the way to a root
                    Remove(found.Place);
                    continue;
                }

                while (open.TryPeek(out var above) && !entry.Path.StartsWith(above.Path + "/", StringComparison.Ordinal))
                    Finish(open.Pop());
                await RequireSameAsync(found, entry, cancellationToken);
                if (entry.Type == TreeEntryType.Directory)
                    open.Push(entry);
                else if (!entry.IsHardLink)
                    Finish(entry);
                await inventory.MoveAsync(cancellationToken);
            }
        }

        if (inventory.Current is { } lost)
            throw new InvalidDataException($"'/{lost.Path}' was not restored");
        while (open.TryPop(out var directory))
            Finish(directory);
    }

    /// <summary>The question is a path; the answer is the first line of that file.</summary>
    public async Task<ProbeAnswer> ProbeAsync(string question, CancellationToken cancellationToken)
    {
        try
        {
            var path = PathOf(question.TrimStart('/'));
            RequireRealParent(path, make: false);
            if (FileStatus.OfNoLink(path) is { IsRegular: true })
            {
                using var lines = new StreamReader(path);
                return new ProbeAnswer(HasRow: true, await lines.ReadLineAsync(cancellationToken));
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
        if (target.Exists && !context.MayReplace)
            throw new BackupException(FailureKind.Restore, $"'{target.Location}' was made meanwhile", $"see whose it is ({target.LookCommand}); --force replaces it and keeps it as {target.SafetyForm}");
        var names = target.SafetyNames(context.Now, context.Zone);
        for (var index = 0; index < places.Count; index++)
            safeties.Add(places[index].Place.IsThere ? names[index] : "");
        foreach (var safety in safeties.Where(safety => safety.Length > 0))
            context.Step(new RestoreStep(RestoreStage.Save, $"keep the old one as {safety}"));
        if (target.IsLive)
            target.Guard("take over what is no part of the backup from", CarryOver);
        return Task.CompletedTask;
    }

    public void Switch(RestoreContext context)
    {
        for (var index = 0; index < places.Count; index++)
        {
            var (place, work) = places[index];
            context.Step(new RestoreStep(RestoreStage.Replace, $"put the restored directory in place of {place.Path}"));
            target.Guard("replace", () =>
            {
                if (safeties[index].Length > 0)
                {
                    SafeFile.Move(place.Path, safeties[index]);
                    moved.Add(index);
                }
                else if (Directory.Exists(place.Path))
                {
                    Directory.Delete(place.Path); // an empty one
                }

                SafeFile.Move(Path.Combine(work, Made), place.Path);
                switched.Add(index);
            });
        }
    }

    public BackupException? RollBack()
    {
        try
        {
            foreach (var index in switched)
                target.Guard("take back", () => SafeFile.Move(places[index].Place.Path, Path.Combine(places[index].Work, Made)));
            foreach (var index in moved)
                target.Guard("put back", () => SafeFile.Move(safeties[index], places[index].Place.Path));
            switched.Clear();
            moved.Clear();
            safeties.Clear();
            return null;
        }
        catch (BackupException failure)
        {
            return new BackupException(failure.Kind, $"{failure.Message}; the old one is kept as '{string.Join("', '", safeties.Where(safety => safety.Length > 0))}'", failure.Hint, failure);
        }
    }

    public void MakeDurable() => target.Guard("sync the directory of", () =>
    {
        foreach (var (place, _) in places)
            DurableDirectory.SyncAll(place.Parent);
    });

    public ValueTask DisposeAsync()
    {
        foreach (var (_, work) in places)
        {
            if (Directory.Exists(work))
                Directory.Delete(work, recursive: true);
        }

        return ValueTask.CompletedTask;
    }

    private string PathOf(string path)
    {
        if (path.Split('/').Any(part => part is "" or "." or "..") || path.Contains('\0'))
            throw new InvalidDataException($"it holds '{path}', which lies outside of what was backed up");
        foreach (var (place, work) in places)
        {
            if (place.Prefix.Length == 0)
                return Path.Combine(work, Made, path);
            if (path + "/" == place.Prefix)
                return Path.Combine(work, Made);
            if (path.StartsWith(place.Prefix, StringComparison.Ordinal))
                return Path.Combine(work, Made, path[place.Prefix.Length..]);
        }

        throw new InvalidDataException($"it holds '/{path}', which is in none of {target.Location}");
    }

    /// <summary>Nothing is written through a link that the archive itself laid.</summary>
    /// <param name="make">Whether directories above a root are made.</param>
    private void RequireRealParent(string path, bool make = true)
    {
        var parent = Path.GetDirectoryName(path)!;
        if (parent == realParent)
            return;
        var top = places.Select(place => place.Work).First(work => path.StartsWith(work + "/", StringComparison.Ordinal));
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

    private static void Remove(string path)
    {
        if (FileStatus.OfNoLink(path) is { Type: FileType.Directory })
            Directory.Delete(path, recursive: true);
        else
            File.Delete(path);
    }

    private async Task RequireSameAsync(FoundFile found, TreeEntry entry, CancellationToken cancellationToken)
    {
        var type = found.Status.Type switch { FileType.Directory => TreeEntryType.Directory, FileType.SymbolicLink => TreeEntryType.SymbolicLink, _ => TreeEntryType.File };
        if (type != entry.Type || (type == TreeEntryType.File && (long)found.Status.Length != entry.Size))
            throw new InvalidDataException($"'/{entry.Path}' was restored as something else");
        if (!target.IsDrill || entry.Sha256 is null)
            return;
        await using var content = new FileStream(found.Place, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        if (Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellationToken)) != entry.Sha256)
            throw new InvalidDataException($"'/{entry.Path}' was not restored as it was");
    }

    /// <summary>Gives it owner, attributes, mode and time, in the order in which none takes another away.</summary>
    private void Finish(TreeEntry entry)
    {
        var path = PathOf(entry.Path);
        try
        {
            if (mayChown)
                FileMetadata.SetOwner(path, entry.User, entry.Group);
        }
        catch (UnauthorizedAccessException)
        {
            mayChown = SystemUser.Current.IsRoot;
            notGiven++;
        }

        foreach (var (name, value) in entry.Attributes ?? new Dictionary<string, string>(StringComparer.Ordinal))
            Give(() => FileMetadata.SetAttribute(path, name, Convert.FromBase64String(value)));
        if (entry.Type != TreeEntryType.SymbolicLink)
            File.SetUnixFileMode(path, (UnixFileMode)entry.Mode);
        FileMetadata.SetModified(path, entry.Modified);
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

    /// <summary>What lies there and is no part of the backup stays there: it gets a second name in the restored directory.</summary>
    private void CarryOver()
    {
        foreach (var (place, work) in places.Where(place => place.Place.IsThere))
        {
            var made = Path.Combine(work, Made);
            var touched = new List<(string Path, long Modified)>();
            foreach (var found in new TreeWalk([place.Path], new TreePatterns([], []), path => throw new UnauthorizedAccessException($"'/{path}' can't be listed")).Files())
            {
                if (found.Place.Length == place.Path.Length)
                    continue;
                var there = Path.Combine(made, found.Place[(place.Path.Length + 1)..]);
                if (FileStatus.OfNoLink(there) is not null || FileStatus.OfNoLink(Path.GetDirectoryName(there)!) is not { Type: FileType.Directory } around)
                    continue;
                touched.Add((Path.GetDirectoryName(there)!, around.Modified));
                if (found.Status.Type != FileType.Directory)
                {
                    FileMetadata.Link(found.Place, there);
                    continue;
                }

                Directory.CreateDirectory(there, FileOwner.OwnersDirectory);
                FileMetadata.SetOwner(there, found.Status.User, found.Status.Group);
                File.SetUnixFileMode(there, found.Status.Mode);
                touched.Add((there, found.Status.Modified));
            }

            touched.Reverse();
            foreach (var (path, modified) in touched)
                FileMetadata.SetModified(path, modified);
        }
    }
}
