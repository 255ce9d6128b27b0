using System.Diagnostics;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Http;

/// <summary>A running agent with two sources, which the tests only ask.</summary>
public sealed class ScrapedService : IAsyncLifetime
{
    /// <summary>A name that every writer of the format has to take care of.</summary>
    public const string OddName = """say "hi" to \ 日本 Infinity""";

    private const string Configuration = $$"""
        stores: {local: {path: backups} }
        sources:
          itsm: {sqlite: itsm.db, schedules: {daily: {cron: "0 2 * * *", retention: 7d} } }
          '{{OddName}}': {sqlite: missing.db, retry: {attempts: 1}, directory: odd}
        """;

    private readonly TempDirectory home = new();
    private RunningService? service;

    public HttpClient Http => service!.Http;

    public async Task InitializeAsync()
    {
        home.Sub("backups");
        await SqliteSamples.LedgerAsync(home["itsm.db"], "wal");
        service = await RunningService.StartAsync(home, new ManualClock(new DateTimeOffset(2026, 2, 14, 1, 0, 0, 123, TimeSpan.Zero)), Configuration);
        await Eventually.TrueAsync(
            async () => (await Http.GetStringAsync("metrics")).Contains("nexus_backup_runs_total{source=\"itsm\",schedule=\"daily\",result=\"success\"} 1\n", StringComparison.Ordinal), "the first run");
    }

    public async Task DisposeAsync()
    {
        await service!.DisposeAsync();
        home.Dispose();
    }
}

