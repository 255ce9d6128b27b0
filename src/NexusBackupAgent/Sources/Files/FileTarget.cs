using System.Globalization;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Files;

/// <summary>The file that a restore puts in place, and what lies beside it. Only here are the target's files touched.</summary>
internal sealed class FileTarget : IRestoreTarget
{
    private readonly IFileContent content;
    private readonly string given;
    private readonly FilePlace place;
    private readonly FilePlace? live; // null where its disk does not answer: then what does is another place
    private readonly UnfinishedFiles unfinished;

    /// <param name="content">What the kind knows of its files.</param>
    /// <param name="livePath">The source's own place.</param>
    /// <param name="to">Absolute; a directory means a file in it with the live one's name. Null: the live one's place.</param>
    public FileTarget(IFileContent content, string livePath, string? to)
    {
        this.content = content;
        live = to is null ? FilePlace.Behind(livePath) : FilePlace.TryBehind(livePath);
        given = to is null ? livePath : System.IO.Directory.Exists(to) ? System.IO.Path.Combine(to, System.IO.Path.GetFileName(livePath)) : to;
        place = to is null ? live! : FilePlace.Behind(given);
        live ??= FilePlace.TryBehind(livePath); // a disk that answered late has answered for both
        IsLive = live is not null && place.IsSameAs(live);
        unfinished = new UnfinishedFiles(place, content.Companions);
    }

    /// <summary>Absolute, symbolic links followed: what a link leads to is replaced, not the link.</summary>
    public string Path => place.Path;

    public string Directory => place.Directory;

    public string Location => Path;

    public string Volume => Directory;

    public string SpaceCommand => $"df -h '{Directory}'";

    public string LookCommand => $"ls -la '{Directory}'";

    public string SafetyForm => $"{place.Name}.pre_restore.<time>";

    public string UnfinishedForm => unfinished.Form;

    public bool IsLive { get; }

    public bool Exists => File.Exists(Path);

    /// <summary>Bytes of the file and its companions; 0 when there is none.</summary>
    public long Length => Exists ? AllFiles.Sum(file => new FileInfo(file) is { Exists: true } found ? found.Length : 0) : 0;

    public IEnumerable<string> Companions => content.Companions.Select(ending => Path + ending);

    private IEnumerable<string> AllFiles => [Path, .. Companions];

    /// <summary>What a file that takes its place gets: the old one's, or a new file's.</summary>
    public FileOwner Owner => OwnerAfter(FileStatus.OfNoLink(Path));

    private FileOwner OwnerAfter(FileStatus? old) => old is { IsRegular: true } file ? new FileOwner(file.User, file.Group, file.Mode) : FileOwner.ForNewIn(Directory);

    public IReadOnlyList<FileUser> Users() => FileUsers.Of([.. AllFiles]);

    public IReadOnlyList<string> Leftovers => Guard("look beside", () => unfinished.All);

    public BackupException? Obstacle(IReadOnlyList<string> forbidden) => new RestoreObstacle(place, live, given, content.Companions, forbidden).To(this) ?? WhyNoRename();

    /// <summary>Tries with empty hidden files what will be done with the real ones: there are file systems that rename nothing, and nothing else tells.</summary>
    private BackupException? WhyNoRename()
    {
        if (unfinished.TryRename() is not { } failure)
            return null;
        return new BackupException(FailureKind.Restore, $"cannot restore to '{Path}': its file system renames no file ({failure.Message})", $"restore to another one with --to (findmnt -T '{Directory}' shows what this is), stop the service, and copy the file from there", failure);
    }

    public long RoomFor(long content) => content + Length;

    public long? Available() => System.IO.Directory.Exists(Directory) ? Guard("look at the free space of", () => new DriveInfo(Directory).AvailableFreeSpace) : null;

