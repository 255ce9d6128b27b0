namespace NexusBackupAgent.Artifacts;

/// <summary>Length in bytes and SHA-256 (64 lower-case hexadecimal digits) of a stream of bytes.</summary>
internal readonly record struct ArtifactDigest(long Length, string Sha256)
{
    private const int ShownDigits = 12;

    /// <summary>The SHA-256 as messages show it: its beginning tells two apart, and leaves room for what else is said.</summary>
    public string Shown() => Show(Sha256);

    /// <summary>The same, of one that stands alone.</summary>
    public static string Show(string sha256) => sha256.Length <= ShownDigits ? sha256 : $"{sha256[..ShownDigits]}…";
}
