using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Files;

namespace NexusBackupAgent.Sources.Directories;

/// <summary>A directory that a restore makes.</summary>
/// <param name="Prefix">What the names in the archive begin with that go into it, with the slash; empty: all.</param>
/// <param name="Path">Absolute.</param>
internal sealed record TreePlace(string Prefix, string Path)
{
    public string Name => System.IO.Path.GetFileName(Path);

    public string Parent => System.IO.Path.GetDirectoryName(Path)!;

    public bool IsThere => Directory.Exists(Path) && Directory.EnumerateFileSystemEntries(Path).Any();

    /// <summary>Whether something of that name in the archive goes into it.</summary>
    public bool Holds(string name) => Prefix.Length == 0 || name.StartsWith(Prefix, StringComparison.Ordinal) || name + "/" == Prefix;

    /// <param name="top">Where it is now.</param>
    public string PathOf(string name, string top) => name.Length < Prefix.Length ? top : System.IO.Path.Combine(top, name[Prefix.Length..]);

    /// <summary>How what lies at a path is called in the archive; empty: it is what everything lies in.</summary>
    /// <param name="top">Where it is now.</param>
    public string NameOf(string path, string top) => path.Length == top.Length ? Prefix.TrimEnd('/') : Prefix + path[(top.Length + 1)..];

    /// <summary>A name for what is there that is not taken.</summary>
    public string SafetyName(DateTimeOffset now, TimeZoneInfo zone)
    {
        var name = $"{Path}.pre_restore.{TimeZoneInfo.ConvertTime(now, zone).ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture)}";
        var free = name;
        for (var duplicate = 1; System.IO.Path.Exists(free); duplicate++)
            free = $"{name}-{duplicate}";
        return free;
    }
}

/// <summary>The directories of a source, or another one that gets what is in them under their whole names. The restored ones are made beside them, and both change names.</summary>
internal sealed partial class TreeTarget : IRestoreTarget
{
    private const string Ending = ".restoring";

    private readonly IReadOnlyList<string> live;
    private readonly TreePatterns patterns;
    private readonly ScratchDirectory scratch;
    private readonly bool isElsewhere;
    private readonly BackupException? wrongOwner;

    /// <param name="to">Absolute; null: the source's own directories.</param>
    /// <param name="scratch">The agent's own space: what is restored into it is for practice alone.</param>
    /// <exception cref="BackupException">A choice is none.</exception>
    public TreeTarget(IReadOnlyList<string> live, TreePatterns patterns, string? to, RestoreChoices choices, ScratchDirectory scratch)
    {
        (this.live, this.patterns, this.scratch) = (live, patterns, scratch);
        isElsewhere = to is not null;
        Selection = new TreeSelection(choices.Paths);
        Deletes = choices.Deletes;
        (Owner, wrongOwner) = choices.Owner is { } written ? ChosenOwner.Parse(written) : (null, null);
        Places = to is not null ? [new TreePlace("", KernelPath.Resolve(to))] : [.. live.Where(root => Selection.MayTakeBelow(root[1..])).Select(root => new TreePlace(root[1..] + "/", root))];
        if (Places.Count == 0)
            throw new BackupException(FailureKind.Configuration, $"--path names nothing in {string.Join(", ", live)}", "write a whole path below one of them, or a pattern: '*.conf'");
        IsDrill = to is not null && Places[0].Path.StartsWith(KernelPath.Resolve(scratch.Path) + "/", StringComparison.Ordinal);
    }

    public IReadOnlyList<TreePlace> Places { get; }

    /// <summary>What of the backup is restored.</summary>
    public TreeSelection Selection { get; }

    /// <summary>Whether there is a place for whatever a backup may hold.</summary>
    public bool TakesAll => isElsewhere;

    /// <summary>Whether what is there and belongs to the source goes, if the backup has it not.</summary>
    public bool Deletes { get; }

    /// <summary>Whom everything is given to; null: as it was.</summary>
    public ChosenOwner? Owner { get; }

    /// <summary>Whether it is for practice alone.</summary>
    public bool IsDrill { get; }

    public string Location => string.Join(", ", Places.Select(place => place.Path));

    public string Volume => IsDrill ? Places[0].Path : Places[0].Parent;

    public string? SpaceCommand => ToolProcess.Line(["df", "-h", .. Places.Select(place => place.Parent)]);

    public string LookCommand => ToolProcess.Line(["ls", "-la", .. Places.Select(place => place.Parent)]);

