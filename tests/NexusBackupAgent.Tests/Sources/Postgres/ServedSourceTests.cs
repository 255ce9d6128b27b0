using System.Globalization;
using System.Net;
using System.Text.Json;
using NexusBackupAgent.Cli;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Configuration;
using NexusBackupAgent.Tests.Http;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>What a person sees of databases on a server: the window of a cluster everywhere, the next step when it fails, and the example that ships.</summary>
public sealed class ServedSourceTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>, IDisposable
{
    private readonly TempDirectory home = new();

    public void Dispose() => home.Dispose();

    [SkippableFact]
    public async Task The_recoverable_window_is_shown_everywhere_and_an_instant_in_it_is_restored_by_the_API()
    {
        PostgresCluster.Require();
        File.SetUnixFileMode(home.Path, (UnixFileMode)Convert.ToInt32("711", 8)); // the server's user goes through
        Directory.CreateDirectory(home["scratch"], (UnixFileMode)Convert.ToInt32("711", 8));
        home.Sub("backups");
        cluster.Execute("postgres", "CREATE TABLE marks (id int)");
        var fast = Path.Combine(Path.GetDirectoryName(cluster.Data)!, "fast");
        await PhysicalBench.RunAsync($"mkdir '{fast}'");
        cluster.Execute("postgres", $"CREATE TABLESPACE fast LOCATION '{fast}'", "CREATE TABLE elsewhere TABLESPACE fast AS SELECT 7 AS id");
        var clock = new RunningClock(ServerNow());
        var yaml = $$"""
            {{ApiService.Access}}
            scratch: scratch
            stores: {local: {path: backups} }
            sources:
              shop:
                postgres: {{DatabaseBench.Quote(cluster.Uri("postgres"))}}
                method: physical
                slot: shown
                dataDirectory: {{cluster.Data}}
                retry: {attempts: 1}
            """;
        await using var service = await RunningService.StartAsync(home, clock, yaml);
        var full = await BackUpAsync("full");
        var (begun, first) = (full.GetProperty("capturedAt").GetString()!, full.GetProperty("restorableFrom").GetString()!); // until then it was still being written
        cluster.Execute("postgres", "INSERT INTO marks VALUES (1)");
        var between = await NextSecondAsync();
        cluster.Execute("postgres", "INSERT INTO marks VALUES (2)");
        var last = (await BackUpAsync("incremental")).GetProperty("capturedAt").GetString()!;

        foreach (var path in (string[])["api/v1/sources/shop", "api/v1/status"])
        {
            var told = await AskAsync("GET", path);
            var window = (path.EndsWith("status", StringComparison.Ordinal) ? told.GetProperty("sources")[0] : told).GetProperty("recoveryWindows")[0];
            Assert.Equal((first, last), (window.GetProperty("first").GetString(), window.GetProperty("last").GetString()));
        }

        var metrics = await service.Http.GetStringAsync("metrics");
        Assert.InRange(ValueOf(metrics, "start"), Seconds(first), Seconds(first) + 1);
        Assert.InRange(ValueOf(metrics, "end"), Seconds(last), Seconds(last) + 1);
        Assert.Contains($"recoverable to any instant: {Shown(first)} to {Shown(last)}", (await RunAsync(clock, "status")).Output.ReplaceLineEndings(" "), StringComparison.Ordinal);
        Assert.Contains($"復旧可能期間（任意の時点）: {Shown(first)} ～ {Shown(last)}", (await RunAsync(clock, "status", "--lang", "ja")).Output.ReplaceLineEndings(" "), StringComparison.Ordinal);

        var to = Path.Combine(Path.GetDirectoryName(cluster.Data)!, "asked");
        foreach (var (moves, said) in (KeyValuePair<string, string>[])[new("""{"fast":"/srv/x"}""", "is no move"), new("""{"/srv/fast":"/srv/../etc"}""", "is no move"), new("""{"/srv/none":"/srv/x"}""", "no tablespace '/srv/none'")])
            Assert.Contains(said, await AnswerAsync("api/v1/restore/plan", $$"""{"source":"shop","to":"{{to}}","tablespaces":{{moves}}}""", HttpStatusCode.BadRequest), StringComparison.Ordinal);
        var impossible = (await AskAsync("POST", "api/v1/restore/plan", $$"""{"source":"shop","at":"{{between}}","to":"{{to}}"}""")).GetProperty("plan");
        Assert.Contains($"the tablespace '{fast}' can't go to its old place", impossible.GetProperty("message").GetString(), StringComparison.Ordinal);
        var planned = await AskAsync("POST", "api/v1/restore/plan", $$$"""{"source":"shop","at":"{{{between}}}","to":"{{{to}}}","tablespaces":{"{{{fast}}}":"{{{fast}}}-asked"}}""");
        var plan = planned.GetProperty("plan");
        Assert.Equal((between, begun), (plan.GetProperty("recoveredTo").GetString(), plan.GetProperty("capturedAt").GetString()));
        var tablespace = Assert.Single(plan.GetProperty("plan").GetProperty("tablespaces").EnumerateArray());
        Assert.Equal((fast, fast + "-asked"), (tablespace.GetProperty("from").GetString(), tablespace.GetProperty("to").GetString()));
        Assert.Contains($"tablespace  {fast} → {fast}-asked", (await RunAsync(clock, "restore", "shop", "--to", to, "--tablespace", $"{fast}={fast}-asked", "--dry-run")).Output, StringComparison.Ordinal);
        var described = JsonDocument.Parse(await service.Http.GetStringAsync("openapi/v1.json")).RootElement.GetProperty("components").GetProperty("schemas").GetProperty("RestorePlanRequest").GetProperty("properties");
        Assert.Equal("string", described.GetProperty("tablespaces").GetProperty("additionalProperties").GetProperty("type").GetString());
        Assert.Equal(2, plan.GetProperty("plan").GetProperty("chain").GetArrayLength());
        var restored = await AskAsync("POST", "api/v1/restore?wait=true", $$"""{"planId":"{{planned.GetProperty("planId").GetString()}}"}""");
        Assert.Equal(("restored", between), (restored[0].GetProperty("result").GetString(), restored[0].GetProperty("recoveredTo").GetString()));
        Assert.Equal("1 7", Physical.RowsOf(cluster, to, "SELECT max(id) || ' ' || (SELECT id FROM elsewhere) FROM marks")[0]);

        var end = await AskAsync("POST", "api/v1/restore/plan", $$"""{"source":"shop","at":"{{last}}","to":"{{to}}-end"}""");
        Assert.Equal((JsonValueKind.Null, last), (end.GetProperty("plan").GetProperty("recoveredTo").ValueKind, end.GetProperty("plan").GetProperty("capturedAt").GetString()));

        async Task<JsonElement> BackUpAsync(string type)
        {
            var run = (await AskAsync("POST", "api/v1/backup?wait=true", $$"""{"source":"shop","type":"{{type}}"}"""))[0];
            return (await AskAsync("GET", $"api/v1/backups/{run.GetProperty("id").GetString()}")).GetProperty("backup");
        }

        async Task<JsonElement> AskAsync(string method, string path, string? body = null) => JsonDocument.Parse(await SendAsync(method, path, body, HttpStatusCode.OK)).RootElement;

        Task<string> AnswerAsync(string path, string body, HttpStatusCode code) => SendAsync("POST", path, body, code);

        async Task<string> SendAsync(string method, string path, string? body, HttpStatusCode code)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = body is null ? null : ApiService.Json(body) };
            request.Headers.Authorization = new("Bearer", ApiService.TokenOf("admin"));
            using var answer = await service.Http.SendAsync(request);
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.StatusCode == code, $"{method} {path}: {(int)answer.StatusCode} {text}");
            return text;
        }
    }

    [SkippableFact]
    public async Task A_source_whose_server_is_away_or_refuses_gets_the_next_step_of_that_and_no_restore()
    {
        PostgresCluster.Require();
        home.Sub("backups");
        File.WriteAllText(home["password"], "right\n");
        File.SetUnixFileMode(home["password"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        cluster.Execute("postgres", "CREATE ROLE keeper LOGIN PASSWORD 'right' REPLICATION", "GRANT pg_read_all_data, pg_monitor TO keeper", "GRANT EXECUTE ON FUNCTION pg_switch_wal() TO keeper", "CREATE DATABASE asked");
        cluster.Execute("asked", "CREATE TABLE secret (id int)");
        File.WriteAllText(home["nexus-backup.yml"], $$"""
            stores: {local: {path: backups} }
            sources:
              dump: {postgres: "{{cluster.TcpUri("asked", "keeper")}}", passwordFile: password, retry: {attempts: 1} }
              cluster: {postgres: "{{cluster.TcpUri("postgres", "keeper")}}", passwordFile: password, method: physical, slot: asked, retry: {attempts: 1} }
            """);
        Assert.Equal(0, (await RunAsync(Some.Clock, "backup")).Code);

        cluster.Stop();
        try
        {
            await IsDiagnosedAsync("can't be reached", "pg_isready -d postgresql://keeper@", "systemctl status 'postgresql*'");
        }
        finally
        {
            cluster.Start();
        }

        File.WriteAllText(home["password"], "wrong\n");
        await IsDiagnosedAsync("check passwordFile", "psql postgresql://keeper@", "nexus-backup check-config");
        File.WriteAllText(home["password"], "right\n");
        cluster.Execute("postgres", "REVOKE pg_read_all_data FROM keeper", "ALTER ROLE keeper NOREPLICATION");
        await IsDiagnosedAsync("GRANT pg_read_all_data|REPLICATION", "psql postgresql://keeper@", "nexus-backup check-config");
        cluster.Execute("postgres", "GRANT pg_read_all_data TO keeper", "ALTER ROLE keeper REPLICATION");
        Assert.Equal(0, (await RunAsync(Some.Clock, "backup")).Code);
        await cluster.DropSlotsAsync("slot_name = 'asked'");

        // While it lasts, and after the run that met it.
        async Task IsDiagnosedAsync(string evidence, params string[] next)
        {
            for (var round = 0; round < 2; round++)
            {
                foreach (var diagnosis in (await RunAsync(Some.Clock, "diagnose", "--json")).Json.EnumerateArray())
                {
                    Assert.Equal("DB", diagnosis.GetProperty("cause").GetString());
                    Assert.Matches(evidence, diagnosis.GetProperty("evidence").GetString()!);
                    var commands = diagnosis.GetProperty("next").EnumerateArray().Select(command => command.GetString()!).ToList();
                    Assert.All(next.Zip(commands), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
                    Assert.DoesNotContain(commands, command => command.Contains("restore", StringComparison.Ordinal));
                }

                Assert.Equal(3, (await RunAsync(Some.Clock, "backup")).Code);
            }
        }
    }

    /// <summary>§6.2 of the dataset document: a failure of the database and one of the storage are told apart, and what may pass is tried again.</summary>
    [SkippableFact]
    public async Task Whoever_is_told_of_a_failure_learns_its_class_and_what_may_pass_was_tried_again()
    {
        PostgresCluster.Require();
        home.Sub("backups");
        cluster.Execute("postgres", "CREATE DATABASE classed");
        File.WriteAllText(home["nexus-backup.yml"], $$"""
            stores: {local: {path: backups} }
            sources:
              classed:
                postgres: {{DatabaseBench.Quote(cluster.Uri("classed"))}}
                retry: {attempts: 2, delay: 0s}
                hooks: {onFailure: [[sh, -c, "echo $NEXUS_BACKUP_CLASS $NEXUS_BACKUP_FAILURE $NEXUS_BACKUP_ATTEMPTS >> {{home["told"]}}"]]}
            """);
        Assert.Equal(0, (await RunAsync(Some.Clock, "backup")).Code);

        cluster.Stop();
        try
        {
            Assert.Equal(3, (await RunAsync(Some.Clock, "backup")).Code);
        }
        finally
        {
            cluster.Start();
        }

        cluster.Execute("postgres", "ALTER DATABASE classed RENAME TO classed_away");
        Assert.Equal(3, (await RunAsync(Some.Clock, "backup")).Code);
        cluster.Execute("postgres", "ALTER DATABASE classed_away RENAME TO classed");
        Directory.Move(home["backups"], home["unmounted"]);
        Assert.Equal(3, (await RunAsync(Some.Clock, "backup")).Code);

        Assert.Equal(["database sourceUnreachable 2", "database sourceMissing 1", "storage storeUnavailable 1"], File.ReadLines(home["told"]));
    }

    [SkippableFact]
    public async Task The_example_of_the_dataset_document_runs_as_it_stands()
    {
        PostgresCluster.Require();
        home.Sub("backup");
        File.WriteAllText(home["password"], PostgresCluster.Password + "\n");
        File.SetUnixFileMode(home["password"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        cluster.Execute("postgres", "CREATE DATABASE dataset_management");
        cluster.Execute("dataset_management", "CREATE TABLE datasets (id int)", "INSERT INTO datasets SELECT generate_series(1, 50)", "CREATE TABLE audit_logs (line text)", "INSERT INTO audit_logs VALUES ('x')");
        var example = await File.ReadAllTextAsync(RepositoryFile.Find("examples/dataset-management.yml"));
        using var api = new HookListener("200 OK");
        await File.WriteAllTextAsync(home["aws"], $"#!/bin/sh\necho \"$@\" >>'{home["asked"]}'\n[ ! -e '{home["unreachable"]}' ]\n"); // for the bucket only a server of its own could answer
        File.SetUnixFileMode(home["aws"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
        await File.WriteAllTextAsync(Path.Combine(home.Sub("etc"), "app.conf"), "port = 8080\n");
        await File.WriteAllTextAsync(Path.Combine(home.Sub("opt"), "limits.json"), "{}");
        await File.WriteAllTextAsync(Path.Combine(home.Sub("log"), "api.log"), "started\n");
        await File.WriteAllTextAsync(home["nexus-backup.yml"], example.Split("\n  # Section 3.2")[0] // its bucket needs a server of its own
            .Replace("/var/lib/nexus-backup", home["state"], StringComparison.Ordinal)
            .Replace("/backup/db", home["backup"], StringComparison.Ordinal)
            .Replace("/backup/config", home.Sub("files"), StringComparison.Ordinal)
            .Replace("/etc/dataset-management", home.Sub("etc"), StringComparison.Ordinal)
            .Replace("/opt/dataset-management/config", home.Sub("opt"), StringComparison.Ordinal)
            .Replace("/var/log/dataset-management", home.Sub("log"), StringComparison.Ordinal)
            .Replace("@localhost/", $"@127.0.0.1:{cluster.Port}/", StringComparison.Ordinal)
            .Replace("/etc/nexus-backup/dataset_management.password", home["password"], StringComparison.Ordinal)
            .Replace("systemctl, stop, dataset-management-api", "true", StringComparison.Ordinal)
            .Replace("systemctl, start, dataset-management-api", "true", StringComparison.Ordinal)
            .Replace("      health:", "      healthTimeout: 1s\n      health:", StringComparison.Ordinal)
            .Replace("https://api.example.com", "http://" + api.Host, StringComparison.Ordinal)
            .Replace("--host=localhost", $"--host={cluster.Sockets}, --port={cluster.Port}", StringComparison.Ordinal)
            .Replace("[aws,", $"[{home["aws"]},", StringComparison.Ordinal));

        await DoAsync("check-config");
        foreach (var type in (string[])["full", "differential", "incremental"])
            await DoAsync("backup", "dataset_management", "--type", type);
        await DoAsync("verify", "dataset_management", "--all");
        await DoAsync("drill", "dataset_management");
        Assert.Equal(
            ["full", "differential", "full"],
            (await DoAsync("list", "dataset_management", "--json")).Json.EnumerateArray().Select(backup => backup.GetProperty("type").GetString()).Reverse());
        Assert.Contains("full instead of incremental", (await DoAsync("backup", "dataset_management", "--type", "incremental")).Output, StringComparison.Ordinal);

        // Sections 4.1 and 5.2: the four questions after a restore, of which one is answered badly then.
        cluster.Execute("dataset_management", "DELETE FROM datasets");
        await DoAsync("restore", "dataset_management", "--force");
        Assert.StartsWith("GET /health ", Assert.Single(api.Requests), StringComparison.Ordinal);
        Assert.Equal(["s3api head-bucket --bucket=dataset-management-storage --profile=backup"], await File.ReadAllLinesAsync(home["asked"]));
        Assert.Equal(["50"], cluster.Rows("dataset_management", "SELECT count(*) FROM datasets"));
        await File.WriteAllTextAsync(home["unreachable"], "");
        var unwell = await RunAsync(Some.Clock, "restore", "dataset_management", "--force");
        Assert.Equal(5, unwell.Code);
        Assert.Contains("IS restored", unwell.Error, StringComparison.Ordinal);
        Assert.Contains("head-bucket --bucket=dataset-management-storage --profile=backup' did not end with 0", unwell.Error, StringComparison.Ordinal);

        // Sections 3.3 and 4.3: configuration and logs are lost and come back.
        await DoAsync("backup", "config", "logs");
        await File.AppendAllTextAsync(home["log/api.log"], "stopped\n");
        await DoAsync("backup", "config", "logs", "--type", "incremental");
        foreach (var lost in (string[])["etc", "opt", "log"])
            Directory.Delete(home[lost], recursive: true);
        await DoAsync(Environment.IsPrivilegedProcess ? ["restore", "config", "--owner", "65534:65534"] : ["restore", "config"]);
        await DoAsync("restore", "logs");
        Assert.Equal(
            ("port = 8080\n", "{}", "started\nstopped\n"),
            (await File.ReadAllTextAsync(home["etc/app.conf"]), await File.ReadAllTextAsync(home["opt/limits.json"]), await File.ReadAllTextAsync(home["log/api.log"])));
        var archive = Directory.GetFiles(home["files/config"], "*.tar.gz").MaxBy(file => new FileInfo(file).Length)!; // the full one
        Assert.Contains(home["etc/app.conf"][1..], await Shell.RunAsync("tar", "-tzf", archive), StringComparison.Ordinal);
        await DoAsync("verify", "--all");
        await DoAsync("drill", "config", "logs");

        async Task<CommandResult> DoAsync(params string[] arguments)
        {
            var result = await RunAsync(Some.Clock, arguments);
            Assert.True(result.Code == 0, $"{string.Join(' ', arguments)}: {result.Code} {result.Output} {result.Error}");
            return result;
        }
    }

    private async Task<CommandResult> RunAsync(TimeProvider clock, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var context = new CommandContext(new Terminal(output, error, outputIsWatched: false, errorIsWatched: false), clock, home.Path);
        var code = await new CommandLine(context, AgentHost.RunAsync).InvokeAsync(arguments, CancellationToken.None);
        return new CommandResult(code, output.ToString(), error.ToString());
    }

    private DateTimeOffset ServerNow() => Instant(cluster.Rows("postgres", "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")[0]);

    /// <summary>The second in which what came before was committed, when it is over.</summary>
    private async Task<string> NextSecondAsync()
    {
        var second = ServerNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        await Eventually.TrueAsync(() => ServerNow() > Instant(second).AddSeconds(1.1), "the second is over");
        return second;
    }

    private static DateTimeOffset Instant(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal);

    private static double Seconds(string text) => Instant(text).ToUnixTimeSeconds();

    private static string Shown(string text) => Instant(text).ToString("yyyy-MM-dd HH:mm:ss '+00:00'", CultureInfo.InvariantCulture);

    private static double ValueOf(string metrics, string end)
    {
        var name = $"nexus_backup_recovery_window_{end}_timestamp_seconds{{source=\"shop\"}} ";
        return double.Parse(metrics.Split('\n').Single(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..], CultureInfo.InvariantCulture);
    }
}
