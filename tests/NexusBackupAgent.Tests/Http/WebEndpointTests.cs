using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using NexusBackupAgent.Http;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Http;

/// <summary>The files of the web page: what the agent serves, and what holds for their text.</summary>
public sealed partial class WebEndpointTests : IDisposable
{
    private const string Configuration = """
        stores: {local: {path: backups}}
        sources:
          itsm: {sqlite: itsm.db, schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}
        """;

    private readonly TempDirectory home = new();
    private readonly ManualClock clock = new(new DateTimeOffset(2026, 2, 14, 1, 0, 0, TimeSpan.Zero));

    public WebEndpointTests() => home.Sub("backups");

    public void Dispose() => home.Dispose();

    [Fact]
    public async Task Every_file_is_served_as_what_it_is_under_a_strict_policy()
    {
        await using var service = await RunningService.StartAsync(home, clock, Configuration);

        foreach (var (name, path) in WebFiles().Select(name => (name, $"assets/{name}")).Append(("index.html", "")))
        {
            using var answer = await service.Http.GetAsync(path);

            Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{path}: {answer.StatusCode}");
            Assert.Equal(await File.ReadAllTextAsync(Path.Combine(Directory, name)), await answer.Content.ReadAsStringAsync());
            Assert.Equal(WebEndpoint.ContentSecurityPolicy, Assert.Single(answer.Headers.GetValues("Content-Security-Policy")));
            Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
            Assert.Equal(MediaTypeOf(name), answer.Content.Headers.ContentType!.MediaType);
        }

        Assert.DoesNotContain("unsafe", WebEndpoint.ContentSecurityPolicy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_browser_that_has_a_file_is_not_sent_it_again()
    {
        await using var service = await RunningService.StartAsync(home, clock, Configuration);
        using var first = await service.Http.GetAsync("assets/app.js");
        using var request = new HttpRequestMessage(HttpMethod.Get, "assets/app.js");
        request.Headers.IfNoneMatch.Add(first.Headers.ETag!);

        using var second = await service.Http.SendAsync(request);

        Assert.Equal((HttpStatusCode.NotModified, 0), (second.StatusCode, (await second.Content.ReadAsByteArrayAsync()).Length));
    }

    [Fact]
    public async Task The_whole_page_is_small_on_its_way()
    {
        await using var service = await RunningService.StartAsync(home, clock, Configuration);
        var bytes = 0;
        foreach (var path in WebFiles().Where(name => !name.EndsWith(".txt", StringComparison.Ordinal)).Select(name => $"assets/{name}"))
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("gzip"));
            using var answer = await service.Http.SendAsync(request);
            Assert.Equal("gzip", Assert.Single(answer.Content.Headers.ContentEncoding));
            bytes += (await answer.Content.ReadAsByteArrayAsync()).Length;
        }

        Assert.InRange(bytes, 10_000, 80_000);
    }

    [Theory]
    [InlineData("assets/none.js")]
    [InlineData("assets/../nexus-backup.yml")]
    [InlineData("assets/..%2fnexus-backup.yml")]
    [InlineData("assets/vendor/..%2f..%2fWebEndpoint.cs")]
    [InlineData("assets/")]
    public async Task There_is_nothing_else(string path)
    {
        await using var service = await RunningService.StartAsync(home, clock, Configuration);

        Assert.Equal(HttpStatusCode.NotFound, (await service.Http.GetAsync(path)).StatusCode);
    }

    [Fact]
    public void Nothing_is_inline_and_nothing_comes_from_elsewhere()
    {
        var index = TextOf("index.html");

        Assert.DoesNotMatch(InlineScript(), index);
        Assert.DoesNotContain("<style", index, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("style=", index, StringComparison.OrdinalIgnoreCase);
        Assert.All(WebFiles().Where(IsOurs), name =>
        {
            // Names of the SVG language are no addresses that anybody asks for.
            var text = TextOf(name).Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal);
            Assert.DoesNotMatch(Elsewhere(), text);
        });
    }

    [Fact]
    public void No_text_becomes_markup()
    {
        string[] doors = ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "dangerouslySet", "eval(", "new Function", "javascript:"];

