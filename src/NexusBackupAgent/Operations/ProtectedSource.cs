using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Operations;

/// <summary>One source with all that a run of it needs.</summary>
/// <param name="Name">Metric label <c>source</c>.</param>
/// <param name="Source">What captures and checks it.</param>
/// <param name="Catalog">Its backups.</param>
/// <param name="Retention">How long each schedule's backups are kept, by schedule name.</param>
/// <param name="Zone">The zone of file names and calendar periods.</param>
/// <param name="Compression">How artifacts are compressed. Default: gzip, level 6.</param>
/// <param name="TimeLimit">For one run, all attempts together.</param>
/// <param name="Attempts">At least 1.</param>
/// <param name="RetryDelay">Before the second attempt; doubles for each further one.</param>
internal sealed record ProtectedSource(
    string Name,
    IBackupSource Source,
    BackupCatalog Catalog,
    IReadOnlyDictionary<string, RetentionPeriod> Retention,
    TimeZoneInfo Zone,
    Compression Compression,
    TimeSpan TimeLimit,
    int Attempts,
    TimeSpan RetryDelay)
{
    /// <summary>Gives up a look at the source while it does not answer; null: no look is given up.</summary>
    public PatientLook? Looks { get; init; }

    /// <summary>What stops and starts the service that uses it.</summary>
    public RestoreSettings Restore { get; init; } = RestoreSettings.None;

    /// <summary>What a drill asks the restored source, besides its own check.</summary>
    public IReadOnlyList<Probe> Probes { get; init; } = [];

    /// <summary>Whether a schedule makes differential or incremental backups: its full ones then get what these need to find the changes.</summary>
    public bool TakesIncrements { get; init; }

    public HookSettings Hooks { get; init; } = HookSettings.None;

    /// <summary>Its further stores, in the order of the configuration.</summary>
    public IReadOnlyList<CopyTarget> Copies { get; init; } = [];

    /// <summary>Whether its first store is at another site.</summary>
    public bool IsOffsite { get; init; }

    /// <summary>Where it is, for its manifests; null: its kind keeps nothing of that.</summary>
    public BackupOrigin? Origin { get; init; }

    /// <summary>What the live one lies on: equal for what goes with one disk; null where that is not this machine's to know.</summary>
    public Func<string?> Medium { get; init; } = () => null;

    /// <summary>The store, when this is the source as one of <see cref="Copies"/> has it; null: as its first store has it.</summary>
    public string? CopyStore { get; init; }

    /// <summary>What a command needs besides the source's name to look at these backups; empty for the first store.</summary>
    public string StoreOption => CopyStore is null ? "" : $" --store '{CopyStore}'";

    /// <summary>For messages: where these backups are; empty for the first store.</summary>
    public string InCopyStore => CopyStore is null ? "" : $" in store '{CopyStore}'";

    /// <summary>The command that lists these backups.</summary>
    public string ListCommand => $"nexus-backup list '{Name}'{StoreOption}";

    /// <summary>The next step where there is no backup.</summary>
    public string MakeOne => CopyStore is null ? $"make one: nexus-backup backup '{Name}'" : $"copy there what the other store has: nexus-backup copy '{Name}'";

    /// <summary>The next step where one is damaged.</summary>
    public string MakeNew => CopyStore is null ? $"make a new one: nexus-backup backup '{Name}'" : $"copy it anew from the other store: nexus-backup copy '{Name}'";

    /// <summary>What is locked while something is done to it. Each further store has a turn of its own.</summary>
    public string Turn => CopyStore is null ? Name : $"copies/{CopyStore}/{Name}"; // no source's name has a slash

    /// <summary>The source with its backups in a further store.</summary>
    public ProtectedSource In(CopyTarget copy) => this with { Catalog = copy.Catalog, Retention = copy.Retention, CopyStore = copy.Store, Copies = [], Elsewhere = [Catalog, .. Copies.Where(other => other != copy).Select(other => other.Catalog)] };

    /// <summary>The source's backups in its other stores, when this is the source as one of <see cref="Copies"/> has it; null: those of <see cref="Copies"/>.</summary>
    public IReadOnlyList<BackupCatalog>? Elsewhere { get; init; }

    /// <summary>Know its stores again; null where nobody has to.</summary>
    public StoreMarks? Marks { get; init; }

    /// <summary>What captures keep outside of the stores, for who removes backups in this store; null: nothing.</summary>
    public IRemains? Remains => Source.Remains is not { } remains ? null
        : (Elsewhere ?? [.. Copies.Select(copy => copy.Catalog)]) is { Count: > 0 } others ? new SharedRemains(remains, others, Marks) : remains;

    /// <summary>Looks at the live source, for as long as it answers at all.</summary>
    /// <exception cref="BackupException">It does not.</exception>
    public Task<T> AskAsync<T>(Func<Task<T>> look) =>
        Looks is null ? look() : Looks.AskAsync($"source {Name}", look, () => Task.FromResult(Source.Inspection.Exists), () => throw new BackupException(
            FailureKind.SourceMissing,
            $"{Source.Noun.English} '{Source.Location}' does not answer, probably because its disk hangs",
            $"see whether its disk or the network to it fails{(Source.Inspection.CommandFor(SourceQuestion.WhichDisk) is { } command ? $" ({command}; dmesg | tail)" : "")}, and mount it again"));

    /// <summary>Whether something is at its place; no while that does not answer.</summary>
    public bool IsThere()
    {
        try
        {
            return AskAsync(() => Task.FromResult(Source.Inspection.Exists)).GetAwaiter().GetResult();
        }
        catch (BackupException)
        {
            return false;
        }
    }

    /// <summary>
    /// Until when a backup is not to be deleted: the end of its retention in this store. One that is kept until somebody deletes it
    /// has none, and is locked as long as the one of its schedules that is kept longest.
    /// </summary>
    public DateTimeOffset LockedUntil(string schedule, DateTimeOffset capturedAt) =>
        (Retention.TryGetValue(schedule, out var period) ? period.ExpiresAt(capturedAt, Zone) : null)
        ?? Retention.Values.Select(other => other.ExpiresAt(capturedAt, Zone)).Max()
        ?? capturedAt + ShortestLock;

    /// <summary>Where nothing of a source ever expires.</summary>
    private static readonly TimeSpan ShortestLock = TimeSpan.FromDays(30);

    /// <summary>The same source with a catalog that looks at the store now, once for a whole operation. The caller holds the source's lock.</summary>
    /// <exception cref="BackupException">The store can't be listed.</exception>
    public async Task<ProtectedSource> OpenAsync(CancellationToken cancellationToken) => this with { Catalog = await Catalog.OpenAsync(cancellationToken) };
}

