using System.Text.Json.Serialization;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;

namespace NexusBackupAgent.Documents;

/// <summary>What copying to one store did, as <c>copy --json</c> prints it.</summary>
/// <param name="Result"><c>success</c> or <c>failure</c>.</param>
/// <param name="Copied">The ids of the backups that were copied now; also of a failure those before it.</param>
/// <param name="SizeBytes">Of those.</param>
/// <param name="Removed">How many were removed there because they are past their retention.</param>
internal sealed record CopyDocument(
    string Source, string Store, string Result, IReadOnlyList<string> Copied, long SizeBytes, int Removed, string? Failure, string? Class, string? Message, string? Hint)
{
    /// <summary>The further store that the first one got back its own from; absent: it was copied to a further one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? From { get; init; }

    public static CopyDocument Of(string source, CopyRecord record) => new(
        source,
        record.Store,
        (record.Failure is null ? RunResult.Success : RunResult.Failure).Word(),
        [.. record.Copied.Select(backup => backup.Id.Value)],
        record.Copied.Sum(backup => backup.StoredLength),
        record.Removed.Count,
        record.Failure?.Kind.CamelWord(),
        record.Failure?.Kind.Class().Word(),
        record.Failure?.Message,
        record.Failure?.Hint)
    {
        From = record.From,
    };
}
