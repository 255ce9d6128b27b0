using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using NexusBackupAgent.Benchmarks.Data;
using NexusBackupAgent.EndToEndTests.Support;
using NexusBackupAgent.Tests.Support;
using Xunit.Abstractions;
using static Microsoft.Playwright.Assertions;

namespace NexusBackupAgent.EndToEndTests.Web;

/// <summary>The web page in Debian's Chromium, on an agent at work: what a person does there.</summary>
public sealed class WebTests(WebStage stage, ITestOutputHelper output) : IClassFixture<WebStage>
{
    private const string LongestTask = "window.longest = 0; new PerformanceObserver(list => { for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration); }).observe({ type: 'longtask', buffered: true });";

    /// <summary>Every place that has an address without a number.</summary>
    private static readonly string[] Places =
    [
        "", "source/itsm", $"source/{Uri.EscapeDataString(WebStage.OddName)}", "source/lost", "backups", "runs", "restore/itsm", "runbook/checklist", "runbook/diagnose", "runbook/report",
        "settings/backup", "settings/look", "settings/account", "settings/configuration", "settings/audit", "nowhere",
    ];

    [SkippableFact]
    public async Task Who_signs_in_sees_whether_the_data_is_safe_and_a_wrong_password_is_told()
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync(user: null);
        await visit.Page.GetByLabel("User", new PageGetByLabelOptions { Exact = true }).FillAsync("admin");
        await visit.Page.GetByLabel("Password").FillAsync("wrong");
        await visit.Button("Sign in").ClickAsync();

