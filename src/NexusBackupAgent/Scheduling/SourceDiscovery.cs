using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Scheduling;

/// <summary>Finds the sources that a configuration means now, and remembers what it found. Used by one caller at a time.</summary>
/// <param name="sources">What to look for.</param>
/// <param name="zone">The zone of their schedules and file names.</param>
/// <param name="stores">By name.</param>
/// <param name="places">What the stores were opened from, by name.</param>
/// <param name="scratch">Where sources may work.</param>
internal sealed partial class SourceDiscovery(
    IReadOnlyList<SourceConfiguration> sources,
    TimeZoneInfo zone,
    IReadOnlyDictionary<string, IBackupStore> stores,
    IReadOnlyDictionary<string, IStoreSettings> places,
    ScratchDirectory scratch,
    TimeProvider timeProvider,
    ILoggerFactory loggers)
{
    private readonly ILogger logger = loggers.CreateLogger<SourceDiscovery>();

    private readonly PatientLook looks = new(Patience.ToStop, timeProvider);
    private readonly HashSet<string> told = new(StringComparer.Ordinal);
    private readonly HashSet<string> unlisted = new(StringComparer.Ordinal);
    private Dictionary<string, Bound> known = new(StringComparer.Ordinal);

    /// <returns>The sources; one that is where it was is the same object as before.</returns>
    public IReadOnlyList<ScheduledSource> Find()
    {
        var found = new Dictionary<string, Bound>(StringComparer.Ordinal);
        // A source with a name of its own must not lose it to a file that appears somewhere.
        foreach (var configured in sources.OrderBy(source => source.Settings.IsGroup))
        {
            foreach (var source in configured.Settings.IsGroup ? MembersOf(configured) : configured.Settings.Find(before: []).Found)
            {
                if (!found.TryAdd(source.Name, Bind(configured, source)) && told.Add(source.Place))
                    NameTaken(source.Place, configured.Name, source.Name);
            }
        }

        known = found;
        return [.. found.Values.Select(bound => bound.Scheduled)];
    }

    /// <summary>The members of a group. One that was backed up and is gone is an error to report, not a source to forget.</summary>
    private IEnumerable<FoundSource> MembersOf(SourceConfiguration group)
    {
        var before = known.Values.Where(bound => bound.Configured == group).ToDictionary(bound => bound.Source.Name, bound => bound.Source, StringComparer.Ordinal);
        var findings = group.Settings.Find(before.Values);
        foreach (var directory in findings.Unlisted.Where(unlisted.Add))
            SourcesUnlisted(group.Settings.Shown, group.Name, directory);

        var gone = BackedUp(group, before.Keys).Except(findings.Found.Select(member => member.Name), StringComparer.Ordinal)
            .Where(name => HasBackups(group, name))
            .Select(name => before.GetValueOrDefault(name) ?? new FoundSource(name, group.Settings.PlaceOf(name)));
        return [.. findings.Found, .. gone];
    }

    /// <summary>The names of the directories below the group's that may be those of its members.</summary>
    private IReadOnlyCollection<string> BackedUp(SourceConfiguration group, IReadOnlyCollection<string> before)
    {
        try
        {
            return Ask<IReadOnlyCollection<string>>(group, async store =>
            {
                var others = sources.Where(source => source != group).Select(source => Identify(source.Store, source.DirectoryOf())).ToHashSet(StringComparer.Ordinal);
                return (await store.ListDirectoriesAsync(group.DirectoryOf(), CancellationToken.None))
                    .Where(name => name != "lost+found" && !others.Contains(Identify(group.Store, group.DirectoryOf(name)))).ToList();
            }, silence: before);
        }
        catch (BackupException)
        {
            return before; // a store that can't be listed fails each of its sources' runs, loudly
        }
    }

    /// <summary>Whether the directory holds a backup that the agent committed for the source of that name.</summary>
    private bool HasBackups(SourceConfiguration group, string name)
    {
        var bound = known.GetValueOrDefault(name);
        var isKnown = bound?.Configured == group;
        try
        {
            var catalog = (isKnown ? bound! : Bind(group, new FoundSource(name, group.Settings.PlaceOf(name)))).Scheduled.Source.Catalog;
            // A backup whose manifest can't be read may be one of it: in doubt the source is missed aloud.
            return Ask(group, async _ => (await catalog.ListAsync(CancellationToken.None)).Any(backup => backup.Source == name && !backup.IsHandMade), silence: true);
        }
        catch (BackupException)
        {
            return true; // a directory of backups that can't be looked into: its source is missed aloud too
        }
    }

    /// <summary>Asks the group's store, which may hang in the kernel: the scheduler, which finds the sources, must not hang with it.</summary>
    private T Ask<T>(SourceConfiguration group, Func<IBackupStore, Task<T>> question, T silence) =>
        looks.AskAsync(group.Store, () => question(stores[group.Store]), () => silence).GetAwaiter().GetResult();

    private string Identify(string store, string directory) => places[store].Identify(directory);

    private Bound Bind(SourceConfiguration configured, FoundSource source) =>
        known.GetValueOrDefault(source.Name) is { } bound && bound.Configured == configured && bound.Source == source
            ? bound
            : new Bound(configured, source, Compose(configured, source));

    private ScheduledSource Compose(SourceConfiguration configured, FoundSource found)
    {
        var source = configured.Settings.Open(found.Place, scratch, timeProvider, loggers);
        var directory = configured.DirectoryOf(configured.Settings.IsGroup ? found.Name : null);
        var store = stores[configured.Store].SharedWhile(() => configured.Settings.IsReadableByGroup(found.Place)); // a backup is never open to more than what it holds
        var catalog = new BackupCatalog(store, directory, found.Name, source.Kind, new ArtifactFormats(source.FormatOf), zone);
        var protectedSource = new ProtectedSource(
            found.Name,
            source,
            catalog,
            configured.Schedules.ToDictionary(schedule => schedule.Name, schedule => schedule.RetentionIn(zone), StringComparer.Ordinal),
            zone,
            configured.Compression,
            configured.TimeLimit,
            configured.Retry.Attempts,
            configured.Retry.Delay)
        {
            Restore = configured.Restore,
            Probes = configured.Drill.Probes,
            Hooks = configured.Hooks,
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
            Drill = configured.Drill.Cron,
        };
    }

    [LoggerMessage(EventId = 3002, EventName = "name_taken", Level = LogLevel.Error, Message = "{Path} of {Group} is NOT protected: another source is named {Source} already. Next: rename one of them")]
    private partial void NameTaken(string path, string group, string source);

    [LoggerMessage(EventId = 3003, EventName = "sources_unlisted", Level = LogLevel.Error, Message = "sources that match {Pattern} of {Group} may be missed: {Directory} can't be listed; those found before go on. Next: check its owner and mode, or narrow the pattern")]
    private partial void SourcesUnlisted(string pattern, string group, string directory);

    /// <summary>A source, what configured it, and where it was found.</summary>
    private sealed record Bound(SourceConfiguration Configured, FoundSource Source, ScheduledSource Scheduled);
}

/// <summary>The sources as they are now: a glob's matches come and go while the agent runs.</summary>
/// <param name="discover">Lists them; given the current ones, so that what did not change stays the same object.</param>
internal sealed class SourceRoster(Func<IReadOnlyList<ScheduledSource>, IReadOnlyList<ScheduledSource>> discover)
{
    private volatile IReadOnlyList<ScheduledSource> current = [];

    public IReadOnlyList<ScheduledSource> Current => current;

    /// <summary>Looks again.</summary>
    public void Refresh() => current = discover(current);
}
