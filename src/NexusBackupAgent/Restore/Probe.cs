namespace NexusBackupAgent.Restore;

/// <summary>A question to a restored source whose answer is known (configuration <c>drill.probe</c>): a row count, the newest timestamp.</summary>
/// <param name="Sql">One query that reads; the first column of its first row is the answer.</param>
/// <param name="Expect">The answer itself, or a comparison: <c>&gt;= 1000</c>. Null: any row will do.</param>
/// <param name="MaxAge">The answer is a time, and at the moment of capture it was no older than this. Null: not asked.</param>
internal sealed record Probe(string Sql, string? Expect, TimeSpan? MaxAge);
