using NexusBackupAgent.Metrics;

namespace NexusBackupAgent.Tests.Metrics;

public class ExpositionFormatTests
{
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
    public void OpenMetrics_is_served_when_it_is_preferred_and_text_otherwise(string? accept, bool isOpenMetrics) =>
        Assert.Equal(isOpenMetrics ? ExpositionFormat.OpenMetrics : ExpositionFormat.Text, ExpositionFormats.Negotiate(accept));

    [Fact]
    public void Each_format_says_its_version_in_the_content_type()
    {
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", ExpositionFormat.Text.ContentType());
        Assert.Equal("application/openmetrics-text; version=1.0.0; charset=utf-8", ExpositionFormat.OpenMetrics.ContentType());
    }
}
