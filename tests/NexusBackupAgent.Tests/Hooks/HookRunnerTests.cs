using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using NexusBackupAgent.Common;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Hooks;

public sealed class HookRunnerTests : IDisposable
{
    private const string Secret = "/services/T0P/s3cret?token=abc";

    private readonly TempDirectory home = new();
    private readonly ManualClock clock = new(Some.Instant);
    private readonly CollectedLog<HookRunner> log = new();
    private readonly ScriptedSource source;
    private readonly Workbench bench;
    private readonly HookRunner hooks;

    public HookRunnerTests()
    {
        source = new ScriptedSource(clock);
        bench = new Workbench(clock, home.Sub("bench"), source: source);
        hooks = new HookRunner(bench.Journal, clock, log);
    }

    private static RunFailure Broken { get; } = new(FailureKind.SourceMissing, "database 'a b' is \"gone\"\n$HOME", "look for it");

    public void Dispose()
    {
        bench.Dispose();
        home.Dispose();
    }

    [Fact]
    public async Task A_command_gets_the_facts_as_variables_and_as_json()
    {
        var script = await ScriptAsync("env -0 > \"$HOME_DIR/env\"; cat > \"$HOME_DIR/json\"");
        var run = await bench.RunAsync();

        await hooks.TellAsync(Settings(onSuccess: [Command("env", $"HOME_DIR={home.Path}", script)]), OperationRunner.News(bench.Source, run.Operation, run.Outcome!.Backup) with { Attempts = run.Attempts }, CancellationToken.None);

        var backup = run.Outcome!.Backup;
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(home["json"]));
        Assert.Equal(
            ["event", "result", "source", "schedule", "type", "fullBecause", "failure", "class", "message", "hint", "id", "file", "sizeBytes", "contentBytes", "startedAt", "endedAt", "attempts", "consecutiveFailures", "host", "agentVersion"],
            json.RootElement.EnumerateObject().Select(fact => fact.Name));
        Assert.Equal(("backup", "success", "itsm", "daily", "full"), (Text(json, "event"), Text(json, "result"), Text(json, "source"), Text(json, "schedule"), Text(json, "type")));
        Assert.Equal((backup.Id.Value, Path.Combine(bench.StorePath, backup.File)), (Text(json, "id"), Text(json, "file")));
        Assert.Equal((backup.ActualLength, 1000L, 1), (json.RootElement.GetProperty("sizeBytes").GetInt64(), json.RootElement.GetProperty("contentBytes").GetInt64(), json.RootElement.GetProperty("attempts").GetInt32()));
        Assert.Equal("2026-02-14T02:00:00.000Z", Text(json, "endedAt"));

