using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources.Sqlite;

namespace NexusBackupAgent.Tests.Configuration;

/// <summary>What a file without mistakes means.</summary>
public sealed class ConfigurationValueTests
{
    [Fact]
    public void The_shortest_file_gets_the_documented_defaults()
    {
        using var file = new SampleFile(SampleFile.Minimal);

        var (configuration, problems) = file.Load();

        Assert.Empty(problems);
        Assert.NotNull(configuration);
        Assert.Equal(TimeZoneInfo.Utc, configuration.TimeZone);
        Assert.Equal(new Uri("http://127.0.0.1:9440"), configuration.Listen);
        Assert.Equal(Path.Combine(file.Directory, "state"), configuration.StateDirectory);
        Assert.Equal(Path.Combine(file.Directory, "state", "scratch"), configuration.ScratchDirectory);
        Assert.Equal(new LogConfiguration(File: null, "Information"), configuration.Log);
        Assert.Equal(Path.Combine(file.Directory, "backups"), Assert.Single(configuration.Stores["local"].Places));

        var source = Assert.Single(configuration.Sources);
        Assert.Equal(("itsm", Path.Combine(file.Directory, "itsm.db"), false), (source.Name, source.Settings.Shown, source.Settings.IsGroup));
        Assert.Equal("local", source.Store);
        Assert.Null(source.Directory);
        Assert.Equal(new RpoConfiguration(TimeSpan.FromHours(24), TimeSpan.FromHours(48)), source.Rpo);
        Assert.Equal(TimeSpan.FromHours(50), source.Rpo.Emergency);
        Assert.Equal(new RetryConfiguration(3, TimeSpan.FromSeconds(10)), source.Retry);
        Assert.Equal((TimeSpan.FromSeconds(30), TimeSpan.FromHours(6), 6), (((SqliteSettings)source.Settings).BusyTimeout, source.TimeLimit, source.Compression.Level));
        var schedule = Assert.Single(source.Schedules);
        Assert.Equal(("daily", "0 2 * * *", BackupType.Full), (schedule.Name, schedule.Cron.ToString(), schedule.Type));
    }

    [Fact]
    public void Every_key_that_is_written_is_taken()
    {
        using var file = new SampleFile("""
            timeZone: Asia/Tokyo
            listen: http://0.0.0.0:80
            allowInsecureHttp: true
            state: /var/lib/nexus-backup
            scratch: ../scratch
            log: {file: logs/agent.log, level: debug}
            stores:
              near: {path: /mnt/near}
              far: {path: /mnt/far}
            sources:
              "IT 管理 'x'":
                sqlite: data/*/tenant-?.db
                store: [far]
                directory: ./tenants//all/
                schedules:
                  weekly: {cron: "0 3 * * 0", type: full, retention: 4w}
                  daily: {cron: "0 2 * * *", retention: 7d}
                rpo: {warning: 36h, critical: 3d, emergency: 4d}
                busyTimeout: 0s
                timeLimit: 90m
                retry: {attempts: 1, delay: 1h}
                compression: {level: 9}
            """);

        var (configuration, problems) = file.Load();

        Assert.Empty(problems);
        Assert.NotNull(configuration);
        Assert.Equal("Asia/Tokyo", configuration.TimeZone.Id);
        Assert.Equal(("0.0.0.0", 80), (configuration.Listen.Host, configuration.Listen.Port));
        Assert.Equal("/var/lib/nexus-backup", configuration.StateDirectory);
        Assert.Equal(Path.GetFullPath("../scratch", file.Directory), configuration.ScratchDirectory);
        Assert.Equal(new LogConfiguration(Path.Combine(file.Directory, "logs/agent.log"), "Debug"), configuration.Log);

        var source = Assert.Single(configuration.Sources);
        Assert.Equal(("IT 管理 'x'", "far", "tenants/all"), (source.Name, source.Store, source.Directory));
        Assert.Equal((Path.Combine(file.Directory, "data/*/tenant-?.db"), true), (source.Settings.Shown, source.Settings.IsGroup));
        Assert.Equal(["weekly", "daily"], source.Schedules.Select(schedule => schedule.Name));
        Assert.Equal(new RpoConfiguration(TimeSpan.FromHours(36), TimeSpan.FromDays(3)) { Emergency = TimeSpan.FromDays(4) }, source.Rpo);
        Assert.Equal(new RetryConfiguration(1, TimeSpan.FromHours(1)), source.Retry);
        Assert.Equal((TimeSpan.Zero, TimeSpan.FromMinutes(90), 9), (((SqliteSettings)source.Settings).BusyTimeout, source.TimeLimit, source.Compression.Level));
    }

