namespace NexusBackupAgent.Catalog;

/// <summary>One question of a drill and what came of it.</summary>
/// <param name="Sql">What was asked.</param>
/// <param name="Expectation">In words: <c>&gt;= 1000</c>, <c>not older than 48h</c>, <c>any row</c>.</param>
/// <param name="Answer">What the restored content said; null when it said nothing, or NULL.</param>
/// <param name="Passed">Whether that was expected.</param>
/// <param name="Detail">Why it was not; empty when passed.</param>
internal sealed record ProbeResult(string Sql, string Expectation, string? Answer, bool Passed, string Detail);

/// <summary>What restoring a stored backup for practice showed, kept as <c>&lt;artifact&gt;.drill.json</c> beside it.</summary>
/// <param name="Id">The backup that was restored.</param>
/// <param name="DrilledAt">When the drill ended, UTC.</param>
/// <param name="Seconds">The measured recovery time: from opening the artifact to the last answer.</param>
/// <param name="Passed">Whether it could be restored, is sound, and answered as expected.</param>
/// <param name="Reason">Why it did not pass; empty when it did.</param>
/// <param name="Probes">In the order they were asked; those after a failure to restore are absent.</param>
internal sealed record DrillResult(
    BackupId Id, DateTimeOffset DrilledAt, double Seconds, bool Passed, string Reason, IReadOnlyList<ProbeResult> Probes);
