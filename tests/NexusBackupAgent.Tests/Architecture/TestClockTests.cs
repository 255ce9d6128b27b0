using System.Text.RegularExpressions;
using NexusBackupAgent.Tests.Configuration;

namespace NexusBackupAgent.Tests.Architecture;

/// <summary>No test asks the computer what time it is, which would make it a test of the hour at which it runs. To measure and to wait is another matter.</summary>
/// <remarks>DateTime.UtcNow and its kin the build refuses, in tests too.</remarks>
public sealed partial class TestClockTests
{
    [Fact]
    public void No_test_takes_the_system_clock_for_what_time_it_is()
    {
        var tests = Path.GetDirectoryName(RepositoryFile.Find("tests/run"))!;
        var files = Directory.EnumerateFiles(tests, "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/NexusBackupAgent.Benchmarks/", StringComparison.Ordinal) && !file.EndsWith(nameof(TestClockTests) + ".cs", StringComparison.Ordinal)).ToList();

        Assert.Contains(files, file => file.EndsWith("EndToEndTests/Support/Eventually.cs", StringComparison.Ordinal));
        Assert.Empty(files.SelectMany(file => File.ReadLines(file).Where(AsksTheSystem).Select(line => $"{Path.GetRelativePath(tests, file)}: {line.Trim()}")));
    }

    [Theory]
    [InlineData("var started = TimeProvider.System.GetTimestamp();", false)]
    [InlineData("if (TimeProvider.System.GetElapsedTime(started) > limit)", false)]
    [InlineData("await Task.Delay(PollInterval, TimeProvider.System, token);", false)]
    [InlineData("using var limit = new CancellationTokenSource(StopLimit, TimeProvider.System);", false)]
    [InlineData("var now = TimeProvider.System.GetUtcNow();", true)]
    [InlineData("TimeProvider.System.GetLocalNow()", true)]
    [InlineData("new Workbench(TimeProvider.System)", true)]
    [InlineData("Clock = clock ?? TimeProvider.System;", true)]
    public void To_measure_and_to_wait_is_allowed(string line, bool asks) => Assert.Equal(asks, AsksTheSystem(line));

    private static bool AsksTheSystem(string line) => line.Contains("TimeProvider.System", StringComparison.Ordinal) && !MeasuresOrWaits().IsMatch(line);

    [GeneratedRegex(@"TimeProvider\.System\.(GetTimestamp|GetElapsedTime)\(|(Task\.Delay|new CancellationTokenSource|WaitAsync)\([^;]*TimeProvider\.System\b(?!\.)")]
    private static partial Regex MeasuresOrWaits();
}
