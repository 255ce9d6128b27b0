using System.Buffers;
using System.Diagnostics;
using System.Text;
using NexusBackupAgent.Metrics;

namespace NexusBackupAgent.Tests.Metrics;

public class PrometheusTextTests
{
    private static readonly MetricFamily[] Some =
    [
        new("nexus_backup_last_success_age_seconds", MetricType.Gauge, "Age of the newest good backup.",
        [
            new([("source", "itsm")], 3600.5),
            new([("source", "never")], double.PositiveInfinity),
        ]),
        new("nexus_backup_runs_total", MetricType.Counter, "Runs by result.",
        [
            new([("source", "itsm"), ("schedule", "daily"), ("result", "success")], 0),
            new([("source", "itsm"), ("schedule", "daily"), ("result", "failure")], 12),
        ]),
        new("nexus_backup_source_info", MetricType.Info, "Configured sources.", [new([("source", "itsm"), ("kind", "sqlite")], 1)]),
        new("nexus_backup_scheduler_heartbeat_timestamp_seconds", MetricType.Gauge, "When the scheduler last looked.", [new([], 1771002000)]),
        new("nexus_backup_overdue_backups", MetricType.Gauge, "None yet.", []),
    ];

    [Fact]
    public void Text_writes_help_type_and_samples() => Assert.Equal(
        """
        # HELP nexus_backup_last_success_age_seconds Age of the newest good backup.
        # TYPE nexus_backup_last_success_age_seconds gauge
        nexus_backup_last_success_age_seconds{source="itsm"} 3600.5
        nexus_backup_last_success_age_seconds{source="never"} +Inf
        # HELP nexus_backup_runs_total Runs by result.
        # TYPE nexus_backup_runs_total counter
        nexus_backup_runs_total{source="itsm",schedule="daily",result="success"} 0
        nexus_backup_runs_total{source="itsm",schedule="daily",result="failure"} 12
        # HELP nexus_backup_source_info Configured sources.
        # TYPE nexus_backup_source_info gauge
        nexus_backup_source_info{source="itsm",kind="sqlite"} 1
        # HELP nexus_backup_scheduler_heartbeat_timestamp_seconds When the scheduler last looked.
        # TYPE nexus_backup_scheduler_heartbeat_timestamp_seconds gauge
        nexus_backup_scheduler_heartbeat_timestamp_seconds 1771002000
        # HELP nexus_backup_overdue_backups None yet.
        # TYPE nexus_backup_overdue_backups gauge

        """,
        Write(Some, ExpositionFormat.Text));

