using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using NexusBackupAgent.Access;
using NexusBackupAgent.Http;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Http;

public sealed class LoginTests(ApiService service) : IClassFixture<ApiService>
{
    private const string Right = $$"""{"username":"otto","password":"{{ApiService.Password}}","session":true}""";

    [Fact]
    public async Task A_user_signs_in_for_an_hour_and_is_what_the_configuration_says()
    {
        var token = await service.SignInAsync("otto");

        using var answer = await service.SendAsync("GET", "api/v1/auth/me", token);
        var me = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(("otto", "operator", "2026-02-14T02:00:00Z"), (me.GetProperty("user").GetString(), me.GetProperty("role").GetString(), me.GetProperty("expiresAt").GetString()));
        Assert.Equal(["read", "backup", "verify", "drill", "download"], me.GetProperty("can").EnumerateArray().Select(can => can.GetString()));
    }

    [Fact]
    public async Task A_token_is_renewed_while_it_is_valid_and_for_a_user_only()
    {
        var token = await service.SignInAsync("vera");

        using var renewed = await service.SendAsync("POST", "api/v1/auth/renew", token);
        using var program = await service.SendAsync("POST", "api/v1/auth/renew", ApiService.TokenOf("admin"));

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Forbidden), (renewed.StatusCode, program.StatusCode));
        Assert.Equal("vera", JsonDocument.Parse(await renewed.Content.ReadAsStringAsync()).RootElement.GetProperty("user").GetString());
    }

    [Theory]
    [InlineData("anna", "wrong horse battery")]
    [InlineData("nobody", ApiService.Password)]
    [InlineData("ANNA", ApiService.Password)]
    public async Task A_wrong_password_and_a_user_that_does_not_exist_are_told_alike(string user, string password)
    {
        using var answer = await service.SendAsync("POST", "api/v1/auth/login", token: null, $$"""{"username":"{{user}}","password":"{{password}}"}""");

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("no user has that name and password", (await ApiService.ProblemAsync(answer)).GetProperty("detail").GetString());
    }

    [Fact]
    public async Task A_browsers_session_is_in_a_cookie_that_no_script_reads_and_no_other_site_sends()
    {
        using var login = await service.SendAsync("POST", "api/v1/auth/login", token: null, Right);
        var cookie = login.Headers.GetValues("Set-Cookie").Single();
        Assert.Matches("^nexus-backup=[^;]+; path=/; samesite=strict; httponly$", cookie);
        var session = cookie.Split(';')[0];

        Assert.Equal(200, await AsPageAsync("GET", "api/v1/sources", session, header: null));
        Assert.Equal(403, await AsPageAsync("POST", "api/v1/drill", session, header: null));
        Assert.Equal(404, await AsPageAsync("POST", "api/v1/drill", session, "page"));
        Assert.Equal(401, await AsPageAsync("GET", "api/v1/sources", session[..^2] + "xx", header: null));
    }

    [Fact]
    public async Task A_program_with_a_source_sees_and_touches_nothing_else()
    {
        Assert.Equal(["itsm"], (await service.AskAsync("GET", "api/v1/sources", "narrow")).EnumerateArray().Select(source => source.GetProperty("source").GetString()));
        Assert.All((await service.AskAsync("GET", "api/v1/runs", "narrow")).EnumerateArray(), run => Assert.Equal("itsm", run.GetProperty("source").GetString()));
        foreach (var (method, path, body, status) in ((string, string, string?, int)[])
        [
            ("GET", "api/v1/sources/other", null, 404), ("GET", "api/v1/backups?source=other", null, 404), ("GET", "api/v1/runs?source=other", null, 404), ("POST", "api/v1/backup", """{"source":"other"}""", 404),
            ("POST", "api/v1/restore/plan", """{"source":"other"}""", 404), ("GET", "api/v1/config", null, 403), ("GET", "api/v1/audit", null, 403),
        ])
        {
            using var answer = await service.SendAsync(method, path, ApiService.TokenOf("narrow"), body);
            Assert.True((int)answer.StatusCode == status, $"{method} {path}: {answer.StatusCode}");
        }
    }

    private async Task<int> AsPageAsync(string method, string path, string cookie, string? header)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = service.Http.BaseAddress };
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.Add("Cookie", cookie);
        if (header is not null)
            request.Headers.Add(Login.ForgeryHeader, header);
        if (method == "POST")
            request.Content = ApiService.Json("""{"source":"none"}""");
        using var answer = await http.SendAsync(request);
        return (int)answer.StatusCode;
    }
}

