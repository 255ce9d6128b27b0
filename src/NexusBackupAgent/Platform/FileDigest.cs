using System.Security.Cryptography;

namespace NexusBackupAgent.Platform;

/// <summary>Hashes a file, to compare it with one that may be gone.</summary>
internal static class FileDigest
{
    private const int BlockSize = 1 << 20;

    /// <returns>SHA-256 of all that it holds.</returns>
    /// <exception cref="IOException">It can't be read.</exception>
    public static string Of(string path, CancellationToken cancellationToken)
    {
        using var file = SafeFile.OpenStream(path, FileAccess.Read);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new byte[BlockSize];
        while (file.Read(block) is > 0 and var read)
        {
            cancellationToken.ThrowIfCancellationRequested();
            hash.AppendData(block, 0, read);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
