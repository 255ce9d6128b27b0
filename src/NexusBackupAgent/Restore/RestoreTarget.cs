using System.Globalization;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Restore;

/// <summary>The file that a restore puts in place, and what lies beside it. Only here are the target's files touched.</summary>
internal sealed class RestoreTarget
{
    private readonly IBackupSource source;
    private readonly FilePlace place;
    private readonly UnfinishedFiles unfinished;
    private readonly RestoreObstacle obstacle;

    private RestoreTarget(IBackupSource source, FilePlace place, FilePlace live, IReadOnlyList<string> forbidden)
    {
        this.source = source;
        this.place = place;
        IsLive = place.IsSameAs(live);
        unfinished = new UnfinishedFiles(place, source.Companions);
        obstacle = new RestoreObstacle(place, live, source.Companions, forbidden);
    }

    /// <summary>Absolute, symbolic links followed: what a link leads to is replaced, not the link.</summary>
    public string Path => place.Path;

    public string Directory => place.Directory;

    /// <summary>Whether it is the source's own place, whose service has to be stopped.</summary>
    public bool IsLive { get; }

    public bool Exists => File.Exists(Path);

    /// <summary>Bytes of the file and its companions; 0 when there is none.</summary>
    public long Length => Exists ? AllFiles.Sum(file => new FileInfo(file) is { Exists: true } found ? found.Length : 0) : 0;

    private IEnumerable<string> Companions => source.Companions.Select(ending => Path + ending);

    private IEnumerable<string> AllFiles => [Path, .. Companions];

    /// <summary>What a file that takes its place gets: the old one's, or a new file's.</summary>
    public FileOwner Owner => Exists ? FileOwner.Of(Path) : FileOwner.ForNewIn(Directory);

    /// <param name="to">Absolute; a directory means a file in it with the live one's name. Null: the live one's place.</param>
    /// <param name="forbidden">Directories and files, absolute, existing or not: the agent's own, where nothing is restored to.</param>
    public static RestoreTarget Of(IBackupSource source, string? to, IReadOnlyList<string> forbidden)
    {
        var own = FilePlace.Behind(source.Path);
        var given = to is not null && System.IO.Directory.Exists(to) ? System.IO.Path.Combine(to, System.IO.Path.GetFileName(source.Path)) : to;
        return new RestoreTarget(source, given is null ? own : FilePlace.Behind(given), own, forbidden);
    }

    /// <summary>Who has it open.</summary>
    public IReadOnlyList<FileUser> Users() => FileUsers.Of([.. AllFiles]);

    /// <summary>What forbids to put a file there, before anything is tried; null when nothing does.</summary>
    public BackupException? Obstacle() => obstacle.To(this);

    /// <summary>Bytes that may be written beside it.</summary>
    public long Available() => Guard("look at the free space of", () => new DriveInfo(Directory).AvailableFreeSpace);

    /// <summary>Keeps every other restore away from it, whatever source or state directory that belongs to, until disposed.</summary>
    /// <exception cref="BackupException">Another restore to it is under way.</exception>
    public RestoreLock Lock() => Guard("lock", () => RestoreLock.TryAcquire(System.IO.Path.Combine(Directory, $".{place.Name}.restore.lock"))) ??
        throw new BackupException(FailureKind.Locked, $"another restore to '{Path}' is under way", "wait until it is done, look at what it restored, then run the command again if that is not what you want");

    /// <summary>How it and its companions lie there now: who writes one of them changes that.</summary>
    public IReadOnlyList<FileStatus?> Look() => [.. AllFiles.Select(FileStatus.Of)];

    /// <summary>Removes what restores to this place left that were killed. The lock is held: none that lives is at work here.</summary>
    public void RemoveLeftovers() => Guard("clean up beside", unfinished.Remove);

    /// <summary>An empty file beside it, which only this user may read.</summary>
    public string NewFile() => Guard("make a file beside", unfinished.New);

    /// <summary>A name for the safety copy that is not taken: <c>&lt;db&gt;.pre_restore.&lt;yyyyMMddHHmmss&gt;</c>, local time of the zone (runbook §3.3).</summary>
    public string SafetyName(DateTimeOffset now, TimeZoneInfo zone)
    {
        var name = $"{Path}.pre_restore.{TimeZoneInfo.ConvertTime(now, zone).ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture)}";
        var free = name;
        for (var duplicate = 1; source.Companions.Prepend("").Any(ending => File.Exists(free + ending)); duplicate++)
            free = $"{name}-{duplicate}";
        return free;
    }

