using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Stores.Local;

/// <summary>One look at a directory: a name that says enough costs no question of its own, and no thread walks to the directory twice.</summary>
internal sealed partial class LocalGlance : IStoreGlance
{
    // struct linux_dirent64: the same on every architecture.
    private const int LengthOffset = 16;
    private const int TypeOffset = 18;
    private const int NameOffset = 19;
    private const byte Regular = 8; // DT_REG

    private const int ListingBuffer = 256 << 10;
    private const int LongestName = 256; // NAME_MAX, and its end

    private readonly string directory;
    private readonly ThreadLocal<OpenFolder> folders; // of each thread, so that they do not wait for each other in the kernel

    private LocalGlance(string directory, IReadOnlyList<StoredFile> files)
    {
        (this.directory, Files) = (directory, files);
        folders = new ThreadLocal<OpenFolder>(() => new OpenFolder(this.directory), trackAllValues: true);
    }

    public IReadOnlyList<StoredFile> Files { get; }

    /// <returns>Null where the directory can't be listed this way; <see cref="DirectoryListing"/> says why.</returns>
    /// <exception cref="IOException">A file in it can't be asked about.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static async Task<LocalGlance?> TryTakeAsync(string directory, Func<ReadOnlySpan<char>, string?> take, CancellationToken cancellationToken) =>
        NamesIn(directory, take, cancellationToken) is { } names ? new LocalGlance(directory, await DirectoryListing.DescribeAsync(directory, names, cancellationToken)) : null;

    public int Read(string file, Span<byte> buffer) => folders.Value!.Read(file, buffer);

    public void Dispose()
    {
        foreach (var folder in folders.Values)
            folder.Dispose();
        folders.Dispose();
    }

    private static string[]? NamesIn(string directory, Func<ReadOnlySpan<char>, string?> take, CancellationToken cancellationToken)
    {
        using var folder = new OpenFolder(directory);
        if (folder.Handle is not { } handle)
            return null;
        var names = new List<string>();
        var entries = new byte[ListingBuffer];
        Span<char> name = stackalloc char[LongestName];
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var read = (int)ReadEntries(handle, entries, entries.Length);
            if (read < 0)
                return null;
            if (read == 0)
                return [.. names];
            for (var entry = entries.AsSpan(0, read); entry.Length > 0; entry = entry[MemoryMarshal.Read<ushort>(entry[LengthOffset..])..])
            {
                var bytes = entry[NameOffset..];
                bytes = bytes[..bytes.IndexOf((byte)0)];
                if (bytes is [(byte)'.'] or [(byte)'.', (byte)'.'])
                    continue;
                var text = name[..Encoding.UTF8.GetChars(bytes, name)];
                if ((entry[TypeOffset] == Regular ? take(text) : text.ToString()) is { } listed)
                    names.Add(listed);
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "getdents64")]
    private static partial nint ReadEntries(SafeFileHandle directory, [Out] byte[] entries, nint length);
}