/// <summary>What captures keep outside of the stores, of a source with several stores: a copy in another one needs it as well.</summary>
/// <param name="others">The source's backups in its other stores.</param>
/// <param name="marks">Know the stores again: what is not found on a mount point without its disk may be needed all the same. Null where nobody has to.</param>
internal sealed class SharedRemains(IRemains remains, IReadOnlyList<BackupCatalog> others, StoreMarks? marks) : IRemains
{
    /// <exception cref="BackupException">A store is away: a backup that was removed now could never be released any more.</exception>
    public async Task ReleaseAsync(IReadOnlyCollection<DateTimeOffset> captured, CancellationToken cancellationToken)
    {
        var (kept, unknown) = await KeptElsewhereAsync(cancellationToken);
        if (unknown is not null)
            throw new BackupException(FailureKind.StoreUnavailable, $"no backup is removed whose snapshot a copy may need: {unknown.Message}", unknown.Hint, unknown);
        await remains.ReleaseAsync([.. captured.Except(kept)], cancellationToken);
    }

    public async Task SettleAsync(IReadOnlyCollection<DateTimeOffset> captured, DateTimeOffset before, CancellationToken cancellationToken)
    {
        var (kept, unknown) = await KeptElsewhereAsync(cancellationToken);
        if (unknown is null) // that a store is away its own copying tells
            await remains.SettleAsync([.. captured.Union(kept)], before, cancellationToken);
    }

    /// <summary>Why nothing may go now; null when it may.</summary>
    public async Task<BackupException?> WhyKeepAsync(CancellationToken cancellationToken) => (await KeptElsewhereAsync(cancellationToken)).Unknown;

    /// <returns>What is kept there; while a store is away, or seems to be, why that is unknown: what nobody knows is not needed, stays.</returns>
    private async Task<(IReadOnlyCollection<DateTimeOffset> Kept, BackupException? Unknown)> KeptElsewhereAsync(CancellationToken cancellationToken)
    {
        try
        {
            var kept = new HashSet<DateTimeOffset>();
            foreach (var other in others)
            {
                kept.UnionWith((await other.ListAsync(cancellationToken)).Select(backup => backup.CapturedAt));
                if (await other.AskAsync(() => WhyUnknownAsync(other.Store, cancellationToken)) is { } unknown)
                    return ([], unknown);
            }

            return (kept, Unknown: null);
        }
        catch (BackupException away)
        {
            return ([], away);
        }
    }

    /// <summary>Why a listing of a store tells nothing; null when it does. A mount point without its disk can be listed as well.</summary>
    private async Task<BackupException?> WhyUnknownAsync(IBackupStore store, CancellationToken cancellationToken) =>
        marks is not null && await marks.WhyNotAsync(store, cancellationToken) is { } another ? another
        : (await store.GetHealthAsync(cancellationToken)).IsBare ? new BackupException(
            FailureKind.StoreUnavailable,
            $"store '{store.Name}' at '{store.Describe("")}' is empty{(store.Inspection.Emptied.Like is { } like ? $", {like}" : "")}",
            $"{store.Inspection.Emptied.Mend}; one that is new gets its copies with: nexus-backup copy")
        : null;
}
