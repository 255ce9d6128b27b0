using NexusBackupAgent.Common;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Runbook;

/// <summary>Where the flowchart of the runbook (§2) ends. When there are several causes, they are told in this order.</summary>
internal enum Cause
{
    /// <summary>Nothing is wrong.</summary>
    Healthy,

    /// <summary>No box of the flowchart is to blame: backups are made and can be restored. Something asks for a level all the same.</summary>
    None,

    /// <summary>[A]: the newest backup is not what was stored.</summary>
    Checksum,

    /// <summary>What the newest backup builds on is not there, and its own file is sound. Shown as [A].</summary>
    Bereft,

    /// <summary>[C]: the store or the scratch space is full.</summary>
    Disk,

    /// <summary>DB接続エラー: the source is missing, damaged or locked.</summary>
    Database,

    /// <summary>[E]: a store or the source may not be used.</summary>
    Permission,

    /// <summary>A program or a setting that each backup needs is missing. Shown as [F].</summary>
    Tool,

    /// <summary>[B]: nothing starts the runs.</summary>
    Scheduler,

    /// <summary>[F]: something else.</summary>
    Unknown,

    /// <summary>The last run ended with its process. Shown as [F].</summary>
    Died,

    /// <summary>What made the last run fail is over, and no run has proved that yet. Shown as [F].</summary>
    Mended,
}

/// <summary>One box of the flowchart, walked.</summary>
/// <param name="Number">As the flowchart numbers it: <c>1</c>, <c>A</c>, <c>3C</c>.</param>
/// <param name="Question">What is asked there.</param>
/// <param name="Passed">Whether the answer is the good one; null when it is not known.</param>
/// <param name="Evidence">What was measured.</param>
internal sealed record Step(string Number, Bilingual Question, bool? Passed, Bilingual Evidence);

/// <summary>Something that is wrong.</summary>
/// <param name="Cause">What the runbook calls it.</param>
/// <param name="Evidence">How it shows.</param>
/// <param name="Next">The commands to mend it, in order.</param>
internal sealed record Finding(Cause Cause, Bilingual Evidence, IReadOnlyList<string> Next)
{
    /// <summary>Whether only the last run met it. What is measured now comes before it.</summary>
    public bool IsPast { get; init; }
}

/// <summary>The end of the flowchart for one source.</summary>
/// <param name="Source">Its name.</param>
/// <param name="Noun">What it is.</param>
/// <param name="Reasons">What asks for a level, the highest first.</param>
/// <param name="Steps">The way through the flowchart.</param>
/// <param name="Findings">What is wrong; the first is the cause.</param>
internal sealed record Diagnosis(string Source, Bilingual Noun, IReadOnlyList<EscalationReason> Reasons, IReadOnlyList<Step> Steps, IReadOnlyList<Finding> Findings)
{
    /// <summary>Who has to act.</summary>
    public EscalationLevel Level => Escalation.Highest(Reasons);

    /// <summary>Whether the source has yet to make its first backup.</summary>
    public bool IsNew { get; init; }

    /// <summary>As people and documents read it; null when who looked may not see enough to name one.</summary>
    public string? LevelWord => IsBlind ? null : Level.Label(IsNew);

    /// <summary>Whether who looked may not see enough to name a level.</summary>
    public bool IsBlind { get; init; }

    /// <summary>Whether backups are gone that nobody accepted as deleted.</summary>
    public bool HasLost { get; init; }

    /// <summary>Commands for the reasons that no cause explains.</summary>
    public IReadOnlyList<string> Remedies { get; init; } = [];

    public Cause Cause => Findings.Count > 0 ? Findings[0].Cause : Level == EscalationLevel.Ok && !HasLost ? Cause.Healthy : Cause.None;

    /// <summary>What to type, in order: first what hinders a backup is mended.</summary>
    public IReadOnlyList<string> Next => [.. Findings.OrderByDescending(IsObstacle).SelectMany(finding => finding.Next).Concat(Remedies).Distinct(StringComparer.Ordinal)];

    private static bool IsObstacle(Finding finding) => finding.Cause is Cause.Disk or Cause.Database or Cause.Permission or Cause.Tool;
}
