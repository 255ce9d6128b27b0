namespace NexusBackupAgent.Sources.Sqlite.Pages;

/// <summary>No increment can be made, and a full backup can.</summary>
/// <param name="reason">Why, as it follows "because".</param>
internal class NoIncrementException(string reason) : Exception(reason);
