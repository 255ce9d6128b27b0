using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Stores.Local;

/// <summary>What a file system lacks of what a store needs.</summary>
/// <param name="IsError">Whether no backup is safe there.</param>
internal sealed record Shortcoming(string Problem, string Mend, bool IsError);

/// <summary>
/// Tries in a store's directory what a backup needs of its file system: network and removable disks may have it or not, and
/// nothing but trying tells. What it makes it removes.
/// </summary>
/// <param name="now">This machine's time, UTC.</param>
internal sealed class LocalTrial(string directory, DateTimeOffset now)
{
    private const string Stem = ".nexus-backup-trial-";

    /// <summary>More than the granules of any file system, and than a server's clock should be wrong.</summary>
    private static readonly TimeSpan ClockDifference = TimeSpan.FromMinutes(5);

    /// <summary>No trial takes so long.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    /// <summary>File systems of removable disks that hold no larger file.</summary>
    private static readonly string[] SmallFormats = ["msdos", "vfat", "fat"];

    private readonly string stem = Path.Combine(directory, $"{Stem}{Guid.NewGuid():N}");

    /// <returns>Everything that is missing; none where the directory can't be written at all, which is told elsewhere.</returns>
    public IReadOnlyList<Shortcoming> Run()
    {
        var (kept, next) = (stem + ".kept", stem + ".next");
        var odd = $"{stem} 'ü日本' a:b";
        var found = new List<Shortcoming>();
        try
        {
            ForgetOld();
            foreach (var lacking in Try(kept, next, odd))
                found.Add(lacking);
            return found;
        }
        catch (Exception refused) when (IoFailure.IsKnown(refused))
        {
            return found;
        }
        finally
        {
            foreach (var file in (string[])[kept, next, odd])
                Forget(file);
        }
    }

    private IEnumerable<Shortcoming> Try(string kept, string next, string odd)
    {
        Write(kept, 1);
        if (TimeOf(kept) is { } time && (time - now).Duration() > ClockDifference)
            yield return new($"a file that is written there now is dated {time.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z, and here it is {now.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z", "set the clock of the file server, or of this machine (timedatectl): what a killed run left is known by its age", IsError: false);
        if (FileStatus.Of(kept) is { } status && (status.Mode & FileOwner.OthersAccess) != UnixFileMode.None)
            yield return new($"a file that only its owner may read gets mode {Convert.ToString((int)status.Mode, 8).PadLeft(4, '0')} there, so other users may read the backups", "mount it with options that close it, for example umask=0077 or file_mode=0600,dir_mode=0700", IsError: false);
        if (!KnowsSync(kept))
            yield return new("it does not know fsync, so a power cut may take backups that were read back", "mount it otherwise, or keep a copy in another store", IsError: false);
        if (MakesTwice(kept))
            yield return new("a file can be made there although one of its name exists, so two writers would spoil each other's backups", "use another file system, or another protocol for it", IsError: true);
        Write(next, 2);
        if (WhyNotReplaced(next, kept) is { } why)
            yield return new($"a file can't take another one's name there: {why}", "use another file system, or another protocol for it", IsError: true);
        if (!TakesName(odd))
            yield return new("it does not take every name: no colon, or no letters outside ASCII", "let the names of sources and schedules have only letters, digits, - and _", IsError: false);
        if (SmallFormats.Contains(new DriveInfo(directory).DriveFormat, StringComparer.OrdinalIgnoreCase))
            yield return new("its file system holds no file of 4 GiB or more", "format the disk with ext4 or xfs if a backup may become so large", IsError: false);
    }

    private static void Write(string path, byte content)
    {
        using var file = SafeFile.Create(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        RandomAccess.Write(file, [content], 0);
        try
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        catch (Exception refused) when (IoFailure.IsKnown(refused))
        {
            // What mode it has then is looked at.
        }
    }

    private static DateTimeOffset? TimeOf(string path) => FileStatus.Of(path) is { } status ? DateTimeOffset.UnixEpoch.AddTicks(status.Modified / TimeSpan.NanosecondsPerTick) : null;

    private bool KnowsSync(string path)
    {
        using var file = SafeFile.Open(path, FileAccess.ReadWrite);
        using var around = SafeFile.OpenDirectory(directory);
        return DurableDirectory.Knows(file) && DurableDirectory.Knows(around);
    }

    private static bool MakesTwice(string path)
    {
        try
        {
            SafeFile.Create(path, UnixFileMode.UserRead | UnixFileMode.UserWrite).Dispose();
            return true;
        }
        catch (IOException taken) when (taken.HResult == Errno.Exists)
        {
            return false;
        }
    }

    private static string? WhyNotReplaced(string next, string kept)
    {
        try
        {
            SafeFile.Replace(next, kept);
            return File.Exists(next) ? "the old name stays" : File.ReadAllBytes(kept) is [2] ? null : "the old content stays";
        }
        catch (Exception refused) when (IoFailure.IsKnown(refused))
        {
            return refused.Message;
        }
    }

    private bool TakesName(string odd)
    {
        try
        {
            Write(odd, 3);
            return Directory.EnumerateFiles(directory, Path.GetFileName(stem) + "*").Contains(odd, StringComparer.Ordinal);
        }
        catch (Exception refused) when (IoFailure.IsKnown(refused) && !IoFailure.IsFull(refused))
        {
            return false;
        }
    }

    /// <summary>What trials left that were killed. One that is under way now leaves younger ones.</summary>
    private void ForgetOld()
    {
        foreach (var file in Directory.GetFiles(directory, Stem + "*").Where(file => now - TimeOf(file) > Longest))
            Forget(file);
    }

    private static void Forget(string path)
    {
        try
        {
            SafeFile.Delete(path);
        }
        catch (Exception leftover) when (IoFailure.IsKnown(leftover))
        {
            // It is small, hidden, and named for what it is.
        }
    }
}
