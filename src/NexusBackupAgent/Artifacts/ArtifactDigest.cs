namespace NexusBackupAgent.Artifacts;

/// <summary>Length in bytes and SHA-256 (64 lower-case hexadecimal digits) of a stream of bytes.</summary>
internal readonly record struct ArtifactDigest(long Length, string Sha256);
