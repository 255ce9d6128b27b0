using System.Net;
using System.Net.Sockets;
using System.Text;
using NexusBackupAgent.Common;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Restore;

/// <summary>The service around a restore: stopped, started, asked.</summary>
public sealed class LiveServiceTests : IAsyncLifetime
{
    private RestoreBench bench = null!;
    private string backedUp = "";

    private string Log => Path.Combine(bench.Directory, "service.log");

    public async Task InitializeAsync() => (bench, backedUp) = await RestoreBench.WithBackupAsync();

    public Task DisposeAsync()
    {
        bench.Dispose();
        return Task.CompletedTask;
    }

    [SkippableFact]
    public async Task It_is_stopped_before_the_database_is_touched_and_started_when_the_new_one_is_in_place()
    {
        bench.Settings = RestoreSettings.None with { Before = [Says("stop"), Says("stop helper")], After = [Says("start"), Says("start helper")] };

        await bench.RestoreAsync();

        var later = "SELECT count(*) FROM t WHERE note = 'written later'";
        Assert.Equal(
            ["stop: 1", "stop helper: 1", "start: 0", "start helper: 0"],
            await File.ReadAllLinesAsync(Log));
        Assert.Equal("0", await SqliteSamples.SqlAsync(bench.Database, later));
        Assert.Equal(
            [RestoreStage.Plan, RestoreStage.Expand, RestoreStage.Stop, RestoreStage.Stop, RestoreStage.Look, RestoreStage.Save, RestoreStage.MoveAside, RestoreStage.Replace, RestoreStage.Start, RestoreStage.Start],
            bench.Steps.Select(step => step.Stage));
    }

