using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using NexusBackupAgent.Tests.Http;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>Directories the whole way of the command line and of the API.</summary>
public sealed class DirectoryCommandTests : IDisposable
{
    private readonly Workplace place = new();

    public DirectoryCommandTests()
    {
        Directory.CreateDirectory(place.In("etc/conf.d"));
        File.WriteAllText(place.In("etc/app.conf"), "level = 1\n");
        File.WriteAllText(place.In("etc/conf.d/größe.conf"), "2");
        File.WriteAllText(place.In("etc/cache.tmp"), "3");
        Configure();
    }

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task What_is_in_a_backup_is_listed_and_one_file_of_it_comes_back()
    {
        var backup = (await place.RunAsync("backup", "config", "--json")).Json[0];
        var id = backup.GetProperty("id").GetString()!;
        Assert.Equal(("success", "full"), (backup.GetProperty("result").GetString(), backup.GetProperty("type").GetString()));

        var text = await place.RunAsync("list", "--contents", id, "*.conf");
        Assert.Equal((0, ""), (text.Code, text.Error));
        Assert.Equal(2, text.Output.TrimEnd('\n').Split('\n').Length);
        Assert.EndsWith($" {place.In("etc/app.conf")}", text.Output.Split('\n')[0], StringComparison.Ordinal);
        var all = (await place.RunAsync("list", "config", "--contents", id, "--json")).Json;
        Assert.Equal(["etc", "etc/app.conf", "etc/conf.d", "etc/conf.d/größe.conf"], all.EnumerateArray().Select(file => Path.GetRelativePath(place.Path, file.GetProperty("path").GetString()!)));
        Assert.Equal(("file", 10), (all[1].GetProperty("type").GetString(), all[1].GetProperty("sizeBytes").GetInt64()));
        Assert.Equal(64, all[1].GetProperty("sha256").GetString()!.Length);

        await File.WriteAllTextAsync(place.In("etc/app.conf"), "broken");
        await File.WriteAllTextAsync(place.In("etc/conf.d/new.conf"), "new");
        var plan = await place.RunAsync("restore", "config", "--dry-run", "--delete");
        Assert.Equal((0, ""), (plan.Code, plan.Error));
        Assert.Contains("0 new, ", plan.Output, StringComparison.Ordinal);
        Assert.Contains(", 1 deleted", plan.Output, StringComparison.Ordinal);
        var changes = (await place.RunAsync("restore", "config", "--dry-run", "--json", "--path", "app.conf")).Json.GetProperty("plan").GetProperty("changes");
        Assert.Equal((0, 1, 0, 0), (changes.GetProperty("added").GetInt32(), changes.GetProperty("changed").GetInt32(), changes.GetProperty("deleted").GetInt32(), changes.GetProperty("leftOff").GetInt32()));
        Assert.Equal(("change", place.In("etc/app.conf"), "content"), (changes.GetProperty("files")[0].GetProperty("change").GetString(), changes.GetProperty("files")[0].GetProperty("path").GetString(), changes.GetProperty("files")[0].GetProperty("what").GetString()));
        Assert.Equal("broken", await File.ReadAllTextAsync(place.In("etc/app.conf")));

        Assert.Equal(5, (await place.RunAsync("restore", "config", "--path", "app.conf")).Code); // not without --force
        Assert.Equal(0, (await place.RunAsync("restore", "config", "--path", "app.conf", "--force")).Code);
        Assert.Equal(("level = 1\n", "new", "3"), (await File.ReadAllTextAsync(place.In("etc/app.conf")), await File.ReadAllTextAsync(place.In("etc/conf.d/new.conf")), await File.ReadAllTextAsync(place.In("etc/cache.tmp"))));
        var drill = (await place.RunAsync("drill", "config", "--json")).Json[0];
        Assert.Equal(("success", "level = 1"), (drill.GetProperty("result").GetString(), drill.GetProperty("probes")[0].GetProperty("answer").GetString()));
        Assert.Equal(0, (await place.RunAsync("verify", "--all")).Code);

        Assert.Equal(6, (await place.RunAsync("list", "--contents", "nothing")).Code);
        Assert.Equal(2, (await place.RunAsync("list", "--contents", id, "../up")).Code);
    }

