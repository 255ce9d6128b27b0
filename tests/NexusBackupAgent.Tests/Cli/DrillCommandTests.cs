
namespace NexusBackupAgent.Tests.Cli;

public sealed class DrillCommandTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task A_drill_shows_the_age_of_the_data_the_measured_time_and_each_answer()
    {
        Configure("drill: {probe: [{sql: SELECT count(*) FROM incidents, expect: \">= 5000\"}, {sql: SELECT title FROM incidents}]}");
        await place.RunAsync("backup");

        var result = await place.RunAsync("drill");

        Assert.Equal((0, ""), (result.Code, result.Error));
        Assert.Contains(place.Artifact(), result.Output, StringComparison.Ordinal);
        Assert.Matches(@"data \d+ s old, restored in \d+\.\d+ s", result.Output);
        Assert.Contains("✓ PRAGMA integrity_check", result.Output, StringComparison.Ordinal);
        Assert.Contains("✓ SELECT count(*) FROM incidents: 5000 (expected: >= 5000)", result.Output, StringComparison.Ordinal);
        Assert.Contains("✓ SELECT title FROM incidents: メールが届かない 1 (expected: any row)", result.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(place.In("state"), "*.scratch", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task The_json_of_a_drill_holds_what_scripts_need()
    {
        Configure("drill: {probe: {sql: SELECT count(*) FROM incidents, expect: 5000}}");
        await place.RunAsync("backup");

        var drill = (await place.RunAsync("drill", "itsm", "--json")).Json[0];

        Assert.Equal(
            ["source", "result", "id", "file", "capturedAt", "dataAgeSeconds", "seconds", "probes", "failure", "class", "message", "hint"],
            drill.EnumerateObject().Select(property => property.Name));
        Assert.Equal(("itsm", "success", place.Artifact()), (Text(drill, "source"), Text(drill, "result"), Text(drill, "file")));
        Assert.InRange(drill.GetProperty("seconds").GetDouble(), 0.0001, 60);
        var probe = drill.GetProperty("probes")[0];
        Assert.Equal(("5000", "5000", true), (Text(probe, "answer"), Text(probe, "expected"), probe.GetProperty("passed").GetBoolean()));
    }

    [Fact]
    public async Task A_wrong_answer_fails_the_drill()
    {
        Configure("drill: {probe: {sql: SELECT count(*) FROM incidents, expect: \"> 5000\"}}");
        await place.RunAsync("backup");

        var result = await place.RunAsync("drill");

        Assert.Equal(5, result.Code);
        Assert.Contains("expects > 5000: it returned 5000", Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.Contains("✗ SELECT count(*)", result.Output, StringComparison.Ordinal);
        Assert.Contains("restore drill of", (await place.RunAsync("status")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_to_restore_is_told_as_such()
    {
        var result = await place.RunAsync("drill", "--json");

        Assert.Equal(6, result.Code);
        Assert.Contains("has no backup to restore", Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.Equal(("failure", "notFound", "other"), (Text(result.Json[0], "result"), Text(result.Json[0], "failure"), Text(result.Json[0], "class")));
    }

    [Fact]
    public async Task A_damaged_backup_fails_the_drill()
    {
        await place.RunAsync("backup");
        var artifact = await File.ReadAllBytesAsync(place.Artifact());
        artifact[artifact.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(place.Artifact(), artifact);

        var result = await place.RunAsync("drill");

        Assert.Equal(5, result.Code);
        Assert.Contains("can't be restored", Assert.Single(result.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_tells_the_measured_recovery_time_and_a_hook_that_failed()
    {
        Configure("hooks: {onSuccess: [sh, -c, \"echo no pager; exit 4\"]}");
        var backup = await place.RunAsync("backup");
        Assert.Equal(0, backup.Code); // whatever the hook did
        Assert.Contains("hook_failed hook 'sh' of itsm failed", backup.Error, StringComparison.Ordinal);
        await place.RunAsync("drill");

        var screen = (await place.RunAsync("status")).Output;
        Assert.Matches(@"itsm: restore drill of \S+ \S+ \S+: recovered in \d+\.\d+ s, of data that was \d+ s old", screen);
        Assert.Contains("the last hook failed: hook 'sh' ended with exit code 4: no pager", screen, StringComparison.Ordinal);

        var source = (await place.RunAsync("status", "--json")).Json.GetProperty("sources")[0];
        Assert.Equal("success", Text(source.GetProperty("lastDrill"), "result"));
        Assert.Equal(("hook", "other"), (Text(source.GetProperty("hookFailure"), "failure"), Text(source.GetProperty("hookFailure"), "class")));
    }

    [Fact]
    public async Task The_class_of_a_failure_is_in_the_json_of_backup_and_status()
    {
        File.Delete(place.In("itsm.db"));

        Assert.Equal("database", Text((await place.RunAsync("backup", "--json")).Json[0], "class"));
        var failure = (await place.RunAsync("status", "--json")).Json.GetProperty("sources")[0].GetProperty("lastFailure");
        Assert.Equal(("sourceMissing", "database"), (Text(failure, "failure"), Text(failure, "class")));
    }

    private void Configure(string keys) => File.AppendAllText(place.Configuration, $"    {keys}\n");
}