        Assert.All(WebFiles().Where(name => IsOurs(name) && name.EndsWith(".js", StringComparison.Ordinal)), name =>
            Assert.DoesNotContain(doors, door => TextOf(name).Contains(door, StringComparison.Ordinal)));
    }

    [Fact]
    public void A_browser_asks_for_all_modules_at_once()
    {
        var modules = WebFiles().Where(name => name.EndsWith(".js", StringComparison.Ordinal) && name is not ("app.js" or "first.js"));

        var preloaded = Preload().Matches(TextOf("index.html")).Select(match => match.Groups["name"].Value);

        Assert.Equal(modules.Order(StringComparer.Ordinal), preloaded.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_text_is_there_in_both_languages_with_the_same_places()
    {
        var texts = TextsOfPage();

        Assert.NotEmpty(texts);
        Assert.All(texts, text =>
        {
            Assert.NotEmpty(text.Value.Japanese);
            Assert.Equal(PlacesOf(text.Value.English), PlacesOf(text.Value.Japanese));
        });
    }

    [Fact]
    public void Every_text_that_the_page_asks_for_is_there_and_none_is_left_over()
    {
        var known = TextsOfPage().Keys.Concat(FunctionText().Matches(TextOf("texts.js")).Select(match => match.Groups["key"].Value)).ToHashSet(StringComparer.Ordinal);
        var code = string.Concat(WebFiles().Where(name => IsOurs(name) && name.EndsWith(".js", StringComparison.Ordinal) && name != "texts.js").Select(TextOf));
        var asked = Asked().Matches(code).Select(match => match.Groups["key"].Value).ToHashSet(StringComparer.Ordinal);
        var families = AskedFamily().Matches(code).Select(match => match.Groups["family"].Value).ToHashSet(StringComparer.Ordinal);

        Assert.Empty(asked.Except(known));
        Assert.All(families, family => Assert.Contains(known, key => key.StartsWith(family, StringComparison.Ordinal)));
        Assert.DoesNotContain(known.Except(asked), key => !families.Any(family => key.StartsWith(family, StringComparison.Ordinal)) && !code.Contains($"'{key}'", StringComparison.Ordinal));
    }

    private static string Directory => Path.GetFullPath(Path.Combine(ThisDirectory(), "../../../src/NexusBackupAgent/Http/Web"));

    private static string ThisDirectory([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    private static IReadOnlyList<string> WebFiles() =>
        [.. System.IO.Directory.EnumerateFiles(Directory, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(Directory, path))];

    private static bool IsOurs(string name) => !name.StartsWith("vendor/", StringComparison.Ordinal);

    private static string TextOf(string name) => File.ReadAllText(Path.Combine(Directory, name));

    private static string MediaTypeOf(string name) => Path.GetExtension(name) switch
    {
        ".js" => "text/javascript",
        ".css" => "text/css",
        ".svg" => "image/svg+xml",
        ".txt" => "text/plain",
        _ => "text/html",
    };

    private static Dictionary<string, (string English, string Japanese)> TextsOfPage() => SimpleText().Matches(TextOf("texts.js"))
        .ToDictionary(match => match.Groups["key"].Value, match => (match.Groups["en"].Value, match.Groups["ja"].Value), StringComparer.Ordinal);

    private static IEnumerable<string> PlacesOf(string text) => PlaceInText().Matches(text).Select(match => match.Value).Order(StringComparer.Ordinal);

    [GeneratedRegex("<script(?![^>]*src=)|<[^>]* on[a-z]+=", RegexOptions.IgnoreCase)]
    private static partial Regex InlineScript();

    [GeneratedRegex(@"(https?:)?//[\w-]+\.[\w.-]+|\burl\(")]
    private static partial Regex Elsewhere();

    [GeneratedRegex("""modulepreload" href="/assets/(?<name>[^"]+)""")]
    private static partial Regex Preload();

    [GeneratedRegex(@"^    '(?<key>[\w.]+)': \['(?<en>[^']*)', '(?<ja>[^']*)'\],$", RegexOptions.Multiline)]
    private static partial Regex SimpleText();

    [GeneratedRegex(@"^    '(?<key>[\w.]+)': \[n =>", RegexOptions.Multiline)]
    private static partial Regex FunctionText();

    [GeneratedRegex(@"\{\w+\}")]
    private static partial Regex PlaceInText();

    [GeneratedRegex(@"\bt\('(?<key>[\w.]+)'")]
    private static partial Regex Asked();

    [GeneratedRegex(@"\bt\(`(?<family>[\w.]+\.)\$\{")]
    private static partial Regex AskedFamily();
}