    /// <summary>Keeps every other restore away from it, whatever source or state directory that belongs to.</summary>
    public IDisposable Lock()
    {
        var alone = Guard("lock", () => RestoreLock.TryAcquire(System.IO.Path.Combine(Directory, $".{place.Name}.restore.lock"))) ??
            throw new BackupException(FailureKind.Locked, $"another restore to '{Path}' is under way", "wait until it is done, look at what it restored, then run the command again if that is not what you want");
        try
        {
            Guard("clean up beside", unfinished.Remove); // none that lives is at work here
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
        var file = Guard("make a file beside", unfinished.New);
        try
        {
            var check = await content.ExpandAsync(chain, file, cancellationToken);
            if (IsLive)
                Guard("write beside", () => Flush(file)); // now, while the service still runs
            return new PreparedFile(this, content, file, check);
        }
        catch
        {
            TryDelete(file);
            throw;
        }
    }

    /// <summary>How it and its companions lie there now: who writes one of them changes that.</summary>
    public IReadOnlyList<FileStatus?> Look() => [.. AllFiles.Select(FileStatus.OfNoLink)];

    /// <summary>A name for the safety copy that is not taken: <c>&lt;db&gt;.pre_restore.&lt;yyyyMMddHHmmss&gt;</c>, local time of the zone (runbook §3.3).</summary>
    public string SafetyName(DateTimeOffset now, TimeZoneInfo zone)
    {
        var name = $"{Path}.pre_restore.{TimeZoneInfo.ConvertTime(now, zone).ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture)}";
        var free = name;
        for (var duplicate = 1; content.Companions.Prepend("").Any(ending => File.Exists(free + ending)); duplicate++)
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
            var saved = await content.SaveAsync(Path, copy, cancellationToken);
            Guard("make a safety copy of", () =>
            {
                foreach (var ending in saved.Beside.Append("")) // without what belongs beside it, nobody is to find it
                {
                    MakeReady(copy + ending, Owner);
                    SafeFile.Move(copy + ending, safety + ending);
                    made.Add(safety + ending);
                }
            });
            Sync();
            return saved;
        }
        catch
        {
            foreach (var file in content.Companions.Prepend("").Select(ending => copy + ending).Concat(made))
                TryDelete(file);
            throw;
        }
    }

    public Task MergeCompanionsAsync(CancellationToken cancellationToken) => content.MergeCompanionsAsync(Path, cancellationToken);

    /// <summary>Moves its companions to where they belong to the safety copy, never over another file.</summary>
    /// <param name="kept">Copies that lie there already: what they are of was brought in, holds nothing any more, and goes.</param>
    /// <param name="moved">Gets each as it is named now, also those before one that fails.</param>
    public void MoveCompanionsAside(string safety, IReadOnlyList<string> kept, List<string> moved) => Guard("move the companions aside of", () =>
    {
        foreach (var ending in content.Companions.Where(ending => File.Exists(Path + ending)))
        {
            if (kept.Contains(safety + ending))
            {
                SafeFile.Delete(Path + ending);
                continue;
            }

            SafeFile.Move(Path + ending, safety + ending);
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
                Guard($"move '{file}' back beside", () => SafeFile.Move(file, Path + file[safety.Length..]));
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
    /// <param name="old">What is there, as it was looked at; null: nothing.</param>
    /// <returns>What it was given.</returns>
    public FileOwner Prepare(string file, FileStatus? old) => Guard("replace", () => MakeReady(file, OwnerAfter(old)));

    /// <summary>Puts a prepared file in its place, in one step (rename(2)).</summary>
    /// <param name="isKept">Whether a safety copy was made of what is there; otherwise nothing may be there.</param>
    public void Replace(string file, bool isKept) => Guard("replace", () =>
    {
        if (isKept)
            SafeFile.Replace(file, Path);
        else
            SafeFile.Move(file, Path);
    });

    /// <summary>Makes what was renamed survive a power cut.</summary>
    public void Sync() => Guard("sync the directory of", () => DurableDirectory.Sync(Directory));

    /// <summary>Writes a file through to the disk.</summary>
    public static void Flush(string file)
    {
        using var written = SafeFile.Open(file, FileAccess.Write);
        DurableDirectory.Flush(written);
    }

    public static void TryDelete(string file)
    {
        try
        {
            SafeFile.Delete(file);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            // The failure that brought us here is the one to tell; the next restore removes it.
        }
    }

    private static FileOwner MakeReady(string file, FileOwner owner)
    {
        using var ready = SafeFile.Open(file, FileAccess.ReadWrite);
        SafeFile.Give(ready, owner);
        DurableDirectory.Flush(ready);
        return owner;
    }

    private void Guard(string action, Action work) => IoFailure.Guard($"{action} '{Path}'", Directory, work);

    private T Guard<T>(string action, Func<T> work) => IoFailure.Guard($"{action} '{Path}'", Directory, work);
}
