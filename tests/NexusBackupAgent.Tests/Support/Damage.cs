namespace NexusBackupAgent.Tests.Support;

/// <summary>What happens to stored files.</summary>
internal static class Damage
{
    /// <summary>Flips one bit in the middle; size and time stay as they were.</summary>
    public static void FlipBit(string file)
    {
        var writtenAt = File.GetLastWriteTimeUtc(file);
        var bytes = File.ReadAllBytes(file);
        bytes[bytes.Length / 2] ^= 4;
        File.WriteAllBytes(file, bytes);
        File.SetLastWriteTimeUtc(file, writtenAt);
    }
}
