using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Configuration;

/// <summary>Finds the sources that a configuration means now, and remembers what it found. Used by one caller at a time.</summary>
/// <param name="configuration">What to look for.</param>
/// <param name="stores">By name.</param>
/// <param name="scratch">Where sources may work.</param>
internal sealed partial class SourceDiscovery(
    AgentConfiguration configuration, IReadOnlyDictionary<string, IBackupStore> stores, ScratchDirectory scratch, TimeProvider timeProvider, ILogger<SourceDiscovery> logger)
{
    private readonly HashSet<string> told = new(StringComparer.Ordinal);
    private readonly HashSet<string> unlisted = new(StringComparer.Ordinal);
    private Dictionary<string, Bound> known = new(StringComparer.Ordinal);

    /// <returns>The sources; one that is where it was is the same object as before.</returns>
    public IReadOnlyList<ScheduledSource> Find()
    {
        var found = new Dictionary<string, Bound>(StringComparer.Ordinal);
        // A source with a name of its own must not lose it to a file that appears somewhere.
        foreach (var configured in configuration.Sources.OrderBy(source => source.IsGlob))
        {
            foreach (var (name, path) in configured.IsGlob ? Matches(configured) : [(configured.Name, configured.SqlitePath)])
            {
                if (!found.TryAdd(name, Bind(configured, name, path)) && told.Add(path))
                    NameTaken(path, configured.Name, name);
            }
        }

        known = found;
        return [.. found.Values.Select(bound => bound.Source)];
    }

    /// <summary>The databases of a pattern. One that was backed up and is gone is an error to report, not a source to forget.</summary>
    private IEnumerable<(string Name, string Path)> Matches(SourceConfiguration group)
    {
        var before = known.Where(entry => entry.Value.Configured == group).ToDictionary(entry => entry.Key, entry => entry.Value.Path, StringComparer.Ordinal);
        var matches = SqliteGlob.Expand(group.SqlitePath, out var unreadable);
        foreach (var directory in unreadable.Where(unlisted.Add))
            SourcesUnlisted(group.SqlitePath, group.Name, directory);

        // What was found below a directory that can't be listed now is not gone for that.
        var hidden = before.Where(entry => unreadable.Any(directory => entry.Value.StartsWith(directory + "/", StringComparison.Ordinal)))
            .Select(entry => (Name: entry.Key, Path: entry.Value));
        matches = [.. matches.UnionBy(hidden, match => match.Name, StringComparer.Ordinal)];
        var gone = BackedUp(group, before.Keys).Except(matches.Select(match => match.Name), StringComparer.Ordinal)
            .Where(name => HasBackups(group, name))
            .Select(name => (name, before.GetValueOrDefault(name) ?? SqliteGlob.PathOf(group.SqlitePath, name)));
        return [.. matches, .. gone];
    }

    /// <summary>The names of the directories below the group's that may be those of its sources.</summary>
    private IEnumerable<string> BackedUp(SourceConfiguration group, IEnumerable<string> before)
    {
        try
        {
            var others = configuration.Sources.Where(source => source != group).Select(source => Locate(source.Store, DirectoryOf(source))).ToHashSet(StringComparer.Ordinal);
            return stores[group.Store].ListDirectoriesAsync(DirectoryOf(group), CancellationToken.None).GetAwaiter().GetResult()
                .Where(name => name != "lost+found" && !others.Contains(Locate(group.Store, DirectoryOf(group, name))));
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
            var catalog = (isKnown ? bound! : Bind(group, name, SqliteGlob.PathOf(group.SqlitePath, name))).Source.Source.Catalog;
            // A backup whose manifest can't be read may be one of it: in doubt the source is missed aloud.
            return catalog.ListAsync(CancellationToken.None).GetAwaiter().GetResult().Any(backup => backup.Source == name && !backup.IsHandMade);
        }
        catch (BackupException)
        {
            return true; // a directory of backups that can't be looked into: its source is missed aloud too
        }
    }

    private string Locate(string store, string directory) => PathText.Resolve(stores[store].Locate(directory));

    private static string DirectoryOf(SourceConfiguration configured, string? match = null)
    {
        var directory = configured.Directory ?? configured.Name;
        return match is null ? directory : directory.Length == 0 ? match : $"{directory}/{match}";
    }

    private Bound Bind(SourceConfiguration configured, string name, string path) =>
        known.GetValueOrDefault(name) is { } bound && bound.Configured == configured && bound.Path == path
            ? bound
            : new Bound(configured, path, Compose(configured, name, path));

    private ScheduledSource Compose(SourceConfiguration configured, string name, string path)
    {
        var source = new SqliteSource(path, scratch, configured.BusyTimeout, timeProvider);
        var directory = DirectoryOf(configured, configured.IsGlob ? name : null);
        var catalog = new BackupCatalog(stores[configured.Store], directory, name, source.Kind, new ArtifactExtensions(source.Extension, source.IncrementExtension), configuration.TimeZone);
        var protectedSource = new ProtectedSource(
            name,
            source,
            catalog,
            configured.Schedules.ToDictionary(schedule => schedule.Name, schedule => schedule.Retention, StringComparer.Ordinal),
            configuration.TimeZone,
            configured.CompressionLevel,
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

    [LoggerMessage(EventId = 3003, EventName = "sources_unlisted", Level = LogLevel.Error, Message = "databases that match {Pattern} of {Group} may be missed: {Directory} can't be listed; those found before go on. Next: check its owner and mode, or narrow the pattern")]
    private partial void SourcesUnlisted(string pattern, string group, string directory);

    /// <summary>A source, what configured it, and its database's path.</summary>
    private sealed record Bound(SourceConfiguration Configured, string Path, ScheduledSource Source);
}