    /// <summary>Copies it, whole or not at all, with its owner and mode, and never over another file.</summary>
    public async Task<SavedCopy> SaveAsync(string safety, CancellationToken cancellationToken)
    {
        var copy = unfinished.For(safety);
        var made = new List<string>();
        try
        {
            var saved = await source.SaveAsync(Path, copy, cancellationToken);
            Guard("make a safety copy of", () =>
            {
                foreach (var ending in saved.Beside.Append("")) // without what belongs beside it, nobody is to find it
                {
                    MakeReady(copy + ending);
                    ExclusiveRename.Move(copy + ending, safety + ending);
                    made.Add(safety + ending);
                }
            });
            Sync();
            return saved;
        }
        catch
        {
            foreach (var file in source.Companions.Prepend("").Select(ending => copy + ending).Concat(made))
                TryDelete(file);
            throw;
        }
    }

    public Task SettleAsync(CancellationToken cancellationToken) => source.SettleAsync(Path, cancellationToken);

    /// <summary>Moves its companions to where they belong to the safety copy, never over another file.</summary>
    /// <param name="kept">Copies that lie there already: what they are of was brought in, holds nothing any more, and goes.</param>
    /// <param name="moved">Gets each as it is named now, also those before one that fails.</param>
    public void MoveCompanionsAside(string safety, IReadOnlyList<string> kept, List<string> moved) => Guard("move the companions aside of", () =>
    {
        foreach (var ending in source.Companions.Where(ending => File.Exists(Path + ending)))
        {
            if (kept.Contains(safety + ending))
            {
                File.Delete(Path + ending);
                continue;
            }

            ExclusiveRename.Move(Path + ending, safety + ending);
            moved.Add(safety + ending);
        }

        DurableDirectory.Sync(Directory);
    });

    /// <summary>Takes that back as far as it goes, so that the old one is complete again.</summary>
    /// <param name="moved">What <see cref="MoveCompanionsAside"/> moved.</param>
    /// <exception cref="BackupException">Of the first that could not be moved; the others were.</exception>
    public void MoveCompanionsBack(string safety, IReadOnlyList<string> moved)
    {
        BackupException? failed = null;
        foreach (var file in moved)
        {
            try
            {
                Guard($"move '{file}' back beside", () => ExclusiveRename.Move(file, Path + file[safety.Length..]));
            }
            catch (BackupException failure)
            {
                failed ??= failure;
            }
        }

        if (failed is not null)
            throw failed;
    }

    /// <summary>Whether it holds what has this SHA-256, and nothing else.</summary>
    public bool Holds(string sha256, CancellationToken cancellationToken) => Guard("read", () => FileDigest.Of(Path, cancellationToken) == sha256);

    /// <summary>Looks whether it is still the file that it was, and has lost nothing of its length.</summary>
    /// <exception cref="BackupException">It is gone, another has its name, or it was cut off.</exception>
    public void RequireStill(FileStatus? before)
    {
        if (before is { } old && !(FileStatus.Of(Path) is { } now && now.IsSameFileAs(old) && now.Length >= old.Length))
            throw new BackupException(FailureKind.SourceBusy, $"'{Path}' is no longer the file that it was", $"look at it and at the safety copy (ls -la '{Directory}') before anything else");
    }

    /// <summary>Gives a file the old one's owner, group and mode, or those of a new file where there is none; what is left is to rename it.</summary>
    /// <returns>What it was given.</returns>
    public FileOwner Prepare(string file) => Guard("replace", () => MakeReady(file));

    /// <summary>Puts a prepared file in its place, in one step (rename(2)).</summary>
    /// <param name="isKept">Whether a safety copy was made of what is there; otherwise nothing may be there.</param>
    public void Replace(string file, bool isKept) => Guard("replace", () =>
    {
        if (isKept)
            File.Move(file, Path, overwrite: true); // without overwriting it may become a copy, which is neither whole nor durable
        else
            ExclusiveRename.Move(file, Path);
    });

    /// <summary>Makes what was renamed survive a power cut.</summary>
    public void Sync() => Guard("sync the directory of", () => DurableDirectory.Sync(Directory));

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

    private FileOwner MakeReady(string file)
    {
        var owner = Owner;
        owner.GiveTo(file);
        Flush(file);
        return owner;
    }

    private void Guard(string action, Action work) => Guard(action, () =>
    {
        work();
        return 0;
    });

    private T Guard<T>(string action, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"{action} '{Path}'", Directory);
        }
    }
}
