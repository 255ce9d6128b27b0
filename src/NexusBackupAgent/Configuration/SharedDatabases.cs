using NexusBackupAgent.Sources.Sqlite;

namespace NexusBackupAgent.Configuration;

/// <summary>Finds sources that name one and the same database, by whatever paths: each backs it up, and a restore of one is not seen by the other.</summary>
internal static class SharedDatabases
{
    public static IEnumerable<ConfigurationProblem> Check(AgentConfiguration configuration) =>
        from each in Among(configuration.Sources.SelectMany(DatabasesOf), database => database.Path)
        select new ConfigurationProblem(
            KeyPath.Join("sources", each.Later.Group, "sqlite"), Line: 0, each.Later.Path, Problem(each.Later.Name, each.Earlier.Name, each.Earlier.Path), Mend, IsError: false);

    /// <summary>What to do about it.</summary>
    public const string Mend = "leave one of the two out; further schedules belong to the one that stays";

    /// <summary>What is wrong, as a clause about the later path.</summary>
    public static string Problem(string later, string earlier, string path) => $"source {later} is the same database as source {earlier} ('{path}'), which is backed up twice";

    /// <returns>Each that was named before, with the first that named it.</returns>
    public static IEnumerable<(T Earlier, T Later)> Among<T>(IEnumerable<T> databases, Func<T, string> path) =>
        from same in databases.GroupBy(database => FileIdentity.Of(PathText.Resolve(path(database))), StringComparer.Ordinal)
        from later in same.Skip(1)
        select (same.First(), later);

    private static IEnumerable<(string Group, string Name, string Path)> DatabasesOf(SourceConfiguration source) => source.IsGlob
        ? SqliteGlob.Expand(source.SqlitePath, out _).Select(match => (source.Name, match.Name, match.Path))
        : [(source.Name, source.Name, source.SqlitePath)];
}
