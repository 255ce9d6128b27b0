using NexusBackupAgent.Artifacts;

namespace NexusBackupAgent.Sources;

/// <summary>How a kind's artifacts of one type are named and stored.</summary>
/// <param name="Extension">What their names end with: <c>.db.gz</c>.</param>
/// <param name="Encoding">How their content is stored.</param>
internal sealed record ArtifactFormat(string Extension, ArtifactEncoding Encoding);
