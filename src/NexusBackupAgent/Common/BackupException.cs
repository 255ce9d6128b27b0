namespace NexusBackupAgent.Common;

/// <summary>
/// A failure that was foreseen: what failed on what and why (<see cref="Exception.Message"/>, one line),
/// and what the operator does next (<see cref="Hint"/>, one line, may name a command).
/// </summary>
internal class BackupException(FailureKind kind, string message, string hint, Exception? innerException = null)
    : Exception(message, innerException)
{
    public FailureKind Kind { get; } = kind;

    public string Hint { get; } = hint;

    /// <summary>The message for a line among others, where it tells of many files; null: as it is.</summary>
    public string? Brief { get; init; }
}
