using System.Text.Json.Serialization;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;

namespace NexusBackupAgent.Documents;

/// <summary>One thing that was done or is being done, as the API tells it.</summary>
/// <param name="Id">The journal's number; the ticket while there is none.</param>
/// <param name="Kind"><c>backup</c>, <c>verification</c>, <c>restore</c>, <c>drill</c>, <c>prune</c> or <c>quarantine</c>.</param>
/// <param name="Result"><c>waiting</c>, <c>running</c>, <c>success</c>, <c>failure</c> or <c>skipped</c>.</param>
/// <param name="Backup">The backup that it made or was done with.</param>
/// <param name="By">Who asked for it; null: a schedule did.</param>
internal sealed record OperationDocument(
    string Id,
    string Url,
    string Source,
    string Kind,
    string? Schedule,
    string? Type,
    string? StartedAt,
    string? EndedAt,
    string Result,
    string? Backup,
    string? Detail,
    string? Failure,
    string? Message,
    string? Hint,
    int? ExitCode,
    double? Seconds,
    string? By,
    string? Address)
{
    public const string Waiting = "waiting";

    public const string Running = "running";

    /// <summary>What an operation that the API began was called before it had a number.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Ticket { get; init; }

    /// <summary>Only of one operation, and only of a backup.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<AttemptDocument>? Attempts { get; init; }

    /// <summary>Only while it is at work.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ProgressDocument? Progress { get; init; }

    /// <summary>Only of one restore that this agent carried out: what is where now, and the way back.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RestoreDocument? Restore { get; init; }

    public static string UrlOf(string id) => $"/api/v1/runs/{id}";

    public static OperationDocument Of(Operation operation)
    {
        var (id, failure) = ($"{operation.Id}", operation.Failure);
        return new OperationDocument(
            id,
            UrlOf(id),
            operation.Source,
            operation.Kind.Word(),
            operation.Schedule,
            operation.Type?.Word(),
            JsonTime.Utc(operation.StartedAt),
            operation.EndedAt is { } ended ? JsonTime.Utc(ended) : null,
            operation.Result?.Word() ?? Running,
            operation.Backup?.Value,
            operation.Detail.Length > 0 ? operation.Detail : null,
            failure?.Kind.CamelWord(),
            failure?.Message,
            failure?.Hint,
            failure is null ? null : (int)CodeOf(operation.Kind, failure.Kind),
            operation.EndedAt is null ? null : Math.Round(operation.Took.TotalSeconds, 3),
            operation.Asker?.User,
            operation.Asker?.Address);
    }

    /// <summary>What the command line's exit code would be.</summary>
    public static ExitCode CodeOf(OperationKind kind, FailureKind failure) => kind switch
    {
        OperationKind.Restore => ExitCodes.OfRestore(failure),
        OperationKind.Drill => ExitCodes.OfDrill(failure),
        _ => ExitCodes.Of(failure),
    };
}

/// <summary>One try of a backup.</summary>
internal sealed record AttemptDocument(int Number, string StartedAt, string EndedAt, string? Message, string? Hint)
{
    public static AttemptDocument Of(Attempt attempt) =>
        new(attempt.Number, JsonTime.Utc(attempt.StartedAt), JsonTime.Utc(attempt.EndedAt), attempt.Failure?.Message, attempt.Failure?.Hint);
}

/// <summary>How far something is.</summary>
/// <param name="Stage"><c>capture</c>, <c>verify</c> or <c>prune</c>.</param>
/// <param name="Fraction">0 to 1; null while it is not known of how much.</param>
/// <param name="SecondsLeft">Of this stage, at the speed until now; null while that says nothing.</param>
internal sealed record ProgressDocument(string Stage, double? Fraction, long Bytes, long? TotalBytes, double? BytesPerSecond, double? SecondsLeft)
{
    /// <returns>Null before the first byte.</returns>
    public static ProgressDocument? Of(RunMeter meter) => meter.Last is var (progress, elapsed) ? Of(progress, elapsed) : null;

    /// <param name="elapsed">Since the stage began.</param>
    public static ProgressDocument Of(RunProgress progress, TimeSpan elapsed)
    {
        long? total = progress.Total > 0 ? Math.Max(progress.Total, progress.Done) : null;
        double? speed = elapsed > TimeSpan.Zero && progress.Done > 0 ? progress.Done / elapsed.TotalSeconds : null;
        return new ProgressDocument(
            progress.Stage.Word(),
            total is null ? null : Math.Round((double)progress.Done / total.Value, 4),
            progress.Done,
            total,
            speed is null ? null : Math.Round(speed.Value),
            speed is null || total is null ? null : Math.Round((total.Value - progress.Done) / speed.Value, 1));
    }
}

/// <summary>What was begun.</summary>
internal sealed record BegunDocument(IReadOnlyList<OperationDocument> Runs);

/// <summary>Somebody asked for something, as <c>audit --json</c> prints it.</summary>
/// <param name="User">Who signed in, the name of a token, or the system's user of a command.</param>
/// <param name="Address">Null of a command on this host.</param>
/// <param name="Outcome"><c>running</c>, <c>success</c>, <c>failure</c> or <c>skipped</c>.</param>
internal sealed record AuditDocument(string Id, string At, string User, string? Address, string Action, string Source, string Outcome, string? Backup, string? Detail)
{
    public static AuditDocument Of(Operation operation) => new(
        $"{operation.Id}",
        JsonTime.Utc(operation.StartedAt),
        operation.Asker!.User,
        operation.Asker.Address,
        operation.Kind.Word(),
        operation.Source,
        operation.Result?.Word() ?? OperationDocument.Running,
        operation.Backup?.Value,
        operation.Failure?.Message ?? (operation.Detail.Length > 0 ? operation.Detail : null));
}