    [Fact]
    public void The_directory_of_a_single_dot_is_the_store_itself()
    {
        using var file = new SampleFile(SampleFile.WithSourceKeys("directory: ."));

        Assert.Equal("", file.Load().Configuration!.Sources[0].Directory);
    }

    [Fact]
    public void An_optional_key_with_nothing_below_it_is_as_good_as_absent()
    {
        using var file = new SampleFile(SampleFile.WithSourceKeys("rpo:\nretry:\n  # attempts: 5\ncompression: ~"));

        Assert.Empty(file.Load().Problems);
    }

    [Theory]
    [InlineData("compression: single-member", 6, true)]
    [InlineData("compression: gzip", 6, false)]
    [InlineData("compression: {method: single-member, level: 2}", 2, true)]
    [InlineData("compression: zstd", 3, false, "zstd")]
    [InlineData("compression: {method: zstd, level: 19}", 19, false, "zstd")]
    public void Compression_is_a_method_or_keys(string text, int level, bool isSingleMember, string method = "gzip")
    {
        using var file = new SampleFile(SampleFile.WithSourceKeys(text));

        Assert.Equal(new Compression(level, isSingleMember, Enum.Parse<ArtifactEncoding>(method, ignoreCase: true)), file.Load().Configuration!.Sources[0].Compression);
    }

    [Fact]
    public void An_anchor_shares_schedules_between_sources()
    {
        using var file = new SampleFile("""
            stores: {local: {path: backups}}
            sources:
              one:
                sqlite: one.db
                schedules: &standard
                  daily: {cron: "0 2 * * *", retention: 7d}
              two:
                sqlite: two.db
                schedules: *standard
            """);

        var (configuration, problems) = file.Load();

        Assert.Empty(problems);
        Assert.All(configuration!.Sources, source => Assert.Equal("daily", Assert.Single(source.Schedules).Name));
    }

    [Fact]
    public void The_dataset_documents_schedules_are_read_as_written_there()
    {
        using var file = new SampleFile("""
            stores: {local: {path: backups}}
            sources:
              dataset:
                sqlite: dataset.db
                schedules:
                  full_backup:
                    cron: "0 0 * * 0"  # 毎週日曜日 00:00
                    type: full
                    retention: 30d

                  differential_backup:
                    cron: "0 0 * * *"  # 毎日 00:00
                    type: differential
                    retention: 7d

                  incremental_backup:
                    cron: "0 */6 * * *"  # 6時間ごと
                    type: incremental
                    retention: 3d
            """);

        var (configuration, problems) = file.Load();

        Assert.Empty(problems);
        Assert.Equal(
            [("full_backup", BackupType.Full, "30d"), ("differential_backup", BackupType.Differential, "7d"), ("incremental_backup", BackupType.Incremental, "3d")],
            configuration!.Sources[0].Schedules.Select(schedule => (schedule.Name, schedule.Type, schedule.Retention.ToString())));
    }

    [Fact]
    public void Schedules_without_a_full_one_are_warned_of()
    {
        using var file = new SampleFile(SampleFile.Minimal.Replace("retention: 7d", "retention: 7d, type: incremental", StringComparison.Ordinal));

        var problem = Assert.Single(file.Load().Problems);

        Assert.False(problem.IsError);
        Assert.Equal("sources.itsm", problem.Key);
        Assert.Contains("no schedule of type full", problem.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void All_problems_are_told_at_once_in_the_files_order()
    {
        using var file = new SampleFile("""
            timezone: Asia/Tokyo
            listen: 9440
            stores: {local: {path: backups}}
            sources:
              itsm:
                sqlite: itsm.db
                busyTimeout: soon
                schedules:
                  daily: {cron: "0 25 * * *"}
                retry: {attempts: 0}
            """);

        var (configuration, problems) = file.Load();

        Assert.Null(configuration);
        Assert.Equal([1, 2, 7, 9, 9, 10], problems.Select(problem => problem.Line));
    }

    [Fact]
    public void A_warning_stops_nothing()
    {
        using var file = new SampleFile("state: backups/state\n" + SampleFile.Minimal);

        var (configuration, problems) = file.Load();

        Assert.NotNull(configuration);
        Assert.False(Assert.Single(problems).IsError);
    }
}
