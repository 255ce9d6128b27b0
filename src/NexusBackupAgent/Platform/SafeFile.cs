using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Platform;

/// <summary>What lies at a path is not what the agent may write, lock or give away: a link, no regular file, or a way that a stranger has laid.</summary>
internal sealed class UntrustedPlaceException(string message) : IOException(message);

/// <summary>
/// Makes, opens, renames and removes files in directories that may be somebody else's. The directory is opened once and each
/// call goes out from it; the last part of a path is never followed if it is a link; owner and mode are given by handle.
/// So nobody who owns the directory can have root write, lock or give away what is not there.
/// </summary>
internal static partial class SafeFile
{
    private const UnixFileMode PermissionBits = (UnixFileMode)0x1ff; // 0777: what was made setuid is not made so again

    /// <summary>Makes a file, which must not be there. Root makes it for whom the directory belongs to, as far as the file system lets.</summary>
    /// <returns>Open for reading and writing.</returns>
    /// <exception cref="IOException">Something bears the name, or it can't be made.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static SafeFileHandle Create(string path, UnixFileMode mode, bool inherit = false)
    {
        using var at = Place.Of(path);
        var file = at.Open(Flag.ReadWrite | Flag.Create | Flag.Exclusive, mode);
        if (inherit && at.Stranger is { } owner)
            _ = ChangeOwner(file, owner.User, owner.Group);
        return file;
    }

    /// <summary>Opens a file that is there, and is one: no link, no pipe, no second name of somebody else's file.</summary>
    /// <exception cref="UntrustedPlaceException">It is none.</exception>
    /// <exception cref="IOException">It can't be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static SafeFileHandle Open(string path, FileAccess access)
    {
        using var at = Place.Of(path);
        return at.Checked(at.Open(access switch { FileAccess.Read => 0, FileAccess.Write => Flag.WriteOnly, _ => Flag.ReadWrite } | Flag.DoNotWait, default));
    }

    /// <summary>As <see cref="Open"/>, and makes the file when it is missing, as <see cref="Create"/> does with <c>inherit</c>.</summary>
    public static SafeFileHandle OpenOrCreate(string path, UnixFileMode mode)
    {
        while (true)
        {
            try
            {
                return Create(path, mode, inherit: true);
            }
            catch (IOException taken) when (taken.HResult == Errno.Exists)
            {
                // Then it is opened.
            }

            try
            {
                return Open(path, FileAccess.ReadWrite);
            }
            catch (FileNotFoundException)
            {
                // It went in between.
            }
        }
    }

