using System.Net;
using System.Text.Json;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Http;

public sealed class ServiceTests : IDisposable
{
    private const string Configuration = """
        timeZone: Asia/Tokyo
        stores: {local: {path: backups}}
        sources:
          itsm:
            sqlite: itsm.db
            directory: .
            retry: {attempts: 1}
            schedules:
              daily: {cron: "0 2 * * *", retention: 7d}
        """;

    private readonly TempDirectory home = new();
    private readonly ManualClock clock = new(new DateTimeOffset(2026, 2, 14, 1, 0, 0, TimeSpan.Zero));

    public ServiceTests() => home.Sub("backups");

    public void Dispose() => home.Dispose();

    [Fact]
    public async Task From_the_first_scrape_every_source_has_every_series_and_counters_stand_at_0()
    {
        await using var service = await RunningService.StartAsync(home, clock, Configuration); // its database does not exist
        await ScrapeUntilAsync(service, "nexus_backup_runs_total{source=\"itsm\",schedule=\"daily\",result=\"failure\"} 1");
        var series = await ScrapeAsync(service);

        string[] expected =
        [
            "nexus_backup_last_success_timestamp_seconds{source=\"itsm\"} 0",
            "nexus_backup_last_success_age_seconds{source=\"itsm\"} +Inf",
            "nexus_backup_stored_bytes{source=\"itsm\"} 0",
            "nexus_backup_last_backup_size_bytes{source=\"itsm\"} 0",
            "nexus_backup_last_backup_content_bytes{source=\"itsm\"} 0",
            "nexus_backup_overdue_backups{source=\"itsm\"} 0",
            .. from result in (string[])["success", "failure"] from of in (string[])["drills", "restores"] select $"nexus_backup_{of}_total{{source=\"itsm\",result=\"{result}\"}} 0",
            .. from figure in (string[])["timestamp_seconds", "duration_seconds"] select $"nexus_backup_last_drill_{figure}{{source=\"itsm\"}} 0",
            "nexus_backup_last_restore_timestamp_seconds{source=\"itsm\"} 0",
            .. from schedule in (string[])["daily", "manual"] select $"nexus_backup_schedule_last_success_timestamp_seconds{{source=\"itsm\",schedule=\"{schedule}\"}} 0",
            "nexus_backup_future_backups{source=\"itsm\"} 0",
            $"nexus_backup_time_seconds {clock.GetUtcNow().ToUnixTimeSeconds()}",
            "nexus_backup_missing_backups{source=\"itsm\",schedule=\"daily\"} 0",
            "nexus_backup_checksum_failures_total{source=\"itsm\"} 0",
            "nexus_backup_last_verification_timestamp_seconds{source=\"itsm\"} 0",
            "nexus_backup_last_run_success{source=\"itsm\"} 0",
            "nexus_backup_run_start_timestamp_seconds{source=\"itsm\"} 0",
            "nexus_backup_consecutive_failures{source=\"itsm\"} 1",
            "nexus_backup_rpo_seconds{source=\"itsm\",threshold=\"warning\"} 86400",
            "nexus_backup_rpo_seconds{source=\"itsm\",threshold=\"critical\"} 172800",
            "nexus_backup_rpo_seconds{source=\"itsm\",threshold=\"emergency\"} 180000",
            "nexus_backup_source_info{source=\"itsm\",kind=\"sqlite\",store=\"local\"} 1",
            $"nexus_backup_source_added_timestamp_seconds{{source=\"itsm\"}} {clock.GetUtcNow().ToUnixTimeSeconds()}",
            $"nexus_backup_next_run_timestamp_seconds{{source=\"itsm\",schedule=\"daily\"}} {new DateTimeOffset(2026, 2, 14, 17, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds()}",
            "nexus_backup_store_up{store=\"local\"} 1",
            .. from schedule in (string[])["daily", "manual"] from state in (string[])["unverified", "good", "corrupt", "quarantined"] select $"nexus_backup_backups{{source=\"itsm\",schedule=\"{schedule}\",state=\"{state}\"}} 0",
            .. from check in (string[])["checksum", "encoding", "integrity"] from result in (string[])["success", "failure"] select $"nexus_backup_verifications_total{{source=\"itsm\",check=\"{check}\",result=\"{result}\"}} 0",
            .. from result in (string[])["success", "skipped"] select $"nexus_backup_runs_total{{source=\"itsm\",schedule=\"daily\",result=\"{result}\"}} 0",
            .. from stage in (string[])["capture", "verify", "prune", "copy"] select $"nexus_backup_last_run_stage_duration_seconds{{source=\"itsm\",stage=\"{stage}\"}} 0",
        ];
        Assert.Empty(expected.Except(series));
    }

