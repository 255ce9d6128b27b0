using NexusBackupAgent.Metrics;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Metrics;

public class ExpositionTests
{
    [Fact]
    public async Task A_family_says_help_type_and_each_sample()
    {
        var exposition = new Exposition();
        exposition.Gauge("age_seconds", "Age of the newest good backup.", ["source"], [new Sample(3600.5, "itsm")]);
        exposition.Counter("runs_total", "Runs by result.", ["source", "result"], [new Sample(0, "itsm", "success"), new Sample(12, "itsm", "failure")]);

        var text = await Scrape.TextAsync(exposition);

        Assert.Contains("# HELP nexus_backup_age_seconds Age of the newest good backup.\n# TYPE nexus_backup_age_seconds gauge\nnexus_backup_age_seconds{source=\"itsm\"} 3600.5\n", text, StringComparison.Ordinal);
        Assert.Contains("# TYPE nexus_backup_runs counter\n", text, StringComparison.Ordinal);
        Assert.Contains("nexus_backup_runs_total{source=\"itsm\",result=\"success\"} 0.0\n", text, StringComparison.Ordinal);
        Assert.Contains("nexus_backup_runs_total{source=\"itsm\",result=\"failure\"} 12.0\n", text, StringComparison.Ordinal);
        Assert.EndsWith("# EOF\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_family_without_samples_is_named_and_has_no_series()
    {
        var exposition = new Exposition();
        exposition.Gauge("labelled", "None yet.", ["source"], []);
        exposition.Gauge("plain", "None yet.", value: null);
        exposition.Counter("labelled_total", "None yet.", ["source"], []);

        Assert.Empty(await Scrape.SeriesAsync(exposition));
        Assert.Contains("# TYPE nexus_backup_labelled gauge\n", await Scrape.TextAsync(exposition), StringComparison.Ordinal);
        Assert.Contains("# TYPE nexus_backup_plain gauge\n", await Scrape.TextAsync(exposition), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    [InlineData(-1.5)]
    [InlineData(1771002000.123)]
    [InlineData(4102444799.999)] // the last millisecond of this century
    [InlineData(250000000000)]
    [InlineData(9007199254740991)] // 2⁵³ - 1
    [InlineData(1e300)]
    [InlineData(-1.7976931348623157e308)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public async Task A_number_reads_back_the_same(double value)
    {
        var exposition = new Exposition();
        exposition.Gauge("x", "h", value);

        Assert.Equal(value, (await Scrape.SeriesAsync(exposition))["nexus_backup_x"]);
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("日本語 DB", "日本語 DB")]
    [InlineData("C:\\data\\", "C:\\\\data\\\\")]
    [InlineData("say \"hi\"\n", "say \\\"hi\\\"\\n")]
    [InlineData("", "")]
    public async Task A_label_value_escapes_backslash_quote_and_line_feed(string value, string written)
    {
        var exposition = new Exposition();
        exposition.Gauge("x", "h", ["source"], [new Sample(1, value)]);

        Assert.Contains($"\nnexus_backup_x{{source=\"{written}\"}} 1.0\n", await Scrape.TextAsync(exposition), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("with-dash", "h")]
    [InlineData("x", "a \\ b")]
    [InlineData("x", "a \"b\"")]
    [InlineData("x", "a\nb")]
    public void What_Prometheus_would_refuse_or_misread_is_a_defect(string name, string help) =>
        Assert.Throws<ArgumentException>(() => new Exposition().Gauge(name, help, value: 1));
}
