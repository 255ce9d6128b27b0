using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Platform;

/// <summary>
/// An advisory lock on a file (flock), across processes: the kernel drops it when its process dies, however it dies.
/// Asked of the kernel itself, because .NET's FileShare.None takes every refusal but "would block" for a lock.
/// </summary>
internal sealed partial class FileLock : IDisposable
{
    private const int Shared = 1; // LOCK_SH
    private const int Exclusive = 2; // LOCK_EX
    private const int AtOnce = 4; // LOCK_NB
    private const int Release = 8; // LOCK_UN
    private const UnixFileMode Owners = UnixFileMode.UserRead | UnixFileMode.UserWrite; // whoever may read a file may lock it, and keep everybody else waiting

    private readonly SafeFileHandle held;

    private FileLock(SafeFileHandle file) => held = file;

    /// <summary>The file itself, as the kernel has it open.</summary>
    public FileStatus? Status => FileStatus.Of(held);

    /// <summary>Opens a file, which is made when it is missing, and locks it until it is disposed.</summary>
    /// <returns>Null when somebody else holds it.</returns>
    /// <exception cref="IOException">It can't be opened, or its file system takes no locks: who went on then would not be alone.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static FileLock? TryAcquire(string path) => TryAcquire(Open(path, create: true), Exclusive);

    /// <summary>Whether somebody holds it now. Makes no file, and any number may ask at once: they do not take each other for its holder.</summary>
    /// <exception cref="IOException">As of <see cref="TryAcquire(string)"/>.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not look.</exception>
    public static bool IsHeld(string path)
    {
        try
        {
            using var free = TryAcquire(Open(path, create: false), Shared);
            return free is null;
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            return false; // nobody ever made it
        }
    }

    /// <summary>Keeps a number and an instant in the file, for who looks at it later: its length, and when it was written last. A full disk takes both, since no byte is written.</summary>
    /// <exception cref="IOException">The file system refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may only read it.</exception>
    public void Mark(long number, DateTimeOffset at)
    {
        RandomAccess.SetLength(held, number);
        File.SetLastWriteTimeUtc(held, at.UtcDateTime);
        DurableDirectory.Flush(held);
    }

    /// <summary>Lets the file tell since when it is locked, where this user may.</summary>
    public void Begin(DateTimeOffset at)
    {
        try
        {
            File.SetLastWriteTimeUtc(held, at.UtcDateTime);
        }
        catch (Exception refused) when (IoFailure.IsKnown(refused))
        {
            // Another user's file: then nobody is told since when.
        }
    }

    private static FileLock? TryAcquire(SafeFileHandle file, int mode)
    {
        switch (Errno.Of(() => Lock(file, mode | AtOnce)))
        {
            case 0:
                return new FileLock(file);
            case Errno.Again:
                file.Dispose();
                return null;
            case var error:
                file.Dispose();
                throw new IOException($"its file system takes no lock ({Marshal.GetPInvokeErrorMessage(error)})", error);
        }
    }

    /// <summary>
    /// Gives it back by name: closing alone would leave it with a process that is just being started, which shares the open
    /// file until it becomes its own program.
    /// </summary>
    public void Dispose()
    {
        if (!held.IsClosed)
            _ = Lock(held, Release); // if that fails, closing does it
        held.Dispose();
    }

    /// <summary>For writing, which NFS asks for; where that is not allowed, reading will do, so that root and the agent's user can share a file that either made.</summary>
    private static SafeFileHandle Open(string path, bool create)
    {
        try
        {
            return create ? SafeFile.OpenOrCreate(path, Owners) : SafeFile.Open(path, FileAccess.ReadWrite);
        }
        catch (Exception refused) when (refused is UnauthorizedAccessException or IOException { HResult: Errno.ReadOnly })
        {
            return SafeFile.Open(path, FileAccess.Read);
        }
    }

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Lock(SafeFileHandle file, int operation);
}

/// <summary>Within which a number means one process, for who reads it elsewhere: this machine, since it was started, and this container.</summary>
internal static class ProcessPlace
{
    /// <summary>Empty when it can't be told.</summary>
    public static string Current => field ??= Read();

    public static bool IsAlive(int process) => Directory.Exists($"/proc/{process}");

