using NexusBackupAgent.Journal;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Operations;

/// <summary>A backup run as it ended.</summary>
/// <param name="Operation">As the journal keeps it, with its failure.</param>
/// <param name="Type">What was asked for.</param>
/// <param name="Attempts">How many attempts it took; 0 when skipped.</param>
/// <param name="Outcome">What it made; null unless it succeeded.</param>
internal sealed record RunRecord(Operation Operation, BackupType Type, int Attempts, BackupOutcome? Outcome)
{
    public string Source => Operation.Source;

    public string Schedule => Operation.Schedule!;

    public DateTimeOffset StartedAt => Operation.StartedAt;

    public DateTimeOffset EndedAt => Operation.EndedAt!.Value;

    public RunResult Result => Operation.Result!.Value;

    public RunFailure? Failure => Operation.Failure;

    /// <summary>What it made: full where an increment was not possible. What was asked for when it made nothing.</summary>
    public BackupType TypeMade => Operation.Type!.Value;
}
