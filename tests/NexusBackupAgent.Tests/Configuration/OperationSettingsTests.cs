using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Restore;

namespace NexusBackupAgent.Tests.Configuration;

/// <summary>What <c>verify</c>, <c>drill</c>, <c>restore</c> and <c>hooks</c> of a file without mistakes mean.</summary>
public sealed class OperationSettingsTests
{
    private const string Secret = "T0P/s3cret?token=abc";

    [Fact]
    public void What_is_not_written_has_the_documented_defaults()
    {
        var source = Source("verify:\ndrill: {}\nrestore: {before:, after: []}\nhooks:\n  # onFailure: x");

        Assert.Equal(("30 4 * * *", TimeSpan.FromDays(7)), (source.Verify.Cron.ToString(), source.Verify.Spread));
        Assert.Equal("0 5 1 * *", source.Drill.Cron.ToString());
        Assert.Empty(source.Drill.Probes);
        Assert.Equal((0, 0, 0, false), (source.Restore.Before.Count, source.Restore.After.Count, source.Restore.Health.Count, source.Restore.HealthInsecure));
        Assert.Equal((0, 0, TimeSpan.FromSeconds(30)), (source.Hooks.OnFailure.Count, source.Hooks.OnSuccess.Count, source.Hooks.Timeout));
    }

    [Fact]
    public void Schedules_of_verification_and_drill_are_taken()
    {
        var source = Source("verify: {cron: \"@daily\", spread: 30d}\ndrill: {cron: \"0 6 * * 0\"}");

        Assert.Equal(("@daily", TimeSpan.FromDays(30), "0 6 * * 0"), (source.Verify.Cron.ToString(), source.Verify.Spread, source.Drill.Cron.ToString()));
    }

    [Theory]
    [InlineData("probe: {sql: \"SELECT count(*) FROM t\", expect: \">= 1000\", maxAge: 48h}")]
    [InlineData("probe:\n    - {sql: \"SELECT count(*) FROM t\", expect: \">=1000\", maxAge: 2d}")]
    public void A_probe_is_a_question_with_its_answer(string probe) =>
        Assert.Equal(new Probe("SELECT count(*) FROM t", ">= 1000", TimeSpan.FromDays(2)), Assert.Single(Source($"drill:\n  {probe}").Drill.Probes));

    [Fact]
    public void Probes_are_asked_in_the_order_of_the_file() =>
        Assert.Equal(["SELECT 1", "SELECT 2"], Source("drill: {probe: [{sql: SELECT 1, expect: 1}, {sql: SELECT 2}]}").Drill.Probes.Select(probe => probe.Sql));

    [Theory]
    [InlineData("before: [systemctl, stop, \"it's one\"]", "systemctl|stop|it's one")]
    [InlineData("before: [[systemctl, stop, a], [sleep, 5]]", "systemctl|stop|a", "sleep|5")]
    [InlineData("before: [[systemctl, stop, a]]", "systemctl|stop|a")]
    [InlineData("before:\n    - [echo, \"\"]", "echo|")]
    public void Commands_are_lists_of_arguments(string before, params string[] commands) =>
        Assert.Equal(commands, Source($"restore:\n  {before}").Restore.Before.Select(command => string.Join('|', command)));

    [Fact]
    public void A_programs_path_is_relative_to_the_file()
    {
        using var file = new SampleFile(SampleFile.WithSourceKeys("restore: {after: [scripts/start, scripts/start]}"));

        Assert.Equal([Path.Combine(file.Directory, "scripts/start"), "scripts/start"], file.Load().Configuration!.Sources[0].Restore.After[0]);
    }

    [Fact]
    public void Everything_around_a_restore_is_taken()
    {
        var restore = Source("restore: {after: [a], commandTimeout: 90s, health: \"https://localhost:6443/api/v1/health\", healthTimeout: 2m, healthInsecure: true}").Restore;

        Assert.Equal((TimeSpan.FromSeconds(90), TimeSpan.FromMinutes(2), true), (restore.CommandTimeout, restore.HealthTimeout, restore.HealthInsecure));
        Assert.Equal([new Uri("https://localhost:6443/api/v1/health")], restore.Health.Select(question => question.Address));
        Assert.Empty(restore.Probes);
    }

    [Fact]
    public void A_restore_may_ask_several_addresses_commands_and_questions()
    {
        var restore = Source("restore: {health: [\"https://a.example/health\", {command: [pg_isready, -q]}, \"http://b.example/\"], probe: [{sql: SELECT 1}, {sql: SELECT 2, expect: \"2\"}]}").Restore;

        Assert.Equal(["https://a.example/health", "pg_isready -q", "http://b.example/"], restore.Health.Select(question => question.Shown));
        Assert.Equal(["SELECT 1", "SELECT 2"], restore.Probes.Select(probe => probe.Sql));
    }