    private static string Read()
    {
        try
        {
            return $"{File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()} {new FileInfo("/proc/self/ns/pid").LinkTarget}";
        }
        catch (Exception unknown) when (IoFailure.IsKnown(unknown))
        {
            return "";
        }
    }
}

/// <summary>
/// One run per source at a time, across processes: a <see cref="FileLock"/> on a file that stays.
/// </summary>
internal sealed class RunLock : IDisposable
{
    /// <summary>The name under which the running agent itself holds a lock. No source can have it: it would be a hidden file.</summary>
    public const string Agent = ".agent";

    /// <summary>How often a held lock is tried again.</summary>
    public static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);

    private readonly FileLock file;

    private readonly string stateDirectory;
    private readonly string source;

    private RunLock(FileLock file, string stateDirectory, string source) => (this.file, this.stateDirectory, this.source) = (file, stateDirectory, source);

    /// <returns>Null when somebody else holds it.</returns>
    public static RunLock? TryAcquire(string stateDirectory, string source) => On(stateDirectory, source, path =>
    {
        FileOwner.MakeDirectory(Path.GetDirectoryName(path)!);
        return FileLock.TryAcquire(path) is { } opened ? new RunLock(opened, stateDirectory, source) : null;
    });

    /// <summary>The failure of what needs a source that another run holds.</summary>
    /// <param name="by">Who holds it, as it follows that; empty when nobody can tell.</param>
    public static BackupException Busy(string source, string by = "") => new(
        FailureKind.Locked,
        $"another run of source '{source}' is under way{by}",
        "wait for it to end (nexus-backup status shows it), then run the command again");

    /// <summary>Takes the lock, waiting for whoever holds it.</summary>
    /// <returns>Null when it is still held after <paramref name="timeout"/>.</returns>
    public static async Task<RunLock?> AcquireAsync(
        string stateDirectory, string source, TimeSpan timeout, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        while (true)
        {
            if (TryAcquire(stateDirectory, source) is { } held)
                return held;
            if (timeProvider.GetElapsedTime(started) >= timeout)
                return null;
            await Task.Delay(Poll, timeProvider, cancellationToken);
        }
    }

    /// <summary>Keeps since when it is held, as well as that goes: for who waits for it.</summary>
    public void Begin(DateTimeOffset at) => file.Begin(at);

    /// <summary>Who holds it, and since when.</summary>
    /// <returns>The process is null when it may not be looked into, or has let go.</returns>
    public static (FileUser? Process, DateTimeOffset? Since) HolderOf(string stateDirectory, string source) => On(stateDirectory, source, path =>
        FileStatus.Of(path) is { } file && FileUsers.HoldersOf(file) is [{ User: var user }, ..] ? (user, DateTimeOffset.FromUnixTimeMilliseconds(file.Modified / 1_000_000)) : ((FileUser?)null, (DateTimeOffset?)null));

    /// <summary>Whether somebody holds it now. Touches nothing.</summary>
    public static bool IsHeld(string stateDirectory, string source) => On(stateDirectory, source, FileLock.IsHeld);

    /// <summary>Keeps a number and an instant in its file, also on a full disk; who comes later reads them with <see cref="MarkOf"/>.</summary>
    /// <exception cref="Common.BackupException">It can't be kept.</exception>
    public void Mark(long number, DateTimeOffset at) => On(stateDirectory, source, _ =>
    {
        file.Mark(number, at);
        return true;
    });

    /// <summary>What <see cref="Mark"/> kept last, by whoever held it.</summary>
    /// <returns>Null when there is no file; 0 and some instant when nothing was kept.</returns>
    public static (long Number, DateTimeOffset At)? MarkOf(string stateDirectory, string source) => On<(long, DateTimeOffset)?>(
        stateDirectory, source, path => new FileInfo(path) is { Exists: true } file ? (file.Length, new DateTimeOffset(file.LastWriteTimeUtc)) : null);

    public void Dispose() => file.Dispose();

    private static T On<T>(string stateDirectory, string source, Func<string, T> work)
    {
        var path = Path.Combine(stateDirectory, "locks", source + ".lock");
        try
        {
            return work(path);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw StateAccess.Translate(failure, $"lock source '{source}' with '{path}'", stateDirectory);
        }
    }
}
