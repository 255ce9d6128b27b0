using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;

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
