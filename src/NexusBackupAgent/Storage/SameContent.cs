namespace NexusBackupAgent.Storage;

/// <summary>Compares files byte for byte.</summary>
internal static class SameContent
{
    private const int BlockSize = 1 << 20;

    /// <exception cref="IOException">One can't be read.</exception>
    public static bool Of(string path, string other, CancellationToken cancellationToken)
    {
        using var left = Open(path);
        using var right = Open(other);
        if (left.Length != right.Length)
            return false;
        var (here, there) = (new byte[BlockSize], new byte[BlockSize]);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var read = left.ReadAtLeast(here, BlockSize, throwOnEndOfStream: false);
            if (right.ReadAtLeast(there, BlockSize, throwOnEndOfStream: false) != read || !here.AsSpan(0, read).SequenceEqual(there.AsSpan(0, read)))
                return false;
            if (read < BlockSize)
                return true;
        }
    }

    private static FileStream Open(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
}
