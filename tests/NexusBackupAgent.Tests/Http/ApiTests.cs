using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Http;

/// <summary>What the API does, on real databases. The tests share an agent, one after the other.</summary>
public sealed class ApiTests(ApiService service) : IClassFixture<ApiService>
{
    [Fact]
    public async Task A_backup_is_begun_watched_to_its_end_and_in_every_list()
    {
        using var begun = await service.SendAsync("POST", "api/v1/backup", ApiService.TokenOf("operator"), """{"source":"itsm"}""");
        Assert.Equal(HttpStatusCode.Accepted, begun.StatusCode);
        var run = JsonDocument.Parse(await begun.Content.ReadAsStringAsync()).RootElement.GetProperty("runs")[0];
        Assert.Equal(run.GetProperty("url").GetString(), begun.Headers.Location!.ToString());
        Assert.Equal(("itsm", "backup", "manual", "operator", "127.0.0.1"), (run.GetProperty("source").GetString(), run.GetProperty("kind").GetString(), run.GetProperty("schedule").GetString(), run.GetProperty("by").GetString(), run.GetProperty("address").GetString()));

        var end = await WatchAsync($"api/v1/runs/{run.GetProperty("ticket").GetString()}/events");

        Assert.Equal("success", end.GetProperty("result").GetString());
        var id = end.GetProperty("backup").GetString()!;
        Assert.Equal("good", (await service.AskAsync("GET", $"api/v1/backups/{id}", "viewer")).GetProperty("backup").GetProperty("state").GetString());
        var told = await service.AskAsync("GET", $"api/v1/runs/{end.GetProperty("id").GetString()}", "viewer");
        Assert.Equal((id, 1), (told.GetProperty("backup").GetString(), told.GetProperty("attempts").GetArrayLength()));
        var audited = (await service.AskAsync("GET", "api/v1/audit")).EnumerateArray().First(asked => asked.GetProperty("backup").GetString() == id);
        Assert.Equal(("operator", "127.0.0.1", "backup", "itsm", "success"), (audited.GetProperty("user").GetString(), audited.GetProperty("address").GetString(), audited.GetProperty("action").GetString(), audited.GetProperty("source").GetString(), audited.GetProperty("outcome").GetString()));
        var source = await service.AskAsync("GET", "api/v1/sources/itsm", "viewer");
        Assert.Equal("whole", source.GetProperty("newestGood").GetProperty("proof").GetString());
        Assert.Equal(source.GetProperty("newestGood").GetProperty("capturedAt").GetString(), source.GetProperty("provenWholeAt").GetString());
        Assert.Equal("good", (await service.AskAsync("GET", "api/v1/sources/itsm/days?count=1", "viewer"))[0].GetProperty("state").GetString());
    }

    [Fact]
    public async Task Without_a_body_every_source_is_backed_up_and_waiting_gives_what_the_command_prints()
    {
        var runs = await service.AskAsync("POST", "api/v1/backup?wait=true", "operator");

        Assert.Equal(["itsm", "other"], runs.EnumerateArray().Select(run => run.GetProperty("source").GetString()).Order());
        Assert.All(runs.EnumerateArray(), run => Assert.Equal(("success", "manual", "full"), (run.GetProperty("result").GetString(), run.GetProperty("schedule").GetString(), run.GetProperty("type").GetString())));
    }

    [Theory]
    [InlineData("backup")]
    [InlineData("drill")]
    public async Task A_source_that_is_at_work_elsewhere_is_busy(string action)
    {
        await service.AskAsync("POST", "api/v1/backup?wait=true", "operator", """{"source":"other"}""");
        using var held = RunLock.TryAcquire(service.Home["state"], "other");

        var asking = service.SendAsync("POST", $"api/v1/{action}", ApiService.TokenOf("operator"), """{"source":"other"}""");
        await Eventually.TrueAsync(
            () =>
            {
                // Only while the lock is about to be tried again: the patience with the other run ends before that with the answer, and has to be seen to.
                if (service.Clock.IsAwaited(RunLock.Poll))
                    service.Clock.Advance(RunLock.Poll / 5);
                return asking.IsCompleted;
            },
            "the patience with the other run is over");

        using var answer = await asking;
        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        var problem = await ApiService.ProblemAsync(answer);
        Assert.Equal(("another run of source 'other' is under way", "locked", 7), (problem.GetProperty("detail").GetString(), problem.GetProperty("failure").GetString(), problem.GetProperty("exitCode").GetInt32()));
    }