    [SkippableFact]
    public async Task A_restored_one_that_gives_a_wrong_answer_takes_no_place_and_stops_nothing()
    {
        bench.Settings = RestoreSettings.None with { Before = [Says("stop")], Probes = [new Probe("SELECT count(*) FROM t WHERE note = 'written later'", ">= 1", MaxAge: null)] };

        var refused = await bench.FailureAsync();

        Assert.Contains("expects >= 1: it returned 0; the old database is untouched", refused.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Log));
        bench.Settings = bench.Settings with { Probes = [new Probe("SELECT count(*) FROM t WHERE note = 'written later'", "0", MaxAge: null)] };
        await bench.RestoreAsync();
        Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
    }

    [SkippableFact]
    public async Task A_service_that_has_the_database_open_is_stopped_by_its_command()
    {
        await using var service = await SqliteSamples.HoldAsync(bench.Database, "db.execute('SELECT count(*) FROM t').fetchall()");
        bench.Settings = RestoreSettings.None with { Before = [["kill", $"{service.Id}"]] };

        await bench.RestoreAsync();

        Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
    }

    [SkippableFact]
    public async Task A_service_that_does_not_let_go_is_named_and_started_again()
    {
        await using var service = await SqliteSamples.HoldAsync(bench.Database, "db.execute('SELECT count(*) FROM t').fetchall()");
        bench.Settings = RestoreSettings.None with { Before = [["true"]], After = [["sh", "-c", $"echo started >> {Log}"]] };

        var failure = await bench.FailureAsync();

        Assert.Contains($"open in process {service.Id} (", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith("the old database is untouched", failure.Message, StringComparison.Ordinal);
        Assert.Equal("started", Assert.Single(await File.ReadAllLinesAsync(Log)));
        Assert.Empty(bench.SafetyCopies);
    }

    [SkippableFact]
    public async Task A_missing_command_fails_and_what_was_stopped_is_started_again()
    {
        bench.Settings = RestoreSettings.None with { Before = [Says("stop"), ["/no/such/command", "stop"]], After = [Says("start")] };

        var failure = await bench.FailureAsync();

        Assert.Contains("cannot run '/no/such/command'", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith("the old database is untouched", failure.Message, StringComparison.Ordinal);
        Assert.Equal(["stop: 1", "start: 1"], await File.ReadAllLinesAsync(Log));
    }

    [SkippableFact]
    public async Task A_command_that_fails_is_told_with_its_last_words()
    {
        bench.Settings = RestoreSettings.None with { Before = [["sh", "-c", "echo Unit not found. >&2; exit 5"]] };

        var failure = await bench.FailureAsync();

        Assert.Contains("ended with 5: Unit not found.", failure.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_stop_that_leaves_the_service_down_is_a_failed_restore()
    {
        using var stop = new CancellationTokenSource();
        bench.Settings = RestoreSettings.None with { Before = [["true"]], After = [["sh", "-c", "exit 3"]] };
        bench.At = stage => stage == RestoreStage.Look ? stop.CancelAsync() : Task.CompletedTask;

        var failure = await bench.FailureAsync(cancellationToken: stop.Token);

        Assert.Equal(FailureKind.Restore, failure.Kind);
        Assert.Contains("its service was not started again", failure.Message, StringComparison.Ordinal);
        Assert.NotNull(bench.Bench.History.Read().LastOverLive["itsm"].Failure);
    }

    [SkippableFact]
    public async Task A_service_that_does_not_come_back_after_a_failure_is_told_too()
    {
        bench.Settings = RestoreSettings.None with { Before = [["false"]], After = [["sh", "-c", "exit 3"]] };

        var failure = await bench.FailureAsync();

        Assert.Contains("the old database is untouched, but its service was not started again: 'sh -c 'exit 3'' ended with 3", failure.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_service_that_can_not_be_started_does_not_hide_that_the_data_is_restored()
    {
        bench.Settings = RestoreSettings.None with { After = [["/no/such/command"], Says("start")] };

        var record = await bench.RunAsync();

        var failure = record.Operation.Failure!;
        Assert.Contains("the database IS restored from daily_", failure.Message, StringComparison.Ordinal);
        Assert.Contains("cannot run '/no/such/command'", failure.Message, StringComparison.Ordinal);
        Assert.Equal(["start: 0"], await File.ReadAllLinesAsync(Log)); // the next command ran all the same
        Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));

        // The way back that the hint names, in a shell.
        var command = failure.Hint[failure.Hint.IndexOf("rm -f", StringComparison.Ordinal)..];
        await Shell.BashAsync(command);
        Assert.Equal("1", await SqliteSamples.SqlAsync(bench.Database, "SELECT count(*) FROM t WHERE note = 'written later'"));
    }

    [SkippableFact]
    public async Task It_is_waited_for_until_it_answers_with_success()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = AnswerAsync(listener, "503 Service Unavailable", "200 OK");
        bench.Settings = RestoreSettings.None with { Health = [new HealthCheck(new Uri($"http://{listener.LocalEndpoint}/api/v1/health"))] };

        await bench.RestoreAsync();

        Assert.Equal(["GET /api/v1/health HTTP/1.1", "GET /api/v1/health HTTP/1.1"], await serving);
    }

    [SkippableFact]
    public async Task It_is_asked_even_when_a_command_failed_and_its_query_is_shown_to_nobody()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = AnswerAsync(listener, "503 Service Unavailable");
        bench.Settings = RestoreSettings.None with { After = [["false"]], Health = [new HealthCheck(new Uri($"http://bob:hunter2@{listener.LocalEndpoint}/health?token=x7"))], HealthTimeout = TimeSpan.Zero };

        var failure = (await bench.RunAsync()).Operation.Failure!;

        Assert.Equal(["GET /health?token=x7 HTTP/1.1"], await serving);
        Assert.Contains("'false' ended with 1", failure.Message, StringComparison.Ordinal);
        Assert.Contains(bench.Steps, step => step.Text == $"wait for http://{listener.LocalEndpoint}/health");
    }

    [SkippableFact]
    public async Task One_that_never_answers_well_is_reported_when_the_time_is_over()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var closed = new Uri($"http://{listener.LocalEndpoint}/health");
        listener.Stop();
        var clock = new ManualClock(Some.Instant);
        var (manual, _) = await RestoreBench.WithBackupAsync(clock: clock);
        using (manual)
        {
            manual.Settings = RestoreSettings.None with { Health = [new HealthCheck(closed)], HealthTimeout = TimeSpan.FromMinutes(5) };

            var running = Task.Run(() => manual.RunAsync());
            var passed = TimeSpan.Zero;
            for (; !running.IsCompleted; passed += TimeSpan.FromSeconds(1))
            {
                await Eventually.TrueAsync(() => running.IsCompleted || clock.IsAwaited(TimeSpan.FromSeconds(1)), "the service is asked again");
                clock.Advance(TimeSpan.FromSeconds(1));
            }

            var failure = (await running).Operation.Failure!;
            Assert.InRange(passed, TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(6));
            Assert.Contains("did not answer " + closed, failure.Message, StringComparison.Ordinal);
            Assert.Contains("the database IS restored", failure.Message, StringComparison.Ordinal);
            Assert.Contains("curl -i " + closed, failure.Hint, StringComparison.Ordinal);
        }
    }

    [SkippableFact]
    public async Task A_command_that_does_not_end_with_0_is_named_with_what_it_said()
    {
        var marker = Path.Combine(bench.Directory, "ready");
        bench.Settings = RestoreSettings.None with { Health = [new HealthCheck(Address: null, ["sh", "-c", $"[ -e '{marker}' ] || {{ touch '{marker}'; exit 2; }}"])] };
        await bench.RestoreAsync(); // the second time it is well

        bench.Settings = RestoreSettings.None with { Health = [new HealthCheck(Address: null, ["sh", "-c", "echo no response; exit 2"])], HealthTimeout = TimeSpan.Zero };
        var failure = (await bench.RunAsync()).Operation.Failure!;

        Assert.Contains("the database IS restored", failure.Message, StringComparison.Ordinal);
        Assert.Contains("did not end with 0 within 0 s: it ends with 2: no response", failure.Message, StringComparison.Ordinal);
        Assert.StartsWith("run it by hand", failure.Hint, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_self_signed_certificate_is_accepted_only_when_that_is_configured()
    {
        Need.Tool("openssl");
        await Shell.BashAsync($"cd '{bench.Directory}'; openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=localhost 2>/dev/null");
        var port = FreePort();
        using var server = Shell.Start("openssl", "s_server", "-quiet", "-www", "-accept", $"127.0.0.1:{port}", "-key", Path.Combine(bench.Directory, "key.pem"), "-cert", Path.Combine(bench.Directory, "cert.pem"));
        await Eventually.TrueAsync(() => Answers(port), "the server listens");
        try
        {
            bench.Settings = RestoreSettings.None with { Health = [new HealthCheck(new Uri($"https://127.0.0.1:{port}/"))], HealthTimeout = TimeSpan.Zero };
            Assert.Contains("certificate", (await bench.RunAsync()).Operation.Failure!.Message, StringComparison.Ordinal);

            bench.Settings = bench.Settings with { HealthInsecure = true };
            await bench.RestoreAsync();
        }
        finally
        {
            server.Kill();
        }
    }

    /// <summary>A command that writes down when it ran and whether the database then has the newest row.</summary>
    private string[] Says(string what) =>
        ["sh", "-c", $"echo \"{what}: $(sqlite3 '{bench.Database}' \"SELECT count(*) FROM t WHERE note = 'written later'\")\" >> '{Log}'"];

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static bool Answers(int port)
    {
        try
        {
            using var client = new TcpClient("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Answers one request with each status, and returns the requests' first lines.</summary>
    private static async Task<List<string>> AnswerAsync(TcpListener listener, params string[] statuses)
    {
        var requests = new List<string>();
        foreach (var status in statuses)
        {
            using var client = await listener.AcceptTcpClientAsync();
            using var reader = new StreamReader(client.GetStream());
            requests.Add(await reader.ReadLineAsync() ?? "");
            while (await reader.ReadLineAsync() is { Length: > 0 })
            {
                // the headers
            }

            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        }

        return requests;
    }
}