/// <summary>Sign-in that is tried often, and agents that have nobody.</summary>
public sealed class FewLoginsTests : IDisposable
{
    private readonly TempDirectory home = new();
    private readonly ManualClock clock = new(new DateTimeOffset(2026, 2, 14, 1, 0, 0, TimeSpan.Zero));

    public FewLoginsTests() => home.Sub("backups");

    public void Dispose() => home.Dispose();

    [Fact]
    public async Task Guessing_one_users_password_is_stopped_and_the_log_says_who_was_meant_and_from_where()
    {
        var log = new CollectedLog<LoginAttempts>();
        var configuration = Load(ApiService.Access + ApiService.Sources);
        using var attempts = new LoginAttempts(configuration.Access, clock, log);
        for (var failure = 0; failure < Limits.FailuresOfUser; failure++)
            Assert.Equal((null, false), await attempts.TryAsync(new("anna", $"guess {failure}"), "192.0.2.7", CancellationToken.None));

        Assert.Equal((null, true), await attempts.TryAsync(new("anna", ApiService.Password), "192.0.2.8", CancellationToken.None));
        Assert.Equal("otto", (await attempts.TryAsync(new("otto", ApiService.Password), "192.0.2.8", CancellationToken.None)).User!.Name);
        Assert.Equal((null, false), await attempts.TryAsync(new("hunter2-typed-into-the-wrong-field", "x"), "192.0.2.9", CancellationToken.None));

        Assert.Equal(configuration.Access.Users["anna"].Password.Iterations, attempts.Nobodys.Iterations); // looking for nobody takes as long

        var said = string.Join('\n', log.Lines);
        Assert.Contains("sign-in as anna from 192.0.2.7 failed", said, StringComparison.Ordinal);
        Assert.DoesNotContain("guess", said, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", said, StringComparison.Ordinal);

        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("anna", (await attempts.TryAsync(new("anna", ApiService.Password), "192.0.2.7", CancellationToken.None)).User!.Name);
    }

    [Fact]
    public async Task One_address_has_so_many_attempts_a_minute()
    {
        await using var service = await RunningService.StartAsync(home, clock, ApiService.Access + ApiService.Sources);
        var answers = new List<HttpStatusCode>();
        for (var attempt = 0; attempt <= Limits.LoginsOfAddress; attempt++)
        {
            using var answer = await service.Http.PostAsync("api/v1/auth/login", ApiService.Json("{}"));
            answers.Add(answer.StatusCode);
            if (answer.StatusCode == HttpStatusCode.TooManyRequests)
                Assert.NotNull(answer.Headers.RetryAfter);
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, answers[^1]);
        Assert.DoesNotContain(HttpStatusCode.TooManyRequests, answers[..^1]);

        clock.Advance(TimeSpan.FromMinutes(1));
        using var later = await service.Http.PostAsync("api/v1/auth/login", ApiService.Json("{}"));
        Assert.Equal(HttpStatusCode.BadRequest, later.StatusCode);
    }

    [Fact]
    public async Task Without_users_this_host_reads_and_nobody_else_and_nobody_changes_anything()
    {
        await using var service = await RunningService.StartAsync(home, clock, ApiService.Sources);

        Assert.Equal(200, await AskAsync(service, "GET", "api/v1/sources"));
        Assert.Equal(403, await AskAsync(service, "POST", "api/v1/backup"));
        Assert.Equal(200, await AskAsync(service, "POST", "api/v1/prune", """{"dryRun":true}"""));
        Assert.Equal(403, await AskAsync(service, "POST", "api/v1/prune"));
        Assert.Equal(403, await AskAsync(service, "GET", "api/v1/config"));
        Assert.Equal(401, await AskAsync(service, "GET", "api/v1/sources", header: ("X-Forwarded-For", "203.0.113.5")));
        Assert.Equal(401, await AskAsync(service, "GET", "api/v1/sources", header: ("Forwarded", "for=203.0.113.5")));
        Assert.Equal(401, await AskAsync(service, "GET", "api/v1/sources", header: ("Host", "attacker.example")));
        using var login = await service.Http.PostAsync("api/v1/auth/login", ApiService.Json("""{"username":"a","password":"b"}"""));
        Assert.Equal(HttpStatusCode.Unauthorized, login.StatusCode);
        Assert.Contains("nexus-backup hash-password", (await ApiService.ProblemAsync(login)).GetProperty("hint").GetString(), StringComparison.Ordinal);
        var me = JsonDocument.Parse(await service.Http.GetStringAsync("api/v1/auth/me")).RootElement;
        Assert.Equal(("viewer", Login.OnlyReading), (me.GetProperty("role").GetString(), me.GetProperty("reason").GetString()![..Login.OnlyReading.Length]));
    }

    [Fact]
    public async Task Another_key_revokes_every_token_and_only_the_agent_reads_the_key()
    {
        await using var service = await RunningService.StartAsync(home, clock, ApiService.Access + ApiService.Sources);
        using var login = await service.Http.PostAsync("api/v1/auth/login", ApiService.Json($$"""{"username":"anna","password":"{{ApiService.Password}}"}"""));
        service.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", JsonDocument.Parse(await login.Content.ReadAsStringAsync()).RootElement.GetProperty("token").GetString());
        Assert.Equal(200, await AskAsync(service, "GET", "api/v1/config"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(home["state/token.key"]));

        File.Delete(home["state/token.key"]);

        Assert.Equal(401, await AskAsync(service, "GET", "api/v1/config"));
    }

    [Fact]
    public async Task A_token_ends_after_an_hour()
    {
        await using var service = await RunningService.StartAsync(home, clock, ApiService.Access + ApiService.Sources);
        using var login = await service.Http.PostAsync("api/v1/auth/login", ApiService.Json($$"""{"username":"anna","password":"{{ApiService.Password}}"}"""));
        service.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", JsonDocument.Parse(await login.Content.ReadAsStringAsync()).RootElement.GetProperty("token").GetString());

        clock.SetWallClock(clock.GetUtcNow() + TimeSpan.FromMinutes(59));
        Assert.Equal(200, await AskAsync(service, "GET", "api/v1/config"));
        clock.SetWallClock(clock.GetUtcNow() + TimeSpan.FromMinutes(1));
        Assert.Equal(401, await AskAsync(service, "GET", "api/v1/config"));
    }

    [Theory]
    [InlineData("bearer")]
    [InlineData("basic")]
    public async Task A_scraper_has_to_send_what_the_configuration_says(string kind)
    {
        var (token, hash) = TokenHash.New();
        var auth = kind == "bearer" ? $"bearer: \"{hash}\"" : $"basic: {{user: prometheus, password: \"{PasswordHash.Of(ApiService.Password)}\"}}";
        await using var service = await RunningService.StartAsync(home, clock, $"metrics: {{auth: {{{auth}}}}}\n{ApiService.Sources}");
        string Basic(string text) => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
        var right = kind == "bearer" ? $"Bearer {token}" : Basic($"prometheus:{ApiService.Password}");

        Assert.Equal(401, await AskAsync(service, "GET", "metrics"));
        foreach (var wrong in (string[])["Bearer x", Basic("prometheus:wrong"), Basic($"other:{ApiService.Password}"), Basic("prometheus"), "Basic ???", kind == "bearer" ? Basic($"prometheus:{ApiService.Password}") : $"Bearer {token}"])
            Assert.Equal(401, await AskAsync(service, "GET", "metrics", header: ("Authorization", wrong)));
        Assert.Equal(200, await AskAsync(service, "GET", "metrics", header: ("Authorization", right)));
        Assert.Equal(200, await AskAsync(service, "GET", "metrics", header: ("Authorization", right)));
        Assert.Equal(200, await AskAsync(service, "GET", "api/v1/health"));
    }

    private AgentConfiguration Load(string text)
    {
        File.WriteAllText(home["nexus-backup.yml"], text);
        var (configuration, problems) = ConfigurationFile.Load(home["nexus-backup.yml"], TimeZoneInfo.Utc);
        Assert.True(configuration is not null, string.Join('\n', problems));
        return configuration;
    }

    private static async Task<int> AskAsync(RunningService service, string method, string path, string? body = null, (string Name, string Value)? header = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = body is null ? null : ApiService.Json(body) };
        if (header is var (name, value))
            request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await service.Http.SendAsync(request);
        return (int)answer.StatusCode;
    }
}
