using Microsoft.Extensions.Logging;
using NexusBackupAgent.Artifacts.Age;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Scheduling;

/// <summary>Finds the sources that a configuration means now, and remembers what it found. Used by one caller at a time.</summary>
/// <param name="sources">What to look for.</param>
/// <param name="zone">The zone of their schedules and file names.</param>
/// <param name="stores">By name.</param>
/// <param name="places">What the stores were opened from, by name.</param>
/// <param name="scratch">Where sources may work.</param>
/// <param name="looks">At stores and at what patterns name: neither may ever answer.</param>
internal sealed partial class SourceDiscovery(
    IReadOnlyList<SourceConfiguration> sources,
    TimeZoneInfo zone,
    IReadOnlyDictionary<string, IBackupStore> stores,
    IReadOnlyDictionary<string, IStoreSettings> places,
    ScratchDirectory scratch,
    PatientLook looks,
    TimeProvider timeProvider,
    ILoggerFactory loggers)
{
    private readonly ILogger logger = loggers.CreateLogger<SourceDiscovery>();

    private readonly HashSet<string> told = new(StringComparer.Ordinal);
    private readonly HashSet<string> unlisted = new(StringComparer.Ordinal);
    private Dictionary<string, Bound> known = new(StringComparer.Ordinal);
    private volatile IReadOnlyDictionary<SourceConfiguration, BackupException> silent = new Dictionary<SourceConfiguration, BackupException>();

    /// <summary>The file that holds the key of this machine, for the small files beside encrypted artifacts.</summary>
    public required string MachineKey { get; init; }

    /// <summary>The file that holds a key which opens artifacts, in place of the sources' own; null: those.</summary>
    public string? Identity { get; init; }

    /// <summary>Know the stores again; null where nothing is written or removed.</summary>
    public StoreMarks? Marks { get; init; }

    /// <summary>The patterns that did not answer the last time: what was found before goes on, and what is new there is not seen.</summary>
    public IReadOnlyList<BackupException> Silent => [.. silent.Values];

    /// <returns>The sources; one that is where it was is the same object as before.</returns>
    public async Task<IReadOnlyList<ScheduledSource>> FindAsync()
    {
        // A source with a name of its own must not lose it to a file that appears somewhere.
        var looked = await Task.WhenAll(sources.OrderBy(source => source.Settings.IsGroup).Select(LookAsync)); // at once: they may hang one and all
        var found = new Dictionary<string, Bound>(StringComparer.Ordinal);
        foreach (var (configured, members, failure) in looked)
        {
            foreach (var directory in members.Unlisted.Where(unlisted.Add))
                SourcesUnlisted(configured.Settings.Shown, configured.Name, directory);
            if (failure is not null && !silent.ContainsKey(configured))
                SourcesSilent(failure.Message, failure.Hint);
            foreach (var source in members.Found)
            {
                if (!found.TryAdd(source.Name, Bind(configured, source)) && told.Add(source.Place))
                    NameTaken(source.Place, configured.Name, source.Name);
            }
        }

        known = found;
        silent = looked.Where(look => look.Failure is not null).ToDictionary(look => look.Configured, look => look.Failure!);
        return [.. found.Values.Select(bound => bound.Scheduled)];
    }

    /// <summary>The members of a group. One that was backed up and is gone is an error to report, not a source to forget.</summary>
    private async Task<Look> LookAsync(SourceConfiguration configured)
    {
        if (!configured.Settings.IsGroup)
            return new Look(configured, configured.Settings.Find(before: []), Failure: null);

        var before = known.Values.Where(bound => bound.Configured == configured).ToDictionary(bound => bound.Source.Name, bound => bound.Source, StringComparer.Ordinal);
        var findings = await looks.AskAsync<SourceFindings?>($"sources {configured.Name}", () => Task.FromResult<SourceFindings?>(configured.Settings.Find(before.Values)), () => null, evenLate: true);
        var failure = findings is null ? NoAnswer(configured) : null;
        findings ??= new SourceFindings([.. before.Values], Unlisted: []);
        var members = findings.Found.ToList();
        foreach (var name in (await BackedUpAsync(configured, before.Keys)).Except(findings.Found.Select(member => member.Name), StringComparer.Ordinal))
        {
            if (await HasBackupsAsync(configured, name))
                members.Add(before.GetValueOrDefault(name) ?? new FoundSource(name, configured.Settings.PlaceOf(name)));
        }

        return new Look(configured, findings with { Found = members }, failure);
    }

    private static BackupException NoAnswer(SourceConfiguration group) => new(
        FailureKind.SourceMissing,
        $"'{group.Settings.Shown}' of {group.Name} does not answer, probably because a disk there hangs; the sources found before go on, and new ones are not seen",
        "see which disk does not answer (df; dmesg | tail), and mount it again");

    /// <summary>The names of the directories below the group's that may be those of its members.</summary>
    private async Task<IReadOnlyCollection<string>> BackedUpAsync(SourceConfiguration group, IReadOnlyCollection<string> before)
    {
        var store = stores[group.Store];
        var others = (await Task.WhenAll(sources.Where(source => source != group).SelectMany(source => source.Stores, (source, name) => (Store: name, Source: source)).GroupBy(other => other.Store, other => other.Source, StringComparer.Ordinal).Select(DirectoriesInAsync))).SelectMany(directories => directories).ToHashSet(StringComparer.Ordinal);
        try
        {
            return await looks.AskAsync<IReadOnlyCollection<string>>(store, async () =>
                [.. (await store.ListDirectoriesAsync(group.DirectoryOf(), CancellationToken.None))
                    .Where(name => name != "lost+found" && !others.Contains(Identify(group.Store, group.DirectoryOf(name))))]);
        }
        catch (BackupException)
        {
            return before; // a store that can't be listed fails each of its sources' runs, loudly
        }
    }

    private async Task<IReadOnlyList<string>> DirectoriesInAsync(IGrouping<string, SourceConfiguration> ofStore)
    {
        try
        {
            return await looks.AskAsync<IReadOnlyList<string>>(stores[ofStore.Key], () => Task.FromResult<IReadOnlyList<string>>([.. ofStore.Select(source => Identify(ofStore.Key, source.DirectoryOf()))]));
        }
        catch (BackupException)
        {
            return []; // nobody looks into a store that does not answer
        }
    }

    /// <summary>Whether the directory holds a backup that the agent committed for the source of that name.</summary>
    private async Task<bool> HasBackupsAsync(SourceConfiguration group, string name)
    {
        var bound = known.GetValueOrDefault(name);
        var isKnown = bound?.Configured == group;
        try
        {
            var catalog = (isKnown ? bound! : Bind(group, new FoundSource(name, group.Settings.PlaceOf(name)))).Scheduled.Source.Catalog;
            // A backup whose manifest can't be read may be one of it: in doubt the source is missed aloud.
            return (await catalog.ListAsync(CancellationToken.None)).Any(backup => backup.Source == name && !backup.IsHandMade);
        }
        catch (BackupException)
        {
            return true; // a directory of backups that can't be looked into: its source is missed aloud too
        }
    }

    private string Identify(string store, string directory) => places[store].Identify(directory);

    private Bound Bind(SourceConfiguration configured, FoundSource source) =>
        known.GetValueOrDefault(source.Name) is { } bound && bound.Configured == configured && bound.Source == source
            ? bound
            : new Bound(configured, source, Compose(configured, source));

    private ScheduledSource Compose(SourceConfiguration configured, FoundSource found)
    {
        var source = configured.Settings.Open(found.Place, scratch, timeProvider, loggers);
        var directory = configured.DirectoryOf(configured.Settings.IsGroup ? found.Name : null);
        var protectedSource = new ProtectedSource(
            found.Name,
            source,
            CatalogIn(configured.Store),
            PeriodsOf(new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal)),
            zone,
            configured.Compression,
            configured.TimeLimit,
            configured.Retry.Attempts,
            configured.Retry.Delay)
        {
            Looks = looks,
            Marks = Marks,
            Restore = configured.Restore,
            Probes = configured.Drill.Probes,
            Hooks = configured.Hooks,
            Copies = [.. configured.Copies.Select(copy => new CopyTarget(CatalogIn(copy.Store), PeriodsOf(copy.Keep)) { IsOffsite = places[copy.Store].IsOffsite })],
            IsOffsite = places[configured.Store].IsOffsite,
            Origin = configured.Settings.OriginOf(found.Place) is { } keys ? new BackupOrigin(Environment.MachineName, zone.Id, keys) : null,
            Medium = () => configured.Settings.LocalPath(found.Place) is { } path ? FileStatus.DiskOf(path) : null,
            TakesIncrements = configured.Schedules.Any(schedule => schedule.Type != BackupType.Full),
        };
        return new ScheduledSource(
            protectedSource,
            [.. configured.Schedules.Select(schedule => new Schedule(schedule.Name, schedule.Cron, schedule.Type))],
            configured.Rpo.Warning,
            configured.Rpo.Critical)
        {
            RpoEmergency = configured.Rpo.Emergency,
            Verify = configured.Verify,
            Drill = configured.Encryption is { IdentityFile: null } ? null : configured.Drill.Cron, // without a key each would fail
        };

        BackupCatalog CatalogIn(string store) => new(
            stores[store].SharedWhile(() => configured.Settings.IsReadableByGroup(found.Place)), // a backup is never open to more than what it holds
            directory, found.Name, source.Kind, new ArtifactFormats(source.FormatOf, configured.Compression.Method, encrypts: configured.Encryption is not null), zone, looks,
            new ArtifactKeys(scratch, MachineKey, timeProvider) { Encryption = configured.Encryption, Identity = Identity ?? configured.Encryption?.IdentityFile, IsGiven = Identity is not null });

        Dictionary<string, RetentionPeriod> PeriodsOf(IReadOnlyDictionary<string, RetentionPeriod> keep) => configured.Schedules.ToDictionary(
            schedule => schedule.Name, schedule => schedule.RetentionIn(zone, keep.TryGetValue(schedule.Name, out var kept) ? kept : null), StringComparer.Ordinal);
    }

    [LoggerMessage(EventId = 3002, EventName = "name_taken", Level = LogLevel.Error, Message = "{Path} of {Group} is NOT protected: another source is named {Source} already. Next: rename one of them")]
    private partial void NameTaken(string path, string group, string source);

    [LoggerMessage(EventId = 3003, EventName = "sources_unlisted", Level = LogLevel.Error, Message = "sources that match {Pattern} of {Group} may be missed: {Directory} can't be listed; those found before go on. Next: check its owner and mode, or narrow the pattern")]
    private partial void SourcesUnlisted(string pattern, string group, string directory);

    [LoggerMessage(EventId = 3005, EventName = "sources_silent", Level = LogLevel.Error, Message = "{Reason}. Next: {Hint}")]
    private partial void SourcesSilent(string reason, string hint);

    /// <summary>What a configured source means now.</summary>
    /// <param name="Failure">Why its pattern could not be looked at; null when it could.</param>
    private sealed record Look(SourceConfiguration Configured, SourceFindings Members, BackupException? Failure);

    /// <summary>A source, what configured it, and where it was found.</summary>
    private sealed record Bound(SourceConfiguration Configured, FoundSource Source, ScheduledSource Scheduled);
}

/// <summary>The sources as they are now: a glob's matches come and go while the agent runs.</summary>
/// <param name="discover">Lists them; given the current ones, so that what did not change stays the same object.</param>
internal sealed class SourceRoster(Func<IReadOnlyList<ScheduledSource>, Task<IReadOnlyList<ScheduledSource>>> discover)
{
    private volatile IReadOnlyList<ScheduledSource> current = [];
    private volatile TaskCompletionSource changed = NewChange();

    public IReadOnlyList<ScheduledSource> Current => current;

    /// <summary>Completes when there are other sources. Who asks before reading <see cref="Current"/> misses no change.</summary>
    public Task Changed => changed.Task;

    /// <summary>Looks again.</summary>
    public async Task RefreshAsync()
    {
        var before = current;
        current = await discover(before);
        if (current.SequenceEqual(before))
            return;
        Interlocked.Exchange(ref changed, NewChange()).TrySetResult();
    }

    private static TaskCompletionSource NewChange() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
