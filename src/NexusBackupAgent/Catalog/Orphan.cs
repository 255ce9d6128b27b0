namespace NexusBackupAgent.Catalog;

/// <summary>Files in a source's directory that belong to no backup.</summary>
/// <param name="File">The file to name to people.</param>
/// <param name="Sweepable">What may be deleted, in that order; empty when only a person can decide.</param>
/// <param name="Reason">What it is.</param>
/// <param name="ModifiedAt">When it was last written, UTC.</param>
internal sealed record Orphan(string File, IReadOnlyList<string> Sweepable, string Reason, DateTimeOffset ModifiedAt);
