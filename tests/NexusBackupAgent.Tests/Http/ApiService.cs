using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using NexusBackupAgent.Access;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Http;

/// <summary>A running agent with users and programs of every role, two sources, and a good backup of one.</summary>
public sealed class ApiService : IAsyncLifetime
{
    public const string Password = "correct horse battery";

    private static readonly Lazy<string> Hash = new(() => PasswordHash.Of(Password).ToString());
    private static readonly Dictionary<string, (string Token, TokenHash Hash)> Programs = ((string[])["viewer", "operator", "admin", "narrow"]).ToDictionary(name => name, _ => TokenHash.New(), StringComparer.Ordinal);

    private readonly TempDirectory home = new();
    private RunningService? service;

    /// <summary>Users and programs, for a configuration.</summary>
    public static string Access => $$"""
        users:
          vera: {password: "{{Hash.Value}}", role: viewer}
          otto: {password: "{{Hash.Value}}", role: operator}
          anna: {password: "{{Hash.Value}}", role: admin}
        tokens:
          viewer: {token: "{{Programs["viewer"].Hash}}", role: viewer}
          operator: {token: "{{Programs["operator"].Hash}}", role: operator}
          admin: {token: "{{Programs["admin"].Hash}}", role: admin}
          narrow: {token: "{{Programs["narrow"].Hash}}", role: admin, source: itsm}

        """;

    public const string Sources = """
        stores: {local: {path: backups}}
        sources:
          itsm: {sqlite: itsm.db, directory: ., retry: {attempts: 1}, schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}
          other: {sqlite: other.db, retry: {attempts: 1}}

        """;

    internal ManualClock Clock { get; } = new(new DateTimeOffset(2026, 2, 14, 1, 0, 0, TimeSpan.Zero));

    internal TempDirectory Home => home;

    public HttpClient Http => service!.Http;

    /// <summary>The token of a program of that role.</summary>
    public static string TokenOf(string program) => Programs[program].Token;

    public async Task InitializeAsync()
    {
        home.Sub("backups");
        await SqliteSamples.LedgerAsync(home["itsm.db"], "wal");
        await SqliteSamples.LedgerAsync(home["other.db"], "wal");
        service = await RunningService.StartAsync(home, Clock, Access + Sources);
        await Eventually.TrueAsync(
            async () => (await Http.GetStringAsync("metrics")).Contains("nexus_backup_runs_total{source=\"itsm\",schedule=\"daily\",result=\"success\"} 1\n", StringComparison.Ordinal), "the first run");
    }

    public async Task DisposeAsync()
    {
        await service!.DisposeAsync();
        home.Dispose();
    }

    /// <summary>Signs in as a user.</summary>
    public async Task<string> SignInAsync(string user)
    {
        using var answer = await Http.PostAsync("api/v1/auth/login", Json($$"""{"username":"{{user}}","password":"{{Password}}"}"""));
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement.GetProperty("token").GetString()!;
    }

    public Task<HttpResponseMessage> SendAsync(string method, string path, string? token, string? body = null) => SendAsync(method, path, token, body is null ? null : Json(body));

    public async Task<HttpResponseMessage> SendAsync(string method, string path, string? token, HttpContent? body)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = body };
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await Http.SendAsync(request);
    }

    /// <summary>The document of an answer that has to be one.</summary>
    public async Task<JsonElement> AskAsync(string method, string path, string program = "admin", string? body = null)
    {
        using var answer = await SendAsync(method, path, TokenOf(program), body);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{method} {path}: {(int)answer.StatusCode} {text}");
        return JsonDocument.Parse(text).RootElement;
    }

    public static async Task<JsonElement> ProblemAsync(HttpResponseMessage answer)
    {
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal((int)answer.StatusCode, problem.GetProperty("status").GetInt32());
        Assert.NotEmpty(problem.GetProperty("detail").GetString()!);
        return problem;
    }

    public static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");
}