        var environment = await EnvironmentAsync();
        Assert.Equal(("backup", "success", "", "1000"), (environment["NEXUS_BACKUP_EVENT"], environment["NEXUS_BACKUP_RESULT"], environment["NEXUS_BACKUP_FAILURE"], environment["NEXUS_BACKUP_CONTENT_BYTES"]));
        Assert.Equal(backup.Id.Value, environment["NEXUS_BACKUP_ID"]);
        Assert.Equal(20, environment.Keys.Count(name => name.StartsWith("NEXUS_BACKUP_", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_failure_is_told_with_its_class_reason_next_step_and_how_many_in_a_row()
    {
        var script = await ScriptAsync("env -0 > \"$HOME_DIR/env\"; cat > \"$HOME_DIR/json\"");
        source.Finding = "page 7 is mad";
        await bench.RunAsync();
        await bench.RunAsync();

        await hooks.TellAsync(Settings(onFailure: [Command("env", $"HOME_DIR={home.Path}", script)]), Failed(), CancellationToken.None);

        var environment = await EnvironmentAsync();
        Assert.Equal(("restore", "failure", "sourceMissing", "database"), (environment["NEXUS_BACKUP_EVENT"], environment["NEXUS_BACKUP_RESULT"], environment["NEXUS_BACKUP_FAILURE"], environment["NEXUS_BACKUP_CLASS"]));
        Assert.Equal((Broken.Message, Broken.Hint, "2"), (environment["NEXUS_BACKUP_MESSAGE"], environment["NEXUS_BACKUP_HINT"], environment["NEXUS_BACKUP_CONSECUTIVE_FAILURES"]));
    }

    [Fact]
    public async Task What_was_told_is_in_the_journal()
    {
        await hooks.TellAsync(Settings(onFailure: [Command("true"), Command("sh", "-c", "exit 0")]), Failed(), CancellationToken.None);

        var kept = bench.Journal.LastOfEach(OperationKind.Hook)["itsm"];
        Assert.True(kept.Succeeded);
        Assert.Equal("told 'true', 'sh' of the restore's failure", kept.Detail);
        Assert.Empty(log.Lines);
    }

    [Fact]
    public async Task A_hook_that_hangs_is_killed_with_its_children_and_the_next_one_is_told()
    {
        var script = await ScriptAsync("sleep 1000 & echo $! > \"$HOME_DIR/pid.tmp\"; mv \"$HOME_DIR/pid.tmp\" \"$HOME_DIR/pid\"; wait");
        var telling = hooks.TellAsync(
            Settings(onFailure: [Command("env", $"HOME_DIR={home.Path}", script), Command("touch", home["second"])]), Failed(), CancellationToken.None);
        await Eventually.TrueAsync(() => File.Exists(home["pid"]), "the hook's child runs");
        var child = int.Parse(await File.ReadAllTextAsync(home["pid"]), CultureInfo.InvariantCulture);
        clock.Advance(TimeSpan.FromSeconds(30));
        await telling;

        AssertFailed(FailureKind.TimedOut, "did not end within 30 s");
        Assert.True(File.Exists(home["second"]));
        await Eventually.TrueAsync(() => !Process.GetProcesses().Any(process => process.Id == child && process.ProcessName == "sleep"), "the hook's child is gone");
    }

    [Fact]
    public async Task A_hook_that_fails_is_told_with_its_last_words()
    {
        await hooks.TellAsync(Settings(onFailure: [Command("sh", "-c", "echo no route to pager >&2; exit 3")]), Failed(), CancellationToken.None);

        AssertFailed(FailureKind.Hook, "ended with exit code 3: no route to pager");
    }

    [Fact]
    public async Task Last_words_that_go_on_and_on_are_cut()
    {
        await hooks.TellAsync(Settings(onFailure: [Command("sh", "-c", "head -c 5000 /dev/zero | tr '\\0' x; exit 1")]), Failed(), CancellationToken.None);

        Assert.EndsWith(new string('x', 200) + "…", bench.Journal.LastOfEach(OperationKind.Hook)["itsm"].Failure!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hook_that_is_missing_is_a_warning()
    {
        await hooks.TellAsync(Settings(onFailure: [Command("/usr/local/bin/no-such-hook")]), Failed(), CancellationToken.None);

        AssertFailed(FailureKind.Configuration, "'/usr/local/bin/no-such-hook'");
    }

    [Fact]
    public async Task A_hook_that_floods_its_output_and_reads_nothing_harms_nothing()
    {
        await hooks.TellAsync(Settings(onFailure: [Command("sh", "-c", "head -c 50000000 /dev/zero; head -c 50000000 /dev/zero >&2")]), Failed(), CancellationToken.None);

        Assert.True(bench.Journal.LastOfEach(OperationKind.Hook)["itsm"].Succeeded);
    }

    [Theory]
    [InlineData("200 OK", true)]
    [InlineData("204 No Content", true)]
    [InlineData("500 Internal Server Error", false)]
    [InlineData("404 Not Found", false)]
    [InlineData("302 Found\r\nLocation: http://127.0.0.1:1/elsewhere", false)]
    [InlineData("nonsense", false)]
    public async Task An_address_gets_the_json_by_post(string answer, bool takes)
    {
        using var server = new HookListener(answer);

        await hooks.TellAsync(Settings(onFailure: [Url(server)]), Failed(), CancellationToken.None);

        var request = Assert.Single(server.Requests);
        Assert.StartsWith($"POST {Secret} HTTP/1.1\r\n", request, StringComparison.Ordinal);
        Assert.Contains("Content-Type: application/json", request, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(request[request.IndexOf("\r\n\r\n", StringComparison.Ordinal)..]);
        Assert.Equal(Broken.Message, Text(json, "message"));
        Assert.Equal(takes, bench.Journal.LastOfEach(OperationKind.Hook)["itsm"].Succeeded);
        await AssertSecretIsKeptAsync(server.Host);
    }

    [Fact]
    public async Task A_user_in_the_address_is_sent_as_curl_sends_it()
    {
        using var server = new HookListener("200 OK");

        await hooks.TellAsync(Settings(onFailure: [new Hook([], HookUrl.Written(new Uri($"http://a%40b:s3cret@{server.Host}/")))]), Failed(), CancellationToken.None);

        Assert.Contains("Authorization: Basic YUBiOnMzY3JldA==", Assert.Single(server.Requests), StringComparison.Ordinal);
        await AssertSecretIsKeptAsync(server.Host);
    }

    [Fact]
    public async Task An_address_that_never_answers_is_given_up()
    {
        using var server = new HookListener(answer: null);
        var telling = hooks.TellAsync(Settings(onFailure: [Url(server)]), Failed(), CancellationToken.None);
        await Eventually.TrueAsync(() => server.Requests.Count > 0, "the request came");
        clock.Advance(TimeSpan.FromSeconds(30));
        await telling;

        AssertFailed(FailureKind.TimedOut, $"http://{server.Host} did not answer within 30 s");
        await AssertSecretIsKeptAsync(server.Host);
    }

    [Fact]
    public async Task An_address_where_nobody_listens_is_a_warning()
    {
        string host;
        using (var server = new HookListener(answer: null))
            host = server.Host;

        await hooks.TellAsync(Settings(onFailure: [new Hook([], HookUrl.Written(new Uri($"http://{host}{Secret}")))]), Failed(), CancellationToken.None);

        AssertFailed(FailureKind.Network, $"http://{host} can't be reached");
        await AssertSecretIsKeptAsync(host);
    }

    [Fact]
    public async Task A_certificate_that_nobody_knows_is_refused_before_anything_is_sent()
    {
        using var server = new HookListener("200 OK", secure: true);

        await hooks.TellAsync(Settings(onFailure: [new Hook([], HookUrl.Written(new Uri($"https://{server.Host}{Secret}")))]), Failed(), CancellationToken.None);

        AssertFailed(FailureKind.Network, $"https://{server.Host} can't be reached: The remote certificate");
        Assert.All(server.Requests, Assert.Empty); // the handshake may have ended on that side
        await AssertSecretIsKeptAsync(server.Host);
    }

    [Fact]
    public async Task An_address_may_be_in_a_file_that_changes_while_the_agent_runs()
    {
        using var first = new HookListener("200 OK");
        using var second = new HookListener("200 OK");
        var told = Settings(onFailure: [new Hook([], HookUrl.InFile(home["url"]))]);
        foreach (var server in (HookListener[])[first, second])
        {
            await File.WriteAllTextAsync(home["url"], $"http://{server.Host}{Secret}\n");
            await hooks.TellAsync(told, Failed(), CancellationToken.None);
            Assert.Single(server.Requests);
        }

        await File.WriteAllTextAsync(home["url"], "hooks.example.com" + Secret);
        await hooks.TellAsync(told, Failed(), CancellationToken.None);
        AssertFailed(FailureKind.Configuration, $"file '{home["url"]}'");
        await AssertSecretIsKeptAsync("hooks.example.com");
    }

    [Theory]
    [InlineData(nameof(FailureKind.Interrupted))]
    [InlineData(nameof(FailureKind.Locked))]
    public async Task What_was_stopped_or_skipped_is_told_to_nobody(string kind)
    {
        var failure = Broken with { Kind = Enum.Parse<FailureKind>(kind) };

        await hooks.TellAsync(Settings(onFailure: [Command("touch", home["told"])]), Failed(failure), CancellationToken.None);

        Assert.False(File.Exists(home["told"]));
        Assert.Null(bench.Journal.Last("itsm", OperationKind.Hook));
    }

    [Fact]
    public async Task An_agent_that_stops_does_not_wait_for_a_hook()
    {
        using var stop = new CancellationTokenSource();
        var telling = hooks.TellAsync(Settings(onFailure: [Command("sh", "-c", $"touch '{home["started"]}'; sleep 1000")]), Failed(), stop.Token);
        await Eventually.TrueAsync(() => File.Exists(home["started"]), "the hook runs");
        await stop.CancelAsync();
        await telling.WaitAsync(TimeSpan.FromMinutes(3));

        AssertFailed(FailureKind.Interrupted, "was stopped with the agent");
    }

    [Fact]
    public async Task The_hooks_of_a_run_run_when_its_source_is_free_again_and_change_nothing_of_its_result()
    {
        var told = bench.Source with { Hooks = new HookSettings([Command("false")], [Command("sh", "-c", $"touch '{home["started"]}'; while ! test -e '{home["go"]}'; do sleep 0.01; done; exit 1")], TimeSpan.FromSeconds(30)) };
        var running = bench.Backups.RunAsync(told, "daily", NexusBackupAgent.Sources.BackupType.Full, TimeSpan.Zero, progress: null, CancellationToken.None);
        await Eventually.TrueAsync(() => File.Exists(home["started"]), "the hook runs");

        Assert.False(running.IsCompleted);
        using (var free = bench.Turns.TryHold("itsm"))
            Assert.NotNull(free);
        Assert.Equal(1, bench.Journal.Read().Runs[("itsm", "daily", "success")]);
        await File.WriteAllTextAsync(home["go"], "");

        Assert.Equal(RunResult.Success, (await running).Result);
        Assert.Equal(FailureKind.Hook, bench.Journal.LastOfEach(OperationKind.Hook)["itsm"].Failure!.Kind);
    }

    [Fact]
    public async Task The_hooks_of_a_drill_are_told_of_it()
    {
        var script = await ScriptAsync("cat > \"$HOME_DIR/json\"");
        await bench.Drills.RunAsync(Told(onFailure: [Command("env", $"HOME_DIR={home.Path}", script)]), progress: null, TimeSpan.Zero, CancellationToken.None);

        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(home["json"]));
        Assert.Equal(("drill", "failure", "notFound"), (Text(json, "event"), Text(json, "result"), Text(json, "failure")));
    }

    private static HookEvent Failed(RunFailure? failure = null) => new(
        Operation.Begun("itsm", OperationKind.Restore, Some.Instant, "") with { EndedAt = Some.Instant.AddMinutes(1), Failure = failure ?? Broken }, Backup: null, File: null);

    private static Hook Command(params string[] command) => new(command, Url: null);

    private static Hook Url(HookListener server) => new([], HookUrl.Written(new Uri($"http://{server.Host}{Secret}")));

    private static string? Text(JsonDocument json, string name) => json.RootElement.GetProperty(name).GetString();

    private ProtectedSource Told(IReadOnlyList<Hook>? onFailure = null, IReadOnlyList<Hook>? onSuccess = null) =>
        bench.Source with { Hooks = Settings(onFailure, onSuccess) };

    private static HookSettings Settings(IReadOnlyList<Hook>? onFailure = null, IReadOnlyList<Hook>? onSuccess = null) =>
        new(onFailure ?? [], onSuccess ?? [], TimeSpan.FromSeconds(30));

    private void AssertFailed(FailureKind kind, string message)
    {
        var kept = bench.Journal.LastOfEach(OperationKind.Hook)["itsm"];
        Assert.Equal(kind, kept.Failure!.Kind);
        Assert.Contains(message, kept.Failure.Message, StringComparison.Ordinal);
        Assert.Contains(log.Lines, line => line.StartsWith("Warning hook_failed: ", StringComparison.Ordinal) && line.Contains(message, StringComparison.Ordinal) && line.Contains("Next: ", StringComparison.Ordinal));
    }

    private async Task AssertSecretIsKeptAsync(string host)
    {
        var said = string.Join('\n', log.Lines) + await bench.JournalAsync("SELECT * FROM operations");
        Assert.DoesNotContain("s3cret", said, StringComparison.Ordinal);
        Assert.DoesNotContain("T0P", said, StringComparison.Ordinal);
        Assert.True(said.Contains(host, StringComparison.Ordinal) || said.Contains(home["url"], StringComparison.Ordinal), said);
    }

    private async Task<Dictionary<string, string>> EnvironmentAsync() => (await File.ReadAllTextAsync(home["env"])).Split('\0', StringSplitOptions.RemoveEmptyEntries)
        .Select(variable => variable.Split('=', 2))
        .ToDictionary(variable => variable[0], variable => variable[1], StringComparer.Ordinal);

    private async Task<string> ScriptAsync(string text)
    {
        await File.WriteAllTextAsync(home["hook script"], "#!/bin/sh\n" + text + "\n");
        await Shell.RunAsync("chmod", "755", home["hook script"]);
        return home["hook script"];
    }
}
