using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Files;

namespace NexusBackupAgent.Sources.Trees;

/// <summary>A directory that a restore makes.</summary>
/// <param name="Prefix">What the names in the archive begin with that go into it, with the slash; empty: all.</param>
/// <param name="Path">Absolute.</param>
internal sealed record TreePlace(string Prefix, string Path)
{
    public string Name => System.IO.Path.GetFileName(Path);

    public string Parent => System.IO.Path.GetDirectoryName(Path)!;

    public bool IsThere => Directory.Exists(Path) && Directory.EnumerateFileSystemEntries(Path).Any();
}

/// <summary>The directories of a source, or another one that gets what is in them under their whole names. The restored ones are made beside them, and both change names.</summary>
internal sealed partial class TreeTarget : IRestoreTarget
{
    private const string Ending = ".restoring";

    private readonly IReadOnlyList<string> live;
    private readonly bool isElsewhere;

    /// <param name="to">Absolute; null: the source's own directories.</param>
    /// <param name="scratch">The agent's own space: what is restored into it is for practice alone.</param>
    public TreeTarget(IReadOnlyList<string> live, TreePatterns patterns, string? to, ScratchDirectory scratch)
    {
        this.live = live;
        Patterns = patterns;
        isElsewhere = to is not null;
        Places = to is null ? [.. live.Select(root => new TreePlace(root[1..] + "/", root))] : [new TreePlace("", KernelPath.Resolve(to))];
        IsDrill = to is not null && Places[0].Path.StartsWith(KernelPath.Resolve(scratch.Path) + "/", StringComparison.Ordinal);
    }

    public IReadOnlyList<TreePlace> Places { get; }

    /// <summary>Which files of the live directories belong to the source.</summary>
    public TreePatterns Patterns { get; }

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

    public BackupException? Obstacle(IReadOnlyList<string> forbidden) => Places.Select(place => Obstacle(place, forbidden)).FirstOrDefault(obstacle => obstacle is not null);

    public long RoomFor(long content) => content;

    public long? Available() => Directory.Exists(Volume) ? Guard("look at the free space of", () => new DriveInfo(Volume).AvailableFreeSpace) : null;

    public string SafetyName(DateTimeOffset now, TimeZoneInfo zone) => string.Join(", ", SafetyNames(now, zone).Where((_, index) => Places[index].IsThere));

    /// <summary>A name for each place that is not taken.</summary>
    public IReadOnlyList<string> SafetyNames(DateTimeOffset now, TimeZoneInfo zone)
    {
        var time = TimeZoneInfo.ConvertTime(now, zone).ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture);
        return [.. Places.Select(place =>
        {
            var name = $"{place.Path}.pre_restore.{time}";
            var free = name;
            for (var duplicate = 1; Path.Exists(free); duplicate++)
                free = $"{name}-{duplicate}";
            return free;
        })];
    }

    public IDisposable Lock()
    {
        var first = Places[0];
        var alone = Guard("lock", () => RestoreLock.TryAcquire(Path.Combine(first.Parent, $".{first.Name}.restore.lock"))) ??
            throw new BackupException(FailureKind.Locked, $"another restore to '{first.Path}' is under way", "wait until it is done, look at what it restored, then run the command again if that is not what you want");
        try
        {
            foreach (var left in Leftovers)
                Guard("clean up beside", () => Directory.Delete(left, recursive: true));
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

    /// <summary>Makes the directory beside a place in which the restored one grows.</summary>
    public string NewWork(TreePlace place) => Guard("make a directory beside", () =>
    {
        var work = Path.Combine(IsDrill ? place.Path : place.Parent, $".{place.Name}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}{Ending}");
        SafeFile.MakeDirectory(work, FileOwner.OwnersDirectory, inherit: false);
        return work;
    });

    public void Guard(string action, Action work) => Guard(action, () =>
    {
        work();
        return 0;
    });

    public T Guard<T>(string action, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"{action} '{Location}'", Volume);
        }
    }

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
