using NexusBackupAgent.Benchmarks.Measuring;

namespace NexusBackupAgent.Benchmarks.Data;

/// <summary>
/// Many small databases that one pattern finds, each with backups of its own in the store, and an agent for them that has nothing
/// to catch up on: the newest backups are of now, and the yearly reading back is far.
/// </summary>
internal static class TenantSite
{
    private const int BackupsOfEach = 3;

    /// <param name="directory">Where databases, store and state go.</param>
    /// <param name="tenants">How many databases.</param>
    /// <param name="listen">Where the agent answers.</param>
    public static AgentUnderTest Create(string directory, int tenants, Uri listen)
    {
        var agent = AgentUnderTest.WithSources(directory, listen, $$"""
              tenants:
                sqlite: "{{directory}}/tenants/*.db"
                store: local
                schedules: {daily: {cron: "0 2 * * *", type: full, retention: 30d} }
                verify: {cron: "0 0 29 2 *"}
            """);
        var (database, backups) = MakeDatabase(directory);
        var now = WholeSecond(TimeProvider.System.GetUtcNow());
        Directory.CreateDirectory(Path.Combine(directory, "tenants"));
        for (var tenant = 0; tenant < tenants; tenant++)
        {
            var name = $"tenant-{tenant:0000}";
            File.WriteAllBytes(Path.Combine(directory, "tenants", name + ".db"), database);
            backups.Write(Path.Combine(agent.Store, "tenants", name), name, Enumerable.Range(0, BackupsOfEach).Select(days => now.AddDays(-days)));
        }

        return agent;
    }

    /// <summary>One database with a long history: a backup every ten minutes.</summary>
    /// <param name="directory">Where database, store and state go.</param>
    /// <param name="backups">How many.</param>
    /// <param name="listen">Where the agent answers.</param>
    public static AgentUnderTest CreateHistory(string directory, int backups, Uri listen)
    {
        var (database, planted) = MakeDatabase(directory);
        var path = Path.Combine(directory, "itsm.db");
        File.WriteAllBytes(path, database);
        var agent = new AgentUnderTest(directory, path, listen);
        var now = WholeSecond(TimeProvider.System.GetUtcNow());
        planted.Write(agent.Store, "itsm", Enumerable.Range(0, backups).Select(place => now.AddMinutes(-10 * place)));
        return agent;
    }

    private static (byte[] Database, PlantedBackups Backups) MakeDatabase(string directory)
    {
        var path = Path.Combine(directory, "template.db");
        using (var connection = ItsmDatabase.Open(path))
            ItsmDatabase.Execute(connection, "PRAGMA page_size = 512; CREATE TABLE tickets (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO tickets VALUES (1, 'プリンター')");
        var database = File.ReadAllBytes(path);
        return (database, new PlantedBackups(database));
    }

    private static DateTimeOffset WholeSecond(DateTimeOffset at) => new(at.Ticks - (at.Ticks % TimeSpan.TicksPerSecond), TimeSpan.Zero);
}