        await Expect(visit.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("no user has that name and password");

        await visit.Page.GetByLabel("Password").FillAsync(WebStage.Password);
        await visit.Button("Sign in").ClickAsync();

        await Expect(visit.Page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = "Is my data safe?" })).ToBeVisibleAsync();
        var cookie = Assert.Single(await visit.Page.Context.CookiesAsync());
        Assert.Equal((true, SameSiteAttribute.Strict), (cookie.HttpOnly, cookie.SameSite));
        Assert.Equal("", await visit.Page.EvaluateAsync<string>("() => document.cookie + Object.entries(localStorage) + Object.entries(sessionStorage)"));

        await visit.Page.Locator("summary").ClickAsync();
        await visit.Button("Sign out").ClickAsync();
        await Expect(visit.Button("Sign in")).ToBeVisibleAsync();
        visit.AssertQuiet();
    }

    [SkippableFact]
    public async Task The_way_that_the_runbook_names_leads_to_a_backup_that_is_watched_to_its_end()
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync("operator", locale: "ja-JP");
        await visit.Page.EvaluateAsync("() => { window.watched = 0; new MutationObserver(() => { if (document.querySelector('progress')) window.watched += 1; }).observe(document, { childList: true, subtree: true, attributes: true }); }");

        await visit.Link("設定").ClickAsync();
        await visit.Page.GetByRole(AriaRole.Navigation, new PageGetByRoleOptions { Name = "設定" }).GetByRole(AriaRole.Link, new LocatorGetByRoleOptions { Name = "バックアップ" }).ClickAsync();
        await visit.Page.GetByLabel("ソース").SelectOptionAsync("itsm");
        await visit.Button("今すぐバックアップ").ClickAsync();

        await Expect(visit.Page.GetByText("バックアップ: 成功")).ToBeVisibleAsync();
        Assert.True(await visit.Page.EvaluateAsync<int>("() => window.watched") > 0, "no progress was shown");
        await visit.Link("実行の詳細").ClickAsync();
        var id = await visit.Page.Locator("dd a.id").InnerTextAsync();
        await visit.GoAsync("backups?source=itsm");
        await Expect(visit.Page.Locator($"a[href='#/backup/{id}']")).ToBeVisibleAsync();
        await visit.GoAsync("source/itsm");
        await Expect(visit.Page.Locator(".calendar").First.Locator(".day").Last).ToHaveClassAsync("day good");
        await Expect(visit.Page.Locator(".calendar").First.Locator(".day")).ToHaveCountAsync(84);
        visit.AssertQuiet();
    }

    [SkippableFact]
    public async Task A_run_that_fails_says_why_and_what_to_do_next()
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync("operator", "source/lost");

        await visit.Button("Back up now").ClickAsync();
        await Expect(visit.Page.Locator(".verdict.small")).ToContainTextAsync("failure");

        var trouble = visit.Page.GetByRole(AriaRole.Alert).Filter(new LocatorFilterOptions { HasText = "<b>lost<script>alert(2)</script>.db" }).First;
        await Expect(trouble).ToBeVisibleAsync();
        await Expect(trouble).ToContainTextAsync("Next: ");
        await visit.GoAsync("runs?source=lost");
        await Expect(visit.Page.Locator("tbody tr").First).ToContainTextAsync("failure");
        visit.AssertQuiet();
    }

    [SkippableFact]
    public async Task A_verification_finds_a_flipped_byte()
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync("operator", "source/shaky");
        await visit.Button("Back up now").ClickAsync();
        await Expect(visit.Page.Locator(".verdict")).ToContainTextAsync("success");
        var id = await visit.Page.Locator("dd a.id").InnerTextAsync();
        await visit.GoAsync($"backup/{id}");
        var file = await visit.Page.Locator("dd .id").Nth(1).InnerTextAsync();
        var bytes = await File.ReadAllBytesAsync(file);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(file, bytes);

        await visit.Button("Verify").ClickAsync();

        await Expect(visit.Page.GetByRole(AriaRole.Alert).First).ToContainTextAsync(new Regex("corrupt|checksum|SHA-256", RegexOptions.IgnoreCase));
        await visit.GoAsync("source/shaky");
        await Expect(visit.Page.Locator(".calendar").First.Locator(".day").Last).ToHaveClassAsync("day corrupt");
        await Expect(visit.Page.Locator("tbody").GetByText(new Regex("corrupt|quarantined")).First).ToBeVisibleAsync();
        visit.AssertQuiet();
    }

    [SkippableFact]
    public async Task A_restore_is_planned_confirmed_by_name_watched_and_tells_the_way_back()
    {
        WebStage.RequireIt();
        Assert.Equal(0, (await stage.Agent.RunAsync("backup", "itsm")).ExitCode);
        await using var visit = await stage.VisitAsync("admin", "restore/itsm");

        await visit.Button("See the plan").ClickAsync();
        var restore = visit.Button("Overwrite and restore");
        await Expect(restore).ToBeDisabledAsync();
        await visit.Page.GetByLabel("Type the source’s name").FillAsync("itms");
        await Expect(restore).ToBeDisabledAsync();
        await visit.Page.GetByLabel("Type the source’s name").FillAsync("itsm");
        await restore.ClickAsync();

        await Expect(visit.Page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = "The way back" })).ToBeVisibleAsync();
        var copy = Assert.Single(Directory.GetFiles(stage.Agent.Home, "itsm.db.pre_restore.*"), path => !path.EndsWith("-wal", StringComparison.Ordinal) && !path.EndsWith("-shm", StringComparison.Ordinal));
        await Expect(visit.Page.Locator("section").Filter(new LocatorFilterOptions { HasText = "The way back" })).ToContainTextAsync(copy);
        visit.AssertQuiet();
    }

    [SkippableFact]
    public async Task A_restore_elsewhere_overwrites_nothing()
    {
        WebStage.RequireIt();
        Assert.Equal(0, (await stage.Agent.RunAsync("backup", "itsm")).ExitCode);
        var path = Path.Combine(stage.Agent.Home, "look.db");
        await using var visit = await stage.VisitAsync("admin", "restore/itsm");

        await visit.Page.GetByLabel("Elsewhere, to look at it").CheckAsync();
        await visit.Page.GetByLabel("Path on the agent’s host").FillAsync(path);
        await visit.Button("See the plan").ClickAsync();
        await Expect(visit.Page.GetByText("Overwrites")).ToBeVisibleAsync();
        await visit.Page.GetByLabel("Type the source’s name").FillAsync("itsm");
        await visit.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Restore", Exact = true }).ClickAsync();

        await Expect(visit.Page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = "Result of the restore" })).ToBeVisibleAsync();
        Assert.True(File.Exists(path));
        visit.AssertQuiet();
    }

    /// <summary>By its time, and by a click on the bar; the agent of this test has no source with a window, so its answer gets one.</summary>
    [SkippableFact]
    public async Task An_instant_within_the_recoverable_window_is_chosen_for_a_restore()
    {
        WebStage.RequireIt();
        Assert.Equal(0, (await stage.Agent.RunAsync("backup", "itsm")).ExitCode);
        var asked = new List<JsonElement>();
        await using var visit = await stage.VisitAsync("admin", "restore/itsm", before: async window =>
        {
            await window.RouteAsync("**/api/v1/sources/itsm", async route =>
            {
                var answer = await route.FetchAsync();
                var source = JsonNode.Parse(await answer.TextAsync())!;
                var now = DateTimeOffset.Parse(source["newestGood"]!["capturedAt"]!.GetValue<string>(), CultureInfo.InvariantCulture);
                source["recoveryWindows"] = new JsonArray(new JsonObject { ["first"] = $"{now.AddDays(-6):yyyy-MM-dd'T'HH:mm:ss'Z'}", ["last"] = $"{now.AddHours(-2):yyyy-MM-dd'T'HH:mm:ss'Z'}" });
                await route.FulfillAsync(new RouteFulfillOptions { Response = answer, Body = source.ToJsonString() });
            });
            await window.RouteAsync("**/api/v1/restore/plan", route =>
            {
                asked.Add(JsonDocument.Parse(route.Request.PostData!).RootElement);
                return route.FulfillAsync(new RouteFulfillOptions { Status = 404, ContentType = "application/problem+json", Body = """{"detail":"not in this test"}""" });
            });
        });
        var inside = (await visit.Page.GetByLabel("Or any instant within").GetAttributeAsync("max"))!;

        await visit.Page.GetByLabel("Or any instant within").FillAsync(inside);
        await Expect(visit.Page.GetByText($"The state of {inside.Replace('T', ' ')}")).ToBeVisibleAsync();
        await visit.Page.RunAndWaitForResponseAsync(() => visit.Button("See the plan").ClickAsync(), "**/api/v1/restore/plan");
        await visit.Page.Locator(".timeline .window").ClickAsync();
        await visit.Page.RunAndWaitForResponseAsync(() => visit.Button("See the plan").ClickAsync(), "**/api/v1/restore/plan");

        Assert.Equal(2, asked.Count);
        Assert.All(asked, plan => Assert.False(plan.TryGetProperty("id", out _)));
        Assert.Equal(inside, asked[0].GetProperty("at").GetString());
        Assert.NotEqual(inside, asked[1].GetProperty("at").GetString());
    }

    /// <summary>The agent of this test has no cluster, so its plan gets a tablespace.</summary>
    [SkippableFact]
    public async Task A_tablespace_is_given_another_place_and_planned_anew_before_anything_is_restored()
    {
        WebStage.RequireIt();
        Assert.Equal(0, (await stage.Agent.RunAsync("backup", "itsm")).ExitCode);
        var asked = new List<JsonNode>();
        await using var visit = await stage.VisitAsync("admin", "restore/itsm", before: window => window.RouteAsync("**/api/v1/restore/plan", async route =>
        {
            asked.Add(JsonNode.Parse(route.Request.PostData!)!);
            var request = JsonNode.Parse(route.Request.PostData!)!.AsObject();
            request.Remove("tablespaces");
            var answer = await route.FetchAsync(new RouteFetchOptions { PostData = System.Text.Encoding.UTF8.GetBytes(request.ToJsonString()) });
            var planned = JsonNode.Parse(await answer.TextAsync())!;
            planned["plan"]!["plan"]!["tablespaces"] = new JsonArray(new JsonObject { ["from"] = "/srv/fast", ["to"] = asked[^1]["tablespaces"]?["/srv/fast"]?.GetValue<string>() ?? "/srv/fast" });
            await route.FulfillAsync(new RouteFulfillOptions { Response = answer, Body = planned.ToJsonString() });
        }));
        await visit.Button("See the plan").ClickAsync();
        await Expect(visit.Button("Overwrite and restore")).ToBeVisibleAsync();

        await visit.Page.GetByLabel("/srv/fast →").FillAsync("/srv/restored_fast");
        await Expect(visit.Button("Overwrite and restore")).ToHaveCountAsync(0);
        await visit.Button("See the plan with these places").ClickAsync();

        await Expect(visit.Button("Overwrite and restore")).ToBeVisibleAsync();
        Assert.Equal("/srv/restored_fast", asked[^1]["tablespaces"]!["/srv/fast"]!.GetValue<string>());
        Assert.Null(asked[0]["tablespaces"]);
        Assert.Equal(asked[0]["id"]!.GetValue<string>(), asked[^1]["id"]!.GetValue<string>());
    }

    [SkippableFact]
    public async Task What_a_viewer_may_not_do_is_shown_with_the_reason_and_does_nothing()
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync("watcher", "source/itsm");
        var sent = new List<string>();
        visit.Page.Request += (_, request) => { if (request.Method != "GET") sent.Add(request.Url); };

        foreach (var name in (string[])["Back up now", "Verify", "Drill"])
        {
            await Expect(visit.Button(name)).ToHaveAttributeAsync("aria-disabled", "true");
            await Expect(visit.Button(name)).ToHaveAccessibleDescriptionAsync("Needs the role operator; yours is viewer");
            await visit.Button(name).ClickAsync(new LocatorClickOptions { Force = true });
        }

        await visit.GoAsync("restore/itsm");
        await Expect(visit.Button("See the plan")).ToHaveAccessibleDescriptionAsync("Needs the role admin; yours is viewer");
        await visit.GoAsync("settings/audit");
        await Expect(visit.Page.GetByText("Needs the role admin; yours is viewer")).ToBeVisibleAsync();
        Assert.Empty(sent);
        visit.AssertQuiet();
    }

    [SkippableFact]
    public async Task Language_and_colours_follow_the_browser_and_then_the_person()
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync("watcher", locale: "ja-JP", colours: ColorScheme.Dark);
        await Expect(visit.Page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = "データは安全ですか？" })).ToBeVisibleAsync();
        var dark = await GroundAsync(visit);

        await visit.Page.Locator("summary").ClickAsync();
        await visit.Button("English").ClickAsync();
        await visit.Button("Light").ClickAsync();
        await visit.Page.ReloadAsync();

        await Expect(visit.Page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = "Is my data safe?" })).ToBeVisibleAsync();
        Assert.Equal("en", await visit.Page.EvaluateAsync<string>("() => document.documentElement.lang"));
        Assert.NotEqual(dark, await GroundAsync(visit));
        visit.AssertQuiet();

        static Task<string> GroundAsync(Visit visit) => visit.Page.EvaluateAsync<string>("() => getComputedStyle(document.body).backgroundColor");
    }

    [SkippableFact]
    public async Task The_keyboard_alone_signs_in_and_backs_up()
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync(user: null);
        var keys = visit.Page.Keyboard;
        await TabToAsync("User");
        await keys.TypeAsync("operator");
        await TabToAsync("Password");
        await keys.TypeAsync(WebStage.Password);
        await keys.PressAsync("Enter");
        await Expect(visit.Page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = "Is my data safe?" })).ToBeVisibleAsync();
        await visit.SettleAsync();

        await TabToAsync("Settings");
        await keys.PressAsync("Enter");
        await Expect(visit.Page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = "Settings" })).ToBeFocusedAsync();
        await visit.SettleAsync();
        await TabToAsync("Source");
        await keys.TypeAsync("itsm");
        await TabToAsync("Back up now");
        await keys.PressAsync("Enter");

        await Expect(visit.Page.GetByText("Backup: success")).ToBeVisibleAsync();
        visit.AssertQuiet();

        async Task TabToAsync(string name)
        {
            for (var presses = 0; presses < 60; presses++)
            {
                await keys.PressAsync("Tab");
                if (await visit.Page.EvaluateAsync<string>("() => { const on = document.activeElement; return (on.getAttribute('aria-label') ?? on.labels?.[0]?.querySelector('span')?.textContent ?? on.textContent).trim(); }") == name)
                {
                    Assert.NotEqual("none", await visit.Page.EvaluateAsync<string>("() => getComputedStyle(document.activeElement).outlineStyle")); // it is seen where one is
                    return;
                }
            }

            Assert.Fail($"no way by Tab to {name}");
        }
    }

    [SkippableTheory]
    [InlineData(360)] // a phone
    [InlineData(640)] // a desk at 200 %
    [InlineData(1920)]
    public async Task Nothing_is_cut_off_at_any_width(int width)
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync(width: width, locale: width == 640 ? "ja-JP" : "en-GB");

        foreach (var place in Places)
        {
            await visit.GoAsync(place);
            var wide = await visit.Page.EvaluateAsync<string[]>("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] : [...document.querySelectorAll('main *, .bar *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 120))");
            Assert.True(wide.Length == 0, $"{place}: {string.Join('\n', wide)}");
        }

        visit.AssertQuiet();
    }

    [SkippableTheory]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 1280)]
    [InlineData(ColorScheme.Light, 360)]
    public async Task Axe_finds_no_violation(ColorScheme colours, int width)
    {
        WebStage.RequireIt();
        Require.NodePackages("web", "the page's libraries");
        var axe = await File.ReadAllTextAsync(Repository.File("tests", "web", "node_modules", "axe-core", "axe.min.js"));
        await using var visit = await stage.VisitAsync(colours: colours, width: width);
        await visit.Page.EvaluateAsync($"() => {{ {axe} }}");
        var found = new List<string>();
        foreach (var place in Places.Append("login"))
        {
            await visit.GoAsync(place);
            found.AddRange((await visit.Page.EvaluateAsync<string[]>("async () => (await axe.run(document)).violations.map(one => `${one.id}: ${one.nodes.map(node => node.html + ' ' + node.failureSummary).join('; ')}`)")).Select(violation => $"{place}: {violation}"));
        }

        Assert.True(found.Count == 0, string.Join('\n', found));
        visit.AssertQuiet();
    }

    [SkippableFact]
    public async Task Names_and_messages_are_text_wherever_they_are_shown_and_nothing_is_asked_of_another_host()
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync();
        foreach (var place in Places)
            await visit.GoAsync(place);

        await visit.GoAsync("");
        await Expect(visit.Page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = WebStage.OddName })).ToBeVisibleAsync();
        await visit.GoAsync("source/lost");
        await Expect(visit.Page.GetByText("hook 'sh' ended with exit code 1: <img src=y onerror=alert(3)>")).ToBeVisibleAsync();
        Assert.Equal(0, await visit.Page.Locator("main img, main b, main script").CountAsync());
        visit.AssertQuiet();
    }

    [SkippableFact]
    public async Task A_drill_is_watched_and_measures_the_recovery()
    {
        WebStage.RequireIt();
        Assert.Equal(0, (await stage.Agent.RunAsync("backup", WebStage.OddName)).ExitCode);
        var place = $"source/{Uri.EscapeDataString(WebStage.OddName)}";
        await using var visit = await stage.VisitAsync("operator", place);

        await visit.Button("Drill").ClickAsync();

        await Expect(visit.Page.Locator(".verdict.small")).ToContainTextAsync("success");
        await visit.GoAsync(place);
        var recovery = visit.Page.Locator(".facts > div").Filter(new LocatorFilterOptions { HasText = "Recovery time" });
        await Expect(recovery).ToContainTextAsync(new Regex(@"[\d.]+ seconds?"));
        await Expect(recovery).Not.ToContainTextAsync("failure");
        visit.AssertQuiet();
    }

    [SkippableFact]
    public async Task Every_source_is_verified_and_drilled_by_one_press_each()
    {
        WebStage.RequireIt();
        foreach (var (name, kind) in ((string, string)[])[("Verify every source", "Verification"), ("Drill every source", "Drill")])
            await PressAsync(name, kind);

        async Task PressAsync(string name, string kind)
        {
            await using var visit = await stage.VisitAsync("operator", "settings/backup");
            await visit.Button(name).ClickAsync();
            await Expect(visit.Page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = "Runs" })).ToBeVisibleAsync();
            await Expect(visit.Page.Locator("tbody tr").Filter(new LocatorFilterOptions { HasText = kind }).First).ToBeVisibleAsync();
            visit.AssertQuiet();
        }
    }

    [SkippableFact]
    public async Task A_download_is_the_stored_file_and_its_checksum_beside_the_commands_that_restore_it()
    {
        WebStage.RequireIt();
        Assert.Equal(0, (await stage.Agent.RunAsync("backup", WebStage.OddName)).ExitCode);
        await using var visit = await stage.VisitAsync("operator", $"backups?source={Uri.EscapeDataString(WebStage.OddName)}");
        await visit.Page.Locator("a[href^='#/backup/']").First.ClickAsync();
        await visit.SettleAsync();
        var file = await visit.Page.Locator("dd .id").Nth(1).InnerTextAsync();

        Assert.Equal(await File.ReadAllBytesAsync(file), await DownloadAsync("Download"));
        Assert.Equal(await File.ReadAllBytesAsync($"{file}.sha256"), await DownloadAsync("Download its .sha256"));

        await Expect(visit.Page.Locator(".commands")).ToContainTextAsync("sha256sum -c");
        visit.AssertQuiet();

        async Task<byte[]> DownloadAsync(string name)
        {
            var download = await visit.Page.RunAndWaitForDownloadAsync(() => visit.Link(name).ClickAsync());
            return await File.ReadAllBytesAsync(await download.PathAsync());
        }
    }

    [SkippableFact]
    public async Task A_users_own_token_is_made_with_the_password_and_works()
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync("watcher", "settings/account");
        await visit.Page.GetByLabel("Password").FillAsync(WebStage.Password);

        await visit.Button("Make a token").ClickAsync();

        var token = await visit.Page.Locator("form .commands pre").InnerTextAsync();
        using var http = new HttpClient { BaseAddress = stage.Agent.Address, DefaultRequestHeaders = { Authorization = new("Bearer", token) } };
        Assert.Contains("watcher", await http.GetStringAsync("api/v1/auth/me"), StringComparison.Ordinal);
        await visit.GoAsync("");
        await visit.GoAsync("settings/account");
        await Expect(visit.Page.GetByText(token)).ToHaveCountAsync(0); // shown once
        visit.AssertQuiet();
    }

    [SkippableFact]
    public async Task The_diagnosis_is_walked_to_the_next_command()
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync("operator", "runbook/diagnose?source=lost");

        await visit.Button("Check now").ClickAsync();

        await Expect(visit.Page.Locator(".checks > li").First).ToBeVisibleAsync();
        await Expect(visit.Page.Locator(".commands").First).ToBeVisibleAsync();
        visit.AssertQuiet();
    }

    [SkippableFact]
    public async Task The_description_of_the_API_opens_under_its_policy_and_asks_nobody_else()
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync(user: null);

        var answer = await visit.Page.GotoAsync("/docs");

        Assert.Contains("default-src 'none'", answer!.Headers["content-security-policy"], StringComparison.Ordinal);
        foreach (var operation in (string[])["List the sources", "Back up now", "Carry out a plan"])
            await Expect(visit.Page.GetByText(operation, new PageGetByTextOptions { Exact = true }).First).ToBeAttachedAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Level = 1 }).First).ToBeVisibleAsync();
        visit.AssertQuiet();
    }

    [SkippableFact]
    public async Task Another_site_can_do_nothing_with_the_session()
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync();

        var status = await visit.Page.EvaluateAsync<int>("async () => (await fetch('/api/v1/backup', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' })).status");

        Assert.Equal(403, status); // without the header that only this page sends
    }

    [SkippableFact]
    public async Task The_report_is_ready_to_copy_and_the_checks_are_walked()
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync("operator", "runbook/report?source=lost");
        await visit.Page.Context.GrantPermissionsAsync(["clipboard-read", "clipboard-write"]);
        await visit.Button("Copy the report").ClickAsync();
        await Expect(visit.Page.GetByText("Copied")).ToBeVisibleAsync();
        Assert.Contains("lost", await visit.Page.EvaluateAsync<string>("() => navigator.clipboard.readText()"), StringComparison.Ordinal);

        await visit.GoAsync("runbook/checklist?source=lost");
        await visit.Button("Check now").ClickAsync();

        await Expect(visit.Page.Locator(".checks > li")).ToHaveCountAsync(7);
        await Expect(visit.Page.GetByText("not passed")).ToBeVisibleAsync();
        visit.AssertQuiet();
    }

    [SkippableFact]
    public async Task A_thousand_sources_and_ten_thousand_backups_are_shown_at_once()
    {
        WebStage.RequireIt();
        var sources = await ManyAsync("sources", 1000, "source");
        var (page, most) = (await ManyAsync("backups", 50, "id"), await ManyAsync("backups", 1000, "id"));
        await using var visit = await stage.VisitAsync(before: async window =>
        {
            await window.AddInitScriptAsync(LongestTask);
            await window.RouteAsync("**/api/v1/sources?*", route => route.FulfillAsync(new RouteFulfillOptions { ContentType = "application/json", Body = sources }));
            await window.RouteAsync("**/api/v1/sources/*/days*", route => route.FulfillAsync(new RouteFulfillOptions { ContentType = "application/json", Body = "[]" }));
            await window.RouteAsync("**/api/v1/backups?*", route => route.FulfillAsync(new RouteFulfillOptions
            {
                ContentType = "application/json",
                Body = route.Request.Url.Contains("limit=50&", StringComparison.Ordinal) || route.Request.Url.EndsWith("limit=50", StringComparison.Ordinal) ? page : most,
                Headers = new Dictionary<string, string> { ["X-Total-Count"] = "10000", ["Link"] = "</api/v1/backups?after=x>; rel=\"next\"" },
            }));
        });
        await Expect(visit.Page.Locator(".card")).ToHaveCountAsync(12);
        await AssertFewElementsAsync(visit);
        await visit.Page.GetByLabel("Find a source").FillAsync("0999");
        await Expect(visit.Page.Locator(".card")).ToHaveCountAsync(1);
        await visit.GoAsync("backups");
        await Expect(visit.Page.GetByText("10,000 in all")).ToBeVisibleAsync();
        await AssertFewElementsAsync(visit);
        await visit.GoAsync("restore/itsm");
        await Expect(visit.Page.GetByRole(AriaRole.Slider)).ToHaveAttributeAsync("max", "999");
        await AssertFewElementsAsync(visit);
        await visit.GoAsync("settings/backup");
        await AssertFewElementsAsync(visit);
        await WriteTimesAsync(visit);
        visit.AssertQuiet();
    }

    /// <summary>The same with nothing played: an agent that keeps them, in a store that holds them.</summary>
    [SkippableFact]
    public async Task A_thousand_sources_and_ten_thousand_backups_are_usable_on_the_agent_that_keeps_them()
    {
        WebStage.RequireIt();
        await using var agent = await RunningAgent.StartAsync(
            """
              tenants:
                sqlite: data/*.db
                verify: {cron: "0 0 29 2 *"}
            """,
            async home =>
            {
                Directory.CreateDirectory(Path.Combine(home.Home, "data"));
                var database = await File.ReadAllBytesAsync(home.Database);
                var planted = new PlantedBackups(database);
                var newest = DateTimeOffset.FromUnixTimeSeconds(FileSystemClock.Now.ToUnixTimeSeconds());
                Parallel.For(0, 1000, index =>
                {
                    File.WriteAllBytes(Path.Combine(home.Home, "data", $"tenant-{index:0000}.db"), database);
                    planted.Write(Path.Combine(home.Store, "tenants", $"tenant-{index:0000}"), $"tenant-{index:0000}", Enumerable.Range(0, 10).Select(age => newest.AddHours(-1).AddDays(-age)));
                });
            });
        await using var visit = await stage.VisitAsync(user: null, at: agent.Address, before: window => window.AddInitScriptAsync(LongestTask));
        await Expect(visit.Page.Locator(".card.source")).ToHaveCountAsync(12);
        await Expect(visit.Page.Locator(".pager")).ToContainTextAsync("Page 1 of 84");
        await AssertFewElementsAsync(visit);
        await visit.Page.GetByLabel("Find a source").FillAsync("0999");
        await Expect(visit.Page.Locator(".card.source")).ToHaveCountAsync(1);
        await visit.GoAsync("backups");
        await Expect(visit.Page.GetByText("10,000 in all")).ToBeVisibleAsync();
        await AssertFewElementsAsync(visit);
        await visit.GoAsync("source/tenant-0999");
        await Expect(visit.Page.Locator(".point")).Not.ToHaveCountAsync(0);
        await AssertFewElementsAsync(visit);
        await WriteTimesAsync(visit);
        visit.AssertQuiet();
    }

    /// <summary>What makes a page slow is what it draws; that is the same on every machine, where its times are not.</summary>
    private static async Task AssertFewElementsAsync(Visit visit) =>
        Assert.InRange(await visit.Page.EvaluateAsync<int>("() => document.querySelectorAll('*').length"), 10, 8000);

    /// <summary>Writes how long it took: goals are a second until something is seen, and 200 ms for the longest task.</summary>
    private async Task WriteTimesAsync(Visit visit) =>
        output.WriteLine(await visit.Page.EvaluateAsync<string>(
            "() => `first content after ${performance.getEntriesByName('first-contentful-paint')[0].startTime} ms, sources after ${performance.getEntriesByType('resource').filter(one => one.name.includes('/api/v1/sources?')).at(-1)?.duration} ms, longest task ${window.longest} ms`"));

    /// <summary>Draws what the README shows, from an agent with twelve weeks behind it, and the other looks of the page, into artifacts/page.</summary>
    [SkippableFact]
    public async Task The_page_is_drawn_as_the_README_shows_it()
    {
        WebStage.RequireIt();
        await using var agent = await RunningAgent.StartAsync(
            $$"""
              itsm-nexus:
                sqlite: itsm.db
                schedules: {daily: {cron: "0 2 * * *", retention: 84d} }
              crm:
                sqlite: crm.db
                retry: {attempts: 1}
                schedules: {daily: {cron: "30 2 * * *", retention: 84d} }
              wiki:
                sqlite: wiki.db
                schedules: {daily: {cron: "0 3 * * *", retention: 84d} }
            users:
              admin: {password: "{{Access.PasswordHash.Of(WebStage.Password)}}", role: admin}
            """,
            async home =>
            {
                Assert.Equal(0, (await Tool.RunAsync("sqlite3", [home.Database, "CREATE TABLE pictures (x BLOB); INSERT INTO pictures VALUES (randomblob(3000000));"])).ExitCode);
                var planted = new PlantedBackups(await File.ReadAllBytesAsync(home.Database));
                var now = DateTimeOffset.FromUnixTimeSeconds(FileSystemClock.Now.ToUnixTimeSeconds());
                foreach (var (name, newest) in ((string, int)[])[("itsm-nexus", 25), ("crm", 27), ("wiki", 29)])
                {
                    if (name == "wiki") // that of the other is gone: its run fails
                        File.Copy(home.Database, Path.Combine(home.Home, "wiki.db"));
                    planted.Write(Path.Combine(home.Store, name), name, Enumerable.Range(0, 84).Where(age => (age * 7 + name.Length) % 61 != 9).Select(age => now.AddHours(-newest).AddDays(-age)));
                }
            });
        foreach (var name in (string[])["itsm-nexus", "wiki"])
        {
            await agent.GetUntilAsync("metrics", text => text.Contains($"nexus_backup_last_run_success{{source=\"{name}\"}} 1", StringComparison.Ordinal)); // what is overdue comes at once
            Assert.Equal(0, (await agent.RunAsync("drill", name)).ExitCode);
        }

        var pictures = Directory.CreateDirectory(Repository.File("artifacts", "page")).FullName;

        foreach (var (name, locale, colours, width) in ((string, string, ColorScheme, int)[])
                 [("page", "en-GB", ColorScheme.Light, 1366), ("japanese", "ja-JP", ColorScheme.Light, 1366), ("dark", "en-GB", ColorScheme.Dark, 1366), ("phone", "en-GB", ColorScheme.Light, 390)])
        {
            await using var visit = await stage.VisitAsync(user: null, locale: locale, colours: colours, width: width, height: 860, at: agent.Address);
            await visit.Page.Locator("input[name=username]").FillAsync("admin");
            await visit.Page.Locator("input[name=password]").FillAsync(WebStage.Password);
            await visit.Page.Locator("button.primary").ClickAsync();
            await Expect(visit.Page.Locator(".card.source")).ToHaveCountAsync(3);
            foreach (var (place, suffix) in ((string, string)[])[("", ""), ("source/itsm-nexus", "-source"), ("backups", "-backups"), ("restore/itsm-nexus", "-restore"), ("settings/backup", "-settings")])
            {
                await visit.GoAsync(place);
                await visit.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(pictures, $"{name}{suffix}.png"), FullPage = suffix != "" });
            }

            visit.AssertQuiet();
        }
    }

    [SkippableTheory]
    [InlineData("")]
    [InlineData("source/itsm")]
    public async Task Nothing_jumps_while_it_loads(string place)
    {
        WebStage.RequireIt();
        await using var visit = await stage.VisitAsync(place: place, before: async window =>
        {
            await window.AddInitScriptAsync("window.moved = []; new PerformanceObserver(list => { for (const one of list.getEntries()) window.moved.push(one.value); }).observe({ type: 'layout-shift', buffered: true });");
            await window.RouteAsync("**/api/v1/**", async route =>
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System); // so that the skeletons are seen
                await route.ContinueAsync();
            });
        });

        Assert.InRange(await visit.Page.EvaluateAsync<double>("() => window.moved.reduce((sum, one) => sum + one, 0)"), 0, 0.1); // what web vitals call good
        visit.AssertQuiet();
    }

    [SkippableFact]
    public async Task The_libraries_are_those_of_their_packages()
    {
        Require.NodePackages("web", "the page's libraries");

        var result = await Tool.RunAsync("node", [Repository.File("tests", "web", "vendor.mjs"), "--check"]);

        Assert.True(result.ExitCode == 0, result.Text);
    }

    /// <summary>What the agent answers, many times, under names of its own.</summary>
    private async Task<string> ManyAsync(string path, int count, string name)
    {
        await using var visit = await stage.VisitAsync();
        var one = JsonDocument.Parse(await (await visit.Page.APIRequest.GetAsync($"/api/v1/{path}?source=itsm&lang=en")).TextAsync()).RootElement[0].GetRawText();
        var known = JsonDocument.Parse(one).RootElement.GetProperty(name).GetString()!;
        return $"[{string.Join(',', Enumerable.Range(0, count).Select(index => one.Replace($"\"{name}\": \"{known}\"", $"\"{name}\": \"many-{index:0000}\"", StringComparison.Ordinal)))}]";
    }
}
