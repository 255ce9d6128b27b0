namespace NexusBackupAgent.Artifacts;

/// <summary>How the content of an artifact is stored.</summary>
internal enum ArtifactEncoding
{
    /// <summary>As independent gzip members (RFC 1952).</summary>
    Gzip,

    /// <summary>As zstd frames (RFC 8878).</summary>
    Zstd,

    /// <summary>As it comes.</summary>
    None,
}
