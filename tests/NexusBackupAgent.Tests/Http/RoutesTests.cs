using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging.Abstractions;
using NexusBackupAgent.Http;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Http;

/// <summary>Every route with every role, and with what no client should send.</summary>
public sealed partial class RoutesTests(ApiService service) : IClassFixture<ApiService>
{
    [Fact]
    public void The_table_has_every_route_and_no_other()
    {
        var routes = Endpoints().SelectMany(endpoint => MethodsOf(endpoint).Select(method => $"{method} /{endpoint.RoutePattern.RawText!.Trim('/')}"));

        Assert.Equal(RouteTable.Rows.Select(row => $"{row.Method} {row.Pattern}").Distinct().Order(StringComparer.Ordinal), routes.Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_route_says_who_may_use_it()
    {
        Assert.All(Endpoints(), endpoint => Assert.True(
            endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null || endpoint.Metadata.GetMetadata<NeededRole>() is not null, endpoint.DisplayName));
    }

    [Theory]
    [MemberData(nameof(RouteTable.All), MemberType = typeof(RouteTable))]
    public async Task A_route_answers_each_role_as_the_table_says(RouteRow row)
    {
        var answers = new List<int>();
        foreach (var program in (string?[])[null, "viewer", "operator", "admin"])
        {
            using var answer = await service.SendAsync(row.Method, row.Path, program is null ? null : ApiService.TokenOf(program), row.Body);
            answers.Add((int)answer.StatusCode);
            if (!answer.IsSuccessStatusCode)
                await ApiService.ProblemAsync(answer);
        }

        Assert.Equal([row.Nobody, row.Viewer, row.Operator, row.Admin], answers);
    }

    [Theory]
    [MemberData(nameof(RouteTable.Closed), MemberType = typeof(RouteTable))]
    public async Task A_closed_route_takes_no_token_that_is_not_the_agents(RouteRow row)
    {
        foreach (var (what, token) in await BadTokensAsync())
        {
            using var answer = await service.SendAsync(row.Method, row.Path, token, row.Body);
            Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized, $"{row} with {what}: {answer.StatusCode}");
        }
    }

    [Theory]
    [MemberData(nameof(RouteTable.All), MemberType = typeof(RouteTable))]
    public async Task No_answer_names_the_server_and_every_answer_has_the_security_headers(RouteRow row)
    {
        using var answer = await service.SendAsync(row.Method, row.Path, ApiService.TokenOf("admin"), row.Body);

        Assert.Empty(answer.Headers.Server);
        Assert.Equal(["nosniff"], answer.Headers.GetValues("X-Content-Type-Options"));
        Assert.Contains("frame-ancestors 'none'", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.DoesNotContain("Access-Control-Allow-Origin", answer.Headers.Select(header => header.Key));
    }

    [Theory]
    [MemberData(nameof(RouteTable.All), MemberType = typeof(RouteTable))]
    public async Task A_route_takes_no_method_but_its_own(RouteRow row)
    {
        foreach (var method in (string[])["DELETE", "PUT", "PATCH", row.Method == "GET" ? "POST" : "GET"])
        {
            using var answer = await service.SendAsync(method, row.Path, ApiService.TokenOf("admin"));
            Assert.True(answer.StatusCode == HttpStatusCode.MethodNotAllowed, $"{method} {row.Path}: {answer.StatusCode}");
        }
    }

    [Theory]
    [MemberData(nameof(Parameters))]
    public async Task Nothing_in_an_address_leads_out_of_what_it_names(RouteRow row)
    {
        string[] hostile =
        [
            "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5c..%5cetc", "%252e%252e%252f", "..;%2f", "itsm%00.db", "%2fetc%2fpasswd", "%E2%80%AE", new string('a', 2000), "' OR 1=1 --", "-1", "0x10", "9999999999999999999999",
        ];
        foreach (var value in hostile)
        {
            var path = Parameter().Replace(row.Pattern.TrimStart('/'), value);
            using var answer = await service.SendAsync(row.Method, path, ApiService.TokenOf("admin"), row.Body);
            Assert.True((int)answer.StatusCode is 400 or 404 or 405, $"{path}: {answer.StatusCode}");
            Assert.DoesNotContain("root:", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_body_is_small_JSON_of_known_names_or_refused(RouteRow row)
    {
        (int Status, HttpContent Body)[] wrong =
        [
            (400, ApiService.Json("""{"source":""")),
            (400, ApiService.Json("[]")),
            (400, ApiService.Json("\"itsm\"")),
            (400, ApiService.Json("""{"source":17}""")),
            (400, ApiService.Json("""{"surce":"itsm"}""")),
            (400, ApiService.Json("""{"source":"a","source":"b"}""")),
            (400, ApiService.Json(string.Concat(Enumerable.Repeat("{\"source\":", 100)) + "1" + new string('}', 100))),
            (413, ApiService.Json($$"""{"source":"{{new string('a', 100_000)}}"}""")),
            (415, new StringContent("""{"source":"itsm"}""", Encoding.UTF8, "text/plain")),
            (415, new FormUrlEncodedContent([KeyValuePair.Create("source", "itsm")])),
        ];
        foreach (var (status, body) in wrong)
        {
            var text = await body.ReadAsStringAsync();
            using var answer = await service.SendAsync(row.Method, row.Path, ApiService.TokenOf("admin"), body);
            Assert.True((int)answer.StatusCode == status, $"{row}: {status} expected of {text[..Math.Min(text.Length, 20)]}…, and it is {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
            Assert.DoesNotContain("NexusBackupAgent", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal); // no name of a type
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
            var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
            Assert.Equal(2, problem.GetProperty("exitCode").GetInt32()); // as of a wrong command line
            Assert.NotEmpty(problem.GetProperty("hint").GetString()!);
        }
    }

    [Fact]
    public async Task The_description_has_every_route_of_the_API_with_its_words_its_errors_and_its_role()
    {
        var document = JsonDocument.Parse(await service.Http.GetStringAsync("openapi/v1.json")).RootElement;
        var described = document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(operation => (Route: $"{operation.Name.ToUpperInvariant()} {path.Name}", Operation: operation.Value))).ToList();

        Assert.Equal(
            RouteTable.Rows.Where(row => row.Pattern.StartsWith("/api/", StringComparison.Ordinal)).Select(row => $"{row.Method} {row.Pattern}").Distinct().Order(StringComparer.Ordinal),
            described.Select(each => each.Route).Order(StringComparer.Ordinal));
        Assert.All(described, each =>
        {
            Assert.NotEmpty(each.Operation.GetProperty("summary").GetString()!);
            Assert.NotEmpty(each.Operation.GetProperty("description").GetString()!);
            var isOpen = RouteTable.Rows.First(row => $"{row.Method} {row.Pattern}" == each.Route).Nobody != 401;
            Assert.Equal(isOpen, !each.Operation.TryGetProperty("security", out _));
            Assert.Contains(each.Operation.GetProperty("responses").EnumerateObject(), response => response.Name[0] == '2');
            if (!isOpen)
                Assert.Contains(each.Operation.GetProperty("responses").EnumerateObject(), response => response.Name == "401");
            if (each.Operation.TryGetProperty("parameters", out var parameters))
                Assert.All(parameters.EnumerateArray(), parameter => Assert.NotEmpty(parameter.GetProperty("description").GetString()!));
            Assert.All(each.Operation.GetProperty("responses").EnumerateObject().Where(response => response.Name != "204"), response => Assert.NotEmpty(response.Value.GetProperty("content").EnumerateObject()));
            Assert.All(each.Operation.GetProperty("responses").EnumerateObject().Where(response => response.Name[0] is '4' or '5' && each.Route != "GET /api/v1/health"), response =>
                Assert.Equal("#/components/schemas/ProblemDetails", response.Value.GetProperty("content").GetProperty("application/problem+json").GetProperty("schema").GetProperty("$ref").GetString()));
        });
        var schemas = document.GetProperty("components").GetProperty("schemas");
        Assert.Equal("itsm", schemas.GetProperty("BackupRequest").GetProperty("examples")[0].GetProperty("source").GetString());
        var problem = schemas.GetProperty("ProblemDetails");
        Assert.All(["failure", "exitCode", "hint"], member => Assert.True(problem.GetProperty("properties").TryGetProperty(member, out _), member));
        Assert.All(schemas.EnumerateObject().Where(schema => schema.Value.TryGetProperty("examples", out _)), schema => // no example has a member that the document lacks
            Assert.Subset(schema.Value.GetProperty("properties").EnumerateObject().Select(member => member.Name).ToHashSet(), schema.Value.GetProperty("examples")[0].EnumerateObject().Select(member => member.Name).ToHashSet()));
    }

    [Fact]
    public async Task The_page_that_shows_the_description_asks_no_other_host()
    {
        var page = await service.Http.GetStringAsync("docs");

        Assert.DoesNotMatch("https?://", page);
        Assert.DoesNotMatch("<script>|<style|onload=", page);
        using var answer = await service.SendAsync("GET", "docs", token: null);
        Assert.Contains("connect-src 'self'", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
    }

    public static TheoryData<RouteRow> Parameters => [.. RouteTable.Rows.Where(row => row.Pattern.StartsWith("/api/", StringComparison.Ordinal) && row.Pattern.Contains('{', StringComparison.Ordinal))];

    public static TheoryData<RouteRow> Bodies => [.. RouteTable.Rows.Where(row => row.Body is not null)];

    private async Task<IReadOnlyList<(string What, string Token)>> BadTokensAsync()
    {
        var good = await Sample.Value(service);
        var parts = good.Split('.');
        string Part(string json) => Convert.ToBase64String(Encoding.UTF8.GetBytes(json)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        var payload = JsonDocument.Parse(Convert.FromBase64String(parts[1].Replace('-', '+').Replace('_', '/').PadRight((parts[1].Length + 3) / 4 * 4, '='))).RootElement.ToString();
        return
        [
            ("nothing", ""),
            ("no token", "abc"),
            ("another's program", "nxb_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            ("a truncated token", good[..^1]),
            ("no signature", $"{parts[0]}.{parts[1]}."),
            ("another signature", $"{parts[0]}.{parts[1]}.{parts[2][..^4]}AAAA"),
            ("alg none", $"{Part("""{"alg":"none","typ":"JWT"}""")}.{parts[1]}."),
            ("alg none with a signature", $"{Part("""{"alg":"none","typ":"JWT"}""")}.{parts[1]}.{parts[2]}"),
            ("another algorithm", $"{Part("""{"alg":"HS512","typ":"JWT"}""")}.{parts[1]}.{parts[2]}"),
            ("another user", $"{parts[0]}.{Part(payload.Replace("\"vera\"", "\"anna\"", StringComparison.Ordinal))}.{parts[2]}"),
            ("another key", Forged.Token(payload, Encoding.UTF8.GetBytes("a key of somebody else, long enough"))),
            ("a key of zeros", Forged.Token(payload, new byte[32])),
            ("an expired token", Forged.Expired(payload, service.Home["state/token.key"], service.Clock.GetUtcNow())),
            ("a token of tomorrow's key for nobody", Forged.Of(payload.Replace("\"vera\"", "\"nobody\"", StringComparison.Ordinal), service.Home["state/token.key"])),
            ("a token without end", Forged.Of(EndClaim().Replace(payload, ""), service.Home["state/token.key"])),
            ("a token for others", Forged.Of(payload.Replace("\"aud\":\"nexus-backup\"", "\"aud\":\"others\"", StringComparison.Ordinal), service.Home["state/token.key"])),
            ("a token of an old password", Forged.Of(PasswordClaim().Replace(payload, "\"pwd\":\"AAAAAAAAAAAA\""), service.Home["state/token.key"])),
        ];
    }

    /// <summary>Signing in takes time, and is limited.</summary>
    private static class Sample
    {
        private static readonly System.Runtime.CompilerServices.ConditionalWeakTable<ApiService, Task<string>> Known = [];

        public static Task<string> Value(ApiService service) => Known.GetValue(service, known => known.SignInAsync("vera"));
    }

    private static IReadOnlyList<RouteEndpoint> Endpoints()
    {
        using var home = new TempDirectory();
        home.Sub("backups");
        File.WriteAllText(home["nexus-backup.yml"], ApiService.Access + ApiService.Sources);
        var (configuration, problems) = ConfigurationFile.Load(home["nexus-backup.yml"], TimeZoneInfo.Utc);
        Assert.True(configuration is not null, string.Join('\n', problems));
        using var agent = Agent.Open(configuration, Some.Clock, NullLoggerFactory.Instance);
        using var web = new WebServer(agent, Some.Instant, NullLoggerFactory.Instance, CancellationToken.None);
        var app = web.Build();
        return [.. ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()];
    }

    private static IEnumerable<string> MethodsOf(RouteEndpoint endpoint) => endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? ["GET"];

    [GeneratedRegex(@"\{\w+\}")]
    private static partial Regex Parameter();

    [GeneratedRegex("\"exp\":[0-9]+,?")]
    private static partial Regex EndClaim();

    [GeneratedRegex("\"pwd\":\"[^\"]+\"")]
    private static partial Regex PasswordClaim();
}