    [Fact]
    public async Task A_flipped_byte_is_a_problem_with_the_command_lines_words_and_code()
    {
        var made = (await service.AskAsync("POST", "api/v1/backup?wait=true", "operator", """{"source":"other"}"""))[0];
        Damage.FlipBit(made.GetProperty("file").GetString()!);

        using var answer = await service.SendAsync("POST", "api/v1/verify?wait=true", ApiService.TokenOf("operator"), $$"""{"id":"{{made.GetProperty("id").GetString()}}"}""");

        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        var problem = await ApiService.ProblemAsync(answer);
        Assert.Equal((4, "verification"), (problem.GetProperty("exitCode").GetInt32(), problem.GetProperty("failure").GetString()));
        Assert.Contains("is corrupt: ", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal("nexus-backup backup 'other'", problem.GetProperty("hint").GetString()!.Split(": ")[1]);
        Assert.Equal("failure", problem.GetProperty("runs")[0].GetProperty("result").GetString());
        Assert.Equal("corrupt", (await service.AskAsync("GET", "api/v1/sources/other/days?count=1"))[0].GetProperty("state").GetString());
    }

    [Fact]
    public async Task The_list_comes_in_pages_that_miss_nothing()
    {
        for (var count = 0; count < 3; count++)
            await service.AskAsync("POST", "api/v1/backup?wait=true", "operator", """{"source":"itsm"}""");
        var all = (await service.AskAsync("GET", "api/v1/backups?source=itsm&limit=1000")).EnumerateArray().Select(Id).ToList();

        var (paged, next) = (new List<string?>(), "api/v1/backups?source=itsm&limit=2");
        while (next is not null)
        {
            using var page = await service.SendAsync("GET", next, ApiService.TokenOf("viewer"), body: (string?)null);
            Assert.Equal(all.Count.ToString(CultureInfo.InvariantCulture), page.Headers.GetValues("X-Total-Count").Single());
            paged.AddRange(JsonDocument.Parse(await page.Content.ReadAsStringAsync()).RootElement.EnumerateArray().Select(Id));
            next = page.Headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : null;
        }

        Assert.Equal(all, paged);
        using var gone = await service.SendAsync("GET", "api/v1/backups?after=nothing", ApiService.TokenOf("viewer"), body: (string?)null);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);

        static string? Id(JsonElement backup) => backup.GetProperty("id").GetString();
    }

    [Fact]
    public async Task A_backup_is_fetched_whole_or_in_parts_and_its_checksum_fits()
    {
        var made = (await service.AskAsync("POST", "api/v1/backup?wait=true", "operator", """{"source":"itsm"}"""))[0];
        var url = $"api/v1/backups/{made.GetProperty("id").GetString()}";
        using var whole = await service.SendAsync("GET", url + "/artifact", ApiService.TokenOf("operator"), body: (string?)null);
        var bytes = await whole.Content.ReadAsByteArrayAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, url + "/artifact") { Headers = { Range = new RangeHeaderValue(10, 19), Authorization = new AuthenticationHeaderValue("Bearer", ApiService.TokenOf("operator")) } };
        using var part = await service.Http.SendAsync(request);
        using var ofSum = new HttpRequestMessage(HttpMethod.Get, url + "/sha256") { Headers = { Range = new RangeHeaderValue(0, 63), Authorization = request.Headers.Authorization } };
        using var hash = await service.Http.SendAsync(ofSum);
        using var sum = await service.SendAsync("GET", url + "/sha256", ApiService.TokenOf("operator"), body: (string?)null);

