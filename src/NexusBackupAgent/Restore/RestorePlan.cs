using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Restore;

/// <summary>Which backup is wanted. Both null: the newest.</summary>
/// <param name="Id">An identity, or the name of the artifact; that one and no other.</param>
/// <param name="At">The newest that was captured at or before this instant. With an identity: that one, recovered to it.</param>
internal sealed record RestoreWish(string? Id = null, DateTimeOffset? At = null)
{
    /// <summary>The first instant of the day, minute or second of which <see cref="At"/> is the last; null: no more than that one is meant.</summary>
    public DateTimeOffset? AtFrom { get; init; }

    /// <summary>What of it, and how.</summary>
    public RestoreChoices Choices { get; init; } = RestoreChoices.None;
}

/// <summary>A backup, and why it is tried or passed over.</summary>
internal sealed record RestoreCandidate(Backup Backup, string Reason)
{
    /// <summary>The further store that it is taken from; null: the first.</summary>
    public BackupCatalog? Copy { get; init; }

    /// <summary>The later state of it that is wanted; null: its own.</summary>
    public LaterInstant? Instant { get; init; }

    /// <summary>The instant whose state it gives.</summary>
    public DateTimeOffset StateOf => Instant?.At ?? Backup.RestorableFrom;
}

/// <summary>Which backups are tried, and in which order: newest first, as the runbook's loop does (§3.3).</summary>
/// <param name="Candidates">In the order of trying; never empty.</param>
/// <param name="PassedOver">Those that would be tried if nothing spoke against them, newest first.</param>
internal sealed record RestorePlan(IReadOnlyList<RestoreCandidate> Candidates, IReadOnlyList<RestoreCandidate> PassedOver)
{
    /// <summary>Why it is the first candidate and not a newer one.</summary>
    public IEnumerable<RestoreCandidate> Newer => PassedOver.Where(passed => passed.Backup.CapturedAt >= Candidates[0].Backup.CapturedAt);

    /// <summary>Decides; reads nothing.</summary>
    /// <param name="source">The source's name, for messages.</param>
    /// <param name="newestFirst">Its backups.</param>
    /// <param name="zone">Of the times in the reasons.</param>
    /// <param name="recovers">Whether the source can be restored to instants between its backups: then <c>At</c> is met exactly.</param>
    /// <exception cref="BackupException">There is none such (<see cref="FailureKind.NotFound"/>), or all are known to be corrupt (<see cref="FailureKind.Verification"/>).</exception>
    public static RestorePlan Choose(string source, IReadOnlyList<Backup> newestFirst, RestoreWish wish, DateTimeOffset now, TimeZoneInfo zone, bool recovers = false)
    {
        if (newestFirst.Count == 0)
            throw new BackupException(FailureKind.NotFound, $"source '{source}' has no backups", $"look whether its store is mounted and is the right one (nexus-backup check-config); make one: nexus-backup backup '{source}'");
        if (wish.Id is { } id)
        {
            var named = Restorable(source, Named(source, newestFirst, id));
            return recovers && wish.At is not null ? Recovering(source, newestFirst, [named], wish, now, zone) : new RestorePlan([new RestoreCandidate(named, "chosen by --id")], []);
        }

        var wanted = newestFirst.Where(backup => wish.At is not { } at || backup.CapturedAt <= at).ToList();
        if (recovers && wish.At is not null)
            return Recovering(source, newestFirst, wanted, wish, now, zone);
        if (wanted.Count == 0)
            throw TooEarly(source, newestFirst[^1], wish.At!.Value, zone);
        var judged = wanted.Select(backup => (Backup: backup, Objection: Objection(backup, now, zone))).ToList();
        var candidates = judged.Where(entry => entry.Objection is null).Select(entry => new RestoreCandidate(entry.Backup, Recommendation(entry.Backup, wish.At, zone))).ToList();
        var passedOver = judged.Where(entry => entry.Objection is not null).Select(entry => new RestoreCandidate(entry.Backup, entry.Objection!)).ToList();
        return candidates.Count > 0 ? new RestorePlan(candidates, passedOver) : throw NoneIsGood(source, passedOver, wish.At, zone);
    }