    /// <summary>A stream on a file that <see cref="Open"/> opens.</summary>
    public static FileStream OpenStream(string path, FileAccess access)
    {
        var file = Open(path, access);
        try
        {
            return new FileStream(file, access, bufferSize: 0);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Renames a file in one step, and never over another one (renameat2 with RENAME_NOREPLACE).</summary>
    /// <exception cref="IOException">The target exists, or the file system refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static void Move(string source, string target)
    {
        using var from = Place.Of(source);
        using var to = Place.Of(target);
        switch (Errno.Of(() => RenameAt2(from.Directory, from.Name, to.Directory, to.Name, flags: 1)))
        {
            case 0:
                return;
            case Errno.NoSuchCall or Errno.Invalid or Errno.Unsupported:
                // Some file systems know no such rename. The next best: whoever works there holds its lock, so nobody makes the target in between.
                if (to.Status() is not null)
                    throw Errno.Failure(Errno.Exists, target);
                Rename(from, to, source);
                return;
            case var error:
                throw Errno.Failure(error, error == Errno.Exists ? target : source);
        }
    }

    /// <summary>Has two files or directories change names in one step (renameat2 with RENAME_EXCHANGE).</summary>
    /// <returns>False: the file system knows no such step.</returns>
    /// <exception cref="IOException">The file system refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static bool TryExchange(string one, string other)
    {
        using var from = Place.Of(one);
        using var to = Place.Of(other);
        return Errno.Of(() => RenameAt2(from.Directory, from.Name, to.Directory, to.Name, flags: 2)) switch
        {
            0 => true,
            Errno.NoSuchCall or Errno.Invalid or Errno.Unsupported => false,
            var error => throw Errno.Failure(error, one),
        };
    }

    /// <summary>Renames a file over another, in one step (rename(2)).</summary>
    /// <exception cref="IOException">The file system refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static void Replace(string source, string target)
    {
        using var from = Place.Of(source);
        using var to = Place.Of(target);
        Rename(from, to, source);
    }

    /// <summary>Writes a file whole or not at all, over what was there; it survives a power cut. Beside it a hidden file is made, and taken away again.</summary>
    /// <param name="mode">Of the file, whatever the umask.</param>
    /// <exception cref="IOException">It can't be written; what was there is there.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not; likewise.</exception>
    public static void WriteWhole(string path, ReadOnlySpan<byte> content, UnixFileMode mode)
    {
        var directory = Path.GetDirectoryName(path)!;
        var partial = Path.Combine(directory, $".{Path.GetFileName(path)}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}.partial");
        try
        {
            using (var file = new FileStream(Create(partial, mode, inherit: true), FileAccess.Write, bufferSize: 0))
            {
                File.SetUnixFileMode(file.SafeFileHandle, mode);
                file.Write(content);
                DurableDirectory.Flush(file.SafeFileHandle);
            }

            Replace(partial, path);
        }
        finally
        {
            Delete(partial);
        }

        DurableDirectory.Sync(directory);
    }

    /// <summary>Removes a file or a link; nothing happens where there is none.</summary>
    /// <exception cref="IOException">It can't be removed.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static void Delete(string path)
    {
        Place at;
        try
        {
            at = Place.Of(path);
        }
        catch (DirectoryNotFoundException)
        {
            return;
        }

        using (at)
        {
            if (Errno.Of(() => UnlinkAt(at.Directory, at.Name, flags: 0)) is not (0 or Errno.Missing) and var error)
                throw Errno.Failure(error, path);
        }
    }

    /// <summary>Removes a directory with all that is in it, and follows no link; nothing happens where there is none. Root leaves the directory of somebody else.</summary>
    /// <exception cref="IOException">Something in it can't be removed.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static void DeleteTree(string path)
    {
        using var at = Place.Of(path);
        if (at.Status() is null)
            return;
        using (var tree = at.Open(Flag.Directory, default))
        {
            if (SystemUser.Current.IsRoot && FileStatus.Of(tree) is { User: not 0 } others)
                throw new UnauthorizedAccessException($"'{path}' belongs to {new SystemUser(others.User).Name}");
            var inside = new DirectoryInfo($"/proc/self/fd/{tree.DangerousGetHandle()}/"); // nobody else can change it
            foreach (var file in inside.EnumerateFileSystemInfos())
            {
                if (file is DirectoryInfo { LinkTarget: null } directory)
                    directory.Delete(recursive: true);
                else
                    file.Delete();
            }
        }

        if (Errno.Of(() => UnlinkAt(at.Directory, at.Name, RemoveDirectory)) is not (0 or Errno.Missing) and var error)
            throw Errno.Failure(error, path);
    }

    /// <summary>Gives a directory the time back at which it was changed before; what was made and removed there since then left nothing.</summary>
    /// <exception cref="IOException">It can't be opened, or its times are not this user's to give.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public static void GiveTimeBack(string path, FileStatus before)
    {
        const long Second = 1_000_000_000;
        using var directory = OpenDirectory(path);
        if (Errno.Of(() => SetTimes(directory, [0, LeaveTime, before.Modified / Second, before.Modified % Second])) is not 0 and var error)
            throw Errno.Failure(error, path);
    }

    /// <summary>Opens a directory itself, no link to one, to be listed or synced.</summary>
    public static SafeFileHandle OpenDirectory(string path)
    {
        using var at = Place.Of(path);
        return at.Open(Flag.Directory, default);
    }

    /// <summary>Makes a directory, which root makes for whom the one above it belongs to; nothing happens where there is one.</summary>
    /// <returns>Whether it was made.</returns>
    /// <exception cref="IOException">It can't be made.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static bool MakeDirectory(string path, UnixFileMode mode, bool inherit = true)
    {
        using var at = Place.Of(path);
        switch (Errno.Of(() => MkdirAt(at.Directory, at.Name, (uint)mode)))
        {
            case 0:
                break;
            case Errno.Exists when Directory.Exists(path):
                return false;
            case Errno.Exists:
                throw new IOException($"'{path}' is no directory", Errno.NoDirectory);
            case var error:
                throw Errno.Failure(error, path);
        }

        if (inherit && at.Stranger is { } owner)
        {
            using var made = at.Open(Flag.Directory, default);
            _ = ChangeOwner(made, owner.User, owner.Group);
        }

        return true;
    }

    /// <summary>
    /// Makes a directory for this user alone, which must not be there, and holds it open. Below the handle nobody else gets in, whatever
    /// becomes of its name: not even who owns the directory that it lies in.
    /// </summary>
    /// <exception cref="IOException">It can't be made, or another one took its place.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static SafeFileHandle MakeOwnDirectory(string path)
    {
        if (!MakeDirectory(path, FileOwner.OwnersDirectory, inherit: false))
            throw Errno.Failure(Errno.Exists, path);
        var made = OpenDirectory(path);
        if (!SystemUser.Current.IsRoot || (FileStatus.Of(made) is { User: 0 } own && (own.Mode & FileOwner.OthersAccess) == UnixFileMode.None))
            return made;
        made.Dispose();
        throw new UntrustedPlaceException($"'{path}' is not the directory that was made there");
    }

    /// <summary>Where an open directory is for calls that want a path, whatever becomes of its name.</summary>
    public static string PathOf(SafeFileHandle directory) => $"/proc/{Environment.ProcessId}/fd/{directory.DangerousGetHandle()}";

    /// <summary>Gives a file, which only this process writes, an owner and a mode.</summary>
    /// <exception cref="UnauthorizedAccessException">They could not be given.</exception>
    public static void Give(SafeFileHandle file, FileOwner owner)
    {
        if (FileStatus.Of(file) is { } now && (now.User != owner.User || now.Group != owner.Group) && ChangeOwner(file, owner.User, owner.Group) != 0)
            throw new UnauthorizedAccessException($"chown {owner.User}:{owner.Group}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        File.SetUnixFileMode(file, owner.Mode & PermissionBits); // last: a change of owner may clear bits of it
    }

    /// <summary>Whose the directory of a file is, when root works there for somebody else; null otherwise.</summary>
    /// <exception cref="IOException">There is no such directory.</exception>
    public static (uint User, uint Group)? StrangerAround(string path)
    {
        using var at = Place.Of(path);
        return at.Stranger is { } owner ? (owner.User, owner.Group) : null;
    }

    /// <summary>Why root does not go there: a stranger's link leads to what is not that stranger's. Null when nothing is wrong with the way.</summary>
    public static UntrustedPlaceException? Distrust(string path)
    {
        try
        {
            using var _ = Place.Of(path);
            using var behind = Place.Of(path, followLast: true);
            return null;
        }
        catch (UntrustedPlaceException reason)
        {
            return reason;
        }
        catch (Exception unasked) when (IoFailure.IsKnown(unasked))
        {
            return null; // who works there is told why
        }
    }

    /// <summary>
    /// Makes sure that a file which root opened for reading lies where no stranger led root: each link on the way is root's, or of
    /// whose the file or its directory is. Otherwise a stranger has root copy what only root may read.
    /// </summary>
    /// <param name="path">By which it was opened, links included.</param>
    /// <returns>False: by now the path leads to another file, or to none. Its application may have replaced it; it is opened again.</returns>
    /// <exception cref="UntrustedPlaceException">It does not.</exception>
    public static bool IsTrusted(string path, SafeFileHandle opened)
    {
        if (!SystemUser.Current.IsRoot || FileStatus.Of(opened) is not { } file)
            return true;
        using var at = Place.Of(path, followLast: true, file.User);
        if (at.Status() is not { } there || !there.IsSameFileAs(file))
            return false;
        at.RequireOneName(file);
        return true;
    }

    private static void Rename(Place from, Place to, string source)
    {
        if (Errno.Of(() => RenameAt(from.Directory, from.Name, to.Directory, to.Name)) is not 0 and var error)
            throw Errno.Failure(error, source);
    }

    /// <summary>A name in a directory that is open as a place alone (O_PATH): to be gone out from, not to be listed or synced.</summary>
    private sealed class Place : IDisposable
    {
        private readonly string path;
        private readonly FileStatus? directory;

        private Place(string path, string name, SafeFileHandle opened)
        {
            this.path = path;
            Name = name;
            Directory = opened;
            directory = FileStatus.Of(opened);
        }

        public SafeFileHandle Directory { get; }

        public string Name { get; }

        /// <summary>Whose the directory is, when root works for somebody else.</summary>
        public FileStatus? Stranger => SystemUser.Current.IsRoot && directory is { User: not 0 } owned ? owned : null;

        /// <param name="followLast">Whether the last part is followed if it is a link; then the place is where that leads.</param>
        /// <param name="owner">Whose links may lead there as well.</param>
        public static Place Of(string path, bool followLast = false, uint? owner = null)
        {
            var (above, name) = (Path.GetDirectoryName(path)!, Path.GetFileName(path));
            var guides = new HashSet<uint>();
            var (real, opened) = (above, default(SafeFileHandle));
            if (SystemUser.Current.IsRoot && !above.StartsWith($"/proc/{Environment.ProcessId}/fd/", StringComparison.Ordinal)) // an open directory was looked at when it was opened
            {
                real = KernelPath.Follow(followLast ? path : above, link => guides.UnionWith(GuideOf(link)));
                (real, name) = followLast ? (Path.GetDirectoryName(real)!, Path.GetFileName(real)) : (real, name);
                opened = OpenWithoutLinks(real, above);
            }
            else
            {
                opened = OpenDirectory(null, above, above);
            }

            var place = new Place(path, name, opened);
            try
            {
                if (owner is { } trusted)
                    guides.Remove(trusted);
                place.RequireWayOf(real, guides);
                return place;
            }
            catch
            {
                place.Dispose();
                throw;
            }
        }

        public SafeFileHandle Open(int flags, UnixFileMode mode)
        {
            SafeFileHandle? file = null;
            var error = Errno.Of(() =>
            {
                file = OpenAt(Directory, Name, flags | Flag.NoFollow | Flag.CloseOnExec, (uint)mode);
                return file.IsInvalid ? -1 : 0;
            });
            if (error == 0)
                return file!;
            file!.Dispose();
            throw error == Errno.Loop ? new UntrustedPlaceException($"'{path}' is a symbolic link, which is not followed there") : Errno.Failure(error, path);
        }

        /// <summary>What bears the name, itself if it is a link.</summary>
        public FileStatus? Status() => FileStatus.OfNoLink((int)Directory.DangerousGetHandle(), Name);

        public SafeFileHandle Checked(SafeFileHandle file)
        {
            var problem = FileStatus.Of(file) switch
            {
                { IsRegular: false } => "is no regular file",
                { } linked => SecondName(linked),
                _ => null,
            };
            if (problem is null)
            {
                _ = Control(file, SetFlags, 0); // from here on it may wait
                return file;
            }

            file.Dispose();
            throw new UntrustedPlaceException($"'{path}' {problem}");
        }

        /// <summary>Makes sure that a file which lies here is not somebody else's by a second name.</summary>
        public void RequireOneName(FileStatus file)
        {
            if (SecondName(file) is { } problem)
                throw new UntrustedPlaceException($"'{path}' {problem}");
        }

        public void Dispose() => Directory.Dispose();

        private string? SecondName(FileStatus file) => file.Names > 1 && Stranger is { } owner && file.User != owner.User
            ? $"has a second name elsewhere, and is not of {new SystemUser(owner.User).Name}, whose directory it lies in"
            : null;

        /// <summary>A stranger's link may lead root to a directory of that stranger's, where he may do all that he has root do there, and to no other.</summary>
        private void RequireWayOf(string real, HashSet<uint> guides)
        {
            if (guides.Count > 0 && directory is { } there && !guides.SetEquals([there.User]))
                throw new UntrustedPlaceException($"'{Path.GetDirectoryName(path)}' leads through a link of {new SystemUser(guides.First(guide => guide != there.User)).Name} to '{real}', which belongs to {new SystemUser(there.User).Name}");
        }

        /// <summary>What was a directory when the links were followed may be one by now.</summary>
        private static SafeFileHandle OpenWithoutLinks(string real, string shown)
        {
            var opened = OpenDirectory(null, "/", shown);
            foreach (var part in real.Split('/', StringSplitOptions.RemoveEmptyEntries))
            {
                using var around = opened;
                opened = OpenDirectory(around, part, shown);
            }

            return opened;
        }

        private static SafeFileHandle OpenDirectory(SafeFileHandle? around, string name, string shown)
        {
            const int OnTheWay = Flag.PathOnly | Flag.CloseOnExec; // who goes through a directory need not be let read it
            var opened = around is null ? OpenAt(CurrentDirectory, name, OnTheWay | Flag.Directory, 0) : OpenAt(around, name, OnTheWay | Flag.Directory | Flag.NoFollow, 0);
            if (!opened.IsInvalid)
                return opened;
            var error = Marshal.GetLastPInvokeError();
            opened.Dispose();
            throw error switch
            {
                Errno.Missing => new DirectoryNotFoundException($"'{shown}' does not exist"),
                Errno.Loop or Errno.NoDirectory when around is not null && FileStatus.OfNoLink((int)around.DangerousGetHandle(), name) is { IsRegular: false } =>
                    new UntrustedPlaceException($"somebody put a link into the way to '{shown}' while it was followed"),
                Errno.NoDirectory => new DirectoryNotFoundException($"'{shown}' is no directory"),
                _ => Errno.Failure(error, shown),
            };
        }

        /// <returns>Whose link it is, if neither root's alone.</returns>
        private static IEnumerable<uint> GuideOf(string link)
        {
            if (FileStatus.OfNoLink(CurrentDirectory, link) is { User: not 0 } laid)
                yield return laid.User;
            else if (FileStatus.Of(Path.GetDirectoryName(link)!) is { User: not 0 } around)
                yield return around.User;
        }
    }

    private const int CurrentDirectory = -100; // AT_FDCWD
    private const int SetFlags = 4; // F_SETFL
    private const int RemoveDirectory = 0x200; // AT_REMOVEDIR
    private const long LeaveTime = 0x3ffffffe; // UTIME_OMIT, in place of nanoseconds

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle OpenAt(int directory, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle OpenAt(SafeFileHandle directory, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(SafeFileHandle sourceDirectory, string source, SafeFileHandle targetDirectory, string target, uint flags);

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt(SafeFileHandle sourceDirectory, string source, SafeFileHandle targetDirectory, string target);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnlinkAt(SafeFileHandle directory, string path, int flags);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MkdirAt(SafeFileHandle directory, string path, uint mode);

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    private static partial int ChangeOwner(SafeFileHandle file, uint user, uint group);

    /// <param name="times">Two of struct timespec, on 64-bit Linux: of access and of change.</param>
    [LibraryImport("libc", EntryPoint = "futimens", SetLastError = true)]
    private static partial int SetTimes(SafeFileHandle file, long[] times);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(SafeFileHandle file, int command, int flags);

    /// <summary>Of open(2), on Linux.</summary>
    private static class Flag
    {
        public const int WriteOnly = 1;
        public const int ReadWrite = 2;
        public const int Create = 0x40;
        public const int Exclusive = 0x80;
        public const int DoNotWait = 0x800; // O_NONBLOCK: nobody need be at the other end of a pipe
        public const int CloseOnExec = 0x80000;
        public const int PathOnly = 0x200000; // O_PATH

        private static readonly bool IsArm = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm;

        public static int Directory => IsArm ? 0x4000 : 0x10000;

        public static int NoFollow => IsArm ? 0x8000 : 0x20000;
    }
}

/// <summary>Error numbers of Linux, and the exceptions that .NET makes of them.</summary>
internal static class Errno
{
    public const int NotPermitted = 1; // EPERM
    public const int Missing = 2; // ENOENT
    public const int Interrupted = 4; // EINTR
    public const int Again = 11; // EAGAIN, EWOULDBLOCK
    public const int Denied = 13; // EACCES
    public const int Busy = 16; // EBUSY
    public const int Exists = 17; // EEXIST
    public const int OtherDevice = 18; // EXDEV
    public const int NoDirectory = 20; // ENOTDIR
    public const int Invalid = 22; // EINVAL
    public const int TooManyInSystem = 23; // ENFILE
    public const int TooManyInProcess = 24; // EMFILE
    public const int TooLarge = 27; // EFBIG
    public const int NoSpace = 28; // ENOSPC
    public const int ReadOnly = 30; // EROFS
    public const int NoSuchCall = 38; // ENOSYS
    public const int Loop = 40; // ELOOP
    public const int Unsupported = 95; // EOPNOTSUPP
    public const int QuotaExceeded = 122; // EDQUOT

    /// <summary>Calls until no signal comes in between.</summary>
    /// <returns>0, or why not.</returns>
    public static int Of(Func<int> call)
    {
        while (call() < 0)
        {
            if (Marshal.GetLastPInvokeError() is not Interrupted and var error)
                return error;
        }

        return 0;
    }

    /// <summary>As .NET throws it: the number is the <see cref="Exception.HResult"/>.</summary>
    public static Exception Failure(int error, string path) => error switch
    {
        Denied or NotPermitted => new UnauthorizedAccessException($"Access to '{path}' is denied"),
        Missing => new FileNotFoundException($"there is no '{path}'", path),
        Exists => new IOException($"'{path}' exists already", Exists),
        _ => new IOException($"{Marshal.GetPInvokeErrorMessage(error)} : '{path}'", error),
    };
}