    public bool IsLive => !isElsewhere || live.Any(root => new FilePlace(root).IsSameAs(new FilePlace(Places[0].Path)));

    public bool Exists => Places.Any(place => place.IsThere);

    public long Length => 0; // the old ones keep their files, under another name

    public string SafetyForm => $"{Places[0].Name}.pre_restore.<time>";

    public string UnfinishedForm => Path.Combine(Volume, $".{Places[0].Name}.*{Ending}");

    public IReadOnlyList<FileUser> Users() => []; // who has a file open keeps it; a service is stopped by restore.before

    public IReadOnlyList<string> Leftovers => IsDrill ? [] : [.. Places.Where(place => Directory.Exists(place.Parent))
        .SelectMany(place => Directory.EnumerateDirectories(place.Parent, $".{place.Name}.*{Ending}").Where(left => OwnName().IsMatch(Path.GetFileName(left)[(place.Name.Length + 1)..]))).Order(StringComparer.Ordinal)];

    public BackupException? Obstacle(IReadOnlyList<string> forbidden) => wrongOwner ?? Places.Select(place => Obstacle(place, forbidden)).FirstOrDefault(obstacle => obstacle is not null);

    public long RoomFor(long content) => content;

    public long? Available() => Directory.Exists(Volume) ? Guard("look at the free space of", () => new DriveInfo(Volume).AvailableFreeSpace) : null;

    public string SafetyName(DateTimeOffset now, TimeZoneInfo zone) => string.Join(", ", Places.Where(place => place.IsThere).Select(place => place.SafetyName(now, zone)));

    /// <summary>Whether something of that name in the archive is what the source backs up.</summary>
    public bool Belongs(string name, bool isDirectory) => live.Any(root =>
        "/" + name == root || (name.StartsWith(root[1..] + "/", StringComparison.Ordinal) && patterns.Means(name[root.Length..], isDirectory)));

    public IDisposable Lock()
    {
        var first = Places[0];
        var alone = Guard("lock", () => RestoreLock.TryAcquire(Path.Combine(first.Parent, $".{first.Name}.restore.lock"))) ??
            throw new BackupException(FailureKind.Locked, $"another restore to '{first.Path}' is under way", "wait until it is done, look at what it restored, then run the command again if that is not what you want");
        try
        {
            foreach (var left in Leftovers)
                Guard("clean up beside", () => SafeFile.DeleteTree(left));
            return alone;
        }
        catch
        {
            alone.Dispose();
            throw;
        }
    }

    public async Task<IPreparedRestore> PrepareAsync(StoredChain chain, DateTimeOffset? at, CancellationToken cancellationToken)
    {
        var prepared = new PreparedTree(this);
        try
        {
            await prepared.MakeAsync(chain, cancellationToken);
            return prepared;
        }
        catch
        {
            await prepared.DisposeAsync();
            throw;
        }
    }

    public async IAsyncEnumerable<RestoreChange> ChangesAsync(StoredChain chain, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var workspace = scratch.NewWorkspace();
        await using var inventory = await TreeReading.InventoryOfAsync(chain.Tip, workspace.Path, cancellationToken);
        foreach (var place in Places.Where(place => Directory.Exists(place.Path)))
        {
            foreach (var found in new TreeWalk([place.Path], TreePatterns.All, (_, _) => { }).Files())
            {
                var name = place.NameOf(found.Place, place.Path);
                for (; inventory.Current is { } missing && TreeEntry.Order(missing.Path, name) < 0; await inventory.MoveAsync(cancellationToken))
                {
                    if (Selection.Takes(missing.Path))
                        yield return Added(missing);
                }

                var entry = inventory.Current is { } current && current.Path == name ? current : null;
                if (entry is not null)
                    await inventory.MoveAsync(cancellationToken);
                if (name.Length == 0 || !Selection.Takes(name))
                    continue;
                if (entry is not null && entry.DifferenceFrom(found, Owner) is { } what)
                    yield return new RestoreChange(ChangeKind.Change, ShownOf(name), entry.Size, what);
                else if (entry is null && Deletes && Belongs(name, found.Status.Type == FileType.Directory))
                    yield return new RestoreChange(ChangeKind.Delete, ShownOf(name), found.Status.IsRegular ? (long)found.Status.Length : 0, What: null);
            }
        }

        for (; inventory.Current is { } missing; await inventory.MoveAsync(cancellationToken))
        {
            if (Selection.Takes(missing.Path))
                yield return Added(missing);
        }

        RestoreChange Added(TreeEntry entry) => new(ChangeKind.Add, ShownOf(entry.Path), entry.Size, What: null);

        string ShownOf(string name) => Places.FirstOrDefault(place => place.Holds(name)) is { } place ? place.PathOf(name, place.Path) : "/" + name;
    }