    /// <summary>The plans of several stores as one: of each state the nearest store's backup is tried first, and the next one's when that is bad or away.</summary>
    /// <param name="plans">In the order of the stores; the first store's catalog is null.</param>
    /// <param name="away">Why stores gave no plan.</param>
    public static RestorePlan Merge(IReadOnlyList<(BackupCatalog? Copy, RestorePlan Plan)> plans, IReadOnlyList<BackupException> away)
    {
        var why = away.Count == 0 ? "" : $", because {string.Join("; ", away.Select(store => store.Message))}";
        var candidates = plans
            .SelectMany(plan => plan.Plan.Candidates.Select(candidate => plan.Copy is null ? candidate : candidate with { Copy = plan.Copy, Reason = $"{candidate.Reason}; from store {plan.Copy.Store.Name}{why}" }))
            .OrderByDescending(candidate => candidate.StateOf).ThenByDescending(candidate => candidate.Backup.CapturedAt); // stable: the stores stay in their order
        return new RestorePlan([.. candidates], [.. plans.SelectMany(plan => plan.Plan.PassedOver.Select(passed => passed with { Copy = plan.Copy })).OrderByDescending(passed => passed.Backup.CapturedAt)]);
    }

    /// <summary>From each backup before the instant as far as the backups behind it lead without a gap.</summary>
    private static RestorePlan Recovering(string source, IReadOnlyList<Backup> newestFirst, List<Backup> wanted, RestoreWish wish, DateTimeOffset now, TimeZoneInfo zone)
    {
        var (candidates, passedOver) = (new List<RestoreCandidate>(), new List<RestoreCandidate>());
        var (at, paths) = ExactInstant(newestFirst, wish);
        foreach (var backup in wanted.Where(backup => backup.CapturedAt <= at))
        {
            var through = paths.From(backup);
            if (Objection(backup, now, zone) is { } objection)
                passedOver.Add(new RestoreCandidate(backup, objection));
            else if (backup.RestorableFrom > at)
                passedOver.Add(new RestoreCandidate(backup, $"it was still being written then, until {RecoveryWindow.Shown(backup.RestorableFrom, zone)}"));
            else if (backup.RestorableFrom == at)
                candidates.Add(new RestoreCandidate(backup, Recommendation(backup, at, zone)));
            else if (through.Count > 0)
                candidates.Add(new RestoreCandidate(backup, $"recovered to {RecoveryWindow.Shown(at, zone)} with {string.Join(", ", through.Select(link => link.File))}") { Instant = new LaterInstant(at, through) });
            else
                passedOver.Add(new RestoreCandidate(backup, $"what is known behind it ends at {RecoveryWindow.Shown(paths.End(backup), zone)}"));
        }

        return candidates.Count > 0 ? new RestorePlan(candidates, passedOver) : throw new BackupException(
            FailureKind.NotFound,
            $"source '{source}' can't be restored to {RecoveryWindow.Shown(at, zone)}; it can be restored to any instant {RecoveryWindow.Text(newestFirst, zone)}",
            "choose a time in there with --at, or leave it out to restore the newest backup");
    }

    /// <summary>The last instant that is meant; where no backup leads so far, the last one in the day, minute or second that is known: who reads the end of a window in a list means it.</summary>
    private static (DateTimeOffset At, RecoveryPaths Paths) ExactInstant(IReadOnlyList<Backup> newestFirst, RestoreWish wish)
    {
        var at = wish.At!.Value;
        var paths = new RecoveryPaths(newestFirst, at);
        return paths.IsEmpty && RecoveryWindow.LastInstant(newestFirst, at) is { } last && last >= wish.AtFrom ? (last, new RecoveryPaths(newestFirst, last)) : (at, paths);
    }

    /// <summary>What is restored with it, in words; empty for a full one, which needs no other.</summary>
    public static string With(Backup backup) => backup.Bases.Count switch
    {
        0 => "",
        1 => $" on {backup.Bases[0].File}",
        _ => $" on {string.Join(", ", backup.Bases.Reverse().Select(link => link.File))}",
    };

