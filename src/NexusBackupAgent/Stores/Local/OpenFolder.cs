using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Stores.Local;

/// <summary>A directory that is held open, so that the kernel need not walk to it again for each of a hundred thousand files.</summary>
internal sealed partial class OpenFolder : IDisposable
{
    private const int CloseOnExec = 0x80000; // O_CLOEXEC

    private readonly string path;
    private readonly SafeFileHandle? handle; // null where it can't be opened; paths do as well then

    public OpenFolder(string path)
    {
        this.path = path;
        if (!OperatingSystem.IsLinux())
            return;
        handle = Open(path, CloseOnExec);
        if (handle.IsInvalid)
            handle = null;
    }

    /// <summary>What the kernel says of a file in it.</summary>
    /// <returns>Null where there is no file, or it can't be asked.</returns>
    public FileStatus? StatusOf(string file) =>
        handle is null ? FileStatus.Of(Path.Combine(path, file)) : FileStatus.Of((int)handle.DangerousGetHandle(), file);

    public void Dispose() => handle?.Dispose();

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);
}
