using System.Globalization;
using System.Security.Cryptography;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Storage;

namespace NexusBackupAgent.Restore;

/// <summary>The file that a restore puts in place, and what lies beside it. Only here are the target's files touched.</summary>
internal sealed class RestoreTarget
{
    private const string Unfinished = ".restoring";

    private readonly IBackupSource source;

    private RestoreTarget(IBackupSource source, string path, bool isLive)
    {
        (this.source, Path, IsLive) = (source, path, isLive);
        Directory = System.IO.Path.GetDirectoryName(path)!;
    }

    /// <summary>Absolute, symbolic links followed: what a link leads to is replaced, not the link.</summary>
    public string Path { get; }

    public string Directory { get; }

    /// <summary>Whether it is the source's own place, whose service has to be stopped.</summary>
    public bool IsLive { get; }

    public bool Exists => File.Exists(Path);

    public bool HasCompanions => Companions.Any(File.Exists);

    /// <summary>Bytes of the file and its companions; 0 when there is none.</summary>
    public long Length => Exists ? AllFiles.Sum(file => new FileInfo(file) is { Exists: true } found ? found.Length : 0) : 0;

    private IEnumerable<string> Companions => source.Companions.Select(ending => Path + ending);

    private IEnumerable<string> AllFiles => [Path, .. Companions];

    private FileOwner Owner => Exists ? FileOwner.Of(Path) : FileOwner.ForNewIn(Directory);

    /// <param name="to">Absolute; a directory means a file in it with the live one's name. Null: the live one's place.</param>
    public static RestoreTarget Of(IBackupSource source, string? to)
    {
        var live = Follow(source.Path);
        var given = to is null ? live : System.IO.Directory.Exists(to) ? System.IO.Path.Combine(to, System.IO.Path.GetFileName(source.Path)) : to;
        var path = Follow(given);
        return new RestoreTarget(source, path, AreSame(path, live) || (System.IO.Path.GetFileName(path) == System.IO.Path.GetFileName(live)
            && AreSame(System.IO.Path.GetDirectoryName(path)!, System.IO.Path.GetDirectoryName(live)!)));
    }

    /// <summary>Who has it open.</summary>
    public IReadOnlyList<FileUser> Users() => FileUsers.Of([.. AllFiles]);

    /// <summary>What forbids to put a file there, before anything is tried; null when nothing does.</summary>
    public BackupException? Obstacle()
    {
        if (System.IO.Directory.Exists(Path))
            return new(FailureKind.Restore, $"'{Path}' is a directory", "name the file to restore to, or move the directory away");
        if (!System.IO.Directory.Exists(Directory))
            return new(FailureKind.Restore, $"cannot restore to '{Path}': its directory does not exist", $"mount its disk, or make it: mkdir -p '{Directory}'");
        if (!FileOwner.CanWriteIn(Directory))
            return new(FailureKind.Permission, $"cannot restore to '{Path}': the user {Environment.UserName} may not write in '{Directory}', or it is mounted read-only", $"look at it (ls -ld '{Directory}'; findmnt -T '{Directory}'), run as root, or restore elsewhere with --to");
        if (!Owner.CanBeGiven)
            return new(FailureKind.Permission, $"cannot restore to '{Path}': the user {Environment.UserName} can't give the new file the old one's owner and group", "run the command as root (sudo), or restore elsewhere with --to");
        return null;
    }

    /// <summary>Bytes that may be written beside it.</summary>
    public long Available() => Guard("look at the free space of", () => new DriveInfo(Directory).AvailableFreeSpace);

    /// <summary>Removes what restores left that were killed.</summary>
    public void RemoveLeftovers() => Guard("clean up beside", () =>
    {
        foreach (var left in System.IO.Directory.EnumerateFiles(Directory, $".{System.IO.Path.GetFileName(Path)}.*"))
        {
            if (source.Companions.Prepend("").Any(ending => left.EndsWith(Unfinished + ending, StringComparison.Ordinal)))
                File.Delete(left);
        }

        return 0;
    });

    /// <summary>An empty file beside it, which only this user may read; with its leading dot no glob finds it.</summary>
    public string NewFile() => Guard("make a file beside", () =>
    {
        var file = Hidden(RandomNumberGenerator.GetHexString(8, lowercase: true));
        Make(file);
        return file;
    });

