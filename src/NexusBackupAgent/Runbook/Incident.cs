using NexusBackupAgent.Common;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Runbook;

/// <summary>The kinds of trouble that the runbook names (§1, §4).</summary>
internal enum IncidentKind
{
    /// <summary>自動バックアップ未実行.</summary>
    NotRun,

    /// <summary>ファイル破損.</summary>
    Corrupt,

    /// <summary>ディスク容量不足.</summary>
    Disk,

    /// <summary>古いバックアップ未削除.</summary>
    Retention,

    /// <summary>リストア失敗.</summary>
    Restore,

    /// <summary>手動バックアップ失敗.</summary>
    Manual,

    /// <summary>その他: nothing was to be restored, and a drill failed.</summary>
    Drill,

    /// <summary>その他: backups that were made are gone, or all of them.</summary>
    Lost,

    /// <summary>その他: the store is not the one that the backups were kept in.</summary>
    AnotherStore,

    /// <summary>その他: the agent does not run, or starts nothing.</summary>
    Agent,

    /// <summary>その他.</summary>
    Other,
}

/// <summary>One thing that went wrong.</summary>
/// <param name="Kind">What.</param>
/// <param name="At">Since when, UTC.</param>
/// <param name="IsCurrent">Whether it still is.</param>
internal sealed record Trouble(IncidentKind Kind, DateTimeOffset At, bool IsCurrent)
{
    /// <summary>Whether the agent was last seen at <see cref="At"/>. The trouble began later, and nobody knows when.</summary>
    public bool IsLastSeen { get; init; }
}

/// <summary>One measure that was taken.</summary>
/// <param name="At">When it began, UTC.</param>
/// <param name="What">The kind of measure.</param>
/// <param name="Detail">In the journal's words; empty when there are none.</param>
/// <param name="Succeeded">Null while it is under way.</param>
internal sealed record Measure(DateTimeOffset At, Bilingual What, string Detail, bool? Succeeded);

/// <summary>What the escalation template asks for, of one source.</summary>
/// <param name="State">How it is now.</param>
/// <param name="First">The trouble that counts as the beginning; null when nothing is or was wrong.</param>
/// <param name="Kinds">What, each once; none when nothing is wrong.</param>
/// <param name="Measures">What was done since, oldest first.</param>
/// <param name="Reasons">What asks for a level now, because of the source or of the agent, the highest first.</param>
internal sealed record Incident(SourceState State, Trouble? First, IReadOnlyList<IncidentKind> Kinds, IReadOnlyList<Measure> Measures, IReadOnlyList<EscalationReason> Reasons)
{
    public string Source => State.Name;

    /// <summary>Since when, UTC; null when nothing is or was wrong.</summary>
    public DateTimeOffset? OccurredAt => First?.At;

    /// <summary>Whether the agent was last seen at <see cref="OccurredAt"/>: the trouble began later.</summary>
    public bool IsLastSeen => First is { IsLastSeen: true };

    /// <summary>Capture time of the newest good backup, UTC; null when there is none.</summary>
    public DateTimeOffset? LastGood => State.NewestGood?.CapturedAt;

    /// <summary>What that means; null when nobody can tell.</summary>
    public RpoStanding? Rpo => State.Rpo;

    /// <summary>Of its store, 0 to 1; null when the store does not tell.</summary>
    public double? DiskUsedRatio => State.Store.Space?.UsedRatio;

    /// <summary>Who has to act.</summary>
    public EscalationLevel Level => Escalation.Highest(Reasons);

    /// <summary>As people and documents read it.</summary>
    public string LevelWord => Level.Label(State.IsNew);

    /// <summary>How long trouble that is over is still reported.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromDays(7);

    /// <summary>Current troubles count; without any, those of the last week do. The earliest one gives the time.</summary>
    /// <returns>The first of them, and the kinds in the template's order.</returns>
    public static (Trouble? First, IReadOnlyList<IncidentKind> Kinds) Sum(IReadOnlyList<Trouble> troubles, DateTimeOffset now)
    {
        var current = troubles.Where(trouble => trouble.IsCurrent).ToList();
        var counted = current.Count > 0 ? current : troubles.Where(trouble => now - trouble.At < Memory).ToList();
        return counted.Count == 0 ? (null, []) : (counted.MinBy(trouble => trouble.At), [.. counted.Select(trouble => trouble.Kind).Distinct().Order()]);
    }
}