    [Fact]
    public async Task A_directory_whose_disk_went_is_no_trouble_that_is_over()
    {
        Assert.Equal(0, (await place.RunAsync("backup", "config")).Code);
        Directory.Delete(place.In("etc"), recursive: true);
        Directory.CreateDirectory(place.In("etc"));
        Assert.Equal(3, (await place.RunAsync("backup", "config")).Code);

        var diagnosis = (await place.RunAsync("diagnose", "config", "--json", "--lang", "en")).Json[0];

        Assert.Equal(("DB", $"directory '{place.In("etc")}' is empty"), (diagnosis.GetProperty("cause").GetString(), diagnosis.GetProperty("evidence").GetString()));
        Assert.DoesNotContain("that is over", diagnosis.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_mistake_in_its_keys_is_told_at_once()
    {
        await File.WriteAllTextAsync(place.Configuration, """
            stores: {local: {path: backups}}
            sources:
              one: {directory: [etc, etc/conf.d]}
              two: {directory: /, exclude: ["../up"], unreadable: maybe, busyTimeout: 3s}
              three: {directory: []}
              four: {directory: missing}
              five: {sqlite: a.db, directory: sub, exclude: ["*.tmp"]}

            """);
        var checkedAll = (await place.RunAsync("check-config", "--json")).Json.GetProperty("problems").EnumerateArray().Select(problem => problem.GetProperty("key").GetString()).ToList();
        foreach (var key in (string[])["sources.one.directory", "sources.two.directory", "sources.two.exclude", "sources.two.unreadable", "sources.two.busyTimeout", "sources.three.directory", "sources.five.exclude"])
            Assert.True(checkedAll.Contains(key), $"{key} of {string.Join(' ', checkedAll)}");
        Configure("missing");
        var missing = (await place.RunAsync("check-config", "--json")).Json.GetProperty("problems")[0];
        Assert.Contains("does not exist", missing.GetProperty("problem").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_api_lists_them_by_pages_and_plans_and_carries_out_a_restore_of_one()
    {
        using var home = new TempDirectory();
        home.Sub("backups");
        for (var number = 0; number < 5; number++)
            await File.WriteAllTextAsync(Path.Combine(home.Sub("etc"), $"{number}.conf"), "old");
        await using var service = await RunningService.StartAsync(home, new ManualClock(Some.Instant), ApiService.Access + "stores: {local: {path: backups}}\nsources: {config: {directory: etc, retry: {attempts: 1}}}\n");
        var id = (await AskAsync("POST", "backup?wait=true", "operator", """{"source":"config"}""")).Body[0].GetProperty("id").GetString()!;
        var url = (await AskAsync("GET", $"backups/{id}", "viewer")).Body.GetProperty("contentsUrl").GetString()!["/api/v1/".Length..];

        var first = await AskAsync("GET", $"{url}?pattern=*.conf&limit=3", "operator");
        Assert.Equal(("5", 3), (first.Total, first.Body.GetArrayLength()));
        var second = await AskAsync("GET", first.Next!, "operator");
        Assert.Equal(["3.conf", "4.conf"], second.Body.EnumerateArray().Select(file => Path.GetFileName(file.GetProperty("path").GetString())));
        Assert.Null(second.Next);
        Assert.Equal(HttpStatusCode.Forbidden, (await AskAsync("GET", url, "viewer")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await AskAsync("GET", $"{url}?pattern=../up", "operator")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await AskAsync("GET", $"{url}?limit=0", "operator")).Status);

        foreach (var number in (int[])[1, 2])
            await File.WriteAllTextAsync(home[$"etc/{number}.conf"], "broken");
        var plan = (await AskAsync("POST", "restore/plan", "admin", $$"""{"source":"config","paths":["{{home["etc/1.conf"]}}"]}""")).Body;
        Assert.Equal(1, plan.GetProperty("plan").GetProperty("plan").GetProperty("changes").GetProperty("changed").GetInt32());
        var done = await AskAsync("POST", "restore?wait=true", "admin", $$"""{"planId":"{{plan.GetProperty("planId").GetString()}}","force":true,"confirm":"config"}""");
        Assert.Equal("restored", done.Body[0].GetProperty("result").GetString());
        Assert.Equal(("old", "broken"), (await File.ReadAllTextAsync(home["etc/1.conf"]), await File.ReadAllTextAsync(home["etc/2.conf"])));

        async Task<(HttpStatusCode Status, JsonElement Body, string? Total, string? Next)> AskAsync(string method, string path, string program, string? body = null)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), path.StartsWith("/api", StringComparison.Ordinal) ? path[1..] : $"api/v1/{path}");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", ApiService.TokenOf(program));
            if (body is not null)
                request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            using var answer = await service.Http.SendAsync(request);
            var link = answer.Headers.TryGetValues("Link", out var links) ? links.Single() : null;
            return (answer.StatusCode, JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement, answer.Headers.TryGetValues("X-Total-Count", out var totals) ? totals.Single() : null, link is null ? null : link[1..link.IndexOf('>', StringComparison.Ordinal)]);
        }
    }

    private void Configure(string directory = "etc") => File.WriteAllText(place.Configuration, $$$"""
        timeZone: Asia/Tokyo
        stores: {local: {path: backups}}
        sources:
          config:
            directory: {{{directory}}}
            exclude: ["*.tmp"]
            retry: {attempts: 1}
            schedules:
              daily: {cron: "0 2 * * *", retention: 7d}
            drill: {probe: {sql: "{{{place.In("etc/app.conf")}}}", expect: "level = 1"}}

        """);
}