    /// <summary>A name for the safety copy that is not taken: <c>&lt;db&gt;.pre_restore.&lt;yyyyMMddHHmmss&gt;</c>, local time of the zone (runbook §3.3).</summary>
    public string SafetyName(DateTimeOffset now, TimeZoneInfo zone)
    {
        var name = $"{Path}.pre_restore.{TimeZoneInfo.ConvertTime(now, zone).ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture)}";
        var free = name;
        for (var duplicate = 1; source.Companions.Prepend("").Any(ending => File.Exists(free + ending)); duplicate++)
            free = $"{name}-{duplicate}";
        return free;
    }

    /// <summary>Copies it, whole or not at all, with its owner and mode.</summary>
    /// <returns>False when it could only be copied as it lies.</returns>
    public async Task<bool> SaveAsync(string safety, CancellationToken cancellationToken)
    {
        var unfinished = Hidden(System.IO.Path.GetFileName(safety)[(System.IO.Path.GetFileName(Path).Length + 1)..]);
        try
        {
            var isSound = await source.SaveAsync(Path, unfinished, cancellationToken);
            Guard("make a safety copy of", () =>
            {
                MakeReady(unfinished);
                return Rename(unfinished, safety);
            });
            Sync();
            return isSound;
        }
        catch
        {
            foreach (var ending in source.Companions.Prepend(""))
                TryDelete(unfinished + ending);
            throw;
        }
    }

    public Task SettleAsync(CancellationToken cancellationToken) => source.SettleAsync(Path, cancellationToken);

    /// <summary>Moves its companions to where they belong to the safety copy.</summary>
    /// <returns>What was moved, as it is named now.</returns>
    public IReadOnlyList<string> MoveCompanionsAside(string safety) => Guard("move the companions aside of", () =>
    {
        var moved = new List<string>();
        foreach (var ending in source.Companions.Where(ending => File.Exists(Path + ending)))
        {
            Rename(Path + ending, safety + ending);
            moved.Add(safety + ending);
        }

        DurableDirectory.Sync(Directory);
        return moved;
    });

    /// <summary>Takes that back as far as it goes, so that the old one is complete again.</summary>
    /// <param name="moved">What <see cref="MoveCompanionsAside"/> returned.</param>
    public void MoveCompanionsBack(string safety, IReadOnlyList<string> moved)
    {
        foreach (var file in moved)
            Guard("move the companions back of", () => Rename(file, Path + file[safety.Length..]));
    }

    /// <summary>Gives a file the old one's owner, group and mode and puts it in its place, in one step (rename(2)).</summary>
    public void Replace(string file) => Guard("replace", () =>
    {
        MakeReady(file);
        return Rename(file, Path);
    });

    /// <summary>Makes what was renamed survive a power cut.</summary>
    public void Sync() => Guard("sync the directory of", () =>
    {
        DurableDirectory.Sync(Directory);
        return 0;
    });

    /// <summary>Writes a file through to the disk.</summary>
    public static void Flush(string file)
    {
        using var written = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        written.Flush(flushToDisk: true);
    }

    public static void TryDelete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            // The failure that brought us here is the one to tell; the next restore removes it.
        }
    }

    private void MakeReady(string file)
    {
        Owner.GiveTo(file);
        Flush(file);
    }

    // Without overwriting it may become a copy, which is neither whole nor durable.
    private static int Rename(string file, string name)
    {
        File.Move(file, name, overwrite: true);
        return 0;
    }

    private string Hidden(string middle) => System.IO.Path.Combine(Directory, $".{System.IO.Path.GetFileName(Path)}.{middle}{Unfinished}");

    private static void Make(string file) => new FileStream(file, new FileStreamOptions
    {
        Mode = FileMode.CreateNew,
        Access = FileAccess.Write,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
    }).Dispose();

    /// <summary>Where symbolic links of the file itself lead, also to nowhere.</summary>
    private static string Follow(string path) => Guard("follow", path, System.IO.Path.GetDirectoryName(path) ?? path, () =>
        new FileInfo(path).LinkTarget is null ? path : File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path);

    private static bool AreSame(string path, string other) =>
        path == other || (FileStatus.Of(path) is { } here && FileStatus.Of(other) is { } there && here.IsSameFileAs(there));

    private T Guard<T>(string action, Func<T> work) => Guard(action, Path, Directory, work);

    private static T Guard<T>(string action, string path, string directory, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"{action} '{path}'", directory);
        }
    }
}
