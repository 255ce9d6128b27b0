using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Playwright;
using NexusBackupAgent.Access;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Web;

/// <summary>An agent with users, and a browser before it.</summary>
public sealed class WebStage : IAsyncLifetime
{
    internal const string Password = "correct horse battery";

    /// <summary>A name that would be a program, were it markup.</summary>
    internal const string OddName = "<img src=x onerror=alert(1)>";

    private const string Chromium = "/usr/bin/chromium";

    // The database is large enough for a run to be watched, and small enough for a test.
    private const string Rows = "CREATE TABLE blobs (id INTEGER PRIMARY KEY, data BLOB); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) INSERT INTO blobs SELECT i, randomblob(8000) FROM n;";

    private readonly ConcurrentDictionary<string, Lazy<Task<string>>> sessions = new(StringComparer.Ordinal);
    private IPlaywright? playwright;

    internal RunningAgent Agent { get; private set; } = null!;

    internal IBrowser Browser { get; private set; } = null!;

    /// <summary>Whether the machine has what it takes; without, there is nothing to start and the tests skip.</summary>
    private static bool IsPossible => File.Exists(Chromium) && Require.Has("sqlite3");

    internal static void RequireIt() => Require.That(IsPossible, "chromium or sqlite3 is not installed (apt-get install chromium sqlite3)");

    public async Task InitializeAsync()
    {
        if (!IsPossible)
            return;
        Assertions.SetDefaultExpectTimeout(60_000); // only a failure waits so long
        Agent = await RunningAgent.StartAsync($$"""
              itsm:
                sqlite: itsm.db
                directory: .
                schedules:
                  daily: {cron: "0 2 * * *", retention: 7d}
              shaky:
                sqlite: shaky.db
                schedules:
                  daily: {cron: "0 2 * * *", retention: 7d}
              "{{OddName}}":
                sqlite: odd.db
                directory: odd
                schedules:
                  daily: {cron: "0 2 * * *", retention: 7d}
              lost:
                sqlite: "<b>lost<script>alert(2)</script>.db"
                directory: lost
                retry: {attempts: 1}
                hooks: {onFailure: [sh, -c, "echo '<img src=y onerror=alert(3)>' >&2; exit 1"]}
                schedules:
                  daily: {cron: "0 2 * * *", retention: 7d}
            users:
              admin: {password: "{{PasswordHash.Of(Password)}}", role: admin}
              operator: {password: "{{PasswordHash.Of(Password)}}", role: operator}
              watcher: {password: "{{PasswordHash.Of(Password)}}", role: viewer}
            """, async agent =>
        {
            Assert.Equal(0, (await Tool.RunAsync("sqlite3", [agent.Database, Rows])).ExitCode);
            foreach (var name in (string[])["shaky.db", "odd.db"])
                Assert.Equal(0, (await Tool.RunAsync("sqlite3", [Path.Combine(agent.Home, name), "CREATE TABLE t (x); INSERT INTO t VALUES (1);"])).ExitCode);
        });
        await Agent.GetUntilAsync("api/v1/health", HasCaughtUp); // or it would be busy when a test asks for something
        playwright = await Playwright.CreateAsync();
        Browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = Chromium, Args = ["--no-sandbox"] }); // root has no other way
    }

    public async Task DisposeAsync()
    {
        if (Browser is not null)
            await Browser.DisposeAsync();
        playwright?.Dispose();
        if (Agent is not null)
            await Agent.DisposeAsync();
    }

    /// <summary>Opens the page in a browser of its own.</summary>
    /// <param name="user">Signed in already; null: nobody.</param>
    /// <param name="at">Another agent's; nobody signs in there.</param>
    internal async Task<Visit> VisitAsync(string? user = "admin", string place = "", string locale = "en-GB", ColorScheme colours = ColorScheme.Light, int width = 1280, int height = 900, Func<IPage, Task>? before = null, Uri? at = null)
    {
        var address = at ?? Agent.Address;
        var context = await Browser.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = address.ToString(),
            Locale = locale,
            ColorScheme = colours,
            ViewportSize = new ViewportSize { Width = width, Height = height },
            StorageState = user is null ? null : await sessions.GetOrAdd(user, name => new Lazy<Task<string>>(() => SignInAsync(name))).Value,
        });
        context.SetDefaultTimeout(60_000);
        var visit = new Visit(context, await context.NewPageAsync(), address);
        if (before is not null)
            await before(visit.Page);
        await visit.GoAsync(place);
        return visit;
    }

    private static bool HasCaughtUp(string health)
    {
        using var document = JsonDocument.Parse(health);
        return document.RootElement.GetProperty("sources").EnumerateArray().All(source =>
            !source.GetProperty("running").GetBoolean() && source.GetProperty("lastRunSuccess").ValueKind != JsonValueKind.Null);
    }

    private async Task<string> SignInAsync(string user)
    {
        await using var context = await Browser.NewContextAsync(new BrowserNewContextOptions { BaseURL = Agent.Address.ToString() });
        var answer = await context.APIRequest.PostAsync("api/v1/auth/login", new APIRequestContextOptions { DataObject = new { username = user, password = Password, session = true } });
        Assert.True(answer.Ok, await answer.TextAsync());
        return await context.StorageStateAsync();
    }
}

/// <summary>One window on the page; it notes what must not be.</summary>
internal sealed class Visit : IAsyncDisposable
{
    private readonly IBrowserContext context;
    private readonly ConcurrentQueue<string> troubles = new();

    public Visit(IBrowserContext context, IPage page, Uri address)
    {
        (this.context, Page) = (context, page);
        page.Request += (_, request) =>
        {
            if (new Uri(request.Url).Authority != address.Authority)
                troubles.Enqueue($"request to {request.Url}");
        };
        page.Dialog += async (_, dialog) =>
        {
            troubles.Enqueue($"dialog: {dialog.Message}");
            await dialog.DismissAsync();
        };
        page.PageError += (_, error) => troubles.Enqueue($"error: {error}");
        page.Console += (_, line) =>
        {
            // The browser itself notes each answer that is no success; the page shows those.
            if (line.Type == "error" && !line.Text.StartsWith("Failed to load resource", StringComparison.Ordinal))
                troubles.Enqueue($"console: {line.Text}");
        };
    }

    public IPage Page { get; }

    /// <summary>Goes to a place of the page and waits until it is there, without skeletons.</summary>
    public async Task GoAsync(string place)
    {
        await Page.GotoAsync($"/#/{place}");
        await SettleAsync();
    }

    public async Task SettleAsync() =>
        await Page.WaitForFunctionAsync("() => document.querySelector('h1') && !document.querySelector('.skeleton')");

    public ILocator Button(string name) => Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = name, Exact = true });

    public ILocator Link(string name) => Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = name, Exact = true });

    /// <summary>No request to another host, no error, no dialog, nothing that the policy had to stop.</summary>
    public void AssertQuiet() => Assert.Empty(troubles);

    public ValueTask DisposeAsync() => context.DisposeAsync();
}
