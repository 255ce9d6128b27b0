using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Operations;

namespace NexusBackupAgent.Scheduling;

/// <summary>The sources that somebody means who names some.</summary>
internal static class SourceChoice
{
    /// <returns>The sources of those names, in that order; all when none is named.</returns>
    /// <exception cref="BackupException">There is no source of a name.</exception>
    public static IReadOnlyList<ScheduledSource> Choose(IReadOnlyList<ScheduledSource> sources, IReadOnlyList<string> names) =>
        names.Count == 0 ? sources : [.. names.Distinct(StringComparer.Ordinal).Select(name => Find(sources, name) ?? throw Unknown(sources, name, "source"))];

    /// <summary>The same where none at all must not pass for all well.</summary>
    /// <exception cref="BackupException">There is no source of a name, or none at all.</exception>
    public static IReadOnlyList<ScheduledSource> ChooseSome(IReadOnlyList<ScheduledSource> sources, IReadOnlyList<string> names) =>
        Choose(sources, names) is { Count: > 0 } some ? some : throw Nothing(toDo: "look at");

    /// <summary>The same as one of their stores has them.</summary>
    /// <param name="store">Null: as the first store of each has it.</param>
    /// <exception cref="BackupException">There is no source of a name, or one that was named is not kept there, or none at all is.</exception>
    public static IReadOnlyList<ScheduledSource> Choose(IReadOnlyList<ScheduledSource> sources, IReadOnlyList<string> names, string? store) =>
        names.Count == 0 ? In(sources, store) : [.. Choose(sources, names).Select(source => In(source, store))];

    /// <summary>A source that was named, as one of its stores has it.</summary>
    /// <param name="store">Null: as its first store has it.</param>
    /// <exception cref="BackupException">It is not kept in a store of that name.</exception>
    public static ScheduledSource In(ScheduledSource source, string? store)
    {
        if (store is null)
            return source;
        if (There(source, store) is { } there)
            return there;
        var stores = StoresOf(source);
        throw new BackupException(
            FailureKind.NotFound,
            $"source '{source.Name}' is not kept in store '{store}'",
            NearestWord.Find(store, stores) is { } nearest ? $"did you mean '{nearest}'?" : $"its stores are: {string.Join(", ", stores)}");
    }

    /// <summary>The sources as one of their stores has them: those that are kept there.</summary>
    /// <param name="store">Null: as the first store of each has it.</param>
    /// <exception cref="BackupException">None is kept in a store of that name.</exception>
    public static IReadOnlyList<ScheduledSource> In(IReadOnlyList<ScheduledSource> sources, string? store)
    {
        if (store is null)
            return sources;
        var there = sources.Select(source => There(source, store)).OfType<ScheduledSource>().ToList();
        if (there.Count > 0)
            return there;
        var stores = sources.SelectMany(StoresOf).Distinct(StringComparer.Ordinal).ToList();
        throw new BackupException(
            FailureKind.NotFound,
            $"no source is kept in a store '{store}'",
            NearestWord.Find(store, stores) is { } nearest ? $"did you mean '{nearest}'?" : $"the stores are: {string.Join(", ", stores)}");
    }

    private static List<string> StoresOf(ScheduledSource source) => [source.Source.Catalog.Store.Name, .. source.Source.Copies.Select(copy => copy.Store)];

    private static ScheduledSource? There(ScheduledSource scheduled, string store) =>
        scheduled.Source.Catalog.Store.Name == store ? scheduled
        : scheduled.Source.Copies.FirstOrDefault(copy => copy.Store == store) is { } copy ? scheduled with { Source = scheduled.Source.In(copy) }
        : null;

    /// <summary>What to do when a source's first store fails, where another one has copies.</summary>
    /// <param name="command">What failed: <c>list</c>.</param>
    public static string HintOf(ProtectedSource source, FailureKind failure, string hint, string command) =>
        source.Copies is [var copy, ..] && failure is FailureKind.StoreUnavailable or FailureKind.Network or FailureKind.Permission ? $"nexus-backup {command} '{source.Name}' --store '{copy.Store}' takes the copies; {hint}" : hint;

    /// <summary>The refusal to pass for success where there is no source at all.</summary>
    /// <param name="toDo">What nothing is there for: <c>back up</c>.</param>
    public static BackupException Nothing(string toDo) => new(
        FailureKind.NotFound, $"there is nothing to {toDo}: no pattern of the configuration finds a source", "nexus-backup check-config says what each pattern finds");

    public static ScheduledSource? Find(IReadOnlyList<ScheduledSource> sources, string name) =>
        sources.FirstOrDefault(source => source.Name == name);

    /// <param name="what">What was looked for: <c>source</c>.</param>
    public static BackupException Unknown(IReadOnlyList<ScheduledSource> sources, string name, string what)
    {
        var names = sources.Select(source => source.Name).ToList();
        var hint = NearestWord.Find(name, names) is { } nearest ? $"did you mean '{nearest}'?" : $"the sources are: {string.Join(", ", names)}";
        return new BackupException(FailureKind.NotFound, $"there is no {what} '{name}'", hint);
    }
}
