namespace NexusBackupAgent.Sources;

/// <summary>What restored content answered to a question.</summary>
/// <param name="HasRow">Whether there was an answer at all.</param>
/// <param name="Text">The first column of its first row; null for SQL's NULL, or without a row.</param>
internal sealed record ProbeAnswer(bool HasRow, string? Text);