    [Fact]
    public void OpenMetrics_names_families_without_total_and_info_and_ends_with_EOF() => Assert.Equal(
        """
        # HELP nexus_backup_last_success_age_seconds Age of the newest good backup.
        # TYPE nexus_backup_last_success_age_seconds gauge
        nexus_backup_last_success_age_seconds{source="itsm"} 3600.5
        nexus_backup_last_success_age_seconds{source="never"} +Inf
        # HELP nexus_backup_runs Runs by result.
        # TYPE nexus_backup_runs counter
        nexus_backup_runs_total{source="itsm",schedule="daily",result="success"} 0
        nexus_backup_runs_total{source="itsm",schedule="daily",result="failure"} 12
        # HELP nexus_backup_source Configured sources.
        # TYPE nexus_backup_source info
        nexus_backup_source_info{source="itsm",kind="sqlite"} 1
        # HELP nexus_backup_scheduler_heartbeat_timestamp_seconds When the scheduler last looked.
        # TYPE nexus_backup_scheduler_heartbeat_timestamp_seconds gauge
        nexus_backup_scheduler_heartbeat_timestamp_seconds 1771002000
        # HELP nexus_backup_overdue_backups None yet.
        # TYPE nexus_backup_overdue_backups gauge
        # EOF

        """,
        Write(Some, ExpositionFormat.OpenMetrics));

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("日本語 DB", "日本語 DB")]
    [InlineData("C:\\data\\", "C:\\\\data\\\\")]
    [InlineData("say \"hi\"\n", "say \\\"hi\\\"\\n")]
    [InlineData("", "")]
    public void A_label_value_escapes_backslash_quote_and_line_feed(string value, string written)
    {
        var family = new MetricFamily("x", MetricType.Gauge, "h", [new([("source", value)], 1)]);

        Assert.EndsWith($"\nx{{source=\"{written}\"}} 1\n", Write([family], ExpositionFormat.Text), StringComparison.Ordinal);
    }

    [Fact]
    public void Help_escapes_quotes_in_OpenMetrics_only()
    {
        var family = new MetricFamily("x", MetricType.Gauge, "a \"b\" \\ c\nd", []);

        Assert.StartsWith("# HELP x a \"b\" \\\\ c\\nd\n", Write([family], ExpositionFormat.Text), StringComparison.Ordinal);
        Assert.StartsWith("# HELP x a \\\"b\\\" \\\\ c\\nd\n", Write([family], ExpositionFormat.OpenMetrics), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(0.1, "0.1")]
    [InlineData(-1.5, "-1.5")]
    [InlineData(1771002000.123, "1771002000.123")]
    [InlineData(250000000000, "250000000000")]
    [InlineData(1e300, "1E+300")]
    [InlineData(-1.7976931348623157e308, "-1.7976931348623157E+308")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.PositiveInfinity, "+Inf")]
    [InlineData(double.NegativeInfinity, "-Inf")]
    public void A_number_is_written_so_that_it_reads_back_the_same(double value, string written) =>
        Assert.EndsWith($"\nx {written}\n", Write([new("x", MetricType.Gauge, "h", [new([], value)])], ExpositionFormat.Text), StringComparison.Ordinal);

    [Theory]
    [InlineData("nexus_backup_runs", nameof(MetricType.Counter))]
    [InlineData("nexus_backup_source", nameof(MetricType.Info))]
    [InlineData("1st", nameof(MetricType.Gauge))]
    [InlineData("with-dash", nameof(MetricType.Gauge))]
    [InlineData("", nameof(MetricType.Gauge))]
    public void A_name_that_Prometheus_would_refuse_is_a_defect(string name, string type) =>
        Assert.Throws<ArgumentException>(() => new MetricFamily(name, Enum.Parse<MetricType>(type), "h", []));

    [SkippableFact]
    public async Task Promtool_has_nothing_to_say()
    {
        var promtool = FindOnPath("promtool");
        Assert.False(promtool is null && Environment.GetEnvironmentVariable("CI") == "true", "promtool is not installed");
        Skip.If(promtool is null, "promtool is not installed");
        var odd = new MetricFamily("nexus_backup_stored_bytes", MetricType.Gauge, "Bytes \\ with \"odd\"\ntext.", [new([("source", "a \"b\" \\ \n 日本")], double.NaN)]);

        var (exitCode, said) = await RunAsync(promtool!, ["check", "metrics"], Write([.. Some, odd], ExpositionFormat.Text));

        Assert.Equal("", said);
        Assert.Equal(0, exitCode);
    }

    private static string Write(IEnumerable<MetricFamily> families, ExpositionFormat format)
    {
        var output = new ArrayBufferWriter<byte>();
        PrometheusText.Write(families, format, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static string? FindOnPath(string tool) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator)
        .Select(directory => Path.Combine(directory, tool))
        .FirstOrDefault(File.Exists);

    private static async Task<(int ExitCode, string Said)> RunAsync(string tool, string[] arguments, string input)
    {
        using var process = Process.Start(new ProcessStartInfo(tool, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var said = Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.StandardInput.BaseStream.WriteAsync(Encoding.UTF8.GetBytes(input));
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        return (process.ExitCode, string.Concat(await said));
    }
}