    private static string? Objection(Backup backup, DateTimeOffset now, TimeZoneInfo zone) => backup switch
    {
        _ when backup.IsFromTheFuture(now) => $"captured at {Instants.InZone(backup.CapturedAt, zone)}, which is still to come: a clock was wrong; choose it with --id {backup.Id}",
        { IsUsable: true } => null,
        { HasBrokenChain: true, BrokenChain: { } reason } => reason,
        _ => $"{backup.State.Word()}: {Finding(backup)}",
    };

    /// <summary>Why a backup is not restored, and how it is all the same when it is nothing but its <c>.sha256</c> file that is wrong.</summary>
    public static string Finding(Backup backup) => (backup.Verification?.FirstFailure ?? "its size is not the one it was stored with")
        + (IsOnlyDoubted(backup) ? $", yet it holds exactly what was captured: --id {backup.Id} restores it" : "");

    private static bool IsOnlyDoubted(Backup backup) => backup.Verification is { DoubtsOnlyChecksumFile: true };

    private static string Recommendation(Backup backup, DateTimeOffset? at, TimeZoneInfo zone)
    {
        var which = at is { } instant ? $"the newest at or before {Instants.InZone(instant, zone)}" : "the newest";
        return backup.State == BackupState.Good ? $"{which} that was read back and found good, on {Instants.InZone(backup.Verification!.VerifiedAt, zone)}; it is read again before it replaces anything" : $"{which}; not read back yet, so it is checked while it is expanded";
    }

    private static Backup Named(string source, IReadOnlyList<Backup> backups, string id) =>
        backups.FirstOrDefault(backup => backup.IsNamed(id)) ?? throw new BackupException(
            FailureKind.NotFound, $"source '{source}' has no backup '{id}'", $"choose an id or file name that nexus-backup list '{source}' shows; the newest is {backups[0].Id} ({backups[0].File})");

    private static Backup Restorable(string source, Backup backup) => backup.BrokenChain is { } reason
        ? throw new BackupException(FailureKind.Verification, $"backup {backup.File} of source '{source}' cannot be restored: {reason}", "leave --id out: then the newest good one is restored")
        : backup;

    private static BackupException TooEarly(string source, Backup oldest, DateTimeOffset at, TimeZoneInfo zone) => new(
        FailureKind.NotFound,
        $"source '{source}' has no backup from {Instants.InZone(at, zone)} or before; its oldest is from {Instants.InZone(oldest.CapturedAt, zone)}",
        $"choose a later time, or an id that nexus-backup list '{source}' shows");

    /// <summary>The end of the loop without success: every backup with its reason.</summary>
    public static BackupException NoneIsGood(string source, IReadOnlyList<RestoreCandidate> failed, DateTimeOffset? at, TimeZoneInfo zone)
    {
        var newestFirst = failed.OrderByDescending(candidate => candidate.Backup.CapturedAt).ToList();
        var none = $"no backup of source '{source}' {(at is { } instant ? $"from {Instants.InZone(instant, zone)} or before " : "")}can be restored: ";
        return new BackupException(
            FailureKind.Verification,
            $"{none}{string.Join("; ", newestFirst.Select(WhyNot))}",
            newestFirst.Find(candidate => IsOnlyDoubted(candidate.Backup)) is { Backup: var doubted }
                ? $"find out who wrote {BackupFiles.Checksum(doubted.File)} (nexus-backup verify {doubted.Id} says how it is mended); restore it now: nexus-backup restore '{source}' --id {doubted.Id}"
                : newestFirst.Find(candidate => candidate.Backup.ManifestTrouble is not null) is { Backup: var unbelieved }
                ? $"nexus-backup verify {unbelieved.File} says whether only its manifest is damaged, and how it is restored without; a copy of the store may have the manifest"
                : at is null
                    ? $"look for a copy elsewhere and put it into the store's directory; a damaged one may be salvaged by hand ({RunbookPage.Of("by-hand", Language.English)}). This is level L3: escalate, with what nexus-backup report '{source}' prints"
                    : $"leave --at out, or choose a later time (nexus-backup list '{source}')")
        {
            Brief = newestFirst is [var newest, _, ..] ? $"{none}{WhyNot(newest)}; and {newestFirst.Count - 1} more files" : null,
        };

        static string WhyNot(RestoreCandidate candidate) => $"{candidate.Backup.File}: {candidate.Reason}";
    }
}