    [Theory]
    [InlineData("[notify, -v]", "notify -v")]
    [InlineData("\"https://a.example/x\"", "https://a.example")]
    [InlineData("{command: [notify, -v]}", "notify -v")]
    [InlineData("{url: \"http://a.example:81/x\"}", "http://a.example:81")]
    [InlineData("{urlFile: /run/secrets/u}", "the address in file '/run/secrets/u'")]
    [InlineData("{urlEnv: HOOK_URL}", "the address in variable HOOK_URL")]
    [InlineData("[[notify], {command: [b]}, {url: \"https://a.example/x\"}, \"https://b.example/y\"]", "notify", "b", "https://a.example", "https://b.example")]
    public void Hooks_are_commands_and_addresses(string written, params string[] hooks)
    {
        foreach (var key in (string[])["onFailure", "onSuccess"])
        {
            var settings = Source($"hooks: {{{key}: {written}, timeout: 5s}}").Hooks;

            Assert.Equal(hooks, (key == "onFailure" ? settings.OnFailure : settings.OnSuccess).Select(Words));
            Assert.Equal((TimeSpan.FromSeconds(5), hooks.Length), (settings.Timeout, settings.OnFailure.Count + settings.OnSuccess.Count));
        }
    }

    [Theory]
    [InlineData($"hooks: {{onFailure: {{ulr: \"https://a.example/{Secret}\"}}}}")]
    [InlineData($"hooks: {{onFailure: {{url: \"htps://a.example/{Secret}\"}}}}")]
    [InlineData($"hooks: {{onFailure: \"a.example/{Secret}\"}}")]
    [InlineData($"hooks: {{onFailure: [\"https://a.example/{Secret}\"]}}")]
    [InlineData($"hooks: {{onFailure: {{url: a, url: \"https://a.example/{Secret}\"}}}}")]
    [InlineData($"hooks: \"https://a.example/{Secret}\"")]
    [InlineData($"hook: \"https://a.example/{Secret}\"")]
    [InlineData($"hooks: {{timeout: \"https://a.example/{Secret}\"}}")]
    [InlineData($"hooks: {{onFailure: {{urlEnv: \"https://a.example/{Secret}\"}}}}")]
    [InlineData("restore: {health: \"https://user:s3cret@a.example/\"}")]
    public void No_mistake_shows_an_address_that_may_be_a_secret(string keys)
    {
        using var file = new SampleFile(SampleFile.WithSourceKeys(keys));

        var problems = file.Load().Problems;

        Assert.NotEmpty(problems);
        Assert.All(problems, problem => Assert.DoesNotContain("s3cret", problem.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_program_or_a_secret_that_is_not_there_is_a_warning_of_the_environment()
    {
        using var file = new SampleFile(SampleFile.WithSourceKeys("""
            restore: {before: [no-such-program-here, stop], after: [true]}
            hooks:
              onFailure: [[./no-notify], [sh], {urlFile: missing}, {urlFile: empty}, {urlFile: good}]
              onSuccess: {urlEnv: NEXUS_BACKUP_NO_SUCH_VARIABLE}
            """));
        Directory.CreateDirectory(Path.Combine(file.Directory, "backups"));
        File.WriteAllText(Path.Combine(file.Directory, "itsm.db"), "");
        File.WriteAllText(Path.Combine(file.Directory, "empty"), "\n");
        File.WriteAllText(Path.Combine(file.Directory, "good"), $" https://a.example/{Secret}\n");

        var problems = await ConfigurationFile.CheckEnvironmentAsync(file.Load().Configuration!);

        Assert.All(problems, problem => Assert.False(problem.IsError));
        Assert.Equal(
            ["sources.itsm.restore.before", "sources.itsm.hooks.onFailure", "sources.itsm.hooks.onFailure", "sources.itsm.hooks.onFailure", "sources.itsm.hooks.onSuccess"],
            problems.Select(problem => problem.Key));
        Assert.Contains("no such program", problems[0].Problem, StringComparison.Ordinal);
        Assert.Contains("does not exist", problems[2].Problem, StringComparison.Ordinal);
        Assert.Contains("is empty", problems[3].Problem, StringComparison.Ordinal);
        Assert.Contains("is not set", problems[4].Problem, StringComparison.Ordinal);
    }

    private static string Words(Hook hook) => hook.Url?.ToString() ?? string.Join(' ', hook.Command);

    private static SourceConfiguration Source(string keys)
    {
        using var file = new SampleFile(SampleFile.WithSourceKeys(keys));
        var (configuration, problems) = file.Load();
        Assert.Empty(problems);
        return configuration!.Sources[0];
    }
}