    /// <summary>Makes the directory beside a place in which the restored one grows.</summary>
    public TreeWork NewWork(TreePlace place) => Guard("make a directory beside", () =>
    {
        var work = Path.Combine(IsDrill ? place.Path : place.Parent, $".{place.Name}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}{Ending}");
        return new TreeWork(place, work, SafeFile.MakeOwnDirectory(work));
    });

    public void Guard(string action, Action work) => IoFailure.Guard($"{action} '{Location}'", Volume, work);

    public T Guard<T>(string action, Func<T> work) => IoFailure.Guard($"{action} '{Location}'", Volume, work);

    private BackupException? Obstacle(TreePlace place, IReadOnlyList<string> forbidden)
    {
        var here = new FilePlace(place.Path);
        if (File.Exists(place.Path))
            return new(FailureKind.Restore, $"'{place.Path}' is a file", "name a directory");
        if (!Directory.Exists(place.Parent))
            return new(FailureKind.Restore, $"cannot restore to '{place.Path}': its directory does not exist", $"mount its disk, or make it: mkdir -p '{place.Parent}'");
        if (Mount.IsAt(place.Path))
            return new(FailureKind.Restore, $"'{place.Path}' is mounted by itself, and what is mounted can't be replaced", "restore to a directory inside of it with --to, and copy from there");
        if (Mount.All().FirstOrDefault(mount => mount.Point.StartsWith(KernelPath.Resolve(place.Path) + "/", StringComparison.Ordinal)) is { } below)
            return new(FailureKind.Restore, $"'{below.Point}' is mounted inside of '{place.Path}', and would go aside with it", "unmount it for the restore, or restore elsewhere with --to");
        if (!IsDrill && forbidden.FirstOrDefault(taken => here.IsSameAs(new FilePlace(taken)) || here.IsBelow(taken) || new FilePlace(taken).IsBelow(place.Path)) is { } own)
            return new(FailureKind.Restore, $"cannot restore to '{place.Path}': '{own}' belongs to the agent itself", "name a place of its own with --to");
        if (!IsDrill && isElsewhere && live.FirstOrDefault(root => here.IsBelow(root) || new FilePlace(root).IsBelow(place.Path)) is { } source)
            return new(FailureKind.Restore, $"cannot restore to '{place.Path}': it and the live '{source}' lie in each other", "name a place of its own with --to, or leave --to out");
        if (!FileOwner.CanWriteIn(place.Parent))
            return new(FailureKind.Permission, $"cannot restore to '{place.Path}': the user {SystemUser.Current.Name} may not write in '{place.Parent}', or it is mounted read-only", $"look at it (ls -ld '{place.Parent}'), run as root, or restore elsewhere with --to");
        return null;
    }

    [GeneratedRegex(@"^\.[0-9a-f]{8}\.restoring\z", RegexOptions.ExplicitCapture)]
    private static partial Regex OwnName();
}

/// <summary>Whom what is restored is given to.</summary>
/// <param name="User">Null: whose it was.</param>
/// <param name="Group">Null: as it was.</param>
internal sealed record ChosenOwner(uint? User, uint? Group)
{
    /// <returns>What keeps it from being given instead, if something does.</returns>
    public static (ChosenOwner?, BackupException?) Parse(string written)
    {
        const string Hint = "write user:group, user or :group, by names that getent passwd and getent group show, or by numbers";
        var parts = written.Split(':');
        if (parts.Length > 2 || written is "" or ":")
            return (null, new BackupException(FailureKind.Configuration, $"--owner '{written}' is no owner", Hint));
        var group = parts.Length == 2 && parts[1].Length > 0 ? SystemGroup.Find(parts[1])?.Id : null;
        uint? user = parts[0].Length == 0 ? null : uint.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : SystemUser.Find(parts[0])?.Id;
        if ((parts[0].Length > 0 && user is null) || (parts.Length == 2 && parts[1].Length > 0 && group is null))
            return (null, new BackupException(FailureKind.Configuration, $"--owner '{written}': there is no such user, or group", Hint));
        return SystemUser.Current.IsRoot ? (new ChosenOwner(user, group), null) : (null, new BackupException(
            FailureKind.Permission, $"the user {SystemUser.Current.Name} may not give files to '{written}'", "run the command as root, or leave --owner out"));
    }
}