public sealed class MetricsEndpointTests(ScrapedService service) : IClassFixture<ScrapedService>
{
    private const string Text = "text/plain; version=0.0.4; charset=utf-8";
    private const string OpenMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    [Theory]
    // no preference
    [InlineData(null, false)]
    [InlineData("", false)]
    [InlineData("*/*", false)]
    [InlineData("application/openmetrics-text, text/plain", false)]
    [InlineData("not a header;;;", false)]
    [InlineData("application/json", false)]
    // a browser and curl
    [InlineData("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false)]
    // one wanted
    [InlineData("application/openmetrics-text", true)]
    [InlineData("Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", true)]
    [InlineData("application/openmetrics-text; version=\"1.0.0\"", true)]
    [InlineData("application/*", true)]
    [InlineData("text/plain", false)]
    // Prometheus 2 and 3
    [InlineData("application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", true)]
    [InlineData("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", true)]
    [InlineData("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.8", false)]
    // versions that are not written here
    [InlineData("application/openmetrics-text;version=0.0.1", false)]
    [InlineData("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", false)]
    // refused, and the more specific range counts
    [InlineData("application/openmetrics-text;q=0", false)]
    [InlineData("application/openmetrics-text;q=0,*/*", false)]
    [InlineData("text/plain;q=0,*/*", true)]
    [InlineData("application/openmetrics-text;q=0.1,*/*", false)]
    [InlineData("text/*;q=0.5,application/*;q=0.6", true)]
    public async Task OpenMetrics_is_served_when_it_is_preferred_and_text_otherwise_each_with_its_version(string? accept, bool isOpenMetrics)
    {
        using var response = await GetAsync(accept, encoding: null);

        Assert.Equal(isOpenMetrics ? OpenMetrics : Text, response.Content.Headers.ContentType?.ToString());
        Assert.Equal(isOpenMetrics, (await response.Content.ReadAsStringAsync()).EndsWith("\n# EOF\n", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Both_formats_say_the_same_with_every_millisecond()
    {
        var text = await ReadAsync(accept: null);
        var openMetrics = await ReadAsync("application/openmetrics-text");

        Assert.Equal(Names(text), Names(openMetrics));
        Assert.All([text, openMetrics], series =>
        {
            Assert.Equal(1771030800.123, series["nexus_backup_time_seconds"]);
            Assert.Equal(1771030800.123, series["nexus_backup_last_success_timestamp_seconds{source=\"itsm\"}"]);
            Assert.Equal(double.PositiveInfinity, series["nexus_backup_last_success_age_seconds{source=\"say \\\"hi\\\" to \\\\ 日本 Infinity\"}"]);
        });

        async Task<IReadOnlyDictionary<string, double>> ReadAsync(string? accept)
        {
            using var response = await GetAsync(accept, encoding: null);
            return Scrape.Series(await response.Content.ReadAsStringAsync());
        }

        static IEnumerable<string> Names(IReadOnlyDictionary<string, double> series) => series.Keys.Order(StringComparer.Ordinal);
    }

    [Fact]
    public async Task Infinity_is_spelt_as_the_text_format_says_and_a_name_that_ends_in_the_word_is_left_alone()
    {
        var lines = (await service.Http.GetStringAsync("metrics")).Split('\n');

        Assert.Contains("nexus_backup_last_success_age_seconds{source=\"say \\\"hi\\\" to \\\\ 日本 Infinity\"} +Inf", lines);
        Assert.DoesNotContain(lines, line => line.EndsWith(" Infinity", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("application/openmetrics-text")]
    public async Task It_comes_compressed_when_asked_and_is_the_same(string? accept)
    {
        using var plain = await GetAsync(accept, encoding: null);
        using var compressed = await GetAsync(accept, "gzip");

        var bytes = await compressed.Content.ReadAsByteArrayAsync();
        await using var inflated = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
        using var reader = new StreamReader(inflated);
        var (written, expected) = (await reader.ReadToEndAsync(), await plain.Content.ReadAsStringAsync());

        Assert.Equal(["gzip"], compressed.Content.Headers.ContentEncoding);
        Assert.Empty(plain.Content.Headers.ContentEncoding);
        Assert.Contains("Accept-Encoding", compressed.Headers.Vary);
        Assert.Equal(plain.Content.Headers.ContentType, compressed.Content.Headers.ContentType);
        Assert.Equal(Scrape.Series(expected).Keys, Scrape.Series(written).Keys);
        Assert.InRange(bytes.Length, 1, expected.Length / 4);
    }

    [Fact]
    public async Task The_process_is_told_under_the_names_that_all_processes_have()
    {
        var series = Scrape.Series(await service.Http.GetStringAsync("metrics"));

        Assert.InRange(series["process_cpu_seconds_total"], 0.01, Environment.CpuUsage.TotalTime.TotalSeconds);
        Assert.InRange(series["process_resident_memory_bytes"], 10e6, 100e9);
        Assert.InRange(series["process_open_fds"], 5, 1e6);
        using var self = Process.GetCurrentProcess();
        Assert.Equal(new DateTimeOffset(self.StartTime).ToUnixTimeMilliseconds() / 1000.0, series["process_start_time_seconds"], tolerance: 1);
    }

    [Fact]
    public async Task Scrapes_at_the_same_time_are_each_whole()
    {
        var names = Scrape.Series(await service.Http.GetStringAsync("metrics")).Keys.Order(StringComparer.Ordinal).ToList();

        var scrapes = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => service.Http.GetStringAsync("metrics")));

        Assert.All(scrapes, scrape => Assert.Equal(names, Scrape.Series(scrape).Keys.Order(StringComparer.Ordinal)));
    }

    [SkippableFact]
    public async Task Promtool_has_nothing_to_say()
    {
        Need.Tool("promtool");
        using var promtool = Shell.Start("promtool", "check", "metrics");
        var said = Task.WhenAll(promtool.StandardOutput.ReadToEndAsync(), promtool.StandardError.ReadToEndAsync());
        await promtool.StandardInput.WriteAsync(await service.Http.GetStringAsync("metrics"));
        promtool.StandardInput.Close();

        Assert.Equal("", string.Concat(await said));
        await promtool.WaitForExitAsync();
        Assert.Equal(0, promtool.ExitCode);
    }

    private async Task<HttpResponseMessage> GetAsync(string? accept, string? encoding)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "metrics");
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        if (encoding is not null)
            request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue(encoding));
        var response = await service.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return response;
    }
}
