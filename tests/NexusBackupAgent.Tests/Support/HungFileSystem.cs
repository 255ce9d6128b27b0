using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Tests.Support;

/// <summary>
/// A file system that never answers, as a network disk whose server is gone: FUSE with nobody behind it. Whoever touches
/// it waits until it fails.
/// </summary>
internal sealed partial class HungFileSystem : IDisposable
{
    private const string Device = "/dev/fuse";
    private const int Detach = 2;

    private readonly string path;
    private readonly SafeFileHandle server;

    private HungFileSystem(string path, SafeFileHandle server)
    {
        this.path = path;
        this.server = server;
    }

    /// <param name="path">An existing directory, which it covers.</param>
    public static HungFileSystem Mount(string path)
    {
        Need.That(File.Exists(Device), $"needs {Device}");
        var device = File.OpenHandle(Device, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var result = Mount("hung", path, "fuse", 0, $"fd={device.DangerousGetHandle()},rootmode=40000,user_id=0,group_id=0");
        Need.That(result == 0, "needs the right to mount a file system: " + Marshal.GetLastPInvokeErrorMessage());
        return new HungFileSystem(path, device);
    }

    /// <summary>Whoever waits for it gets an error, and so does everybody from now on.</summary>
    public void Fail() => server.Dispose();

    public void Dispose()
    {
        Fail();
        Unmount(path, Detach);
    }

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string source, string target, string type, nuint flags, string data);

    [LibraryImport("libc", EntryPoint = "umount2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target, int flags);
}
