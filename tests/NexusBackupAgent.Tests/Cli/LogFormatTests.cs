using System.Text.Json;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Cli;

namespace NexusBackupAgent.Tests.Cli;

public sealed class LogFormatTests : IDisposable
{
    private static readonly TimeZoneInfo Tokyo = TimeZoneInfo.FindSystemTimeZoneById("Asia/Tokyo");
    private static readonly EventId Succeeded = new(1001, "run_succeeded");

    private readonly string directory = Directory.CreateTempSubdirectory("nexus-log-").FullName;
    private readonly StringWriter output = new();

    public void Dispose()
    {
        output.Dispose();
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public void A_line_has_local_time_level_and_event_name()
    {
        using (var loggers = Service(LogFormat.Text, verbose: false))
            loggers.CreateLogger("x").LogInformation(Succeeded, "backup of {Source} succeeded:\n{Bytes} bytes", "総務", 42);

        Assert.Matches(@"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+09:00 INF run_succeeded backup of 総務 succeeded: 42 bytes\n$", output.ToString());
    }

    [Fact]
    public void A_stack_trace_is_in_the_line_only_when_verbose()
    {
        using (var loggers = Service(LogFormat.Text, verbose: false))
            loggers.CreateLogger("x").LogError(Thrown(), "broke");
        Assert.EndsWith("ERR broke: InvalidOperationException: why\n", output.ToString(), StringComparison.Ordinal);

        using (var loggers = Service(LogFormat.Text, verbose: true))
            loggers.CreateLogger("x").LogError(Thrown(), "broke");
        Assert.Contains("   at ", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Json_has_the_values_by_name()
    {
        using (var loggers = Service(LogFormat.Json, verbose: false))
            loggers.CreateLogger("x").LogWarning(Succeeded, "backup of {Source}: {StoredBytes} bytes, {Seconds} s", "総務", 42L, 1.5);

        var entry = JsonDocument.Parse(output.ToString()).RootElement;
        Assert.Equal("warning", entry.GetProperty("level").GetString());
        Assert.Equal("run_succeeded", entry.GetProperty("event").GetString());
        Assert.Equal("総務", entry.GetProperty("source").GetString());
        Assert.Equal(42, entry.GetProperty("storedBytes").GetInt64());
        Assert.Equal(1.5, entry.GetProperty("seconds").GetDouble());
    }

    [Fact]
    public void A_configured_file_has_the_same_lines()
    {
        using (var loggers = Service(LogFormat.Text, verbose: false, Path.Combine(directory, "agent.log")))
            loggers.CreateLogger("x").LogInformation(Succeeded, "done");

        Assert.Equal(output.ToString(), File.ReadAllText(Assert.Single(Directory.GetFiles(directory))));
    }

    private static InvalidOperationException Thrown()
    {
        try
        {
            throw new InvalidOperationException("why");
        }
        catch (InvalidOperationException thrown)
        {
            return thrown;
        }
    }

    private ILoggerFactory Service(LogFormat format, bool verbose, string? file = null) => LoggingSetup.ForService(
        new LogConfiguration(file, "Information"), format, new Terminal(output, TextWriter.Null, outputIsWatched: false, errorIsWatched: false), Tokyo, verbose);
}
