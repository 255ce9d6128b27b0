using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Tests.Configuration;

public sealed class ConfigurationExampleTests
{
    private static readonly DateTimeOffset Now = new(2026, 2, 14, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("examples/itsm-nexus.yml")]
    [InlineData("examples/tenants.yml")]
    [InlineData("examples/dataset-management.yml")]
    public void An_example_has_no_problem_and_schedules_that_keep_its_rpo(string path)
    {
        var (configuration, problems) = ConfigurationFile.Load(RepositoryFile.Find(path), TimeZoneInfo.Utc);

        Assert.Empty(problems);
        Assert.Empty(ConfigurationFile.CheckCoverage(configuration!, Now));
    }

    [Theory]
    [InlineData("examples/itsm-nexus.yml")]
    [InlineData("examples/tenants.yml")]
    [InlineData("examples/dataset-management.yml")]
    public void An_example_names_the_schema_for_editors(string path)
    {
        var file = RepositoryFile.Find(path);
        var first = File.ReadLines(file).First();

        const string Prefix = "# yaml-language-server: $schema=";
        Assert.StartsWith(Prefix, first, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(file)!, first[Prefix.Length..])));
    }

    [Fact]
    public void The_ITSM_example_is_the_runbooks_table()
    {
        var configuration = ConfigurationFile.Load(RepositoryFile.Find("examples/itsm-nexus.yml"), TimeZoneInfo.Utc).Configuration!;

        Assert.Equal("Asia/Tokyo", configuration.TimeZone.Id);
        var source = Assert.Single(configuration.Sources);
        Assert.Equal("/mnt/LinuxHDD/ITSM-System/backend/itsm_nexus.db", source.Settings.Shown);
        Assert.Equal(("/mnt/LinuxHDD/ITSM-System/backend/backups", ""), (Assert.Single(configuration.Stores[source.Store].Places), source.Directory));
        Assert.Equal(
            [("daily", "0 2 * * *", RetentionPeriod.Parse("7d")), ("weekly", "0 3 * * 0", RetentionPeriod.Parse("4w")), ("monthly", "0 4 1 * *", RetentionPeriod.Parse("12mo"))],
            source.Schedules.Select(schedule => (schedule.Name, schedule.Cron.ToString(), schedule.Retention)));
        Assert.Equal(new RpoConfiguration(TimeSpan.FromHours(24), TimeSpan.FromHours(48)), source.Rpo);
    }

    [Fact]
    public void The_dataset_example_is_the_documents_block()
    {
        var sources = ConfigurationFile.Load(RepositoryFile.Find("examples/dataset-management.yml"), TimeZoneInfo.Utc).Configuration!.Sources;

        Assert.Equal([("dataset_management", "postgres"), ("config", "directory"), ("logs", "directory"), ("storage", "s3")], sources.Select(source => (source.Name, source.Settings.Kind.Key)));
        Assert.All(sources, source => Assert.Equal(
            [
                ("full_backup", "0 0 * * 0", BackupType.Full, RetentionPeriod.Parse("30d")),
                ("differential_backup", "0 0 * * *", BackupType.Differential, RetentionPeriod.Parse("7d")),
                ("incremental_backup", "0 */6 * * *", BackupType.Incremental, RetentionPeriod.Parse("3d")),
            ],
            source.Schedules.Select(schedule => (schedule.Name, schedule.Cron.ToString(), schedule.Type, schedule.Retention))));
    }
}