    [Fact]
    public async Task A_failed_run_leaves_the_agent_ok_and_raises_the_level_that_health_tells()
    {
        await using var service = await RunningService.StartAsync(home, clock, Configuration); // its database does not exist
        await ScrapeUntilAsync(service, "nexus_backup_consecutive_failures{source=\"itsm\"} 1");

        var (status, health) = await HealthAsync(service);

        var source = health.GetProperty("sources")[0];
        Assert.Equal((HttpStatusCode.OK, "ok", "L1"), (status, health.GetProperty("status").GetString(), health.GetProperty("level").GetString()));
        Assert.Equal(("L1", 1, false), (source.GetProperty("level").GetString(), source.GetProperty("consecutiveFailures").GetInt32(), source.GetProperty("lastRunSuccess").GetBoolean()));
    }

    [Fact]
    public async Task What_was_never_done_has_no_success_and_no_failure()
    {
        await using var service = await RunningService.StartAsync(home, clock, Configuration); // its database does not exist
        await ScrapeUntilAsync(service, "nexus_backup_runs_total{source=\"itsm\",schedule=\"daily\",result=\"failure\"} 1");

        Assert.Equal(["nexus_backup_last_run_success{source=\"itsm\"} 0"], (await ScrapeAsync(service)).Where(line => line.Contains("_success{", StringComparison.Ordinal) || line.Contains("_success ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Values_continue_after_a_restart()
    {
        await SqliteSamples.LedgerAsync(home["itsm.db"], "wal");
        string[] before;
        await using (var service = await RunningService.StartAsync(home, clock, Configuration))
        {
            await ScrapeUntilAsync(service, "nexus_backup_runs_total{source=\"itsm\",schedule=\"daily\",result=\"success\"} 1");
            before = await ScrapeAsync(service);
        }

        await using var next = await RunningService.StartAsync(home, clock, Configuration);

        Assert.Equal(OfSources(before), OfSources(await ScrapeAsync(next)));

        static IEnumerable<string> OfSources(string[] series) => series.Where(line => line.Contains("source=", StringComparison.Ordinal)).Order(StringComparer.Ordinal);
    }

    [Fact]
    public async Task A_database_that_is_gone_from_the_pattern_takes_its_series_with_it_and_the_others_stay()
    {
        foreach (var name in (string[])["one", "two"])
            await SqliteSamples.LedgerAsync(Path.Combine(home.Sub("tenants"), $"{name}.db"), "wal");
        await using var service = await RunningService.StartAsync(home, clock, """
            stores: {local: {path: backups}}
            sources:
              tenants: {sqlite: "tenants/*.db", schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}
            """);
        foreach (var name in (string[])["one", "two"])
            await ScrapeUntilAsync(service, $"nexus_backup_runs_total{{source=\"{name}\",schedule=\"daily\",result=\"success\"}} 1");
        var before = await ScrapeAsync(service);

        Directory.Delete(Path.Combine(home["backups"], "tenants", "two"), recursive: true);
        foreach (var file in Directory.EnumerateFiles(home["tenants"], "two.db*"))
            File.Delete(file);
        await Eventually.TrueAsync(
            async () =>
            {
                clock.Advance(TimeSpan.FromMinutes(1));
                return !(await ScrapeAsync(service)).Any(line => line.Contains("source=\"two\"", StringComparison.Ordinal));
            },
            "a scrape without the source");

        Assert.Equal(Names(before).Where(name => !name.Contains("source=\"two\"", StringComparison.Ordinal)).Order(StringComparer.Ordinal), Names(await ScrapeAsync(service)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_scrape_that_cannot_read_the_journal_fails_with_what_to_do()
    {
        await using var service = await RunningService.StartAsync(home, clock, Configuration);
        await HealthUntilAsync(service, HttpStatusCode.OK);
        await SqliteSamples.SqlAsync(Path.Combine(home["state"], "journal.db"), "ALTER TABLE operation_counts RENAME TO gone");

        using var response = await service.Http.GetAsync("metrics");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Matches("journal.*; next: .+\n$", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task What_an_older_version_counted_as_gzip_is_counted_as_encoding()
    {
        await SqliteSamples.LedgerAsync(home["itsm.db"], "wal");
        await using var service = await RunningService.StartAsync(home, clock, Configuration);
        await ScrapeUntilAsync(service, "nexus_backup_runs_total{source=\"itsm\",schedule=\"daily\",result=\"success\"} 1");

        await SqliteSamples.SqlAsync(Path.Combine(home["state"], "journal.db"), "INSERT OR REPLACE INTO verification_counts VALUES ('itsm', 'gzip', 'success', 40), ('itsm', 'encoding', 'success', 2)");
        var series = await ScrapeAsync(service);

        Assert.Contains("nexus_backup_verifications_total{source=\"itsm\",check=\"encoding\",result=\"success\"} 42", series);
        Assert.DoesNotContain(series, line => line.Contains("check=\"gzip\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_self_test_of_the_checks_is_made_soon_after_the_start_and_exported()
    {
        await using var service = await RunningService.StartAsync(home, clock, Configuration);
        await ScrapeUntilAsync(service, "nexus_backup_runs_total{source=\"itsm\",schedule=\"daily\",result=\"failure\"} 1"); // what waits for the clock waits by now
        clock.Advance(SelfTestOperation.AfterStart);
        await ScrapeUntilAsync(service, "nexus_backup_self_test_success 1");
        Assert.Contains($"nexus_backup_last_self_test_timestamp_seconds {clock.GetUtcNow().ToUnixTimeSeconds()}", await ScrapeAsync(service));
    }

    [Fact]
    public async Task A_store_that_goes_away_is_down_and_does_not_take_the_knowledge_of_its_backups_with_it()
    {
        await SqliteSamples.LedgerAsync(home["itsm.db"], "wal");
        await using var service = await RunningService.StartAsync(home, clock, Configuration);
        await ScrapeUntilAsync(service, "nexus_backup_runs_total{source=\"itsm\",schedule=\"daily\",result=\"success\"} 1"); // the run has ended, not only stored its backup

        Directory.Move(home["backups"], home["unmounted"]);
        var series = await ScrapeAsync(service);

        Assert.Contains("nexus_backup_store_up{store=\"local\"} 0", series);
        Assert.Contains("nexus_backup_backups{source=\"itsm\",schedule=\"daily\",state=\"good\"} 1", series);
        Assert.DoesNotContain(series, line => line.StartsWith("nexus_backup_disk_", StringComparison.Ordinal));
        var (status, health) = await HealthAsync(service);
        Assert.Equal(HttpStatusCode.OK, status); // restarting the agent would not mount the disk
        Assert.Contains("does not exist", health.GetProperty("sources")[0].GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_that_starts_without_its_store_says_nothing_of_the_backups_until_it_is_back_and_then_at_once()
    {
        await SqliteSamples.LedgerAsync(home["itsm.db"], "wal");
        string[] known;
        await using (var before = await RunningService.StartAsync(home, clock, Configuration))
        {
            await ScrapeUntilAsync(before, "nexus_backup_runs_total{source=\"itsm\",schedule=\"daily\",result=\"success\"} 1");
            known = await ScrapeAsync(before);
        }

        Directory.Move(home["backups"], home["unmounted"]);
        await using var service = await RunningService.StartAsync(home, clock, Configuration);
        var away = await ScrapeAsync(service);
        Directory.Move(home["unmounted"], home["backups"]);
        var back = await ScrapeAsync(service);

        string[] ofBackups = ["last_success_", "backups{", "stored_bytes", "last_backup_", "restore_chain_", "overdue_", "future_", "missing_", "last_verification_"];
        Assert.All(ofBackups, family => Assert.Contains(known, line => line.StartsWith("nexus_backup_" + family, StringComparison.Ordinal)));
        Assert.DoesNotContain(away, line => ofBackups.Any(family => line.StartsWith("nexus_backup_" + family, StringComparison.Ordinal)));
        Assert.Contains("nexus_backup_store_up{store=\"local\"} 0", away);
        Assert.Contains("nexus_backup_source_info{source=\"itsm\",kind=\"sqlite\",store=\"local\"} 1", away);
        Assert.Contains("nexus_backup_runs_total{source=\"itsm\",schedule=\"daily\",result=\"success\"} 1", away);
        Assert.Contains("nexus_backup_store_up{store=\"local\"} 1", back);
        Assert.Contains($"nexus_backup_last_success_timestamp_seconds{{source=\"itsm\"}} {clock.GetUtcNow().ToUnixTimeSeconds()}", back);
        Assert.Equal(Names(known).Order(StringComparer.Ordinal), Names(back).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_store_in_which_the_backups_of_a_source_cannot_be_listed_is_down_though_its_disk_can_be_asked()
    {
        File.CreateSymbolicLink(Path.Combine(home["backups"], "itsm"), home["not-mounted"]);

        await using var service = await RunningService.StartAsync(home, clock, Configuration.Replace("directory: .", "directory: itsm", StringComparison.Ordinal));
        var series = await ScrapeAsync(service);

        Assert.Contains("nexus_backup_store_up{store=\"local\"} 0", series);
        Assert.Contains(series, line => line.StartsWith("nexus_backup_disk_free_bytes{store=\"local\"}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_start_of_the_process_is_exported_and_changes_with_it_alone()
    {
        var start = clock.GetUtcNow();
        await using (var service = await RunningService.StartAsync(home, clock, Configuration))
        {
            Assert.Contains($"nexus_backup_start_timestamp_seconds {start.ToUnixTimeSeconds()}", await ScrapeAsync(service));
            clock.Advance(TimeSpan.FromHours(1));
            Assert.Contains($"nexus_backup_start_timestamp_seconds {start.ToUnixTimeSeconds()}", await ScrapeAsync(service));
        }

        await using var next = await RunningService.StartAsync(home, clock, Configuration);
        Assert.Contains($"nexus_backup_start_timestamp_seconds {start.AddHours(1).ToUnixTimeSeconds()}", await ScrapeAsync(next));
    }

    [SkippableFact]
    public async Task A_store_that_became_read_only_is_down_and_still_tells_its_room()
    {
        await using var disk = await SmallFileSystem.MountAsync("size=4m");
        await SqliteSamples.LedgerAsync(home["itsm.db"], "wal");
        await using var service = await RunningService.StartAsync(home, clock, Configuration.Replace("path: backups", $"path: {disk.Path}", StringComparison.Ordinal));
        await ScrapeUntilAsync(service, "nexus_backup_runs_total{source=\"itsm\",schedule=\"daily\",result=\"success\"} 1");
        Assert.Contains("nexus_backup_store_up{store=\"local\"} 1", await ScrapeAsync(service));

        await disk.RemountAsync("ro");
        var series = await ScrapeAsync(service);

        Assert.Contains("nexus_backup_store_up{store=\"local\"} 0", series);
        Assert.Contains($"nexus_backup_disk_size_bytes{{store=\"local\"}} {4 << 20}", series);
        Assert.Contains("nexus_backup_backups{source=\"itsm\",schedule=\"daily\",state=\"good\"} 1", series);
    }

    [SkippableFact]
    public async Task A_restore_that_was_killed_is_told_by_the_next_scrape_and_by_status_and_one_that_runs_is_not()
    {
        home.Sub("store");
        await SqliteSamples.LedgerAsync(home["app.db"], "wal");
        await using var service = await RunningService.StartAsync(home, clock, Configuration.Replace("path: backups", "path: store", StringComparison.Ordinal).Replace("itsm.db", "app.db", StringComparison.Ordinal));
        await ScrapeUntilAsync(service, "nexus_backup_runs_total{source=\"itsm\",schedule=\"daily\",result=\"success\"} 1");

        using var restore = Child.Start("restore-hold", home.Path, nameof(RestoreStage.Expand));
        Assert.Equal(nameof(RestoreStage.Expand), await restore.StandardOutput.ReadLineAsync());
        Assert.Contains("nexus_backup_last_restore_timestamp_seconds{source=\"itsm\"} 0", await ScrapeAsync(service));
        Assert.DoesNotContain("a restore was interrupted", await Child.RunAsync("command", "now", home.Path, "status"), StringComparison.Ordinal);

        restore.Kill();
        await restore.WaitForExitAsync();
        var series = await ScrapeAsync(service);

        Assert.Contains("nexus_backup_last_restore_success{source=\"itsm\"} 0", series);
        Assert.Matches("^[1-9]", Assert.Single(series, line => line.StartsWith("nexus_backup_last_restore_timestamp_seconds", StringComparison.Ordinal)).Split(' ')[1]);
        Assert.Contains("a restore was interrupted", await Child.RunAsync("command", "now", home.Path, "status"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_is_ok_with_each_sources_state_while_the_agent_works()
    {
        await SqliteSamples.LedgerAsync(home["itsm.db"], "wal");
        await using var service = await RunningService.StartAsync(home, clock, Configuration);
        await ScrapeUntilAsync(service, "nexus_backup_runs_total{source=\"itsm\",schedule=\"daily\",result=\"success\"} 1"); // the run has ended, not only stored its backup

        var (status, health) = await HealthAsync(service);

        Assert.Equal((HttpStatusCode.OK, "ok"), (status, health.GetProperty("status").GetString()));
        var source = health.GetProperty("sources")[0];
        Assert.Equal("itsm", source.GetProperty("name").GetString());
        Assert.Equal(clock.GetUtcNow(), source.GetProperty("lastSuccess").GetDateTimeOffset());
        Assert.True(source.GetProperty("lastRunSuccess").GetBoolean());
        Assert.Equal(new DateTimeOffset(2026, 2, 14, 17, 0, 0, TimeSpan.Zero), source.GetProperty("nextRun").GetDateTimeOffset());
    }

    [Fact]
    public async Task Health_is_503_when_the_scheduler_is_stuck()
    {
        await using var service = await RunningService.StartAsync(home, clock, Configuration);
        await HealthUntilAsync(service, HttpStatusCode.OK);

        clock.SetWallClock(clock.GetUtcNow().AddMinutes(11)); // no timer fires: as if the scheduler hung
        var (status, health) = await HealthAsync(service);

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "failing"), (status, health.GetProperty("status").GetString()));
        Assert.Contains("scheduler", health.GetProperty("problems")[0].GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_is_503_while_the_journal_cannot_be_written()
    {
        await using var service = await RunningService.StartAsync(home, clock, Configuration);
        await HealthUntilAsync(service, HttpStatusCode.OK);

        await SqliteSamples.SqlAsync(Path.Combine(home["state"], "journal.db"), "ALTER TABLE heartbeat RENAME TO gone");
        await BeatAsync();
        var failing = await HealthUntilAsync(service, HttpStatusCode.ServiceUnavailable);
        Assert.Contains("journal", failing.GetProperty("problems")[0].GetString(), StringComparison.Ordinal);

        await SqliteSamples.SqlAsync(Path.Combine(home["state"], "journal.db"), "ALTER TABLE gone RENAME TO heartbeat");
        await BeatAsync();
        await HealthUntilAsync(service, HttpStatusCode.OK);
    }

    [Theory]
    [InlineData(null, "text/plain; version=0.0.4; charset=utf-8")]
    [InlineData("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", "application/openmetrics-text; version=1.0.0; charset=utf-8")]
    public async Task Metrics_come_in_the_format_that_the_scraper_prefers(string? accept, string contentType)
    {
        await using var service = await RunningService.StartAsync(home, clock, Configuration);
        using var request = new HttpRequestMessage(HttpMethod.Get, "metrics");
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);

        using var response = await service.Http.SendAsync(request);

        Assert.Equal(contentType, response.Content.Headers.ContentType?.ToString());
        Assert.Equal(accept is not null, (await response.Content.ReadAsStringAsync()).EndsWith("# EOF\n", StringComparison.Ordinal));
    }

    /// <summary>Lets the scheduler look at its schedules once more.</summary>
    private async Task BeatAsync()
    {
        await Eventually.TrueAsync(() => clock.IsAwaited(TimeSpan.FromSeconds(15)), "the scheduler waits");
        clock.Advance(TimeSpan.FromSeconds(15));
    }

    private static async Task<string[]> ScrapeAsync(RunningService service) =>
        [.. (await service.Http.GetStringAsync("metrics")).Split('\n').Where(line => line.Length > 0 && line[0] != '#')];

    /// <summary>Names with labels.</summary>
    private static IEnumerable<string> Names(string[] series) => series.Select(line => line[..line.LastIndexOf(' ')]);

    private static Task ScrapeUntilAsync(RunningService service, string line) =>
        Eventually.TrueAsync(async () => (await ScrapeAsync(service)).Contains(line), $"a scrape with {line}");

    private static async Task<(HttpStatusCode Status, JsonElement Health)> HealthAsync(RunningService service)
    {
        using var response = await service.Http.GetAsync("api/v1/health");
        using var document = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return (response.StatusCode, document.RootElement.Clone());
    }

    private static async Task<JsonElement> HealthUntilAsync(RunningService service, HttpStatusCode wanted)
    {
        var last = default((HttpStatusCode Status, JsonElement Health));
        await Eventually.TrueAsync(async () => (last = await HealthAsync(service)).Status == wanted, $"health {wanted}");
        return last.Health;
    }
}
