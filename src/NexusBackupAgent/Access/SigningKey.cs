using System.Security.Cryptography;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Access;

/// <summary>
/// The key that signs the tokens of users: 256 random bits in the state directory, for the agent alone. Whoever deletes or
/// changes the file revokes every token; a new one is made when it is missing.
/// </summary>
internal sealed class SigningKey(string stateDirectory)
{
    public const string FileName = "token.key";

    private const int Length = 32;
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string path = Path.Combine(stateDirectory, FileName);
    private readonly Lock gate = new();
    private (FileStatus Stamp, byte[] Key)? known;

    /// <summary>As the file has it now.</summary>
    /// <exception cref="BackupException">It can't be read, or not be made.</exception>
    public byte[] Current()
    {
        lock (gate)
        {
            if (known is var (stamp, key) && FileStatus.OfNoLink(path) is { } now && now == stamp)
                return key;
            try
            {
                return Read();
            }
            catch (Exception failure) when (IoFailure.IsKnown(failure))
            {
                throw StateAccess.Translate(failure, $"use the key of the API's tokens '{path}'", stateDirectory);
            }
        }
    }

    private byte[] Read()
    {
        var key = new byte[Length];
        using var file = SafeFile.OpenOrCreate(path, Mode);
        if (RandomAccess.Read(file, key, fileOffset: 0) < Length)
        {
            RandomNumberGenerator.Fill(key);
            RandomAccess.SetLength(file, 0);
            RandomAccess.Write(file, key, fileOffset: 0);
        }

        known = FileStatus.Of(file) is { } stamp ? (stamp, key) : null;
        return key;
    }
}