        Assert.Equal(await File.ReadAllBytesAsync(made.GetProperty("file").GetString()!), bytes);
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal(bytes[10..20], await part.Content.ReadAsByteArrayAsync());
        Assert.Equal((HttpStatusCode.PartialContent, made.GetProperty("sha256").GetString()), (hash.StatusCode, await hash.Content.ReadAsStringAsync()));
        using var temp = new TempDirectory();
        var name = whole.Content.Headers.ContentDisposition!.FileName!.Trim('"');
        await File.WriteAllBytesAsync(temp[name], bytes);
        await File.WriteAllTextAsync(temp[name + ".sha256"], await sum.Content.ReadAsStringAsync());
        Assert.Equal($"{name}: OK", await Shell.BashAsync($"cd '{temp.Path}' && sha256sum -c '{name}.sha256'"));
    }

    [Fact]
    public async Task A_restore_is_a_plan_that_is_looked_at_confirmed_and_carried_out_once()
    {
        await service.AskAsync("POST", "api/v1/backup?wait=true", "operator", """{"source":"itsm"}""");
        await SqliteSamples.SqlAsync(service.Home["itsm.db"], "CREATE TABLE lost (a)");
        var plan = await service.AskAsync("POST", "api/v1/restore/plan", body: """{"source":"itsm"}""");
        var id = plan.GetProperty("planId").GetString();
        Assert.True(plan.GetProperty("plan").GetProperty("plan").GetProperty("needsForce").GetBoolean());

        Assert.Equal(409, await RestoreAsync($$"""{"planId":"{{id}}"}"""));
        Assert.Equal(400, await RestoreAsync($$"""{"planId":"{{id}}","force":true}"""));
        Assert.Equal(400, await RestoreAsync($$"""{"planId":"{{id}}","force":true,"confirm":"other"}"""));
        var restored = (await service.AskAsync("POST", "api/v1/restore?wait=true", body: $$"""{"planId":"{{id}}","force":true,"confirm":"itsm"}"""))[0];

        Assert.Equal("restored", restored.GetProperty("result").GetString());
        Assert.Equal("0", await SqliteSamples.SqlAsync(service.Home["itsm.db"], "SELECT count(*) FROM sqlite_schema WHERE name = 'lost'"));
        Assert.Equal("1", await SqliteSamples.SqlAsync(restored.GetProperty("safetyCopy").GetString()!, "SELECT count(*) FROM sqlite_schema WHERE name = 'lost'"));
        Assert.Equal(404, await RestoreAsync($$"""{"planId":"{{id}}","force":true,"confirm":"itsm"}"""));
    }

    [Fact]
    public async Task A_plan_that_no_longer_holds_is_refused()
    {
        await service.AskAsync("POST", "api/v1/backup?wait=true", "operator", """{"source":"itsm"}""");
        async Task<string> PlanAsync(string body) => (await service.AskAsync("POST", "api/v1/restore/plan", body: body)).GetProperty("planId").GetString()!;
        var older = await PlanAsync($$"""{"source":"itsm","to":"{{service.Home["older"]}}"}""");
        service.Clock.SetWallClock(service.Clock.GetUtcNow() + TimeSpan.FromMinutes(1));
        await service.AskAsync("POST", "api/v1/backup?wait=true", "operator", """{"source":"itsm"}""");
        Assert.Equal(409, await RestoreAsync($$"""{"planId":"{{older}}"}"""));

        var taken = await PlanAsync($$"""{"source":"itsm","to":"{{service.Home["taken.db"]}}"}""");
        await File.WriteAllTextAsync(service.Home["taken.db"], "somebody else's");
        Assert.Equal(409, await RestoreAsync($$"""{"planId":"{{taken}}","force":true}"""));
        Assert.Equal("somebody else's", await File.ReadAllTextAsync(service.Home["taken.db"]));

        var expired = await PlanAsync($$"""{"source":"itsm","to":"{{service.Home["late.db"]}}"}""");
        service.Clock.SetWallClock(service.Clock.GetUtcNow() + TimeSpan.FromMinutes(10));
        Assert.Equal(404, await RestoreAsync($$"""{"planId":"{{expired}}"}"""));
        Assert.Equal(400, await StatusAsync("POST", "api/v1/restore/plan", """{"source":"itsm","to":"/tmp/../etc/passwd"}"""));
    }

    [Fact]
    public async Task The_configuration_is_shown_without_its_secrets()
    {
        var shown = (await service.AskAsync("GET", "api/v1/config")).ToString();

        Assert.Contains("itsm.db", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("pbkdf2", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("sha256:", shown, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_full_store_is_told_at_once()
    {
        await using var small = await SmallFileSystem.MountAsync("size=512k");
        using var home = new TempDirectory();
        await SqliteSamples.LedgerAsync(home["itsm.db"], "wal");
        await using var full = await RunningService.StartAsync(home, new ManualClock(new DateTimeOffset(2026, 2, 14, 1, 0, 0, TimeSpan.Zero)), ApiService.Access + $$"""
            stores:
              local:
                path: {{small.Path}}
            sources:
              itsm: {sqlite: itsm.db, retry: {attempts: 1} }
            """);
        full.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", ApiService.TokenOf("operator"));

        using var answer = await full.Http.PostAsync("api/v1/backup", content: null);

        Assert.Equal(HttpStatusCode.InsufficientStorage, answer.StatusCode);
        Assert.Equal(8, (await ApiService.ProblemAsync(answer)).GetProperty("exitCode").GetInt32());
    }

    private async Task<int> RestoreAsync(string body) => await StatusAsync("POST", "api/v1/restore?wait=true", body);

    private async Task<int> StatusAsync(string method, string path, string body)
    {
        using var answer = await service.SendAsync(method, path, ApiService.TokenOf("admin"), body);
        if (!answer.IsSuccessStatusCode)
            await ApiService.ProblemAsync(answer);
        return (int)answer.StatusCode;
    }

    private async Task<JsonElement> WatchAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", ApiService.TokenOf("viewer")) } };
        using var answer = await service.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType!.MediaType);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        var name = "";
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("event: ", StringComparison.Ordinal))
                name = line[7..];
            else if (line.StartsWith("data: ", StringComparison.Ordinal) && JsonDocument.Parse(line[6..]).RootElement is var data)
            {
                if (name == "end")
                    return data;
                Assert.InRange(data.GetProperty("bytes").GetInt64(), 0, long.MaxValue);
            }
        }

        throw new InvalidOperationException("the events ended without an end");
    }
}
